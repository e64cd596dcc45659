"""The pages of a site that a crawl has left, for the score step of its run."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from landfall.site.crawl import Came, Itinerary, Role, missed, types_known
from landfall.store.documents import Fields


@dataclass(frozen=True)
class CrawledPage:
    """A page that was stored as the document of this number; `mobile` is the home page again."""

    url: str
    page_type: str
    document: int
    mobile: bool = False


@dataclass(frozen=True)
class Crawled:
    """The pages that were stored, those that are missing, and the types of all that are known."""

    pages: Sequence[CrawledPage]
    missed: Sequence[Fields]
    types: Sequence[str]

    @classmethod
    def of(cls, crawl: Itinerary) -> Self:
        """Return what is left of a crawl at its end."""
        mobile = [s for s in crawl.of(Role.MOBILE) if s.came == Came.KEPT]
        pages = [
            CrawledPage(stop.url, stop.page_type, stop.document, stop.role == Role.MOBILE)
            for stop in [*crawl.looked_at, *mobile]
            if stop.document is not None
        ]
        return cls(pages, missed(crawl), sorted(types_known(crawl)))

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> Self:
        """Read what a fetch step left, which in a run of an earlier Landfall is its cursor."""
        if "stops" in stored:
            crawl = Itinerary.load(dict(stored))
            assert crawl is not None
            return cls.of(crawl)
        pages = [CrawledPage(**page) for page in stored["pages"]]
        return cls(pages, stored["missed"], stored["types"])

    def store(self) -> Fields:
        """Return it as the run holds it."""
        return {
            "pages": [asdict(page) for page in self.pages],
            "missed": list(self.missed),
            "types": list(self.types),
        }
