"""The write step of an integrity scan: send findings to a table of Airtable.

    the work list ──> lock the base ──> ten rows a request ──> cursor, every second

It is a chain of invocations, like the fetch step. Requests follow one another: two concurrent
upserts of a finding would create two rows. A run is `done` without this step, with a warning; the
next run sends the findings that this one left out.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace

from landfall import logs
from landfall.airtable.protocols import BaseWriter
from landfall.airtable.send import OpenWriter, SendCursor, Sending
from landfall.deadlines import Deadline
from landfall.integrity.findings.entry import FindingEntry
from landfall.integrity.findings.ledger_store import LedgerStore, read_write_back
from landfall.integrity.findings.views import rows_of, stored_finding
from landfall.integrity.findings.write_progress import AFTER_ALL
from landfall.integrity.scan import IntegrityScan
from landfall.integrity.score_cursor import WorkList
from landfall.runs.claim import Claim, gone
from landfall.runs.kind import Again, Outcome
from landfall.store.documents import Fields, Update, Write


class WriteFindings:
    """One invocation of a write step."""

    def __init__(self, claim: Claim, scan: IntegrityScan, open_base: OpenWriter) -> None:
        self._claim = claim
        self._scan = scan
        self._open_base = open_base
        self._ledgers = LedgerStore(claim.engine.store, scan.id, scan.base)
        self._cursor = SendCursor.load(claim.step.cursor)
        self._superseded = False

    async def run(self, deadline: Deadline) -> Outcome | Again:
        """Send findings until all are sent, or until the deadline.

        Raises `LockedError`, `StepError`, `FencedError`, `StoreError`.
        """
        handover = await self._claim.handover()
        work_list = WorkList.load(handover.fields)
        work = await self._work(work_list)
        sending = self._sending(work)

        async def is_superseded() -> bool:
            """Return whether a later run sends the changes since, and those left out here."""
            self._kept = await self._ledgers.load_head()
            self._superseded = self._kept.ledger.number != work_list.ledger
            return self._superseded

        base_id = self._scan.write_base
        if not await sending.under_lock(base_id, self._open_base, deadline, is_superseded):
            return sending.again()
        await self._claim.finish_run(sending.run_fields(self._counts()), cursor=self._cursor)
        logs.info("written", superseded=self._superseded, **self._claim.run.counts)
        return Outcome.SUPERSEDED if self._superseded else Outcome.FINISHED

    async def _work(self, work_list: WorkList) -> list[FindingEntry]:
        """Return the findings of the work list. Raises `StepError`."""
        run, store = self._claim.run, self._claim.engine.store
        work = await read_write_back(store, run.id, work_list.documents)
        if len(work) != run.counts["findings_to_write"]:
            raise gone("a part of the findings to be written")
        return work

    def _sending(self, work: Sequence[FindingEntry]) -> Sending[FindingEntry]:
        issues = self._scan.write_back
        assert issues is not None

        async def send(base: BaseWriter, some: Sequence[FindingEntry], deadline: Deadline) -> None:
            rows = [issues.row(next(rows_of(stored_finding(self._kept, entry)))) for entry in some]
            await base.upsert(issues.table, issues.fields.finding_id, rows, deadline)

        async def checkpoint(at_the_end: bool) -> None:
            marks = await self._mark(work) if at_the_end else []
            await self._claim.checkpoint(self._cursor, sending.run_fields(self._counts()), marks)

        sending = Sending(
            self._claim,
            self._cursor,
            work,
            "findings",
            lambda entry: entry.id,
            send,
            checkpoint,
        )
        return sending

    async def _mark(self, work: Sequence[FindingEntry]) -> list[Write]:
        """Return the write of the progress in the ledger, unless that has another number."""
        now = await self._ledgers.load_head()
        number = self._kept.ledger.number
        if now.head is None or now.written is None or now.ledger.number != number:
            return []
        written = replace(now.written, before=self._before(work))
        return [Update(now.head.path, {"written": asdict(written)}, now.head.version)]

    def _before(self, work: Sequence[FindingEntry]) -> str:
        """Return the id below which the table has every finding."""
        cursor = self._cursor
        return cursor.refused_first or (
            work[cursor.sent].id if cursor.sent < len(work) else AFTER_ALL
        )

    def _counts(self) -> Fields:
        written = self._cursor.sent - self._cursor.refused
        return {"findings_written": written}
