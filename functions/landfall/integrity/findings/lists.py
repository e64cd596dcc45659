"""Lists of findings as documents: written whole by a run, and read a piece at a time.

    runs/{run}/results/{n}           the findings, compressed, some hundreds a piece
    runs/{run}/results/index-{n}     the index: what each piece has
    runs/{run}/results/places-{n}    in which piece a finding is

No document of a list changes once a ledger or a run refers to it, so a reader sees one version,
however long it reads and whatever is written meanwhile. A list of an older Landfall has no index,
and gets one when it is first read.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from weakref import WeakKeyDictionary

from landfall.integrity.findings.entry import FindingEntry
from landfall.integrity.findings.list_index import (
    Decided,
    IndexMaker,
    ListIndex,
    pack_index,
    pieces_with,
    places_of,
    unpack_index,
)
from landfall.integrity.findings.packing import pack_entries, unpack_entries
from landfall.reasons import LandfallError
from landfall.store.commit_size import groups
from landfall.store.documents import Document, Put, Store, Write
from landfall.store.packed import packed_documents, packed_pieces

MAX_LIST_BYTES = 250_000
"""Bytes of packed findings in a document of a list: a page costs one or two of these."""

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
"""A moment before any look."""

READ_TOGETHER = 4
"""Documents of a list that are read at once where all of them are needed."""


@dataclass(frozen=True)
class FindingsList:
    """The location of a list: the run that wrote it, and its number of documents."""

    run_id: str
    documents: int


NO_LIST = FindingsList("", 0)
"""The list of a scan that no run has scored yet."""


class ListMissingError(LandfallError):
    """A document of a list of findings is missing, so the state of its findings is unknown."""

    code = "findings_missing"


def list_path(run_id: str, number: int) -> str:
    """Return the path of the n-th document of the list that a run wrote."""
    return f"runs/{run_id}/results/{number:06d}"


def index_path(run_id: str, number: int) -> str:
    """Return the path of the n-th document of the index of a list."""
    return f"runs/{run_id}/results/index-{number:06d}"


def places_path(run_id: str, number: int) -> str:
    """Return the path of the n-th document of the places of a list's findings."""
    return f"runs/{run_id}/results/places-{number:06d}"


def list_documents(
    run_id: str, entries: Sequence[FindingEntry], made_at: datetime, decided: Decided
) -> tuple[FindingsList, list[Write]]:
    """Return a list of entries in their order (`in_order`), and its documents with its index.

    `made_at` is a moment before people's decisions were read, and `decided` those that were there.
    """
    packed = pack_entries(entries)
    made = packed_documents(packed, MAX_LIST_BYTES)
    maker, start, sizes = IndexMaker(made_at, decided), 0, iter(packed)
    for number, fields in enumerate(made):
        for place in range(len(fields["packed"])):
            end = start + next(sizes).records
            maker.add(number, place, entries[start:end])
            start = end
    where = FindingsList(run_id, len(made))
    writes = [Put(list_path(run_id, number), fields) for number, fields in enumerate(made)]
    return where, [*writes, *_index_documents(where, maker)[1]]


def _index_documents(where: FindingsList, maker: IndexMaker) -> tuple[ListIndex, list[Write]]:
    index, tables = maker.finish(where.documents)
    parts = pack_index(index)
    # the index last: with it, all else is there
    made = [(places_path(where.run_id, n), {"packed": [it]}) for n, it in enumerate(tables)] + [
        (index_path(where.run_id, n), {"packed": [it], "parts": len(parts)})
        for n, it in enumerate(parts)
    ]
    return index, [Put(path, fields) for path, fields in made]


