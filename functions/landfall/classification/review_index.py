"""Index of the elements of a classification: as far as reviewing needs all of them.

    scans/{scan}/reviewing/{0 to 3}    a line for each element in the table, compressed

So a page of reviews reads four documents, however many elements there are. A person's decision
writes its line in its own commit. A run writes the lines of what it changed at its end. What is
shown of one element, and what a decision rests on, is never the line but the element itself.
"""

import json
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from landfall.classification.answer import FLAGS
from landfall.classification.element_store import ElementStore, StoredElement
from landfall.classification.labels import Labels
from landfall.classification.reviews import Classification, Review, difference, seen_of
from landfall.classification.tracked_element import TrackedElement
from landfall.runs.commit import Clock
from landfall.store.commit_size import groups
from landfall.store.conflicts import until_committed
from landfall.store.documents import (
    Create,
    Document,
    Fields,
    Query,
    Store,
    Update,
    Write,
    both,
)

SHARDS = 4
"""Documents of the index. 20,000 elements, the most that a scan has, fit into as many."""

MAX_SHARD_BYTES = 900_000
"""Compressed bytes of a document, beyond which the names in it are cut."""

MAX_NAME = 100
"""Characters of an element's name and of its source."""

SHORT_NAME = 16
"""Characters of them where a document would be too large."""

NEWEST = 3
"""Runs among which the one that ended last is looked for."""

MAX_TRIES = 5
"""Attempts to write the index while people review."""

FILTERED = (*Labels.model_fields, *FLAGS)
"""Outputs by which elements are found."""

_LABELS = len(Labels.model_fields)
"""Values at the beginning of a line's that are labels."""


class Line(NamedTuple):
    """An element in the index.

    `values` has those of `FILTERED`, then the confidence; None where there are no values in effect.
    `by` reviewed it, in the act `act` if it was decided about with others. `seen` is what a person
    saw. `anew` says that the suggestion differs from the one before it.
    """

    name: str
    source: str
    state: str
    seen: str
    values: Sequence[Any] | None
    by: str
    act: str
    anew: bool

    @property
    def confidence(self) -> int | None:
        """The model's confidence in percent; None where there is none."""
        return self.values[-1] if self.values else None

    def value(self, output: str) -> str:
        """Return its value of one of `FILTERED` as filters write it; empty where it has none."""
        value = self.values[FILTERED.index(output)] if self.values else ""
        return str(value).lower() if isinstance(value, bool) else str(value)


def line_of(tracked: TrackedElement, review: Review | None) -> Line:
    """Return the line of an element."""
    now = Classification.of(tracked.suggestion, review)
    shown = now.values
    values = None if shown is None else [shown[name] for name in (*FILTERED, "confidence")]
    reviewed = review if review and now.state == review.state else None
    before, suggestion = tracked.previous, tracked.suggestion
    anew = before and suggestion and difference(before["values"], suggestion["values"])
    return Line(
        tracked.name[:MAX_NAME],
        tracked.told.get("source", "")[:MAX_NAME],
        now.state,
        seen_of(suggestion, review),
        values,
        reviewed.by if reviewed else "",
        reviewed.act if reviewed else "",
        bool(anew),
    )


Lines = dict[str, Line]
"""Lines by the ids of their elements."""


@dataclass(frozen=True)
class Shard:
    """A document of the index. It is `whole` once all elements were read for it."""

    path: str
    document: Document | None
    lines: Lines

    @property
    def whole(self) -> bool:
        """Return whether it has all its elements."""
        return bool(self.document and self.document.data["whole"])

    def write(self, lines: Mapping[str, Line], **more: Any) -> Write:
        """Return the write of its lines, if the document is unchanged since it was read."""
        fields = {"packed": [packed(lines)], "records": len(lines)} | more
        if self.document:
            return Update(self.path, fields, self.document.version)
        return Create(self.path, {"whole": False, **fields})

    def changed(self, changes: Mapping[str, Line]) -> Write:
        """Return the write of changed lines, if the document is unchanged since it was read."""
        return self.write({**self.lines, **changes})


