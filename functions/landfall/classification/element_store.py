"""Where the elements of a classification are kept between its runs.

    scans/{scan}/elements/{record}    what the model suggests, or why it could not; runs write it
    scans/{scan}/reviews/{record}     what a person says; no run writes it

Both are written only as they were read. A review also moves its element's document on, so a run
that was about to write a suggestion reads again what a person has said meanwhile, and a person who
was about to confirm one is told that it has changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from landfall.classification.entry import Entry
from landfall.classification.reviews import Review, Standing, standing
from landfall.store.documents import Create, Document, Query, Store, Update, Write

AT_ONCE = 300
"""Documents of a query's answer, of up to some 25 kB each."""


@dataclass(frozen=True)
class Kept:
    """An element as it is stored, and what a person says of it."""

    entry: Entry
    document: Document | None = None
    review_document: Document | None = None

    @property
    def review(self) -> Review | None:
        """What a person says of it."""
        return Review.load(self.review_document.data) if self.review_document else None

    @property
    def standing(self) -> Standing:
        """What the element is now."""
        return standing(self.entry.suggestion, self.review)

    def write(self, path: str, entry: Entry) -> Write:
        """The write that makes this the element, if nobody has written it since it was read."""
        fields = entry.document(self.review)
        if self.document is None:
            return Create(path, fields)
        return Update(path, fields, self.document.version)


class Catalogue:
    """The elements of a scan."""

    def __init__(self, store: Store, scan_id: str) -> None:
        self.path = f"scans/{scan_id}/elements"
        self.reviews_path = f"scans/{scan_id}/reviews"
        self._store = store

    def path_of(self, record_id: str) -> str:
        """Where an element is stored."""
        return f"{self.path}/{record_id}"

    def review_path_of(self, record_id: str) -> str:
        """Where a person's word on it is stored."""
        return f"{self.reviews_path}/{record_id}"

    async def all(self) -> dict[str, Kept]:
        """Every element by its record, in the order of the ids."""
        # a review that comes in between is of an element that was read without it, not the reverse
        elements = await self._everything(self.path)
        reviews = await self._everything(self.reviews_path)
        by_id = {review.id: review for review in reviews}
        return {
            element.id: _kept(element.id, element, by_id.get(element.id)) for element in elements
        }

    async def some(self, record_ids: Sequence[str]) -> dict[str, Kept]:
        """These elements by their records, those that are not stored yet as well."""
        paths = [self.path_of(record_id) for record_id in record_ids]
        review_paths = [self.review_path_of(record_id) for record_id in record_ids]
        found = await self._store.read(*paths, *review_paths) if record_ids else []
        pairs = zip(record_ids, found[: len(paths)], found[len(paths) :], strict=True)
        return {
            record_id: _kept(record_id, element, review) for record_id, element, review in pairs
        }

    async def _everything(self, path: str) -> list[Document]:
        found: list[Document] = []
        while True:
            last = found[-1].id if found else None
            some = await self._store.find(Query(path, limit=AT_ONCE, after=last))
            found += some
            if len(some) < AT_ONCE:
                return found


def _kept(record_id: str, element: Document | None, review: Document | None) -> Kept:
    entry = Entry.load(record_id, element.data) if element else Entry(record_id)
    return Kept(entry, element, review)
