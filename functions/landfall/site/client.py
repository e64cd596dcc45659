"""The client for public web pages: it fetches from addresses of the public internet only.

Strangers write the addresses on the web, and those of redirects: any of them may point into our own
network. So each hop is checked, its URL here and every address of its name in `HttpClient`, which
connects only to a checked address.
"""

import asyncio
import re
from collections.abc import Collection

import httpx

from landfall import logs
from landfall.deadlines import LADDER, Deadline, Ladder
from landfall.net.errors import (
    ExchangeError,
    ExchangeTimeoutError,
    ForbiddenAddressError,
    InvalidResponseError,
    ResponseTooLargeError,
    UnreachableError,
    UnsendableError,
)
from landfall.net.http import HttpClient, Resolver, retry_after
from landfall.net.public_addresses import is_public
from landfall.reasons import Reason, StepError
from landfall.site.page import Page
from landfall.site.refresh import refresh_of
from landfall.site.urls import MAX_ADDRESS

MAX_REDIRECTS = 5
"""Redirects that are followed for one page."""

MAX_PAGE_BYTES = 5 * 2**20
"""Bytes of a page, decoded; real ones are below 1 MiB."""

MAX_WAIT = 3600.0
"""Seconds that a response may ask to wait: a site that asks for a day is tried again after this."""

PORTS = {"http": 80, "https": 443}
"""The schemes of public web pages, and the only ports, each allowed for both schemes."""

CONTENT_TYPES = {
    "application/xhtml+xml",
    "application/xml",
    "text/html",
    "text/plain",
    "text/xml",
}
"""The content types of pages."""

ACCEPT = ", ".join([*sorted(CONTENT_TYPES), "*/*;q=0.1"])
"""The header of every request: pages, and the robots.txt and sitemaps of any type."""

# A name of at least two labels. The last has letters only, as all in the root zone have. So an
# address in an odd spelling (0x7f.1, 2130706433, 127.1), "localhost", or a final dot is no name.
_NAME = re.compile(r"(?:[a-z0-9_-]{1,63}\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})", re.ASCII)


