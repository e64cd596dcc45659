"""Requests to the `api` function: their routes, parameters and bodies, and answers in pages."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from landfall.access.roles import Rank, RankName, needed_by
from landfall.api.downloads import Download
from landfall.reasons import BadRequestError
from landfall.runs.runs import Runs
from landfall.scans.json_text import TextError, decode, read_json
from landfall.scans.plain import problems, shorten
from landfall.scans.unknown_settings import correct
from landfall.store.documents import Document, Fields

if TYPE_CHECKING:
    from landfall.scans.scan import Scan

MAX_LIMIT = 500
"""Entries of an answer."""

MAX_SETTINGS = 100_000
"""Bytes of a body of settings, read in 50 ms; 1,000 ids of records take 22 kB."""

MAX_DIGITS = 18
"""Digits of a number in a request; Python does not convert unlimited ones."""


class Scans(Protocol):
    """The stored scans, for the routes of a kind."""

    async def head(self, scan_id: str) -> Document:
        """Return the document of the scan's current version. Raises `NotFoundError`."""
        ...

    async def definition(self, scan_id: str, version: str) -> "Scan":
        """Return the definition that a run was made from. Raises `NotFoundError`."""
        ...

    async def text(self, scan_id: str, version: str, schedule: Document | None) -> str:
        """Return a definition as it was written, or else in YAML. Raises `NotFoundError`."""
        ...


@dataclass(frozen=True)
class Request:
    """A request: its caller, query parameters and body, and the parts that answer it.

    `key` is its `Idempotency-Key`: a request that is sent again with it acts once. `match` is the
    tag of its `If-Match`: what it changes must still have it; empty for `If-None-Match: *`.
    """

    by: str
    parameters: Mapping[str, str]
    body: bytes
    runs: Runs
    scans: Scans
    key: str | None = None
    match: str | None = None

    def json(self) -> Any:
        """Return the value of the JSON body. Raises `BadRequestError`."""
        try:
            value = read_json(decode(self.body))
        except TextError as error:
            raise BadRequestError(f"the body: {error}") from None
        for _, problem in problems(value):
            raise BadRequestError(f"the body: {problem}")
        return value

    def settings(self, *known: str) -> dict[str, Any]:
        """Return the JSON body, an object with no other names. Raises `BadRequestError`."""
        if len(self.body) > MAX_SETTINGS:
            raise BadRequestError(
                f"the body has {len(self.body):,} bytes; this takes at most {MAX_SETTINGS:,}"
            )
        value = self.json() if self.body.strip() else {}
        if not isinstance(value, dict):
            names = f" with {' and '.join(f'`{name}`' for name in known)}" if known else ""
            raise BadRequestError(f"the body: send an object{names}, in JSON")
        for name in value:
            if name not in known:
                fix = correct(name, known, {}) if known else "send {} or nothing"
                raise BadRequestError(f"the body: there is no `{shorten(name)}`; {fix}")
        return value

    def text(self, max_yaml: int) -> str:
        """Return the body as text: JSON, or at most so many bytes. Raises `BadRequestError`."""
        try:
            text = decode(self.body)
        except TextError as error:
            raise BadRequestError(f"the body: {error}") from None
        if len(self.body) > max_yaml and text.lstrip()[:1] != "{":
            raise BadRequestError(f"the body is not JSON, and longer than {max_yaml:,} bytes")
        return text

    def limit(self, default: int) -> int:
        """Return the requested number of entries. Raises `BadRequestError`."""
        text = self.parameters.get("limit", str(default))
        if not _is_number(text) or not 1 <= int(text) <= MAX_LIMIT:
            raise BadRequestError(f"`limit` must be a whole number from 1 to {MAX_LIMIT}")
        return int(text)

    def form(self, *known: str) -> str | None:
        """Return the requested `format`, one of those known, or None. Raises `BadRequestError`."""
        form = self.parameters.get("format")
        if form is not None and form not in known:
            raise BadRequestError(f"`format` must be {' or '.join(known)}")
        return form


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= MAX_DIGITS


def paged(
    request: Request,
    noun: str,
    found: Sequence[Fields],
    head: Fields,
    fitting: Callable[[Sequence[Fields]], int] = len,
) -> Fields:
    """Return a page of the entries, under their noun; `fitting` counts those that can be sent.

    Raises `BadRequestError`.
    """
    limit, token = request.limit(MAX_LIMIT), request.parameters.get("page_token", "0")
    if not _is_number(token):
        raise BadRequestError("`page_token` must be the `next_page_token` of an earlier answer")
    page = found[int(token) : int(token) + limit]
    page = page[: max(1, fitting(page))]
    end = int(token) + len(page)
    return head | {
        "count": len(found),
        noun: page,
        "next_page_token": str(end) if end < len(found) else None,
    }


def check_kind(wanted: str, kind: str, name: str) -> None:
    """Raise `BadRequestError` unless the scan, or the run's scan, is of the wanted kind."""
    if kind != wanted:
        raise BadRequestError(f"{name} is of kind {kind!r}; this is for {wanted!r}")


PAGES = ("limit", "page_token")
"""The query parameters of an answer in pages."""

Handler = Callable[..., Awaitable[Fields | Download]]
"""Answers a `Request`, given the ids of its path."""


@dataclass(frozen=True)
class Route:
    """A method, a path and their handler. Each `{id}` of the path is an argument of it."""

    method: str
    path: str
    status: int
    handle: Handler
    parameters: Sequence[str] = ()
    """The query parameters that it reads; any other is refused."""
    role: RankName | None = None
    """The role that it needs; unstated, a reader's to see, and an admin's to act."""

    @property
    def needs(self) -> Rank:
        """The role that a caller needs."""
        return needed_by(self.method, self.role)
