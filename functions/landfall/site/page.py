"""A page as it was fetched, and the client that fetches it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from landfall.deadlines import Deadline
from landfall.reasons import Reason, StepError

DEFAULT_PAUSE = 30.0
"""Seconds that a site is left alone which answers 429 and does not name a time."""


@dataclass(frozen=True)
class Transfer:
    """The transfer of a page: its final address, status and headers, and the measurements.

    Names in `headers` are in lower case; a header that was sent twice has two lines. `tls` is the
    version of TLS, None without TLS.
    """

    url: str
    status: int
    redirects: int
    seconds: float
    wire_bytes: int
    page_bytes: int
    tls: str | None
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Page:
    """A complete response, whatever its status. The `body` of an error may be empty.

    `url` is the final address, `redirects` are the addresses that led there, in order. Names in
    `headers` are case-insensitive; a header that was sent twice has two lines. `address` is the IP
    address that answered; `seconds` include all redirects; `wire_bytes` is the size of the body as
    it was sent. `tls` is the version of TLS, None without TLS; `retry_after` are the seconds that
    the response asks to wait. Do not decode with the charset of the headers unchecked: Python has
    codecs that decompress bombs.
    """

    url: str
    redirects: tuple[str, ...]
    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    address: str
    seconds: float
    wire_bytes: int
    tls: str | None = None
    retry_after: float = 0.0

    @property
    def is_success(self) -> bool:
        """Return whether the status is one of success."""
        return 200 <= self.status < 300


class SiteReader(Protocol):
    """A client for the pages of a site. Raises `StepError` with a `site_...` reason."""

    async def fetch_page(
        self, url: str, deadline: Deadline, user_agent: str, first_bytes: int | None = None
    ) -> Page:
        """Fetch the page, along redirects, by the deadline.

        With `first_bytes`, so many bytes of it are read, of whatever type and length it is.
        """
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...


class Sites(Protocol):
    """The opener of sites, by host."""

    def site(self, host: str) -> SiteReader:
        """Open a site."""
        ...


def transfer_of(page: Page) -> Transfer:
    """Return the measurements of a page's transfer."""
    return Transfer(
        url=page.url,
        status=page.status,
        redirects=len(page.redirects),
        seconds=page.seconds,
        wire_bytes=page.wire_bytes,
        page_bytes=len(page.body),
        tls=page.tls,
        headers={name.lower(): value for name, value in page.headers.items()},
    )


def status_error(page: Page) -> StepError:
    """Return the error of a response whose status is not one of success."""
    message = f"{page.url[:200]!r} answered {page.status}"
    if page.status == 429 or (page.status == 503 and page.retry_after):
        reason = Reason.SITE_RATE_LIMITED if page.status == 429 else Reason.SITE_UNAVAILABLE
        return StepError(reason, message, retry_after=page.retry_after or DEFAULT_PAUSE)
    reason = Reason.SITE_UNAVAILABLE if page.status >= 500 else Reason.SITE_REJECTED
    return StepError(reason, message)
