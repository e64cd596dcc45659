"""Suggestions of a model for elements: ask for them, and store them.

    groups ──> questions ──> replies ──> an outcome for each element ──> its document, every second
                                 └──> no good answer for one of a group: asked about alone

A suggestion is stored in the commit that counts it, and only over the version of the element that
was read: when others have written it meanwhile, it is read again first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from landfall.classification.agenda import Agenda
from landfall.classification.ask_cursor import AskCursor, plan_path
from landfall.classification.element_store import ElementStore, StoredElement
from landfall.classification.elements import Element
from landfall.classification.prompt import Prompt
from landfall.classification.suggestion import Suggestion, asked_by, values_of
from landfall.deadlines import CHECKPOINT, Deadline
from landfall.llm.questions import Problem, Reply
from landfall.llm.session import Asking
from landfall.reasons import StepError
from landfall.runs.claim import Claim
from landfall.store.commit_size import groups
from landfall.store.conflicts import until_committed
from landfall.store.documents import Put, Write

MAX_STORE_TRIES = 3
"""Attempts to store suggestions while others write the same elements."""

Group = Sequence[Element]


class Suggesting:
    """The asking of one invocation."""

    def __init__(
        self,
        asking: Asking,
        claim: Claim,
        prompt: Prompt,
        catalogue: ElementStore,
        kept: dict[str, StoredElement],
        agenda: Agenda,
        progress: AskCursor,
    ) -> None:
        self.progress = progress
        self._asking = asking
        self._claim = claim
        self._prompt = prompt
        self._asked_how = prompt.key(asking.model, asking.effort)
        self._catalogue = catalogue
        self._kept = kept
        self._agenda = agenda
        self._places = {record_id: place for place, record_id in enumerate(agenda.ids)}
        self._outcomes: list[Suggestion] = []
        self._alone: list[Group] = []
        self._apart: set[str] = set()

    async def ask(self, elements: Mapping[str, Element], deadline: Deadline) -> None:
        """Ask about every group with an element that has no outcome.

        Raises `StepError` when the service fails, `FencedError`, `StoreError`.
        """
        plan = [[elements[record_id] for record_id in group] for group in self._agenda.groups]
        await self._ask([group for group in plan if any(map(self._waits, group))], deadline)
        if self._alone and not (self._asking.left or self._asking.spent):
            await self._ask(self._alone, deadline)

    async def _ask(self, asked: Sequence[Group], deadline: Deadline) -> None:
        of_key = {group[0].record_id: group for group in asked}
        questions = [self._prompt.question(group) for group in asked]
        failure: StepError | None = None
        stored_at = deadline.remaining()
        try:
            async for reply in self._asking.replies(questions, deadline):
                self._take(reply, of_key[reply.key])
                if stored_at - deadline.remaining() >= CHECKPOINT:
                    stored_at = deadline.remaining()
                    await self._store()
        except StepError as error:
            failure = error
        self.progress = replace(self.progress, spent=self._asking.spent)
        await self._store()
        if failure:
            raise failure

    def _waits(self, element: Element) -> bool:
        """Return whether the element has no outcome in this run."""
        return self.progress.waits(self._places[element.record_id])

    # Outcomes

    def _take(self, reply: Reply[Any], group: Group) -> None:
        waiting = [element for element in group if self._waits(element)]
        found = values_of(self._prompt, reply, group)
        for element in waiting:
            what = found[element.record_id]
            if isinstance(what, Problem) and len(group) > 1:
                self._alone.append([element])
                self._apart.add(element.record_id)
            else:
                asked = asked_by(
                    reply,
                    self._claim.run.id,
                    self._claim.engine.clock(),
                    self._prompt.version,
                    element,
                    len(group),
                )
                self._outcomes.append(Suggestion(element, what, asked))

    # Storing

    async def _store(self) -> None:
        """Store the outcomes so far. Without any there is no checkpoint: no progress."""
        outcomes, self._outcomes = self._outcomes, []
        for some in self._fitting(outcomes):
            await self._store_some(some)

    def _fitting(self, outcomes: Sequence[Suggestion]) -> Iterator[Sequence[Suggestion]]:
        begin = 0
        for writes in groups([self._write(outcome) for outcome in outcomes]):
            yield outcomes[begin : begin + len(writes)]
            begin += len(writes)

    async def _store_some(self, outcomes: Sequence[Suggestion]) -> None:
        places = [(self._places[one.element.record_id], one.good) for one in outcomes]
        progress = self.progress.with_marks(
            (place for place, good in places if good),
            (place for place, good in places if not good),
        )
        agenda, plan = self._agenda.split(self._apart), list[Write]()
        if self._apart:  # the answer to their group is counted in this commit only
            made = agenda.documents()
            progress = replace(progress, plan=len(made))
            plan = [
                Put(plan_path(self._claim.run.path, n), fields) for n, fields in enumerate(made)
            ]
        records = [outcome.element.record_id for outcome in outcomes]
        lost = False

        async def attempt() -> None:
            nonlocal lost
            if lost:  # a person, or another run, has written one of them
                self._kept |= await self._catalogue.read(records)
            lost = True
            writes = [self._write(outcome) for outcome in outcomes]
            run = progress.run_fields(self._claim.progress)
            await self._claim.checkpoint(progress, run, [*writes, *plan])

        await until_committed(attempt, tries=MAX_STORE_TRIES, what="a group of elements")
        self.progress, self._agenda, self._apart = progress, agenda, set()

    def _write(self, one: Suggestion) -> Write:
        record_id = one.element.record_id
        path = self._catalogue.path_of(record_id)
        return one.write(self._kept.get(record_id), path, self._asked_how)
