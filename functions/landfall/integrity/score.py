"""The score step of an integrity scan: evaluate the rules, and end the run with a verdict.

    pages ──> snapshot ──> one report a rule ──> the ledger of findings, moved on ──> the run's end

While nothing has to be continued later, the whole step is one commit: the end of the run, the head
of the ledger, and what has changed in it. When the step's budget ends after a rule, the reports so
far are stored in `runs/{run}/results/part-{n}`, and the next invocation goes on with the next rule.
When more findings changed than fit into a commit, the ledger comes first, and the documents of
single findings follow it. When there is something to be written back, the run goes on with that.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from landfall import logs
from landfall.airtable.fetched import Fetched, read_tables, remember_size
from landfall.airtable.links import Origin
from landfall.airtable.snapshot import Snapshot
from landfall.deadlines import Deadline
from landfall.integrity.findings.entry import Entry
from landfall.integrity.findings.ledger import Ledger, Merged, merge
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
from landfall.integrity.findings.written import Written, to_write
from landfall.integrity.report import run_report, why_inconclusive
from landfall.integrity.rules.evaluate import RuleReport, evaluate
from landfall.integrity.rules.rule import BaseRule
from landfall.integrity.scan import IntegrityScan
from landfall.reasons import Reason, StepError
from landfall.runs.claim import Claim, gone
from landfall.runs.documents import RunFields
from landfall.runs.kind import Again, Outcome
from landfall.store import commit_size
from landfall.store.commit_size import fits, groups
from landfall.store.documents import Document, Fields, Put, Update, Write
from landfall.store.packed import documents

TOO_LONG = "it takes longer than an invocation has; narrow it with `when`, or split it"
"""Why a rule is inconclusive that began with a fresh budget and did not come to its end."""


class _OutOfBudgetError(Exception):
    """An evaluation has come to the end of the invocation's budget."""


@dataclass
class ScoreCursor:
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

    def store(self) -> Fields:
        """Return the cursor as the step's document holds it."""
        return asdict(self)


@dataclass(frozen=True)
class WorkList:
    """What the write step has to write: so many documents of entries, of the ledger's number."""

    documents: int
    ledger: int | None

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> Self:
        """Read what a score step left. Further names, which a cursor has, are passed over."""
        return cls(stored["work"], stored["published"])

    def store(self) -> Fields:
        """Return it as the run holds it."""
        return {"work": self.documents, "published": self.ledger}


