"""The score step: evaluates the rules over what was fetched, and ends the run with a verdict.

    pages ──> snapshot ──> one report a rule ──> the ledger of findings, moved on ──> the run's end

While nothing has to be handed on, the whole step is one commit: the end of the run, the head of
the ledger, and what has changed in it. When the step's budget ends after a rule, the reports so
far are kept in `runs/{run}/results/part-{n}`, and the next invocation goes on with the next rule.
When more findings changed than fit into a commit, the ledger comes first, and the documents of
single findings follow it. When there is something to be written back, the run goes on with that.
"""

from collections.abc import Sequence, Set
from dataclasses import asdict, dataclass, replace

from landfall import logs
from landfall.airtable.fetch import Cursor
from landfall.airtable.fetched import (
    Fetched,
    kept_since,
    pages_missing,
    read_fetched,
    read_tables,
    remember_size,
)
from landfall.airtable.records import documents
from landfall.airtable.snapshot import Snapshot
from landfall.deadlines import Deadline
from landfall.integrity.findings.ledger import Entry, Ledger, Merged, merge
from landfall.integrity.findings.ledger_store import (
    FindingsList,
    Kept,
    Ledgers,
    ListMissingError,
    documented,
    list_documents,
    work_documents,
)
from landfall.integrity.findings.packing import pack_reports, unpack_reports
from landfall.integrity.report import Origin, run_report, why_inconclusive
from landfall.integrity.rules.kinds import RuleReport, evaluate
from landfall.integrity.rules.rule import BaseRule
from landfall.integrity.scan import IntegrityScan
from landfall.integrity.write_back import Written, to_write
from landfall.reasons import Reason, StepError
from landfall.runs.runs import Claim, Runs
from landfall.store import commit_size
from landfall.store.commit_size import fits, groups
from landfall.store.documents import Document, Fields, Put, Update, Write

RESERVE = 1 / 8
"""Share of the budget that is left for keeping what was found."""

TOO_LONG = "it takes longer than an invocation has; narrow it with `when`, or split it"
"""Why a rule is inconclusive that began with a fresh budget and did not come to its end."""

SCORED_SHARE = 95
"""Per cent of a run that are done when its rules are through."""


class _OutOfBudgetError(Exception):
    """An evaluation has come to the end of the invocation's budget."""


@dataclass
class Score:
    """How far a run was scored.

    `parts` documents hold the reports of the first `rules_done` rules. `published` is the
    number of the ledger once it is written; of its entries, the first `followed` have documents.
    `work` documents hold what is to be written back.
    """

    rules_done: int = 0
    parts: int = 0
    published: int | None = None
    followed: int = 0
    work: int = 0


