"""The evaluation of a run's rules, as many as fit into the budget of an invocation."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from landfall.airtable.fetched import Fetched, read_tables
from landfall.airtable.snapshot import Snapshot
from landfall.deadlines import Deadline
from landfall.integrity.findings.ledger import Ledger
from landfall.integrity.findings.packing import pack_reports, unpack_reports
from landfall.integrity.report import why_inconclusive
from landfall.integrity.rules.evaluate import MAX_FINDINGS, RuleReport, evaluate, with_names
from landfall.integrity.scan import IntegrityScan
from landfall.integrity.score_cursor import ScoreCursor
from landfall.runs.claim import Claim, gone
from landfall.store.commit_size import groups
from landfall.store.documents import Put, Write, both
from landfall.store.packed import packed_documents, packed_pieces

TOO_LONG = "it takes longer than an invocation has; narrow it with `when`, or split it"
"""The reason why a rule is inconclusive that had a whole budget and did not finish."""


class _OutOfBudgetError(Exception):
    """The budget of the invocation ended during an evaluation."""


@dataclass(frozen=True)
class EvaluationSoFar:
    """The reports of earlier invocations, and the records for the rules that are left, if any."""

    reports: list[RuleReport]
    snapshot: Snapshot | None


class Evaluation:
    """The reports of the rules: those of earlier invocations, and those of this one."""

    def __init__(self, claim: Claim, scan: IntegrityScan, cursor: ScoreCursor) -> None:
        self._claim = claim
        self._scan = scan
        self._cursor = cursor
        self._store = claim.engine.store
        self._reserve = claim.reserve(claim.engine.ladder.last_rule)

    async def read(self, fetched: Fetched | None) -> EvaluationSoFar:
        """Read the reports of earlier invocations, and the records where rules are left.

        Without `fetched`, nothing is left. Raises `StepError`, `StoreError`.
        """
        if fetched is None:
            return EvaluationSoFar([], None)
        if self._cursor.rules_done >= len(self._scan.rules):
            return EvaluationSoFar(await self._stored_reports(), None)
        return EvaluationSoFar(*await both(self._stored_reports(), self._snapshot(fetched)))

    async def go_on(
        self, so_far: EvaluationSoFar, fetched: Fetched, ledger: Ledger, deadline: Deadline
    ) -> list[RuleReport] | None:
        """Return the reports of all rules; None where the next invocation continues.

        Raises `StepError`, `FencedError`, `StoreError`.
        """
        reports = so_far.reports
        rules = self._scan.rules[len(reports) :]
        if rules and so_far.snapshot:
            fresh = self._evaluate(so_far, fetched, ledger, deadline)
            # the rest of a budget may be too short to store the findings, in every invocation
            if len(fresh) < len(rules) or deadline.remaining() <= self._reserve:
                await self._store_part(fresh)
                return None
            reports += fresh
        return reports

    async def _snapshot(self, fetched: Fetched) -> Snapshot:
        run = self._claim.run
        tables = await read_tables(self._store, run.path, fetched, self._scan.created_of)
        scan = self._scan
        return Snapshot(tables, run.created_at, scan.zone, fetched.ids, scan.region)

    async def _stored_reports(self) -> list[RuleReport]:
        paths = [self._part_path(number) for number in range(self._cursor.parts)]
        found = await self._store.read(*paths) if paths else []
        if any(document is None for document in found):
            raise gone("a part of the rules' reports")
        pieces = packed_pieces(found)
        return unpack_reports(pieces, self._scan.rules)

    def _part_path(self, number: int) -> str:
        return f"{self._claim.run.path}/results/part-{number:06d}"

    def _evaluate(
        self,
        so_far: EvaluationSoFar,
        fetched: Fetched,
        ledger: Ledger,
        deadline: Deadline,
    ) -> list[RuleReport]:
        """Return the reports of those further rules that fit into the budget.

        Their findings have the room that those so far leave.
        """
        snapshot = so_far.snapshot
        assert snapshot is not None
        room = MAX_FINDINGS - sum(report.weight for report in so_far.reports)

        def check() -> None:
            if deadline.remaining() <= self._reserve:
                raise _OutOfBudgetError

        past = ledger.past(self._scan.rules, fetched.ids)
        reports: list[RuleReport] = []
        for rule in self._scan.rules[len(so_far.reports) :]:
            why = why_inconclusive(rule, fetched.unresolved)
            if why:
                reports.append(RuleReport(rule, inconclusive=why))
                continue
            if deadline.remaining() <= self._reserve:
                break
            try:
                report = evaluate(rule, snapshot, past[rule.id], check)
            except _OutOfBudgetError:
                if not reports:  # the next invocation has no more time for it
                    reports.append(RuleReport(rule, inconclusive=TOO_LONG))
                break
            weight = report.weight
            reports.append(report if weight <= room else report.without_room())
            room -= weight if weight <= room else 0
        return with_names(reports, snapshot.tables)

    async def _store_part(self, reports: Sequence[RuleReport]) -> None:
        if not reports:
            return
        cursor = replace(self._cursor, rules_done=self._cursor.rules_done + len(reports))
        writes: list[Write] = []
        for fields in packed_documents(pack_reports(reports)):
            writes.append(Put(self._part_path(cursor.parts), fields))
            cursor.parts += 1
        *before, last = groups(writes)
        for group in before:
            await self._claim.checkpoint(writes=group)
        share = cursor.rules_done / len(self._scan.rules)
        await self._claim.checkpoint(
            cursor,
            {
                "progress_pct": self._claim.progress.at(share),
                "counts": {"rules_done": cursor.rules_done},
            },
            last,
        )
