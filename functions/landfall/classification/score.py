"""The score step of a classification: asks a model about the elements that were fetched.

    pages ──> elements ──> plan: who is asked about, in which groups ──> suggestions
                                                                             │
              the run's end, or the write step <── report <── read back <────┘

An element that is as it was when it was last asked about is not asked about again, and neither is
one of which a person has said what it is. The plan is kept: an invocation that goes on asks the
same questions, and finds the answers that were paid for.
"""

from collections.abc import Sequence
from dataclasses import replace

from landfall import logs
from landfall.airtable.fetched import Fetched, read_tables, remember_size
from landfall.airtable.links import Origin
from landfall.classification.agenda import Agenda
from landfall.classification.element_store import Catalogue, Kept
from landfall.classification.elements import Element, elements_of
from landfall.classification.entry import Entry
from landfall.classification.grouping import grouped
from landfall.classification.prompt import Prompt
from landfall.classification.report import Outcomes, Seen, nothing_asked, run_report
from landfall.classification.reviews import SETTLED
from landfall.classification.scan import ClassificationScan
from landfall.classification.suggest import AskCursor, Group, Suggesting, places_in, plan_path
from landfall.classification.write import due_to_fill
from landfall.deadlines import Deadline
from landfall.llm.batch_step import Batching, OpenBatches, stop_batches
from landfall.llm.budget import Spending
from landfall.llm.session import Asking, OpenModel
from landfall.runs.claim import Claim, gone
from landfall.runs.documents import Run, RunFields, Step
from landfall.runs.kind import Again, Outcome
from landfall.runs.plan import ALL_ELEMENTS
from landfall.runs.report import RunReport
from landfall.store.commit_size import groups
from landfall.store.documents import ConflictError, Fields, Put

READ_BACK = 0.004
"""Seconds that the run's end needs for an element, all of which are read back for it: some four
times what it takes. Where the asking leaves less, the end is an invocation of its own."""


async def stop_asking(
    run: Run, step: Step, scan: ClassificationScan, open_batches: OpenBatches, deadline: Deadline
) -> None:
    """Stop what the score step of a run that has ended left with the model's service.

    Raises `StepError`.
    """
    batches = AskCursor.load(step.cursor).batches
    await stop_batches(run.id, batches, scan.model, open_batches, deadline)


