"""The observations of a site: the pages that were fetched, and those that could not be."""

from collections.abc import Sequence
from dataclasses import dataclass

from landfall.site.evidence import Evidence


@dataclass(frozen=True)
class ObservedPage:
    """A page that was fetched, with its type and evidence."""

    page_type: str
    evidence: Evidence

    @property
    def url(self) -> str:
        """The address of the page."""
        return self.evidence.url


@dataclass(frozen=True)
class MissedPage:
    """A page that was requested and could not be observed, with the reason."""

    url: str
    page_type: str
    reason: str
    message: str


@dataclass(frozen=True)
class ObservedSite:
    """All observations of a site. The home page is the first of `pages`.

    `mobile` is the home page in its version for phones; None if it was not observed. `types` are
    the types of all known pages, fetched or not.
    """

    pages: Sequence[ObservedPage]
    mobile: Evidence | None
    missed: Sequence[MissedPage] = ()
    types: frozenset[str] = frozenset()

    @property
    def home(self) -> Evidence:
        """The home page in its version for desktops."""
        return self.pages[0].evidence

    @property
    def urls(self) -> frozenset[str]:
        """The addresses of all pages that may be cited."""
        pages = {page.url for page in self.pages}
        return frozenset(pages | {self.mobile.url} if self.mobile else pages)
