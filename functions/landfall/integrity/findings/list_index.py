"""The index of a list of findings: what each piece of it has, so that a page reads few of them.

The list is in the order in which people read it: what is open before what is ignored or resolved,
the most severe first, then by rule and record. Findings that a filter by rule, table, owner,
severity or state cannot tell apart share their `Facts`; the index counts them in each piece. A
second table says in which piece a finding is.

Pure: no input or output, and no clock.
"""

import struct
import zlib
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache

import msgspec

from landfall.integrity.findings.entry import LIVE, FindingEntry, State
from landfall.scans.settings import SEVERITIES
from landfall.store.packed import MAX_PACKED_BYTES

RECENT = timedelta(hours=1)
"""Time before a look in which people's decisions may have been missed by it: those on their way,
and those by a clock that is behind."""

PLACES_TOGETHER = 50_000
"""Findings of a document of places, which has some 260 kB."""

_PREFIX = 8
"""Hex digits of an id by which it is looked up; of 200,000, some five pairs share them."""


Decided = dict[str, datetime]
"""Decisions of people: the ids of their documents, and when each was made."""


class Facts(msgspec.Struct, frozen=True, array_like=True):
    """A finding in a list, as far as filters and decisions ask for it.

    `until` is the end of ignoring it. `moved_at` is None where that was long before the list.
    """

    rule_key: str
    table: str
    severity: str
    state: State
    until: datetime | None
    moved_at: datetime | None


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """A piece of a list: its document, its place there, and its findings by number of facts."""

    document: int
    place: int
    counts: tuple[tuple[int, int], ...]
    newest: datetime
    """When the newest of its findings was first seen."""

    @property
    def findings(self) -> int:
        """The number of findings."""
        return sum(count for _, count in self.counts)


class ListIndex(msgspec.Struct, frozen=True):
    """The index of a list of `documents` documents, made at the look of `made_at`.

    `totals` has the number of findings of each facts. `first_prefixes` has for each document of
    places the first prefix of an id in it. `decided` are the decisions that it has, of those after
    `since`.
    """

    made_at: datetime
    documents: int
    facts: tuple[Facts, ...]
    totals: tuple[int, ...]
    pieces: tuple[Piece, ...]
    first_prefixes: tuple[int, ...]
    decided: Decided

    @property
    def since(self) -> datetime:
        """The moment after which people's decisions may not be in the list."""
        return self.made_at - RECENT

    def place_documents(self, finding_id: str) -> range:
        """Return the numbers of the documents of places that may have a finding."""
        prefix = prefix_of(finding_id)
        first = max(0, bisect_left(self.first_prefixes, prefix) - 1)
        return range(first, bisect_right(self.first_prefixes, prefix))


class IndexMaker:
    """Makes the index of a list from its pieces, in their order."""

    def __init__(self, made_at: datetime, decided: Decided) -> None:
        self._made_at = made_at
        self._decided = decided
        self._facts: dict[Facts, int] = {}
        self._totals = Counter[int]()
        self._pieces: list[Piece] = []
        self._prefixes: list[tuple[int, int]] = []

    def add(self, document: int, place: int, entries: Sequence[FindingEntry]) -> None:
        """Add the piece with these entries."""
        number = len(self._pieces)
        since = self._made_at - RECENT
        numbers = self._facts
        counts = Counter(
            numbers.setdefault(facts_of(entry, since), len(numbers)) for entry in entries
        )
        self._totals.update(counts)
        newest = max(entry.first_seen for entry in entries)
        self._pieces.append(Piece(document, place, tuple(counts.items()), newest))
        self._prefixes += [(prefix_of(entry.id), number) for entry in entries]

    def finish(self, documents: int) -> tuple[ListIndex, list[bytes]]:
        """Return the index of a list of so many documents, and its tables of places."""
        self._prefixes.sort()
        tables = [
            self._prefixes[start : start + PLACES_TOGETHER]
            for start in range(0, len(self._prefixes), PLACES_TOGETHER)
        ]
        index = ListIndex(
            self._made_at,
            documents,
            tuple(self._facts),
            tuple(self._totals[number] for number in self._facts.values()),
            tuple(self._pieces),
            tuple(table[0][0] for table in tables),
            self._decided,
        )
        return index, [_pack_places(table) for table in tables]


def facts_of(entry: FindingEntry, since: datetime) -> Facts:
    """Return the facts of a finding in a list that has all decisions until `since`."""
    last = entry.history[-1]
    return Facts(
        entry.rule_key,
        entry.finding.table,
        entry.finding.severity,
        entry.state,
        last.until if entry.state == "ignored" else None,
        last.at if last.at > since else None,
    )


def in_order(entries: Iterable[FindingEntry], rule_keys: Iterable[str]) -> tuple[FindingEntry, ...]:
    """Return entries in the order of a list; the rules are in that of their keys."""
    rules = {key: number for number, key in enumerate(rule_keys)}

    def place(entry: FindingEntry) -> tuple[int, int, int, tuple[str, ...], str, str]:
        finding = entry.finding
        return (
            0 if entry.state in LIVE else 1 if entry.state == "ignored" else 2,
            -SEVERITIES.index(finding.severity),
            rules[entry.rule_key],
            finding.records,
            finding.key,
            entry.id,
        )

    return tuple(sorted(entries, key=place))


def prefix_of(finding_id: str) -> int:
    """Return the beginning of an id as a number; that of no finding for another text."""
    try:
        return int(finding_id[:_PREFIX], 16)
    except ValueError:
        return 0


def pieces_with(places: bytes, finding_id: str) -> Iterator[int]:
    """Yield the numbers of the pieces that may have a finding, by a table of places."""
    prefixes, pieces = places_of(places)
    prefix = prefix_of(finding_id)
    for number in range(bisect_left(prefixes, prefix), bisect_right(prefixes, prefix)):
        yield pieces[number]


def pack_index(index: ListIndex) -> list[bytes]:
    """Return an index as bytes, in parts that fit into a document."""
    data = zlib.compress(msgspec.json.encode(index))
    return [data[at : at + MAX_PACKED_BYTES] for at in range(0, len(data), MAX_PACKED_BYTES)]


def unpack_index(parts: Iterable[bytes]) -> ListIndex:
    """Return the index given to `pack_index`."""
    return _unpacked(b"".join(parts))


_index = msgspec.json.Decoder(ListIndex)


@lru_cache(maxsize=4)
def _unpacked(data: bytes) -> ListIndex:
    return _index.decode(zlib.decompress(data))


def _pack_places(places: Sequence[tuple[int, int]]) -> bytes:
    prefixes, pieces = zip(*places, strict=True)
    count = len(places)
    return zlib.compress(struct.pack(f"<{2 * count}I", *prefixes, *pieces))


def places_of(data: bytes) -> tuple[Sequence[int], Sequence[int]]:
    """Return the prefix of each finding's id and the number of its piece, by a table of places."""
    numbers = memoryview(zlib.decompress(data)).cast("I")  # of 4 bytes, as on any machine of today
    count = len(numbers) // 2
    return numbers[:count], numbers[count:]
