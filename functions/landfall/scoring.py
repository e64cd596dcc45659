"""The score step: evaluates the rules over what was fetched, and ends the run with a verdict.

Findings are kept in `runs/{run}/results/{rule}-{number}`, some hundred to a document, and go into
the same commit as the cursor that says which rules are through. When the step's budget ends
between two rules, the next invocation goes on with the next rule.
"""

import contextlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from landfall import logs
from landfall.changes import step_path
from landfall.deadlines import Deadline
from landfall.definition import Scan
from landfall.documents import ConflictError, Fields, Put, Query, StoreError, Update, Write
from landfall.fetching import FETCH_SHARE, Cursor, Unresolved
from landfall.integrity.base import BaseRule
from landfall.integrity.report import (
    finding_fields,
    severities,
    verdict,
    why_inconclusive,
)
from landfall.integrity.rules import Finding, RuleReport, evaluate
from landfall.integrity.snapshot import Snapshot
from landfall.reasons import Reason, StepError
from landfall.records import whole_tables
from landfall.runs import Claim, Runs

CHUNK_BYTES = 300_000
"""Bytes of findings in a document, as JSON: that is more than Firestore counts, which takes 1 MiB.
The largest finding, with `RECORDS_LISTED` record ids, is 220 kB."""

COMMIT_BYTES = 1_000_000
"""Bytes of result documents in a commit: gRPC messages to the emulator end at 4 MiB."""

PAGES_AT_ONCE = 20
"""Page documents of a query's answer, which are up to 1 MiB each."""


@dataclass
class Score:
    """How far the rules were evaluated, and what they came to so far."""

    rules_done: int = 0
    findings: int = 0
    by_severity: dict[str, int] = field(default_factory=dict)
    inconclusive: list[dict[str, str]] = field(default_factory=list)

    def count(self, report: RuleReport) -> None:
        """Count a rule in."""
        self.rules_done += 1
        self.findings += len(report.findings)
        total = Counter(self.by_severity) + Counter(severities(report.findings))
        self.by_severity = dict(total)
        if report.inconclusive:
            self.inconclusive.append({"rule_id": report.rule.id, "why": report.inconclusive})

    def counts(self) -> Fields:
        """What a run's `counts` say of it."""
        return {
            "rules_evaluated": self.rules_done - len(self.inconclusive),
            "rules_inconclusive": len(self.inconclusive),
            "findings": self.findings,
            "findings_by_severity": self.by_severity,
        }


