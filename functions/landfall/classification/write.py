"""The write step of a classification: fill values into the elements' own records.

An element is marked with the values that were written to its record, in the commit that stores the
progress. So only records whose values differ are sent; one whose confirmation a person has
withdrawn is emptied again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from landfall import logs
from landfall.airtable.protocols import BaseWriter
from landfall.airtable.send import OpenWriter, SendCursor, Sending
from landfall.classification.element_store import ElementStore, StoredElement
from landfall.classification.scan import ClassificationScan
from landfall.classification.suggest import MAX_STORE_TRIES
from landfall.classification.write_back import hash_cells
from landfall.deadlines import Deadline
from landfall.runs.claim import Claim
from landfall.runs.kind import Again, Outcome
from landfall.store.commit_size import MAX_COMMIT_WRITES
from landfall.store.conflicts import until_committed
from landfall.store.documents import Fields, Write


@dataclass(frozen=True)
class Due:
    """An element whose record is to have these cells, and the mark of them."""

    kept: StoredElement
    cells: Fields
    mark: str | None

    @property
    def record_id(self) -> str:
        """The id of the record."""
        return self.kept.tracked.record_id


def due_to_fill(scan: ClassificationScan, elements: Iterable[StoredElement]) -> list[Due]:
    """Return the elements whose records do not have the values that they should."""
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
    """One invocation of a write step. Its progress is marked on the elements: it has no cursor."""

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
        """Send records until all are sent, or until the deadline.

        Raises `LockedError`, `StepError`, `FencedError`, `StoreError`.
        """
        due = due_to_fill(self._scan, (await self._catalogue.read_all()).values())
        sending = self._sending(due)
        if not await sending.under_lock(self._scan.base, self._open_base, deadline):
            return sending.again()
        await self._claim.finish_run(sending.run_fields(self._counts()))
        logs.info("filled in", **self._claim.run.counts)
        return Outcome.FINISHED

    def _sending(self, due: Sequence[Due]) -> Sending[Due]:
        async def send(base: BaseWriter, some: Sequence[Due], deadline: Deadline) -> None:
            rows = {one.record_id: one.cells for one in some}
            await base.update(self._scan.table, rows, deadline)
            self._written += some

        async def checkpoint(_: bool) -> None:
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
            checkpoint,
        )
        return sending

    async def _mark(self, some: Sequence[Due], sending: Sending[Due]) -> None:
        """Mark the elements with the values in their records."""
        kept = {one.record_id: one.kept for one in some}
        lost = False

        async def attempt() -> None:
            nonlocal kept, lost
            if lost:  # a person has reviewed one meanwhile; the next run sends its values
                kept = await self._catalogue.read(list(kept))
            lost = True
            writes = [self._marking(kept[one.record_id], one) for one in some]
            await self._claim.checkpoint(run=sending.run_fields(self._counts()), writes=writes)

        await until_committed(attempt, tries=MAX_STORE_TRIES, what="a group of elements")

    def _marking(self, kept: StoredElement, one: Due) -> Write:
        entry = replace(kept.tracked, written=one.mark)
        return kept.write(self._catalogue.path_of(one.record_id), entry)

    def _counts(self) -> Fields:
        written = self._before + len(self._written)
        return {"records_written": written}
