"""The write step of a classification: fills values into the elements' own records.

What stands in a record by our doing is marked on its element, in the commit that keeps how far the
sending came. So only those records are sent whose values are others by now; and one of which a
person has taken a confirmation back is emptied again.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from landfall import logs
from landfall.airtable.records import BaseWriter
from landfall.airtable.send import Sending, Sent, time_left, visit
from landfall.classification.element_store import Catalogue, Kept
from landfall.classification.scan import ClassificationScan
from landfall.classification.suggest import KEEP_TRIES, SCORED_SHARE
from landfall.classification.write_back import mark_of
from landfall.deadlines import Deadline
from landfall.runs.runs import Claim, Runs
from landfall.store.commit_size import MAX_COMMIT_WRITES
from landfall.store.documents import ConflictError, Fields, Write


@dataclass(frozen=True)
class Due:
    """An element whose record is to have these cells, and the mark by which that is known."""

    kept: Kept
    cells: Fields
    mark: str | None

    @property
    def record_id(self) -> str:
        """The record."""
        return self.kept.entry.record_id


def due_to_fill(scan: ClassificationScan, elements: Iterable[Kept]) -> list[Due]:
    """The elements whose records do not have what they are to have."""
    fill = scan.write_back
    if fill is None:
        return []
    found = []
    for kept in elements:
        if kept.document is None or kept.entry.gone_at is not None:
            continue
        cells: dict[str, Any] | None = fill.cells(kept.standing)
        mark = mark_of(cells)
        if mark != kept.entry.written:
            found.append(Due(kept, fill.emptied() if cells is None else cells, mark))
    return found


class Filling:
    """One invocation of a write step."""

    def __init__(
        self,
        runs: Runs,
        claim: Claim,
        scan: ClassificationScan,
        open_base: Callable[[str], BaseWriter],
    ) -> None:
        self._runs = runs
        self._claim = claim
        self._scan = scan
        self._open_base = open_base
        self._catalogue = Catalogue(runs.store, scan.id)
        self._before: int = claim.run.data["counts"]["records_written"]
        self._sent = Sent()
        self._written: list[Due] = []
        self._marked = 0

    async def run(self, deadline: Deadline) -> str:
        """Send records until all are through or the deadline comes; what became of the step.

        Raises `StepError`, `FencedError`, `StoreError`.
        """
        due = due_to_fill(self._scan, (await self._catalogue.all()).values())
        until = deadline.sooner(time_left(self._runs, self._claim))
        sending = self._sending(due)

        async def write(base: BaseWriter) -> bool:
            await sending.send_all(base, until)
            return sending.through

        outcome = await visit(sending, self._scan.base, self._open_base, write)
        if outcome:
            return outcome
        if self._sent.refused:
            raise self._sent.refusals(sending.what)
        await self._claim.finish_run({}, self._said(due))
        logs.info("filled in", **self._claim.run.data["counts"])
        return "written"

    def _sending(self, due: Sequence[Due]) -> Sending[Due]:
        async def send(base: BaseWriter, some: Sequence[Due], deadline: Deadline) -> None:
            rows = {one.record_id: one.cells for one in some}
            await base.update(self._scan.table, rows, deadline)
            self._written += some

        async def keep(_: bool) -> None:
            some = self._written[self._marked :]
            for at in range(0, len(some), MAX_COMMIT_WRITES):
                await self._mark(some[at : at + MAX_COMMIT_WRITES], due)
            self._marked += len(some)

        return Sending(
            self._runs,
            self._claim,
            self._sent,
            due,
            "records",
            lambda one: one.record_id,
            send,
            keep,
        )

    async def _mark(self, some: Sequence[Due], due: Sequence[Due]) -> None:
        """Keep what stands in these records."""
        kept = {one.record_id: one.kept for one in some}
        for _ in range(KEEP_TRIES):
            writes = [self._marking(kept[one.record_id], one) for one in some]
            try:
                await self._claim.checkpoint({}, self._said(due), writes)
            except ConflictError:  # a person has said something meanwhile; the next run sends that
                kept = await self._catalogue.some(list(kept))
                continue
            return
        raise ConflictError(f"elements were written by others {KEEP_TRIES} times in a row")

    def _marking(self, kept: Kept, one: Due) -> Write:
        entry = replace(kept.entry, written=one.mark)
        return kept.write(self._catalogue.path_of(one.record_id), entry)

    def _said(self, due: Sequence[Due]) -> Fields:
        """What the run says of it."""
        written = {"records_written": self._before + len(self._written)}
        share = self._sent.sent / max(1, len(due))
        percent = SCORED_SHARE + int(share * (99 - SCORED_SHARE))
        run = self._claim.run.data
        return {
            "counts": run["counts"] | written,
            "progress_pct": max(run["progress_pct"], percent),
        }