class Scoring:
    """One invocation of a score step."""

    def __init__(self, runs: Runs, claim: Claim, scan: IntegrityScan) -> None:
        self._store = runs.store
        self._clock = runs.clock
        self._reserve = runs.ladder.step * RESERVE
        self._claim = claim
        self._scan = scan
        self._score = Score(**(claim.step.data["cursor"] or {}))
        self._ledgers = Ledgers(runs.store, scan.id, scan.base)

    async def run(self, deadline: Deadline) -> str:
        """Evaluate rules until all are through or the deadline comes; what became of the step.

        Raises `StepError`, `FencedError`, `StoreError`.
        """
        fetched = await read_fetched(self._store, self._claim.run.id)
        try:
            kept = await self._ledgers.load()
        except ListMissingError as error:
            raise _list_missing(error, self._ledgers.path) from error
        if self._score.published is not None:
            return await self._follow(kept.ledger, None, fetched, deadline)
        reports = await self._kept_reports()
        rules = self._scan.rules[len(reports) :]
        if rules:
            snapshot = await self._snapshot(fetched.cursor)
            fresh = self._evaluate(rules, snapshot, fetched.cursor, kept.ledger, deadline)
            # what is left of a budget may be too little to keep the findings, every time again
            if len(fresh) < len(rules) or deadline.remaining() <= self._reserve:
                return await self._hand_on(fresh)
            reports += fresh
        return await self._finish(fetched, kept, reports, deadline)

    # Reading

    async def _snapshot(self, fetched: Cursor) -> Snapshot:
        created = self._scan.created_of
        tables = await read_tables(self._store, self._claim.run, fetched, created)
        return Snapshot(tables, self._claim.run.data["created_at"], self._scan.zone)

    async def _kept_reports(self) -> list[RuleReport]:
        paths = [self._part_path(number) for number in range(self._score.parts)]
        found = await self._store.read(*paths) if paths else []
        if any(document is None for document in found):
            raise pages_missing("a part of the rules' reports")
        pieces = [piece for document in found if document for piece in document.data["packed"]]
        return unpack_reports(pieces, self._scan.rules)

    def _part_path(self, number: int) -> str:
        return f"{self._claim.run.path}/results/part-{number:06d}"

    # Evaluating

    def _evaluate(
        self,
        rules: Sequence[BaseRule],
        snapshot: Snapshot,
        fetched: Cursor,
        ledger: Ledger,
        deadline: Deadline,
    ) -> list[RuleReport]:
        """The reports of as many of the rules as fit into the budget."""

        def check() -> None:
            if deadline.remaining() <= self._reserve:
                raise _OutOfBudgetError

        past = ledger.past(self._scan.rules)
        reports: list[RuleReport] = []
        for rule in rules:
            why = why_inconclusive(rule, fetched.unresolved)
            if why:
                reports.append(RuleReport(rule, inconclusive=why))
                continue
            if deadline.remaining() <= self._reserve:
                break
            try:
                reports.append(evaluate(rule, snapshot, past[rule.id], check))
            except _OutOfBudgetError:
                if not reports:  # the next invocation has no more time for it than this one
                    reports.append(RuleReport(rule, inconclusive=TOO_LONG))
                break
        return reports

    async def _hand_on(self, reports: Sequence[RuleReport]) -> str:
        if not reports:
            raise StepError(Reason.STEP_TIMEOUT, "not one rule could be evaluated in a budget")
        score = replace(self._score, rules_done=self._score.rules_done + len(reports))
        writes: list[Write] = []
        for fields in documents(pack_reports(reports)):
            writes.append(Put(self._part_path(score.parts), fields))
            score.parts += 1
        await self._keep(writes)
        share, fetched = score.rules_done / len(self._scan.rules), self._scan.fetch_share
        progress = {
            "progress_pct": fetched + int(share * (SCORED_SHARE - fetched)),
            "counts": self._claim.run.data["counts"] | {"rules_done": score.rules_done},
        }
        await self._claim.checkpoint(asdict(score), progress)
        await self._claim.hand_on()
        return "to be continued"

    # Keeping

    async def _finish(
        self, fetched: Fetched, kept: Kept, reports: Sequence[RuleReport], deadline: Deadline
    ) -> str:
        run_id = self._claim.run.id
        now = self._clock()  # before the decisions: those that are not there yet are later
        decisions = await self._ledgers.decisions()
        merged = merge(kept.ledger, self._ledgers.scope, reports, decisions, run_id, now)
        entries = documented(merged.ledger.entries)
        ledger = replace(merged.ledger, entries=entries)
        writes: list[Write] = []
        where = kept.list
        if where is None or entries != kept.ledger.entries:
            writes = list_documents(run_id, entries)
            where = FindingsList(run_id, len(writes))
        since = await kept_since(self._store, self._claim.run, fetched.step)
        newest = kept.fetched_at is None or kept.fetched_at <= since
        run = self._outcome(fetched, replace(merged, ledger=ledger), reports, where, newest)
        if not newest:  # what a later look found is not undone by an earlier one
            await self._keep(writes)
            return await self._end(run, [], fetched)
        moved = {entry.id for entry in merged.all_changed}
        written, work = self._to_write(kept, entries, moved)
        if work:
            run["counts"] |= {"findings_to_write": len(work), "findings_written": 0}
        work_writes = work_documents(run_id, work)
        writes += work_writes
        self._score.work, self._score.published = len(work_writes), ledger.number
        moved_on = Kept(ledger, kept.head, where, since, True, written, self._origin(fetched))
        changed = moved if kept.followed else None
        follow = [entry for entry in entries if changed is None or entry.id in changed]
        made = self._ledgers.documents(ledger, follow)
        if fits([*writes, *made]):
            head = self._ledgers.head(moved_on)
            return await self._end(run, [*writes, head, *made], fetched)
        await self._keep(writes)
        head = self._ledgers.head(replace(moved_on, followed=False))
        await self._claim.checkpoint(asdict(self._score), run, [head])
        return await self._follow(ledger, changed, fetched, deadline)

    def _to_write(
        self, kept: Kept, entries: Sequence[Entry], changed: Set[str]
    ) -> tuple[Written | None, list[Entry]]:
        """How far the table of the write-back is with these entries, and what it lacks."""
        issues = self._scan.write_back
        if issues is None:
            return None, []
        target = issues.target()
        written = kept.written
        if written is None or written.target != target:
            written = Written(target, self._claim.run.data["created_at"])
        return to_write(written, entries, changed)

    def _outcome(
        self,
        fetched: Fetched,
        merged: Merged,
        reports: Sequence[RuleReport],
        where: FindingsList,
        newest: bool,
    ) -> Fields:
        """What the run says when it has ended."""
        report = run_report(self._origin(fetched), fetched.cursor.records, merged, reports)
        run = self._claim.run.data
        return {
            "progress_pct": SCORED_SHARE,
            "counts": run["counts"] | report.counts,
            "verdict": report.verdict,
            "inconclusive": report.inconclusive,
            "report": report.fields | {"newest": newest},
            "findings_list": asdict(where),
        }

    def _origin(self, fetched: Fetched) -> Origin:
        tables = {name: table.id for name, table in fetched.cursor.tables.items()}
        return Origin(self._scan.base, tables)

    async def _follow(
        self, ledger: Ledger, changed: Set[str] | None, fetched: Fetched, deadline: Deadline
    ) -> str:
        """Write the documents of findings, unless a later run has written the ledger since.

        `changed` are the ids of those that need it; None is all of them.
        """
        begun_at = self._score.followed
        follow = [
            (number, entry)
            for number, entry in enumerate(ledger.entries)
            if number >= begun_at and entry.documented and (changed is None or entry.id in changed)
        ]
        while follow:
            if deadline.remaining() <= self._reserve:
                if self._score.followed == begun_at:
                    raise StepError(Reason.STEP_TIMEOUT, "no finding could be written in a budget")
                await self._claim.hand_on()
                return "to be continued"
            head = await self._own_head()
            if head is None:
                break
            made = self._ledgers.documents(
                ledger, [entry for _, entry in follow[: commit_size.MAX_COMMIT_WRITES]]
            )
            made = groups(made)[0]
            some, follow = follow[: len(made)], follow[len(made) :]
            self._score.followed = some[-1][0] + 1
            guard = Update(head.path, {"followed": False}, head.version)
            await self._claim.checkpoint(asdict(self._score), writes=[guard, *made])
        head = await self._own_head()
        done = [Update(head.path, {"followed": True}, head.version)] if head else []
        return await self._end({}, done, fetched)

    async def _own_head(self) -> Document | None:
        """The head of the ledger, while it is the one that this run has written."""
        (head,) = await self._store.read(self._ledgers.path)
        return head if head and head.data["number"] == self._score.published else None

    async def _keep(self, writes: Sequence[Write]) -> None:
        """Commit documents of this run's own, before what names them."""
        for group in groups(writes):
            await self._claim.checkpoint(self._claim.step.data["cursor"], writes=group)

    async def _end(self, run: Fields, writes: Sequence[Write], fetched: Fetched) -> str:
        await remember_size(self._store, self._claim, self._clock(), fetched.cursor.records)
        if self._score.work:
            run = run | {"progress_step": "scored"}
            await self._claim.finish_step("write", asdict(self._score), run, writes)
        else:
            await self._claim.finish_run(asdict(self._score), run, writes)
        ended = self._claim.run.data
        logs.info("scored", verdict=ended["verdict"], **ended["counts"])
        return "scored"


def _list_missing(error: ListMissingError, path: str) -> StepError:
    return StepError(
        Reason.FINDINGS_MISSING,
        f"the list of findings of earlier runs is not complete: {error}; delete {path} to begin "
        "with a new one",
    )
