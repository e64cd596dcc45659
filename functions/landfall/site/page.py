"""A page as it came, and who brings it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from landfall.deadlines import Deadline


@dataclass(frozen=True)
class Visit:
    """How a page came: where it was in the end, and what was measured on the way.

    `headers` have names in lower case. `tls` is the version of TLS, None where there is none.
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
    """A complete answer, whatever its status. Of an error, `body` may be empty.

    `url` is where it was in the end, `redirects` are the addresses that led there, in order. Names
    in `headers` have no case. `address` is the one that answered; `seconds` are all hops together;
    `wire_bytes` are those of the body as it was sent. `tls` is the version of TLS, None without;
    `retry_after` are the seconds that the answer asks to wait. Take care with the charset that the
    headers name: Python knows some that unpack bombs.
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


class SiteReader(Protocol):
    """Fetches pages of a site. Raises `StepError` with a `site_...` reason, by the deadline."""

    async def fetch_page(self, url: str, deadline: Deadline, user_agent: str) -> Page:
        """The page, wherever redirects lead."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


class Sites(Protocol):
    """Opens web sites."""

    def site(self, host: str) -> SiteReader:
        """Open a site."""
        ...


def visit_of(page: Page) -> Visit:
    """What of it is measured."""
    return Visit(
        url=page.url,
        status=page.status,
        redirects=len(page.redirects),
        seconds=page.seconds,
        wire_bytes=page.wire_bytes,
        page_bytes=len(page.body),
        tls=page.tls,
        headers={name.lower(): value for name, value in page.headers.items()},
    )
