"""The score step of a classification: ask a model about the elements that were fetched.

    pages ──> elements ──> agenda: the elements to ask about, in groups ──> suggestions
                                                                                │
                 the run's end, or the write step <── report <── read back <────┘

An element that has not changed since it was last asked about is not asked about again, and neither
is one that a person has settled. The agenda is stored: an invocation that continues asks the same
questions, and finds the answers that are paid for.
"""

from collections.abc import Coroutine
from contextlib import AsyncExitStack, closing
from typing import Any

from landfall.classification.agenda_store import load_agenda, make_agenda
from landfall.classification.ask_cursor import AskCursor
from landfall.classification.ask_in_batches import wait_for_batches
from landfall.classification.element_store import ElementStore
from landfall.classification.finish import Finish
from landfall.classification.prompt import Prompt
from landfall.classification.read import ElementsRead, read_elements
from landfall.classification.scan import ClassificationScan
from landfall.classification.suggest import Suggesting
from landfall.deadlines import Deadline
from landfall.llm.session import Asking, Models
from landfall.runs.claim import Claim
from landfall.runs.kind import Again, Outcome
from landfall.store.documents import both

READ_BACK_SECONDS = 0.004
"""Seconds for each element that the run's end reads back: some four times what it takes. Where the
asking leaves less, the end is an invocation of its own."""


class ClassifyElements:
    """One invocation of the score step."""

    def __init__(self, claim: Claim, scan: ClassificationScan, models: Models) -> None:
        self._claim = claim
        self._scan = scan
        self._models = models
        self._catalogue = ElementStore(claim.engine.store, scan.id)
        self._cursor = AskCursor.load(claim.step.cursor)
        self._prompt = Prompt(scan.labels, claim.run.id if claim.run.regenerate else "")

    async def run(self, deadline: Deadline) -> Outcome | Again:
        """Ask until all elements are asked about, the budget is spent, or the deadline.

        Raises `StepError`, `FencedError`, `StoreError`.
        """
        asking = Asking(self._claim, self._scan.model, self._models.model)
        async with AsyncExitStack() as exits:
            reading = self._read(exits.enter_async_context(asking))
            read, self._kept = await both(reading, self._catalogue.read_all())
            if read.missing:
                await self._finish.nothing_asked(read.missing, read.records)
                return Outcome.FINISHED
            self._elements = read.elements
            asked_how = self._prompt.key(asking.model, asking.effort)
            await self._plan(asked_how)
            if again := await self._wait_for_batches(deadline):
                return again
            before = self._cursor.share
            through = await self._ask(asking, deadline)
            late = deadline.remaining() < len(self._elements) * READ_BACK_SECONDS
            if not through or (late and self._cursor.share > before):
                return Again(asking.pause, waiting=asking.pause > 0)
        await self._finish.asked(self._elements, self._agenda.ids, asked_how)
        return Outcome.FINISHED

    async def _read(self, opening: Coroutine[Any, Any, Asking]) -> ElementsRead:
        """Read the elements, then the agenda while the model is opened."""
        with closing(opening):  # where it is not needed
            read = await read_elements(self._claim, self._scan)
            if not read.missing:
                await both(opening, self._load_agenda())
        return read

    @property
    def _finish(self) -> Finish:
        return Finish(self._claim, self._scan, self._cursor)

    async def _load_agenda(self) -> None:
        if self._cursor.plan is not None:
            self._agenda = await load_agenda(self._claim, self._cursor.plan)

    async def _plan(self, asked_how: str) -> None:
        """Make the agenda in the first invocation of a run."""
        if self._cursor.plan is None:
            self._agenda, self._cursor = await make_agenda(
                self._claim, self._scan, self._elements, self._kept, asked_how
            )

    async def _wait_for_batches(self, deadline: Deadline) -> Again | None:
        """Ask in batches first, where the scan has `model.batch`."""
        if not self._scan.model.batch or self._cursor.share:
            return None
        groups = [[self._elements[id_] for id_ in group] for group in self._agenda.groups]
        self._cursor, again = await wait_for_batches(
            self._claim,
            self._scan,
            self._models.batches,
            self._cursor,
            [self._prompt.question(group) for group in groups],
            deadline,
        )
        return again

    async def _ask(self, asking: Asking, deadline: Deadline) -> bool:
        """Ask what is left; return whether the asking is done."""
        if self._cursor.spent:
            return True
        suggesting = Suggesting(
            asking,
            self._claim,
            self._prompt,
            self._catalogue,
            self._kept,
            self._agenda,
            self._cursor,
        )
        reserve = self._claim.reserve(self._claim.engine.ladder.last_suggestion)
        await suggesting.ask(self._elements, Deadline(deadline.at - reserve))
        self._cursor = suggesting.progress
        return not asking.left or bool(asking.spent)
