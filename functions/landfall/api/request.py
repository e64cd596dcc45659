"""Requests to the `api` function: what a route is, what it is asked, and answers by the page."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landfall.api.downloads import Download
from landfall.store.documents import Document, Fields

LIMIT_MOST = 500
"""Entries of an answer, at most."""

DIGITS = 18
"""Of a number in a request; Python reads no endless ones."""


class BadRequestError(ValueError):
    """The request cannot be used; the message names the field and the fix."""


@dataclass(frozen=True)
class Ask:
    """A request: who makes it, its query parameters and its body."""

    by: str
    parameters: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body's value. Raises `BadRequestError`."""
        try:
            value = json.loads(self.body)
            json.dumps(value, ensure_ascii=False).encode()  # half a character cannot be stored
        except (ValueError, RecursionError):
            raise BadRequestError("the body is not JSON in UTF-8") from None
        return value

    def text(self, most: int) -> str:
        """The body as text of so many bytes. Raises `BadRequestError`."""
        if len(self.body) > most:
            raise BadRequestError(f"the body is not JSON, and longer than {most:,} bytes")
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            raise BadRequestError("the body is not in UTF-8") from None

    def limit(self, default: int) -> int:
        """How many entries are wanted. Raises `BadRequestError`."""
        text = self.parameters.get("limit", str(default))
        if not text.isdecimal() or len(text) > DIGITS or not 1 <= int(text) <= LIMIT_MOST:
            raise BadRequestError(f"`limit` must be a whole number from 1 to {LIMIT_MOST}")
        return int(text)

    def form(self) -> str | None:
        """`csv` or `json` where a file is wanted. Raises `BadRequestError`."""
        form = self.parameters.get("format")
        if form not in (None, "csv", "json"):
            raise BadRequestError("`format` must be csv or json")
        return form


def paged(
    ask: Ask,
    what: str,
    found: Sequence[Fields],
    head: Fields,
    fitting: Callable[[Sequence[Fields]], int] = len,
) -> Fields:
    """A page of what was found, under its name; `fitting` is how many of them can be sent.

    Raises `BadRequestError`.
    """
    limit, token = ask.limit(LIMIT_MOST), ask.parameters.get("page_token", "0")
    if not (token.isdecimal() and len(token) <= DIGITS):
        raise BadRequestError("`page_token` must be the `next_page_token` of an earlier answer")
    page = found[int(token) : int(token) + limit]
    page = page[: max(1, fitting(page))]
    end = int(token) + len(page)
    return head | {
        "count": len(found),
        what: page,
        "next_page_token": str(end) if end < len(found) else None,
    }


def check_kind(kind: str, found: Document) -> None:
    """Raise `BadRequestError` unless the scan, or the scan of the run, is of this kind."""
    if found.data["kind"] != kind:
        raise BadRequestError(f"{found.id} is of kind {found.data['kind']!r}; this is for {kind!r}")


@dataclass(frozen=True)
class Route:
    """A method and a path, and what they do. `{id}` in the path is an argument."""

    method: str
    path: str
    status: int
    use: Callable[..., Awaitable[Fields | Download]]
