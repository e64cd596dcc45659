"""A request of a crawl, its role and its outcome."""

from dataclasses import asdict, dataclass
from enum import StrEnum

from landfall.store.documents import Fields
from landfall.store.limits import cut_to

MAX_MESSAGE_BYTES = 700
"""Bytes of a request's message: an address and a sentence."""

MAX_ATTEMPTS = 2
"""Attempts at a page whose first request failed with a retried error."""


class RequestRole(StrEnum):
    """The role of a request in the crawl."""

    ROBOTS = "robots"
    HOME = "home"
    MOBILE = "mobile"
    SITEMAP = "sitemap"
    PAGE = "page"


class RequestOutcome(StrEnum):
    """The outcome of a request, as it is stored."""

    PENDING = "waiting"
    STORED = "kept"
    FOLDED = "folded"  # the same as another page, or a redirect out of the crawl
    GONE = "gone"  # 404 or 410: there is no such page
    MISSED = "missed"  # the page could not be observed


@dataclass
class CrawlRequest:
    """A request for an address. `document` is the number of the document that has its content."""

    url: str
    role: RequestRole
    page_type: str = ""
    outcome: RequestOutcome = RequestOutcome.PENDING
    attempts: int = 0
    document: int | None = None
    status: int | None = None
    key: str = ""
    content: str = ""
    reason: str = ""
    message: str = ""

    @classmethod
    def load(cls, stored: Fields) -> "CrawlRequest":
        """Load a request from the cursor of a step."""
        request = cls(**{_FIELDS.get(name, name): value for name, value in stored.items()})
        request.role, request.outcome = RequestRole(request.role), RequestOutcome(request.outcome)
        return request

    def store(self) -> Fields:
        """Return the request in the form that is stored."""
        stored = {_STORED_NAMES.get(name, name): value for name, value in asdict(self).items()}
        return stored | {"message": cut_to(self.message, MAX_MESSAGE_BYTES)}

    def explain(self, message: str) -> None:
        """Say why the request has its outcome, in as many bytes as the cursor has room for."""
        self.message = cut_to(message, MAX_MESSAGE_BYTES)

    @property
    def pending(self) -> bool:
        """Return whether the request has no outcome yet."""
        return self.outcome == RequestOutcome.PENDING

    @property
    def is_page(self) -> bool:
        """Return whether it requests a page for a desktop."""
        return self.role in (RequestRole.HOME, RequestRole.PAGE)


_STORED_NAMES = {"outcome": "came", "attempts": "tries"}
_FIELDS = {stored: name for name, stored in _STORED_NAMES.items()}
