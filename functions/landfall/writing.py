"""The write step: sends findings to a table of Airtable, under the hold on its base.

    what the score step left to be written ──> ten rows a request ──> cursor, every second

It is a chain of invocations like the fetch step. One request follows the other: Airtable makes two
rows of a finding when two requests that upsert it meet. A run is `done` without this step, with a
warning that says why; what it left out, the next run sends.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import timedelta

from landfall import logs
from landfall.changes import step_path
from landfall.deadlines import CHECKPOINT, Deadline
from landfall.documents import Fields, Update, Write
from landfall.findings import flat, kept_finding
from landfall.holds import QUIET, BaseHeldError, visiting
from landfall.integrity.ledger import Entry
from landfall.integrity.packing import unpack_entries
from landfall.integrity.scan import IntegrityScan
from landfall.ledgers import Kept, Ledgers, work_path
from landfall.reasons import Reason, StepError
from landfall.records import ROWS_MOST, BaseWriter
from landfall.runs import Claim, Runs
from landfall.scoring import SCORED_SHARE, Score
from landfall.write_back import ALL

LAST_WRITE = 5.0
"""Seconds before the end of the budget from which nothing is sent. A request is not to be cut off:
it may still be at work at Airtable when it is repeated."""

SETTLE = 15.0
"""Seconds until what was not answered is sent again, for the same reason."""

REFUSED_MOST = 10
"""Rows that Airtable refuses one by one, after which it is taken to be about the table."""


@dataclass
class Progress:
    """How far a run's findings are written.

    `sent` of them are through, the `refused` ones included. Up to `alone` they are sent one by
    one, since ten together were refused. `requests` are those of the whole run.
    """

    requests: int
    sent: int = 0
    alone: int = 0
    refused: int = 0
    refused_first: str | None = None
    refusal: str = ""

    def before(self, work: Sequence[Entry]) -> str:
        """Every finding with an id below this stands in the table."""
        return self.refused_first or (work[self.sent].id if self.sent < len(work) else ALL)


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
        requests = claim.run.data["counts"]["airtable_requests"]
        self._progress = Progress(**(claim.step.data["cursor"] or {"requests": requests}))

    async def run(self, deadline: Deadline) -> str:
        """Send findings until all are through or the deadline comes; what became of the step.

        Raises `StepError`, `FencedError`, `StoreError`.
        """
        score, work = await self._work()
        until = deadline.sooner(self._left())
        base_id, superseded = self._scan.write_base, False
        try:
            async with visiting(self._runs, self._claim, base_id, self._open_base) as visit:
                kept = await self._ledgers.load_head()
                # a later run has what is to be written since, and all that this one leaves out
                superseded = kept.ledger.number != score.published
                if not superseded:
                    await self._write(visit.base, kept, work, until)
                visit.finished = superseded or self._progress.sent == len(work)
                if not visit.finished:
                    self._check_time(QUIET, work)
        except BaseHeldError as held:
            delay = max(held.seconds, QUIET)
            self._check_time(delay, work)
            await self._claim.hand_on(delay, run={"progress_step": "waiting_for_base"})
            return "waiting for the base"
        if not visit.finished:
            await self._claim.hand_on(QUIET)
            return "to be continued"
        if self._progress.refused:
            raise StepError(Reason.BASE_REJECTED, self._refusals())
        await self._claim.finish_run(asdict(self._progress), self._said(work))
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

    def _left(self) -> float:
        """Seconds until the run's deadline."""
        left: timedelta = self._claim.run.data["deadline_at"] - self._runs.clock()
        return left.total_seconds()

    def _check_time(self, delay: float, work: Sequence[Entry]) -> None:
        """Raise `StepError` when the run has no time for another invocation after this delay."""
        if self._left() < delay + self._runs.ladder.step:
            raise StepError(
                Reason.RUN_TIMEOUT,
                f"{self._progress.sent} of {len(work)} findings were written when the run's time "
                "was over; the next run goes on",
            )

    async def _write(
        self, base: BaseWriter, kept: Kept, work: Sequence[Entry], deadline: Deadline
    ) -> None:
        """Send what there is time for, and keep how far that came."""
        requests_before, sent_before = self._progress.requests, self._progress.sent
        failure: StepError | None = None
        try:
            await self._send_all(base, kept, work, deadline)
        except StepError as error:
            failure = error
        self._progress.requests = requests_before + base.requests
        if self._progress.sent > sent_before:
            await self._keep(work, await self._mark(kept, work))
        if failure:
            if failure.retried:
                failure.retry_after = max(failure.retry_after, SETTLE)
            raise failure

    async def _send_all(
        self, base: BaseWriter, kept: Kept, work: Sequence[Entry], deadline: Deadline
    ) -> None:
        loop = asyncio.get_running_loop()
        kept_at, sent_then = loop.time(), self._progress.sent
        while self._progress.sent < len(work) and deadline.remaining() > LAST_WRITE:
            if loop.time() - kept_at >= CHECKPOINT and self._progress.sent > sent_then:
                await self._keep(work)
                kept_at, sent_then = loop.time(), self._progress.sent
            await self._send(base, kept, work, deadline.sooner(self._runs.ladder.item))

    async def _send(
        self, base: BaseWriter, kept: Kept, work: Sequence[Entry], deadline: Deadline
    ) -> None:
        """One request. Rows that are refused together are sent one by one."""
        progress, issues = self._progress, self._scan.write_back
        assert issues is not None
        size = 1 if progress.sent < progress.alone else ROWS_MOST
        some = work[progress.sent : progress.sent + size]
        rows = [issues.row(flat(kept_finding(kept, entry))) for entry in some]
        try:
            await base.upsert(issues.table, issues.fields.finding_id, rows, deadline)
        except StepError as error:
            if error.reason != Reason.BASE_REJECTED:
                raise
            if len(some) > 1:
                progress.alone = progress.sent + len(some)
                return
            progress.refused += 1
            progress.refused_first = progress.refused_first or some[0].id
            progress.refusal = error.message
        progress.sent += len(some)
        if progress.refused == REFUSED_MOST:
            raise StepError(Reason.BASE_REJECTED, self._refusals())

    async def _mark(self, kept: Kept, work: Sequence[Entry]) -> list[Write]:
        """The write that says in the ledger how far the table is, unless it is another by now."""
        now = await self._ledgers.load_head()
        if now.head is None or now.written is None or now.ledger.number != kept.ledger.number:
            return []
        written = replace(now.written, before=self._progress.before(work))
        return [Update(now.head.path, {"written": asdict(written)}, now.head.version)]

    async def _keep(self, work: Sequence[Entry], writes: Sequence[Write] = ()) -> None:
        await self._claim.checkpoint(asdict(self._progress), self._said(work), writes)

    def _said(self, work: Sequence[Entry]) -> Fields:
        """What the run says of it."""
        progress, run = self._progress, self._claim.run.data
        written = {
            "findings_written": progress.sent - progress.refused,
            "airtable_requests": progress.requests,
        }
        share = progress.sent / max(1, len(work))
        percent = SCORED_SHARE + int(share * (99 - SCORED_SHARE))
        return {"counts": run["counts"] | written, "progress_pct": percent}

    def _refusals(self) -> str:
        progress = self._progress
        return (
            f"{progress.refused} findings were refused, the first is {progress.refused_first}; "
            f"{progress.refusal}"
        )
