"""The handler of the `window` function: find the page of a request, and show it."""

from functools import partial

from starlette.datastructures import Headers
from starlette.responses import Response

from landfall.api.downloads import Download
from landfall.entry.app import App
from landfall.entry.callers import ForbiddenError
from landfall.entry.health import health_of
from landfall.entry.routes import match_route, to_file, to_request
from landfall.entry.serve import Answer, Call, refused
from landfall.reasons import NotFoundError
from landfall.window import browser_answers
from landfall.window.assets import asset_of
from landfall.window.last_visit import COOKIE, Visits
from landfall.window.page_table import PAGES
from landfall.window.visit import Elsewhere, Screen, Visit


async def answer(app: App, call: Call) -> Answer:
    """Answer a person's request for a page, for one of its files, or for an act."""
    request = call.request
    if request.method not in ("GET", "HEAD"):
        _check_origin(call)
    elif request.url.path.startswith("/assets/"):
        asset = asset_of(request.url.path.removeprefix("/assets/"))
        if asset is None:
            raise NotFoundError("there is no such file; load the page again")
        return 200, browser_answers.file(request.headers, asset)
    method = "GET" if request.method == "HEAD" else request.method
    found, ids, allowed = match_route(PAGES, method, request.url.path)
    if found is None:
        if allowed:
            return refused(405, "method_not_allowed", f"this path takes {', '.join(allowed)}")
        raise NotFoundError("there is nothing at this address; start at the first page")
    await call.check_role(app, found.needs)
    visits = Visits.of(request.cookies.get(COOKIE), app.runs.clock())
    visit = Visit(
        await to_request(app, call),
        request.url.path,
        partial(health_of, app),
        visits.before,
    )
    response = await _shown(call, visit, found, ids)
    response.headers["set-cookie"] = visits.cookie(
        secure=request.headers.get("x-forwarded-proto") == "https"
    )
    return 200, response


async def _shown(call: Call, visit: Visit, screen: Screen, ids: tuple[str, ...]) -> Response:
    headers, etag = call.request.headers, ""
    if screen.pulse and "if-none-match" in headers:  # an open page looks again
        pulse = await screen.pulse(visit, *ids)
        etag = browser_answers.etag_of(
            visit.person, str(call.request.url), str(visit.looked), pulse
        )
        if headers.get("if-none-match") == etag:
            return browser_answers.unchanged(etag)
    shown = await screen.show(visit, *ids)
    if isinstance(shown, Elsewhere):
        return browser_answers.redirected(shown.url)
    if isinstance(shown, Download):
        return browser_answers.safe(to_file(shown))
    values = {
        **shown.values,
        "person": visit.person,
        "path": visit.path,
        "refresh": shown.refresh,
        "did": visit.query.get("did", "") if _is_from_our_page(headers) else "",
    }
    return browser_answers.page(headers, shown.template, values, shown.status, etag)


def _is_from_our_page(headers: Headers) -> bool:
    """Return whether a page of this window led to this one: an address of others says no act."""
    return headers.get("sec-fetch-site", "same-origin") == "same-origin"


def _check_origin(call: Call) -> None:
    """Raise `ForbiddenError` unless a page of this window sent the request."""
    headers = call.request.headers
    site = headers.get("sec-fetch-site")
    origin = headers.get("origin", "").partition("://")[2]
    if site != "same-origin" and (site or not origin or origin != headers.get("host")):
        raise ForbiddenError(
            "an act must come from a page of this window; load the page again, or use the api"
        )
