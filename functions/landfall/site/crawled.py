"""The result of a crawl, which the fetch step hands over to the score step."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from landfall.site.crawl import Crawl, known_types, missed_pages
from landfall.site.crawl_request import RequestOutcome, RequestRole
from landfall.store.documents import Fields


@dataclass(frozen=True)
class CrawledPage:
    """A stored page and the number of its document; `mobile` is the home page for phones."""

    url: str
    page_type: str
    document: int
    mobile: bool = False


@dataclass(frozen=True)
class Crawled:
    """The stored pages of a crawl, the missing ones, and the types of all known pages."""

    pages: Sequence[CrawledPage]
    missed: Sequence[Fields]
    types: Sequence[str]

    @classmethod
    def of(cls, crawl: Crawl) -> Self:
        """Return the result of a crawl at its end."""
        mobile = [it for it in crawl.of(RequestRole.MOBILE) if it.outcome == RequestOutcome.STORED]
        pages = [
            CrawledPage(it.url, it.page_type, it.document, it.role == RequestRole.MOBILE)
            for it in [*crawl.pages, *mobile]
            if it.document is not None
        ]
        return cls(pages, missed_pages(crawl), sorted(known_types(crawl)))

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> Self:
        """Load a stored result, which for a run of an earlier Landfall is the step's cursor."""
        if "stops" in stored:
            crawl = Crawl.load(dict(stored))
            assert crawl is not None
            return cls.of(crawl)
        pages = [CrawledPage(**page) for page in stored["pages"]]
        return cls(pages, stored["missed"], stored["types"])

    def store(self) -> Fields:
        """Return the result in the form that the run stores."""
        return {
            "pages": [asdict(page) for page in self.pages],
            "missed": list(self.missed),
            "types": list(self.types),
        }
