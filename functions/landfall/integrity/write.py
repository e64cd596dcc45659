"""The write step: sends findings to a table of Airtable, under the hold on its base.

    what the score step left to be written ──> ten rows a request ──> cursor, every second

It is a chain of invocations like the fetch step. One request follows the other: Airtable makes two
rows of a finding when two requests that upsert it meet. A run is `done` without this step, with a
warning that says why; what it left out, the next run sends.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from landfall import logs
from landfall.airtable.protocols import BaseWriter
from landfall.airtable.send import Sending, Sent, time_left, visit
from landfall.deadlines import Deadline
from landfall.integrity.findings.entry import Entry
from landfall.integrity.findings.ledger_store import Ledgers, work_path
from landfall.integrity.findings.packing import unpack_entries
from landfall.integrity.findings.views import flat, kept_finding
from landfall.integrity.scan import IntegrityScan
from landfall.integrity.score import SCORED_SHARE, Score
from landfall.integrity.write_back import ALL
from landfall.reasons import Reason, StepError
from landfall.runs.changes import step_path
from landfall.runs.runs import Claim, Runs
from landfall.store.documents import Fields, Update, Write


class Writing:
    """One invocation of a write step."""

    def __init__(
        self, runs: Runs, claim: Claim, scan: IntegrityScan, open_base: Callable[[str], BaseWriter]
    ) -> None:
        self._runs = runs
        self._claim = claim
        self._scan = scan
        self._open_base = open_base
        self._ledgers = Ledgers(runs.store, scan.id, scan.base)
        self._sent = Sent.load(claim.step.data["cursor"])

    async def run(self, deadline: Deadline) -> str:
        """Send findings until all are through or the deadline comes; what became of the step.

        Raises `StepError`, `FencedError`, `StoreError`.
        """
        score, work = await self._work()
        until = deadline.sooner(time_left(self._runs, self._claim))
        sending = self._sending(work)
        superseded = False

        async def write(base: BaseWriter) -> bool:
            nonlocal superseded
            self._kept = await self._ledgers.load_head()
            # a later run has what is to be written since, and all that this one leaves out
            superseded = self._kept.ledger.number != score.published
            if not superseded:
                await sending.send_all(base, until)
            return superseded or sending.through

        outcome = await visit(sending, self._scan.write_base, self._open_base, write)
        if outcome:
            return outcome
        if self._sent.refused:
            raise self._sent.refusals(sending.what)
        await self._claim.finish_run(asdict(self._sent), self._said(work))
        logs.info("written", superseded=superseded, **self._claim.run.data["counts"])
        return "superseded" if superseded else "written"

    async def _work(self) -> tuple[Score, list[Entry]]:
        """What the score step left to be written."""
        run_id, read = self._claim.run.id, self._runs.store.read
        (step,) = await read(step_path(run_id, "score"))
        score = Score(**step.data["cursor"]) if step else Score()
        found = await read(*(work_path(run_id, number) for number in range(score.work)))
        pieces = [piece for document in found if document for piece in document.data["packed"]]
        work = list(unpack_entries(pieces))
        if len(work) != self._claim.run.data["counts"]["findings_to_write"]:
            raise StepError(Reason.PAGES_MISSING, "what was to be written is no longer all there")
        return score, work

    def _sending(self, work: Sequence[Entry]) -> Sending[Entry]:
        issues = self._scan.write_back
        assert issues is not None

        async def send(base: BaseWriter, some: Sequence[Entry], deadline: Deadline) -> None:
            rows = [issues.row(flat(kept_finding(self._kept, entry))) for entry in some]
            await base.upsert(issues.table, issues.fields.finding_id, rows, deadline)

        async def keep(at_the_end: bool) -> None:
            marks = await self._mark(work) if at_the_end else []
            await self._claim.checkpoint(asdict(self._sent), self._said(work), marks)

        return Sending(
            self._runs, self._claim, self._sent, work, "findings", lambda e: e.id, send, keep
        )

    async def _mark(self, work: Sequence[Entry]) -> list[Write]:
        """The write that says in the ledger how far the table is, unless it is another by now."""
        now = await self._ledgers.load_head()
        number = self._kept.ledger.number
        if now.head is None or now.written is None or now.ledger.number != number:
            return []
        written = replace(now.written, before=self._before(work))
        return [Update(now.head.path, {"written": asdict(written)}, now.head.version)]

    def _before(self, work: Sequence[Entry]) -> str:
        """Every finding with an id below this stands in the table."""
        sent = self._sent
        return sent.refused_first or (work[sent.sent].id if sent.sent < len(work) else ALL)

    def _said(self, work: Sequence[Entry]) -> Fields:
        """What the run says of it."""
        sent, run = self._sent, self._claim.run.data
        written = {"findings_written": sent.sent - sent.refused}
        share = sent.sent / max(1, len(work))
        percent = SCORED_SHARE + int(share * (99 - SCORED_SHARE))
        return {"counts": run["counts"] | written, "progress_pct": percent}