class Scoring:
    """One invocation of a score step."""

    def __init__(self, runs: Runs, claim: Claim, scan: Scan) -> None:
        self._store = runs.store
        self._clock = runs.clock
        self._claim = claim
        self._scan = scan
        self._score = Score(**(claim.step.data["cursor"] or {}))
        self._started_at = self._score.rules_done
        self._kept: Fields = asdict(self._score)

    async def run(self, deadline: Deadline) -> str:
        """Evaluate rules until all are through or the deadline comes; what became of the step.

        Raises `StepError`, `FencedError`, `StoreError`.
        """
        fetched = await self._fetched()
        snapshot = await self._snapshot(fetched)
        results: list[Write] = []
        size = 0
        for rule in self._scan.rules[self._score.rules_done :]:
            if deadline.remaining() <= 0:
                return await self._hand_on(results)
            report = _report(rule, snapshot, fetched.unresolved)
            self._score.count(report)
            found = self._results(report)
            results += found
            size += sum(map(_size, found))
            if size > COMMIT_BYTES:
                await self._keep(results)
                results, size = [], 0
        return await self._finish(fetched, results)

    async def _fetched(self) -> Cursor:
        (step,) = await self._store.read(step_path(self._claim.run.id, "fetch"))
        cursor = Cursor.load(step.data["cursor"] if step else None)
        if cursor is None:
            raise _pages_missing("the fetch step")
        return cursor

    async def _snapshot(self, fetched: Cursor) -> Snapshot:
        path = f"{self._claim.run.path}/pages"
        stored: list[Fields] = []
        last = None
        while len(stored) < fetched.documents:
            found = await self._store.find(Query(path, limit=PAGES_AT_ONCE, after=last))
            if not found:
                break
            stored += [document.data for document in found]
            last = found[-1].id
        listings = {name: table.listing for name, table in fetched.tables.items()}
        fields = {name: table.fields for name, table in fetched.tables.items()}
        tables = whole_tables(stored, listings, fields)
        for name, table in fetched.tables.items():
            if len(tables[name]) != table.records:
                raise _pages_missing(f"{len(tables[name])} of {table.records} of table {name!r}")
        return Snapshot(tables, self._claim.run.data["created_at"], self._scan.zone)

    def _results(self, report: RuleReport) -> list[Write]:
        head = {
            "rule_id": report.rule.id,
            "kind": report.rule.kind,
            "table": report.rule.table,
            "severity": report.rule.severity,
            "inconclusive": report.inconclusive or None,
        }
        path = f"{self._claim.run.path}/results/{report.rule.id}"
        return [
            Put(f"{path}-{number:06d}", head | {"count": len(some), "findings": some})
            for number, some in enumerate(_chunks(report.findings))
        ]

    async def _keep(self, results: Sequence[Write]) -> None:
        """Commit results. The rules count as through only with the last of their documents."""
        *groups, last = _groups(results)
        for group in groups:
            await self._claim.checkpoint(self._kept, writes=group)
        self._kept = asdict(self._score)
        await self._claim.checkpoint(self._kept, self._progress(), last)

    def _progress(self) -> Fields:
        share = self._score.rules_done / len(self._scan.rules)
        return {
            "progress_pct": min(99, FETCH_SHARE + int(share * (100 - FETCH_SHARE))),
            "counts": self._claim.run.data["counts"] | self._score.counts(),
        }

    async def _hand_on(self, results: Sequence[Write]) -> str:
        if results:
            await self._keep(results)
        if self._kept["rules_done"] == self._started_at:
            raise StepError(Reason.STEP_TIMEOUT, "not one rule could be evaluated in a budget")
        await self._claim.hand_on()
        return "to be continued"

    async def _finish(self, fetched: Cursor, results: Sequence[Write]) -> str:
        *groups, last = _groups(results)
        for group in groups:
            await self._claim.checkpoint(self._kept, writes=group)
        score = self._score
        run = self._progress() | {
            "verdict": verdict(
                score.rules_done - len(score.inconclusive),
                len(score.inconclusive),
                score.by_severity,
                fetched.records,
            ),
            "inconclusive": score.inconclusive,
        }
        logs.info("scored", verdict=run["verdict"], **score.counts())
        await self._claim.finish_run(asdict(score), run, last)
        await self._remember_size(fetched.records)
        return "scored"

    async def _remember_size(self, records: int) -> None:
        """For the progress of the next run. When it is lost, that run's progress is a guess."""
        (head,) = await self._store.read(f"scans/{self._scan.id}")
        if head and head.data.get("last_records") != records:
            stamp = {"updated_at": self._clock(), "updated_by": self._claim.worker}
            update = Update(head.path, {"last_records": records} | stamp, head.version)
            with contextlib.suppress(ConflictError, StoreError):
                await self._store.commit([update])


def _report(rule: BaseRule, snapshot: Snapshot, unresolved: Sequence[Unresolved]) -> RuleReport:
    why = why_inconclusive(rule, unresolved)
    return RuleReport(rule, inconclusive=why) if why else evaluate(rule, snapshot)


def _pages_missing(what: str) -> StepError:
    return StepError(
        Reason.PAGES_MISSING, f"what was fetched is no longer all there: {what}; start a new run"
    )


def _groups(results: Sequence[Write]) -> list[list[Write]]:
    """Results in lists that fit into a commit; one empty list where there are none."""
    groups: list[list[Write]] = [[]]
    room = COMMIT_BYTES
    for write in results:
        size = _size(write)
        if size > room and groups[-1]:
            groups.append([])
            room = COMMIT_BYTES
        groups[-1].append(write)
        room -= size
    return groups


def _size(result: Write) -> int:
    """Bytes of a result document, as JSON."""
    return len(json.dumps(result.data))


def _chunks(findings: Sequence[Finding]) -> list[list[Fields]]:
    """Findings in lists that fit into a document; one empty list where there are none."""
    chunks: list[list[Fields]] = [[]]
    room = CHUNK_BYTES
    for finding in findings:
        fields = finding_fields(finding)
        size = len(json.dumps(fields))
        if size > room:
            chunks.append([])
            room = CHUNK_BYTES
        chunks[-1].append(fields)
        room -= size
    return chunks
