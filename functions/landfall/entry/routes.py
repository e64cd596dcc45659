"""The handler of the `api` function: find the route of a request, and answer it.

The window finds its pages in the same way.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from starlette.datastructures import Headers
from starlette.responses import Response, StreamingResponse

from landfall.api.downloads import Download
from landfall.api.request import Request, Route
from landfall.entry.app import App
from landfall.entry.health import health_of
from landfall.entry.serve import Answer, Call, asks_for_health, refused
from landfall.kinds import routes as every_kind
from landfall.kinds import settings_routes as settings
from landfall.kinds.operating_routes import OPERATING_ROUTES
from landfall.kinds.registry import Registry
from landfall.kinds.table import KINDS
from landfall.reasons import BadRequestError
from landfall.scans.plain import shorten
from landfall.scans.unknown_settings import correct

MAX_BODY = 1_000_000
"""Bytes of a request; a definition has at most 900,000 as it is stored."""


def routes() -> Iterator[Route]:
    """Iterate over all routes; those of a kind of scan, which import it, come last."""
    yield from every_kind.ROUTES
    yield from settings.ROUTES
    yield from OPERATING_ROUTES
    for kind in KINDS.values():
        yield from kind.routes()
    from landfall.window.report_file import ROUTES

    yield from ROUTES


async def answer(app: App, call: Call) -> Answer:
    """Answer a request of a person or program."""
    if asks_for_health(call.request):
        _check_parameters(call.request.query_params.multi_items(), ())
        healthy, facts = await health_of(app)
        return 200 if healthy else 503, facts
    route, ids, allowed = match_route(routes(), call.request.method, call.request.url.path)
    if route is None:
        return _no_route(allowed)
    await call.check_role(app, route.needs)
    _check_parameters(call.request.query_params.multi_items(), route.parameters)
    content = await route.handle(await to_request(app, call), *ids)
    return route.status, to_file(content) if isinstance(content, Download) else content


class Matchable(Protocol):
    """A row of a table that is found by a method and a path, in which `{id}` is any id."""

    @property
    def method(self) -> str:
        """The method of HTTP."""
        ...

    @property
    def path(self) -> str:
        """The path."""
        ...


Row = TypeVar("Row", bound=Matchable)


def match_route(
    rows: Iterable[Row], method: str, path: str
) -> tuple[Row | None, tuple[str, ...], list[str]]:
    """Return the row for a request, and the ids of its path; else the methods of the path.

    Raises `BadRequestError` for an id that no document can have.
    """
    allowed: list[str] = []
    for row in rows:
        match = re.fullmatch(row.path.replace("{id}", "([^/]+)"), path)
        if match and row.method == method:
            _check_ids(match.groups())
            return row, match.groups(), []
        allowed += [row.method] if match else []
    return None, (), allowed


_ID = re.compile(r"(?!__)[A-Za-z0-9_][A-Za-z0-9_.:-]{0,199}")
"""Ids of documents, as a path has them: Firestore reserves `.`, `..` and `__x__`."""


_KEY = re.compile(r"[\x21-\x7e]{1,200}")


_TAG = re.compile(r"\*|[0-9a-f-]{1,60}")


def _check_ids(ids: Sequence[str]) -> None:
    for one in ids:
        if not _ID.fullmatch(one):
            raise BadRequestError(f"{shorten(one)!r} in the path is not an id; correct it")


def _check_parameters(given: Sequence[tuple[str, str]], known: Sequence[str]) -> None:
    names = [name for name, _ in given]
    for name in names:
        if name not in known:
            fix = correct(name, known, {}) if known else "this route has none"
            raise BadRequestError(f"there is no query parameter `{shorten(name)}`; {fix}")
        if names.count(name) > 1:
            raise BadRequestError(f"the query parameter `{name}` is given twice; remove one")


async def to_request(app: App, call: Call) -> Request:
    """Return a request for a use case. Raises `BadRequestError`."""
    body = await call.body(MAX_BODY)
    await app.server_clock.begin(app.runs.store)
    scans = Registry(app.runs.store, app.runs.clock)
    parameters = dict(call.request.query_params)
    headers = call.request.headers
    return Request(call.caller, parameters, body, app.runs, scans, _key(headers), _match(headers))


def _key(headers: Headers) -> str | None:
    keys = headers.getlist("idempotency-key")
    if keys and (len(keys) > 1 or not _KEY.fullmatch(keys[0])):
        raise BadRequestError(
            "`Idempotency-Key` must be one text of 1 to 200 printable ASCII characters, such as a "
            "new UUID"
        )
    return keys[0] if keys else None


def _match(headers: Headers) -> str | None:
    """Return the tag that must still hold: `*` is any, and an empty one that there is none."""
    wanted, unwanted = headers.getlist("if-match"), headers.getlist("if-none-match")
    if unwanted == ["*"] and not wanted:
        return ""
    if not wanted:
        return None
    tag = wanted[0].removeprefix('"').removesuffix('"').partition(".")[0]
    if len(wanted) > 1 or not _TAG.fullmatch(tag):
        raise BadRequestError(
            "`If-Match` must be the `etag` of an earlier answer, such as 3-0123456789abcdef, or *"
        )
    return tag


def _no_route(allowed: Sequence[str]) -> Answer:
    if allowed:
        return refused(405, "method_not_allowed", f"this path takes {', '.join(allowed)}")
    paths = ", ".join(f"{route.method} {route.path}" for route in routes())
    return refused(404, "no_such_path", f"there are: {paths}, GET /health")


def to_file(download: Download) -> Response:
    """Return a file as an answer."""
    disposition = f'attachment; filename="{download.name}"'
    return StreamingResponse(
        download.pieces,
        media_type=download.media_type,
        headers={"Content-Disposition": disposition},
    )
