"""The write step of a classification: fills values into the elements' own records.

What stands in a record by our doing is marked on its element, in the commit that keeps how far the
sending came. So only those records are sent whose values are others by now; and one of which a
person has taken a confirmation back is emptied again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from landfall import logs
from landfall.airtable.protocols import BaseWriter
from landfall.airtable.send import OpenWriter, SendCursor, Sending
from landfall.classification.element_store import ElementStore, StoredElement
from landfall.classification.scan import ClassificationScan
from landfall.classification.suggest import KEEP_TRIES
from landfall.classification.write_back import hash_cells
from landfall.deadlines import Deadline
from landfall.runs.claim import Claim
from landfall.runs.kind import Again, Outcome
from landfall.store.commit_size import MAX_COMMIT_WRITES
from landfall.store.conflicts import until_committed
from landfall.store.documents import Fields, Write


@dataclass(frozen=True)
class Due:
    """An element whose record is to have these cells, and the mark by which that is known."""

    kept: StoredElement
    cells: Fields
    mark: str | None

    @property
    def record_id(self) -> str:
        """The record."""
        return self.kept.tracked.record_id


def due_to_fill(scan: ClassificationScan, elements: Iterable[StoredElement]) -> list[Due]:
    """The elements whose records do not have what they are to have."""
    fill = scan.write_back
    if fill is None:
        return []
    found = []
    for kept in elements:
        if kept.document is None or kept.tracked.gone_at is not None:
            continue
        cells: dict[str, Any] | None = fill.cells(kept.classification)
        mark = hash_cells(cells)
        if mark != kept.tracked.written:
            found.append(Due(kept, fill.empty_cells() if cells is None else cells, mark))
    return found


class WriteValues:
    """One invocation of a write step. What is sent is marked on the elements: it has no cursor."""

    def __init__(self, claim: Claim, scan: ClassificationScan, open_base: OpenWriter) -> None:
        self._claim = claim
        self._scan = scan
        self._open_base = open_base
        self._catalogue = ElementStore(claim.engine.store, scan.id)
        self._before: int = claim.run.counts["records_written"]
        self._cursor = SendCursor()
        self._written: list[Due] = []
        self._marked = 0

    async def run(self, deadline: Deadline) -> Outcome | Again:
        """Send records until all are through or the deadline comes.

        Raises `LockedError`, `StepError`, `FencedError`, `StoreError`.
        """
        due = due_to_fill(self._scan, (await self._catalogue.read_all()).values())
        sending = self._sending(due)
        if not await sending.under_lock(self._scan.base, self._open_base, deadline):
            return sending.again()
        if self._cursor.refused:
            raise self._cursor.refusals(sending.noun)
        await self._claim.finish_run(sending.run_fields(self._counts()))
        logs.info("filled in", **self._claim.run.counts)
        return Outcome.FINISHED

    def _sending(self, due: Sequence[Due]) -> Sending[Due]:
        async def send(base: BaseWriter, some: Sequence[Due], deadline: Deadline) -> None:
            rows = {one.record_id: one.cells for one in some}
            await base.update(self._scan.table, rows, deadline)
            self._written += some

        async def keep(_: bool) -> None:
            some = self._written[self._marked :]
            for at in range(0, len(some), MAX_COMMIT_WRITES):
                await self._mark(some[at : at + MAX_COMMIT_WRITES], sending)
            self._marked += len(some)

        sending = Sending(
            self._claim,
            self._cursor,
            due,
            "records",
            lambda one: one.record_id,
            send,
            keep,
        )
        return sending

    async def _mark(self, some: Sequence[Due], sending: Sending[Due]) -> None:
        """Store on the elements what stands in these records."""
        kept = {one.record_id: one.kept for one in some}
        lost = False

        async def attempt() -> None:
            nonlocal kept, lost
            if lost:  # a person has reviewed one meanwhile; the next run sends that
                kept = await self._catalogue.read(list(kept))
            lost = True
            writes = [self._marking(kept[one.record_id], one) for one in some]
            await self._claim.checkpoint(run=sending.run_fields(self._counts()), writes=writes)

        await until_committed(attempt, tries=KEEP_TRIES, what="a group of elements")

    def _marking(self, kept: StoredElement, one: Due) -> Write:
        entry = replace(kept.tracked, written=one.mark)
        return kept.write(self._catalogue.path_of(one.record_id), entry)

    def _counts(self) -> Fields:
        written = self._before + len(self._written)
        return {"records_written": written}
