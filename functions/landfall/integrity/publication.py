"""The publication of a run's findings: the updated ledger, its documents, and the run's verdict.

If all of it fits, this is one commit. When more findings changed, the ledger is written first, and
the documents of single findings after it.
"""

from collections.abc import Sequence
from dataclasses import asdict, replace

from landfall.airtable.fetched import Fetched
from landfall.deadlines import Deadline
from landfall.integrity.ending import end
from landfall.integrity.findings.ledger import merge
from landfall.integrity.findings.ledger_store import (
    LedgerStore,
    StoredLedger,
    entries_of_list,
    list_with,
    to_write_back,
    write_back_documents,
)
from landfall.integrity.following import Following
from landfall.integrity.report import report_with_news
from landfall.integrity.rules.evaluate import RuleReport
from landfall.integrity.scan import IntegrityScan
from landfall.integrity.score_cursor import ScoreCursor
from landfall.runs.claim import Claim
from landfall.runs.kind import Again, Outcome
from landfall.store.commit_size import fits, groups
from landfall.store.documents import Write, both


class Publication:
    """The publication of the findings of a run."""

    def __init__(self, claim: Claim, scan: IntegrityScan, cursor: ScoreCursor) -> None:
        self._claim = claim
        self._scan = scan
        self._cursor = cursor
        self._store = claim.engine.store
        self._reserve = claim.reserve(claim.engine.ladder.last_rule)
        self._ledgers = LedgerStore(claim.engine.store, scan.id, scan.base)

    async def publish(
        self,
        fetched: Fetched,
        kept: StoredLedger,
        reports: Sequence[RuleReport],
        deadline: Deadline,
    ) -> Outcome | Again:
        """Merge the reports into the ledger, and end the step with the verdict."""
        run_id = self._claim.run.id
        now = self._claim.engine.clock()  # before the decisions are read: later ones are newer
        decided, since = await both(self._ledgers.decided_before(now), self._claim.first_page_at())
        decisions = await self._ledgers.decisions()
        scope, ids = self._ledgers.scope, fetched.ids
        merged = merge(kept.ledger, scope, reports, decisions, run_id, now, ids)
        entries = entries_of_list(merged.ledger)
        where, writes = list_with(kept, entries, run_id, now, decided)
        newest = kept.fetched_at is None or kept.fetched_at <= since
        origin = fetched.origin(self._scan.base)
        merged = replace(merged, ledger=replace(merged.ledger, entries=entries))
        before = kept.ledger.entries if newest else None
        handover = self._claim.run.handover
        report = report_with_news(self._scan, origin, merged, before, reports, handover)
        records = {name: table.records for name, table in fetched.tables.items()}
        results = kept.ledger.results_after(
            run_id, self._claim.run.created_at, records, report.fields["rules"]
        )
        ledger = replace(merged.ledger, results=results)
        run = report.run_fields(self._claim.progress.last)
        run["report"] |= {"newest": newest}
        run["findings_list"] = asdict(where)
        if not newest:  # a later run has published already: its findings stand
            await self._store_ahead(writes)
            return await end(self._claim, self._cursor, run)
        moved = {entry.id for entry in merged.all_changed}
        issues = self._scan.write_back
        target = issues.target() if issues else None
        shown = moved
        if issues and issues.fields.record_name is None:
            shown = moved - {entry.id for entry in merged.renamed}
        written, work = to_write_back(kept, target, self._claim.run.created_at, entries, shown)
        if work:
            run["counts"] |= {"findings_to_write": len(work), "findings_written": 0}
        work_writes = write_back_documents(run_id, work)
        writes += work_writes
        self._cursor.work, self._cursor.published = len(work_writes), ledger.number
        moved_on = StoredLedger(ledger, kept.head, where, since, True, written, origin)
        changed = moved if kept.followed else None
        follow = [entry for entry in entries if changed is None or entry.id in changed]
        made = self._ledgers.documents(ledger, follow)
        if fits([*writes, *made]):
            head = self._ledgers.head(moved_on)
            return await end(self._claim, self._cursor, run, [*writes, head, *made])
        await self._store_ahead(writes)
        head = self._ledgers.head(replace(moved_on, followed=False))
        await self._claim.checkpoint(self._cursor, run, [head])
        following = Following(self._claim, self._cursor, self._ledgers)
        return await following.follow(ledger, changed, deadline)

    async def _store_ahead(self, writes: Sequence[Write]) -> None:
        """Commit documents of the run itself, before the documents that refer to them."""
        for group in groups(writes):
            await self._claim.checkpoint(writes=group)