class OpenList:
    """A list that is read a piece at a time."""

    def __init__(self, store: Store, where: FindingsList, index: ListIndex) -> None:
        self.where = where
        self.index = index
        self._store = store
        self._last: Document | None = None

    async def piece(self, number: int) -> list[FindingEntry]:
        """Return the findings of a piece. Raises `ListMissingError`."""
        piece = self.index.pieces[number]
        path = list_path(self.where.run_id, piece.document)
        if self._last is None or self._last.path != path:
            (self._last,) = await _existing(self._store, [path])
        return list(unpack_entries([self._last.data["packed"][piece.place]]))

    async def pieces(self, numbers: Iterable[int]) -> AsyncIterator[tuple[int, list[FindingEntry]]]:
        """Yield the findings of pieces, which are in order; a few documents are read at once.

        Raises `ListMissingError`.
        """
        documents = groupby(numbers, key=lambda number: self.index.pieces[number].document)
        wanted = [(document, list(its)) for document, its in documents]
        for first in range(0, len(wanted), READ_TOGETHER):
            some = wanted[first : first + READ_TOGETHER]
            paths = [list_path(self.where.run_id, document) for document, _ in some]
            for (_, its), found in zip(some, await _existing(self._store, paths), strict=True):
                for number in its:
                    packed = found.data["packed"][self.index.pieces[number].place]
                    yield number, list(unpack_entries([packed]))

    async def places(self) -> tuple[list[int], list[int]]:
        """Return the beginning of each finding's id as a number, in order, and the piece of each.

        Raises `ListMissingError`.
        """
        numbers = range(len(self.index.first_prefixes))
        paths = [places_path(self.where.run_id, number) for number in numbers]
        tables = [table.data["packed"][0] for table in await _existing(self._store, paths)]
        prefixes, pieces = list[int](), list[int]()
        for table in tables:
            some, theirs = places_of(table)
            prefixes += some
            pieces += theirs
        return prefixes, pieces

    async def find(self, finding_id: str) -> tuple[int, FindingEntry] | None:
        """Return a finding and the number of its piece; None if the list does not have it.

        Raises `ListMissingError`.
        """
        for number in self.index.place_documents(finding_id):
            path = places_path(self.where.run_id, number)
            (places,) = await _existing(self._store, [path])
            for piece in pieces_with(places.data["packed"][0], finding_id):
                for entry in await self.piece(piece):
                    if entry.id == finding_id:
                        return piece, entry
        return None


async def open_list(store: Store, where: FindingsList) -> OpenList:
    """Return a list to be read in pieces. Raises `ListMissingError`."""
    if not where.documents:
        return OpenList(store, where, IndexMaker(LONG_AGO, {}).finish(0)[0])
    if index := await _stored_index(store, where):
        return OpenList(store, where, index)
    # one at a time: all who ask for an older list would make the same index
    async with _MAKING.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        index = await _stored_index(store, where) or await _made_index(store, where)
    return OpenList(store, where, index)


async def all_entries(store: Store, where: FindingsList) -> list[FindingEntry]:
    """Return all entries of a list. Raises `ListMissingError`."""
    return [
        entry
        async for _, document in _documents(store, where)
        for entry in unpack_entries(document.data["packed"])
    ]


_MAKING: MutableMapping[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def _stored_index(store: Store, where: FindingsList) -> ListIndex | None:
    (first,) = await store.read(index_path(where.run_id, 0))
    if first is None:
        return None
    paths = [index_path(where.run_id, number) for number in range(1, first.data["parts"])]
    parts = [first, *(await _existing(store, paths))]
    index = unpack_index(packed_pieces(parts))
    return index if index.documents == where.documents else None


async def _made_index(store: Store, where: FindingsList) -> ListIndex:
    """Make the index of a list of an older Landfall, and store it.

    Its look was not before the last move in it.
    """
    looked_at = LONG_AGO
    async for _, _, entries in _pieces(store, where):
        looked_at = max(looked_at, *(entry.history[-1].at for entry in entries))
    maker = IndexMaker(looked_at, {})
    async for number, place, entries in _pieces(store, where):
        maker.add(number, place, entries)
    index, writes = _index_documents(where, maker)
    for group in groups(writes):
        await store.commit(group)
    return index


async def _pieces(
    store: Store, where: FindingsList
) -> AsyncIterator[tuple[int, int, list[FindingEntry]]]:
    """Yield the pieces of a list: the document, the place in it, and the entries."""
    async for number, document in _documents(store, where):
        for place, piece in enumerate(document.data["packed"]):
            yield number, place, list(unpack_entries([piece]))
            await asyncio.sleep(0)


async def _documents(store: Store, where: FindingsList) -> AsyncIterator[tuple[int, Document]]:
    """Yield the documents of a list with their numbers."""
    for start in range(0, where.documents, READ_TOGETHER):
        numbers = range(start, min(start + READ_TOGETHER, where.documents))
        paths = [list_path(where.run_id, number) for number in numbers]
        for number, document in zip(numbers, await _existing(store, paths), strict=True):
            yield number, document


async def _existing(store: Store, paths: Sequence[str]) -> list[Document]:
    """Return documents that must exist: a list without one would resolve the findings in it."""
    found = await store.read(*paths) if paths else []
    for path, document in zip(paths, found, strict=True):
        if document is None:
            raise ListMissingError(f"{path} is missing")
    return [document for document in found if document]
