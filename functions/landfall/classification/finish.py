"""The end of a classification's score step: read back the stored elements, and report them."""

from collections.abc import Mapping, Sequence

from landfall import logs
from landfall.airtable.fetched import remember_size
from landfall.classification.ask_cursor import AskCursor, places_in
from landfall.classification.element_store import ElementStore, StoredElement
from landfall.classification.elements import Element
from landfall.classification.gone import is_gone, mark_gone
from landfall.classification.report import AskingResult, ReportedElement, empty_report, run_report
from landfall.classification.review_index import ReviewIndex, Shard
from landfall.classification.scan import ClassificationScan
from landfall.classification.tracked_element import TrackedElement
from landfall.classification.write import due_to_fill
from landfall.runs.claim import Claim
from landfall.runs.report import RunReport
from landfall.store.documents import ConflictError, Write, both


class Finish:
    """The end of the step, and of the run where nothing is to be filled in."""

    def __init__(self, claim: Claim, scan: ClassificationScan, cursor: AskCursor) -> None:
        self._claim = claim
        self._scan = scan
        self._cursor = cursor
        self._catalogue = ElementStore(claim.engine.store, scan.id)

    async def asked(
        self,
        elements: Mapping[str, Element],
        planned: Sequence[str],
        asked_how: str,
    ) -> None:
        """Read back the stored elements, and end the step with their report."""
        index = ReviewIndex(self._claim.engine.store, self._claim.engine.clock, self._scan.id)
        shards = await index.shards()
        kept, (since, _) = await both(
            self._catalogue.read_all(),
            both(self._claim.first_page_at(), remember_size(self._claim, len(elements))),
        )
        await mark_gone(self._claim, self._catalogue, elements, kept, since)
        there = {key: one for key, one in kept.items() if not is_gone(one.tracked, elements, since)}
        await self._write_index(index, shards, there)
        present = {
            record_id: kept.get(record_id) or StoredElement(TrackedElement(record_id))
            for record_id in elements
        }
        asked = AskingResult(
            run_id=self._claim.run.id,
            planned=frozenset(planned),
            answered=frozenset(planned[place] for place in places_in(self._cursor.good)),
            failed=frozenset(planned[place] for place in places_in(self._cursor.bad)),
            spent=self._cursor.spent,
        )
        seen = [
            ReportedElement(elements[record_id], asked_how, one.tracked, one.review)
            for record_id, one in present.items()
        ]
        report = run_report(self._scan, seen, asked, self._claim.run.handover)
        due = due_to_fill(self._scan, present.values())
        await self._with_report(report, len(due))

    async def _write_index(
        self, index: ReviewIndex, shards: Sequence[Shard], there: Mapping[str, StoredElement]
    ) -> None:
        async def commit(writes: Sequence[Write]) -> None:
            await self._claim.checkpoint(writes=writes)

        try:
            await index.rebuild(shards, there, self._claim.run.id, commit)
        except ConflictError:  # who reviews next finds that it is older than this run
            logs.warning("index of reviews not written", elements=len(there))

    async def nothing_asked(self, why: str, records: int) -> None:
        """End a run that could not ask, and say why."""
        await remember_size(self._claim, records)
        await self._with_report(empty_report(why))

    async def _with_report(
        self,
        report: RunReport,
        to_fill: int = 0,
    ) -> None:
        """End the step; the write step follows where there is something to fill in."""
        run = report.run_fields(self._claim.progress.last)
        if to_fill:
            run["counts"] |= {"records_to_write": to_fill, "records_written": 0}
            run["progress_step"] = "scored"
            await self._claim.finish_step("write", run, handover={}, cursor=self._cursor)
        else:
            await self._claim.finish_run(run, cursor=self._cursor)
        ended = self._claim.run
        logs.info("classified", verdict=ended.verdict, complete=ended.complete, **ended.counts)