class WebReader:
    """A client for pages. Create it on the event loop that uses it, and close it.

    `allowed` are host:port, as URLs spell them, that may be fetched at any address.
    """

    def __init__(
        self,
        allowed: Collection[str] = (),
        ladder: Ladder = LADDER,
        resolver: Resolver | None = None,
    ) -> None:
        self._allowed = frozenset(allowed)
        self._ladder = ladder
        self._http = HttpClient(ladder.connect, resolver, self._may_reach)

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()

    async def fetch_page(
        self, url: str, deadline: Deadline, user_agent: str, first_bytes: int | None = None
    ) -> Page:
        """Fetch the page, along redirects, those of pages too. Raises `StepError`.

        With `first_bytes`, so many bytes of it are read, of whatever type and length it is.
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        redirects: list[str] = []
        current = self._checked(url)
        while True:
            answer = await self._get(current, deadline, user_agent, first_bytes)
            page = _page(answer, current, redirects, loop.time() - started)
            leads_to = _redirect(answer)
            if leads_to is None and first_bytes is None:
                leads_to = refresh_of(page)
            if leads_to is None:
                break
            redirects.append(str(current))
            if len(redirects) > MAX_REDIRECTS:
                raise StepError(
                    Reason.SITE_TOO_MANY_REDIRECTS,
                    f"{_short(url)} was redirected more than {MAX_REDIRECTS} times",
                )
            current = self._checked(leads_to, current)
        if len(str(current)) > MAX_ADDRESS:
            raise _forbidden(str(current), f"it has more than {MAX_ADDRESS} characters")
        if page.is_success and not (first_bytes or _is_readable(answer.headers)):
            kind = answer.headers.get("content-type", "")[:100]
            raise StepError(Reason.SITE_NOT_HTML, f"{_short(current)} has content type {kind!r}")
        return page

    def _checked(self, url: str, base: httpx.URL | None = None) -> httpx.URL:
        """Return the URL if it may be fetched. `HttpClient` parses it with the same parser."""
        try:
            target = (base.join(url) if base else httpx.URL(url)).copy_with(fragment=None)
            host = target.raw_host.decode()
        except (httpx.InvalidURL, ValueError) as error:
            raise _forbidden(url, f"it is not a valid URL ({error})") from error
        port = PORTS.get(target.scheme) if target.port is None else target.port
        if target.scheme not in PORTS:
            raise _forbidden(url, "its scheme is neither http nor https")
        if target.userinfo:
            raise _forbidden(url, "it contains a user name")
        if f"{host}:{port}" in self._allowed:
            return target
        if port not in PORTS.values():
            raise _forbidden(url, "its port is neither 80 nor 443")
        if not (_is_name(host) or is_public(host)):
            raise _forbidden(url, "its host is neither a public name nor a public address")
        return target

    def _may_reach(self, host: str, port: int, address: str) -> bool:
        return f"{host}:{port}" in self._allowed or is_public(address)

    async def _get(
        self, target: httpx.URL, deadline: Deadline, user_agent: str, first_bytes: int | None
    ) -> httpx.Response:
        loop = asyncio.get_running_loop()
        started = loop.time()
        status: int | str = "failed"
        try:
            answer = await self._http.send(
                "GET",
                str(target),
                deadline=deadline.sooner(self._ladder.request),
                headers={"User-Agent": user_agent, "Accept": ACCEPT},
                max_bytes=first_bytes or MAX_PAGE_BYTES,
                cut=first_bytes is not None,
                wants_body=_wants_any if first_bytes else _wants_text,
            )
            status = answer.status_code
        except ExchangeError as error:
            raise StepError(_REASONS[type(error)], f"{_short(target)}: {error}") from error
        else:
            return answer
        finally:
            seconds = round(loop.time() - started, 3)
            host = target.raw_host.decode()
            logs.info("called", vendor="web", host=host, status=status, seconds=seconds)


_REASONS = {
    ExchangeTimeoutError: Reason.SITE_TIMEOUT,
    UnreachableError: Reason.SITE_UNREACHABLE,
    InvalidResponseError: Reason.SITE_MALFORMED,
    ResponseTooLargeError: Reason.SITE_TOO_LARGE,
    ForbiddenAddressError: Reason.SITE_FORBIDDEN_ADDRESS,
    UnsendableError: Reason.SITE_FORBIDDEN_ADDRESS,
}


def _forbidden(url: str, why: str) -> StepError:
    return StepError(Reason.SITE_FORBIDDEN_ADDRESS, f"{_short(url)} is not fetched: {why}")


def _short(url: str | httpx.URL) -> str:
    return repr(str(url)[:200])


def _is_name(host: str) -> bool:
    return len(host) <= 253 and _NAME.fullmatch(host) is not None


def _redirect(answer: httpx.Response) -> str | None:
    """Return the target of a redirect; None for any other response."""
    return answer.headers["location"] if answer.has_redirect_location else None


def _page(answer: httpx.Response, url: httpx.URL, redirects: list[str], seconds: float) -> Page:
    return Page(
        url=str(url),
        redirects=tuple(redirects),
        status=answer.status_code,
        headers=_lines(answer.headers),
        body=answer.content,
        address=answer.extensions["address"],
        seconds=seconds,
        wire_bytes=answer.extensions["wire_bytes"],
        tls=answer.extensions["tls"],
        retry_after=retry_after(answer.headers, MAX_WAIT),
    )


def _lines(headers: httpx.Headers) -> httpx.Headers:
    """Return the headers, with a line for each time that one was sent."""
    return httpx.Headers({name: "\n".join(headers.get_list(name)) for name in headers})


def _wants_any(status: int, _: httpx.Headers) -> bool:
    return not httpx.codes.is_redirect(status)


def _wants_text(status: int, headers: httpx.Headers) -> bool:
    return _wants_any(status, headers) and _is_readable(headers)


def _is_readable(headers: httpx.Headers) -> bool:
    return headers.get("content-type", "").split(";")[0].strip().lower() in CONTENT_TYPES