class ScoreRules:
    """One invocation of a score step."""

    def __init__(self, claim: Claim, scan: IntegrityScan) -> None:
        self._store = claim.engine.store
        self._reserve = claim.engine.ladder.last_rule
        self._claim = claim
        self._scan = scan
        self._cursor = ScoreCursor(**(claim.step.cursor or {}))
        self._ledgers = Ledgers(claim.engine.store, scan.id, scan.base)

    async def run(self, deadline: Deadline) -> Outcome | Again:
        """Evaluate rules until all are through or the deadline comes.

        Raises `StepError`, `FencedError`, `StoreError`.
        """
        self._handover = await self._claim.handover()
        fetched = Fetched.load(self._handover.fields)
        try:
            kept = await self._ledgers.load()
        except ListMissingError as error:
            raise _list_missing(error, self._ledgers.path) from error
        if self._cursor.published is not None:
            return await self._follow(kept.ledger, None, fetched, deadline)
        reports = await self._kept_reports()
        rules = self._scan.rules[len(reports) :]
        if rules:
            snapshot = await self._snapshot(fetched)
            fresh = self._evaluate(rules, snapshot, fetched, kept.ledger, deadline)
            # what is left of a budget may be too little to store the findings, every time again
            if len(fresh) < len(rules) or deadline.remaining() <= self._reserve:
                return await self._store_part(fresh)
            reports += fresh
        return await self._finish(fetched, kept, reports, deadline)

    # Reading

    async def _snapshot(self, fetched: Fetched) -> Snapshot:
        run = self._claim.run
        tables = await read_tables(self._store, run.path, fetched, self._scan.created_of)
        return Snapshot(tables, run.created_at, self._scan.zone)

    async def _kept_reports(self) -> list[RuleReport]:
        paths = [self._part_path(number) for number in range(self._cursor.parts)]
        found = await self._store.read(*paths) if paths else []
        if any(document is None for document in found):
            raise gone("a part of the rules' reports")
        pieces = [piece for document in found if document for piece in document.data["packed"]]
        return unpack_reports(pieces, self._scan.rules)

    def _part_path(self, number: int) -> str:
        return f"{self._claim.run.path}/results/part-{number:06d}"

    # Evaluating

    def _evaluate(
        self,
        rules: Sequence[BaseRule],
        snapshot: Snapshot,
        fetched: Fetched,
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

    async def _store_part(self, reports: Sequence[RuleReport]) -> Again:
        if not reports:
            return Again()
        cursor = replace(self._cursor, rules_done=self._cursor.rules_done + len(reports))
        writes: list[Write] = []
        for fields in documents(pack_reports(reports)):
            writes.append(Put(self._part_path(cursor.parts), fields))
            cursor.parts += 1
        await self._keep(writes)
        share = cursor.rules_done / len(self._scan.rules)
        progress: RunFields = {
            "progress_pct": self._claim.progress.at(share),
            "counts": {"rules_done": cursor.rules_done},
        }
        await self._claim.checkpoint(cursor, progress)
        return Again()

    # Keeping

    async def _finish(
        self, fetched: Fetched, kept: Kept, reports: Sequence[RuleReport], deadline: Deadline
    ) -> Outcome | Again:
        run_id = self._claim.run.id
        now = (
            self._claim.engine.clock()
        )  # before the decisions: those that are not there yet are later
        decisions = await self._ledgers.decisions()
        merged = merge(kept.ledger, self._ledgers.scope, reports, decisions, run_id, now)
        entries = documented(merged.ledger.entries)
        ledger = replace(merged.ledger, entries=entries)
        writes: list[Write] = []
        where = kept.list
        if where is None or entries != kept.ledger.entries:
            writes = list_documents(run_id, entries)
            where = FindingsList(run_id, len(writes))
        since = await self._claim.first_page_at(self._handover)
        newest = kept.fetched_at is None or kept.fetched_at <= since
        run = self._run_fields(fetched, replace(merged, ledger=ledger), reports, where, newest)
        if not newest:  # what a later look found is not undone by an earlier one
            await self._keep(writes)
            return await self._end(run, [], fetched)
        moved = {entry.id for entry in merged.all_changed}
        written, work = self._to_write(kept, entries, moved)
        if work:
            run["counts"] |= {"findings_to_write": len(work), "findings_written": 0}
        work_writes = work_documents(run_id, work)
        writes += work_writes
        self._cursor.work, self._cursor.published = len(work_writes), ledger.number
        moved_on = Kept(ledger, kept.head, where, since, True, written, self._origin(fetched))
        changed = moved if kept.followed else None
        follow = [entry for entry in entries if changed is None or entry.id in changed]
        made = self._ledgers.documents(ledger, follow)
        if fits([*writes, *made]):
            head = self._ledgers.head(moved_on)
            return await self._end(run, [*writes, head, *made], fetched)
        await self._keep(writes)
        head = self._ledgers.head(replace(moved_on, followed=False))
        await self._claim.checkpoint(self._cursor, run, [head])
        return await self._follow(ledger, changed, fetched, deadline)

    def _to_write(
        self, kept: Kept, entries: Sequence[Entry], changed: Set[str]
    ) -> tuple[Written | None, list[Entry]]:
        """Return how far the table of the write-back is with these entries, and what it lacks."""
        issues = self._scan.write_back
        if issues is None:
            return None, []
        target = issues.target()
        written = kept.written
        if written is None or written.target != target:
            written = Written(target, self._claim.run.created_at)
        return to_write(written, entries, changed)

    def _run_fields(
        self,
        fetched: Fetched,
        merged: Merged,
        reports: Sequence[RuleReport],
        where: FindingsList,
        newest: bool,
    ) -> RunFields:
        """Return the fields of the run at its end."""
        report = run_report(self._origin(fetched), fetched.records, merged, reports)
        return {
            "progress_pct": self._claim.progress.last,
            "counts": report.counts,
            "verdict": report.verdict,
            "inconclusive": report.inconclusive,
            "report": report.fields | {"newest": newest},
            "findings_list": asdict(where),
        }

    def _origin(self, fetched: Fetched) -> Origin:
        tables = {name: table.id for name, table in fetched.tables.items()}
        return Origin(self._scan.base, tables)

    async def _follow(
        self, ledger: Ledger, changed: Set[str] | None, fetched: Fetched, deadline: Deadline
    ) -> Outcome | Again:
        """Write the documents of findings, unless a later run has written the ledger since.

        `changed` are the ids of those that need it; None is all of them.
        """
        follow = [
            (number, entry)
            for number, entry in enumerate(ledger.entries)
            if number >= self._cursor.followed
            and entry.documented
            and (changed is None or entry.id in changed)
        ]
        while follow:
            if deadline.remaining() <= self._reserve:
                return Again()
            head = await self._own_head()
            if head is None:
                break
            made = self._ledgers.documents(
                ledger, [entry for _, entry in follow[: commit_size.COMMIT_WRITES]]
            )
            made = groups(made)[0]
            some, follow = follow[: len(made)], follow[len(made) :]
            self._cursor.followed = some[-1][0] + 1
            guard = Update(head.path, {"followed": False}, head.version)
            await self._claim.checkpoint(self._cursor, writes=[guard, *made])
        head = await self._own_head()
        done = [Update(head.path, {"followed": True}, head.version)] if head else []
        return await self._end({}, done, fetched)

    async def _own_head(self) -> Document | None:
        """Return the head of the ledger, while it is the one that this run has written."""
        (head,) = await self._store.read(self._ledgers.path)
        return head if head and head.data["number"] == self._cursor.published else None

    async def _keep(self, writes: Sequence[Write]) -> None:
        """Commit documents of this run's own, before what names them."""
        for group in groups(writes):
            await self._claim.checkpoint(writes=group)

    async def _end(self, run: RunFields, writes: Sequence[Write], fetched: Fetched) -> Outcome:
        await remember_size(self._claim, fetched.records)
        cursor = self._cursor
        if cursor.work:
            run["progress_step"] = "scored"
            handover = WorkList(cursor.work, cursor.published).store()
            await self._claim.finish_step(
                "write", run, handover=handover, cursor=cursor, writes=writes
            )
        else:
            await self._claim.finish_run(run, cursor=cursor, writes=writes)
        ended = self._claim.run
        logs.info("scored", verdict=ended.verdict, **ended.counts)
        return Outcome.FINISHED


def _list_missing(error: ListMissingError, path: str) -> StepError:
    return StepError(
        Reason.FINDINGS_MISSING,
        f"the list of findings of earlier runs is not complete: {error}; delete {path} to begin "
        "with a new one",
    )