class ClassifyElements:
    """One invocation of the score step."""

    def __init__(
        self,
        claim: Claim,
        scan: ClassificationScan,
        open_model: OpenModel,
        open_batches: OpenBatches,
    ) -> None:
        self._claim = claim
        self._scan = scan
        self._open_model = open_model
        self._open_batches = open_batches
        self._catalogue = Catalogue(claim.engine.store, scan.id)
        self._cursor = AskCursor.load(claim.step.cursor)
        self._again = claim.run.regenerate
        self._prompt = Prompt(scan.labels, claim.run.id if self._again else "")

    async def run(self, deadline: Deadline) -> Outcome | Again:
        """Ask until all is asked, the budget is spent or the deadline comes.

        Raises `StepError`, `FencedError`, `StoreError`.
        """
        self._handover = await self._claim.handover()
        fetched = Fetched.load(self._handover.fields)
        missing = [item["field"] or item["table"] for item in fetched.unresolved]
        if missing:
            why = f"the base does not have {', '.join(map(repr, missing))}; nothing was asked"
            return await self._end(nothing_asked(why), fetched)
        elements = await self._elements(fetched)
        kept = await self._catalogue.all()
        async with Asking(self._claim, self._scan.model, self._open_model) as asking:
            asked_how = self._prompt.asked_how(asking.model, asking.effort)
            agenda = await self._agenda(elements, kept, asked_how)
            if self._scan.model.batch and not self._cursor.share:
                plan = [[elements[record_id] for record_id in group] for group in agenda.groups]
                if again := await self._wait_for_batches(plan, deadline):
                    return again
            before = self._cursor.share
            through = await self._ask(asking, agenda, elements, kept, deadline)
            late = deadline.remaining() < len(elements) * READ_BACK
            if not through or (late and self._cursor.share > before):
                return Again(asking.pause, waiting=asking.pause > 0)
        return await self._finish(elements, agenda.ids, fetched, asked_how, asking.spending)

    async def _elements(self, fetched: Fetched) -> dict[str, Element]:
        tables = await read_tables(self._claim.engine.store, self._claim.run.path, fetched)
        name = self._scan.table
        origin = Origin(self._scan.base, {name: fetched.tables[name].id})
        fields = self._scan.mapping.fields()
        found = elements_of(tables[name], fields, lambda record: origin.link(name, record))
        return {element.record_id: element for element in found}

    # Who is asked about

    async def _agenda(
        self,
        elements: dict[str, Element],
        kept: dict[str, Kept],
        asked_how: str,
    ) -> Agenda:
        """The groups that this run asks about: made once, by its first invocation."""
        if self._cursor.plan is not None:
            return await self._kept_agenda(self._cursor.plan)
        due = [
            element
            for record_id, element in elements.items()
            if self._is_due(kept.get(record_id), element, asked_how)
        ]
        groups_due = grouped(due, self._scan.group_size, self._scan.labels)
        agenda = Agenda([[element.record_id for element in group] for group in groups_due])
        made = agenda.documents()
        self._cursor = AskCursor(plan=len(made), planned=len(due))
        path = self._claim.run.path
        writes = [Put(plan_path(path, number), fields) for number, fields in enumerate(made)]
        await self._claim.checkpoint(self._cursor, writes=writes)
        return agenda

    def _is_due(self, kept: Kept | None, element: Element, asked_how: str) -> bool:
        if kept and kept.standing.state in SETTLED:
            return False
        if self._again:
            return self._again == ALL_ELEMENTS or element.record_id in self._again
        if kept is None:
            return True
        # a run that read it later may be through already: what it was told is newer
        later = kept.entry.knows_later_than(element.fetched_at)
        return not (later or kept.entry.answers(element.hash(asked_how)))

    async def _kept_agenda(self, count: int) -> Agenda:
        paths = [plan_path(self._claim.run.path, number) for number in range(count)]
        found = await self._claim.engine.store.read(*paths) if paths else []
        present = [document for document in found if document]
        if len(present) != count:
            raise gone("a part of the list of elements to ask about")
        return Agenda.load(present)

    # Asking

    async def _wait_for_batches(self, plan: Sequence[Group], deadline: Deadline) -> Again | None:
        """Have the questions answered in batches first; None when those have ended."""
        batching = Batching(self._claim, self._scan.model, self._open_batches, self._cursor.batches)

        async def keep(parts: Sequence[Fields]) -> None:
            self._cursor = replace(self._cursor, batches=tuple(parts))
            await self._claim.checkpoint(self._cursor)

        questions = [self._prompt.question(group) for group in plan]
        delay = await batching.run(questions, deadline, keep) if questions else None
        if delay is None:
            return None
        percent = self._claim.progress.at(batching.answered / len(questions))
        run: RunFields = {"progress_step": "waiting_for_batch", "progress_pct": percent}
        return Again(delay, waiting=True, run=run)

    async def _ask(
        self,
        asking: Asking,
        agenda: Agenda,
        elements: dict[str, Element],
        kept: dict[str, Kept],
        deadline: Deadline,
    ) -> bool:
        """Return whether the asking has come to its end."""
        if self._cursor.spent:
            return True
        suggesting = Suggesting(
            asking,
            self._claim,
            self._claim.engine.clock,
            self._prompt,
            self._catalogue,
            kept,
            agenda,
            self._cursor,
        )
        reserve = self._claim.engine.ladder.last_suggestion
        await suggesting.ask(elements, Deadline(deadline.at - reserve))
        self._cursor = suggesting.progress
        return not asking.left or bool(asking.spent)

    # The end

    async def _finish(
        self,
        elements: dict[str, Element],
        planned: Sequence[str],
        fetched: Fetched,
        asked_how: str,
        spending: Spending,
    ) -> Outcome:
        """Read back what is stored, and end the run with what that is."""
        kept = await self._catalogue.all()
        await self._mark_gone(elements, kept)
        present = {
            record_id: kept.get(record_id) or Kept(Entry(record_id)) for record_id in elements
        }
        asked = Outcomes(
            run_id=self._claim.run.id,
            planned=frozenset(planned),
            answered=frozenset(planned[place] for place in places_in(self._cursor.good)),
            failed=frozenset(planned[place] for place in places_in(self._cursor.bad)),
            spent=self._cursor.spent,
        )
        seen = [
            Seen(elements[record_id], asked_how, one.entry, one.review)
            for record_id, one in present.items()
        ]
        report = run_report(self._scan, seen, asked)
        due = due_to_fill(self._scan, present.values())
        return await self._end(report, fetched, len(due), spending)

    async def _mark_gone(self, elements: dict[str, Element], kept: dict[str, Kept]) -> None:
        """Say of elements that their records are gone, or are there again."""
        now, writes = self._claim.engine.clock(), []
        since = await self._claim.first_page_at(self._handover)
        for record_id, one in kept.items():
            if one.entry.knows_later_than(since) and record_id not in elements:
                continue  # of a run that looked later
            if (record_id in elements) == (one.entry.gone_at is not None):
                entry = one.entry.gone(None if record_id in elements else now)
                writes.append(one.write(self._catalogue.path_of(record_id), entry))
        for some in groups(writes):
            try:
                await self._claim.checkpoint(self._cursor, writes=some)
            except ConflictError:
                logs.warning("elements not marked", elements=len(some))  # the next run does

    async def _end(
        self,
        report: RunReport,
        fetched: Fetched,
        to_fill: int = 0,
        spending: Spending | None = None,
    ) -> Outcome:
        run: RunFields = {
            "progress_pct": self._claim.progress.last,
            "counts": report.counts | (spending.counts() if spending else {}),
            "verdict": report.verdict,
            "inconclusive": report.inconclusive,
            "report": report.fields,
        }
        writes = spending.writes() if spending else []
        await remember_size(self._claim, fetched.records)
        if to_fill:
            run["counts"] |= {"records_to_write": to_fill, "records_written": 0}
            run["progress_step"] = "scored"
            await self._claim.finish_step(
                "write", run, handover={}, cursor=self._cursor, writes=writes
            )
        else:
            await self._claim.finish_run(run, cursor=self._cursor, writes=writes)
        logs.info("classified", verdict=report.verdict, **self._claim.run.counts)
        return Outcome.FINISHED