class ReviewIndex:
    """The index of a scan."""

    def __init__(self, store: Store, clock: Clock, scan_id: str) -> None:
        self._store = store
        self._clock = clock
        self._scan_id = scan_id

    async def shards(self) -> list[Shard]:
        """Read all its documents."""
        paths = [self._path(number) for number in range(SHARDS)]
        return list(map(read_shard, paths, await self._store.read(*paths)))

    async def shard_of(self, record_id: str) -> Shard:
        """Read the document with the line of an element."""
        path = self._path(shard_number(record_id))
        (found,) = await self._store.read(path)
        return read_shard(path, found)

    async def lines(self) -> Lines:
        """Return all lines. Where a run has ended without writing them, read all elements."""
        shards, ended = await both(self.shards(), self._last_ended())
        if all(shard.whole for shard in shards) and not is_older(shards[0], ended):
            return {record_id: line for shard in shards for record_id, line in shard.lines.items()}
        kept = await ElementStore(self._store, self._scan_id).read_all()
        there = {key: one for key, one in kept.items() if one.tracked.gone_at is None}
        run_id = ended["run_id"] if ended else ""
        return await self.rebuild(shards, there, run_id, self._store.commit)

    async def rebuild(
        self,
        before: Sequence[Shard],
        there: Mapping[str, StoredElement],
        run_id: str,
        commit: Callable[[Sequence[Write]], Awaitable[Any]],
    ) -> Lines:
        """Write the lines of all elements in the table, which were read after `before`.

        A line that a person's decision has written meanwhile is newer, and stays. Raises
        `ConflictError` after `MAX_TRIES` lost races.
        """
        lines = {key: line_of(one.tracked, one.review) for key, one in there.items()}
        known, lost = list(before), False

        async def attempt() -> Lines:
            nonlocal known, lost
            if lost:
                now = await self.shards()
                for old, new in zip(known, now, strict=True):
                    newer = {k: line for k, line in new.lines.items() if old.lines.get(k) != line}
                    lines.update({k: line for k, line in newer.items() if k in lines})
                known = now
            lost = True
            for some in groups(list(self._writes(known, lines, run_id))):
                await commit(some)
            return lines

        return await until_committed(attempt, tries=MAX_TRIES, what=self._path(0))

    def _writes(self, shards: Sequence[Shard], lines: Lines, run_id: str) -> Iterator[Write]:
        for number, shard in enumerate(shards):
            its = {key: line for key, line in lines.items() if shard_number(key) == number}
            mark = {} if number else {"run_id": run_id, "as_of": self._clock()}
            if mark or not shard.whole or shard.lines != its:
                yield shard.write(its, whole=True, **mark)

    def _path(self, number: int) -> str:
        return f"scans/{self._scan_id}/reviewing/{number}"

    async def _last_ended(self) -> Fields | None:
        """Return id and end of the run that ended last, of the newest ones."""
        query = Query(
            "runs",
            where=(("scan_id", "==", self._scan_id),),
            order=("created_at", "desc"),
            limit=NEWEST,
            fields=("run_id", "finished_at"),
        )
        newest = [run.data for run in await self._store.find(query)]
        ended = [run for run in newest if run.get("finished_at")]
        return max(ended, key=lambda run: run["finished_at"], default=None)


def shard_number(record_id: str) -> int:
    """Return the number of the document with the line of an element."""
    return zlib.crc32(record_id.encode()) % SHARDS


def is_older(first: Shard, ended: Fields | None) -> bool:
    """Return whether a run has ended since the index was written, and did not write it itself."""
    mark = first.document.data if first.document else {}
    if ended is None or mark.get("run_id") == ended["run_id"]:
        return False
    as_of = mark.get("as_of")
    return as_of is None or bool(ended["finished_at"] > as_of)


def read_shard(path: str, document: Document | None) -> Shard:
    """Return a document of the index, which may be missing."""
    if document is None:
        return Shard(path, None, {})
    return Shard(path, document, _unpacked(document.data["packed"][0]))


def packed(lines: Mapping[str, Line]) -> bytes:
    """Return lines compressed; their names are cut where a document has no room for them."""
    whole = _compressed(lines)
    if len(whole) <= MAX_SHARD_BYTES:
        return whole
    return _compressed(
        {
            key: line._replace(name=line.name[:SHORT_NAME], source=line.source[:SHORT_NAME])
            for key, line in lines.items()
        }
    )


def _compressed(lines: Mapping[str, Line]) -> bytes:
    """Return lines with each label once, and the place of it in them: long ones are too far apart
    to be found again by the compression."""
    places: dict[str, int] = {}

    def placed(line: Line) -> Line:
        if not line.values:
            return line
        labels = [places.setdefault(label, len(places)) for label in line.values[:_LABELS]]
        return line._replace(values=[*labels, *line.values[_LABELS:]])

    made = {key: placed(line) for key, line in lines.items()}
    content = {"lines": made, "labels": [*places]}
    return zlib.compress(json.dumps(content, ensure_ascii=False).encode(errors="surrogatepass"))


def _unpacked(data: bytes) -> Lines:
    stored = json.loads(zlib.decompress(data))
    labels = stored["labels"]

    def whole(line: Line) -> Line:
        if not line.values:
            return line
        names = [labels[place] for place in line.values[:_LABELS]]
        return line._replace(values=[*names, *line.values[_LABELS:]])

    return {key: whole(Line(*line)) for key, line in stored["lines"].items()}
