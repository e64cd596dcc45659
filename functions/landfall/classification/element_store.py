"""Store of the elements of a classification, between its runs.

    scans/{scan}/elements/{record}    the model's suggestion, or its failure; written by runs
    scans/{scan}/reviews/{record}     a person's review; no run writes it

Both are written only if they are unchanged since they were read. A review also updates its
element's document. So a run that is about to write a suggestion reads the new review first, and a
person who is about to confirm one gets an error if it has changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from landfall.classification.reviews import Classification, Review, seen_of
from landfall.classification.tracked_element import TrackedElement
from landfall.store.documents import Create, Document, Query, Store, Update, Write

PAGE_SIZE = 300
"""Documents in a page of a query, of up to about 25 kB each."""


@dataclass(frozen=True)
class StoredElement:
    """An element as it is stored, and its review."""

    tracked: TrackedElement
    document: Document | None = None
    review_document: Document | None = None

    @property
    def review(self) -> Review | None:
        """The review of a person, if there is one."""
        return Review.load(self.review_document.data) if self.review_document else None

    @property
    def classification(self) -> Classification:
        """The classification that is in effect."""
        return Classification.of(self.tracked.suggestion, self.review)

    @property
    def seen(self) -> str:
        """The present suggestion and review, in 16 hex digits."""
        return seen_of(self.tracked.suggestion, self.review)

    def write(self, path: str, tracked: TrackedElement) -> Write:
        """Return the write that replaces the element, if it is unchanged since it was read."""
        fields = tracked.document(self.review)
        if self.document is None:
            return Create(path, fields)
        return Update(path, fields, self.document.version)


class ElementStore:
    """The stored elements of a scan."""

    def __init__(self, store: Store, scan_id: str) -> None:
        self.path = f"scans/{scan_id}/elements"
        self.reviews_path = f"scans/{scan_id}/reviews"
        self._store = store

    def path_of(self, record_id: str) -> str:
        """Return the path of an element's document."""
        return f"{self.path}/{record_id}"

    def review_path_of(self, record_id: str) -> str:
        """Return the path of the document of its review."""
        return f"{self.reviews_path}/{record_id}"

    async def read_all(self) -> dict[str, StoredElement]:
        """Read all elements, by their records, in the order of the ids."""
        # in this order, a concurrent review may be newer than its element, but is never missing
        elements = await self._read_collection(self.path)
        reviews = await self._read_collection(self.reviews_path)
        by_id = {review.id: review for review in reviews}
        return {
            element.id: _stored(element.id, element, by_id.get(element.id)) for element in elements
        }

    async def read(self, record_ids: Sequence[str]) -> dict[str, StoredElement]:
        """Read elements by their records, including those that are not stored yet."""
        paths = [self.path_of(record_id) for record_id in record_ids]
        review_paths = [self.review_path_of(record_id) for record_id in record_ids]
        found = await self._store.read(*paths, *review_paths) if record_ids else []
        pairs = zip(record_ids, found[: len(paths)], found[len(paths) :], strict=True)
        return {
            record_id: _stored(record_id, element, review) for record_id, element, review in pairs
        }

    async def _read_collection(self, path: str) -> list[Document]:
        found: list[Document] = []
        while True:
            last = found[-1].id if found else None
            some = await self._store.find(Query(path, limit=PAGE_SIZE, after=last))
            found += some
            if len(some) < PAGE_SIZE:
                return found


def _stored(record_id: str, element: Document | None, review: Document | None) -> StoredElement:
    tracked = TrackedElement(record_id)
    if element:
        tracked = TrackedElement.load(record_id, element.data)
    return StoredElement(tracked, element, review)
