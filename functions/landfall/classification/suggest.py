"""Has a model suggest what elements are, and keeps what it says.

    groups ──> questions ──> replies ──> an outcome for each element ──> its document, every second
                                 └──> of an element that the answer does not serve: asked alone

A suggestion is kept in the commit that counts it, and only in the element that it was read for:
when somebody else has written that meanwhile, it is read again first.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Self

from landfall.classification.agenda import Agenda
from landfall.classification.answer import ElementAnswers, Values
from landfall.classification.element_store import Catalogue, Kept
from landfall.classification.elements import Element
from landfall.classification.entry import Asked, Entry
from landfall.classification.prompt import Prompt
from landfall.deadlines import CHECKPOINT, Deadline
from landfall.llm.questions import Problem, Reply
from landfall.llm.session import Asking
from landfall.reasons import StepError
from landfall.runs.claim import Claim
from landfall.runs.commit import Clock
from landfall.runs.documents import RunFields
from landfall.store.commit_size import groups
from landfall.store.conflicts import until_committed
from landfall.store.documents import Fields, Put, Write

KEEP_TRIES = 3
"""Times that somebody else may write an element while what the model says of it is kept."""

Group = Sequence[Element]


@dataclass(frozen=True)
class AskCursor:
    """How far a run's asking is.

    The `plan` documents name the elements that are asked about, by group; None before there is
    one. `good` and `bad` mark, by their places in it, those of which there is a good answer and
    those of which there is none: a bit each, in hex. They are this run's own: another run may have
    written an element meanwhile. `spent` is the limit of the budget that ended the asking, and
    `batches` is where the scan's batches are, if it asks in such.
    """

    plan: int | None = None
    planned: int = 0
    good: str = "0"
    bad: str = "0"
    spent: str | None = None
    batches: tuple[Fields, ...] = ()

    @classmethod
    def load(cls, stored: Fields | None) -> Self:
        """Read a step's cursor."""
        return cls(**(stored or {}))

    def store(self) -> Fields:
        """Return the cursor as the step's document holds it."""
        return asdict(self)

    @property
    def answered(self) -> int:
        """Elements with a good answer."""
        return int(self.good, 16).bit_count()

    @property
    def failed(self) -> int:
        """Elements without."""
        return int(self.bad, 16).bit_count()

    @property
    def share(self) -> float:
        """How much of what was planned is done."""
        return (self.answered + self.failed) / max(1, self.planned)

    def waits(self, place: int) -> bool:
        """Whether nothing has come of the element at this place."""
        return not (int(self.good, 16) | int(self.bad, 16)) >> place & 1

    def with_marks(self, good: Iterable[int], bad: Iterable[int]) -> Self:
        """Something has come of the elements at these places."""
        return replace(self, good=_marked(self.good, good), bad=_marked(self.bad, bad))


def _marked(marks: str, places: Iterable[int]) -> str:
    bits = int(marks, 16)
    for place in places:
        bits |= 1 << place
    return f"{bits:x}"


def places_in(marks: str) -> list[int]:
    """The places that are marked."""
    return [place for place, bit in enumerate(reversed(f"{int(marks, 16):b}")) if bit == "1"]


@dataclass(frozen=True)
class Outcome:
    """What came of an element: its values, or why there are none."""

    element: Element
    what: Values | Problem
    how: Asked

    @property
    def good(self) -> bool:
        """Whether there are values."""
        return not isinstance(self.what, Problem)


class Suggesting:
    """The asking of one invocation."""

    def __init__(
        self,
        asking: Asking,
        claim: Claim,
        clock: Clock,
        prompt: Prompt,
        catalogue: Catalogue,
        kept: dict[str, Kept],
        agenda: Agenda,
        progress: AskCursor,
    ) -> None:
        self.progress = progress
        self._asking = asking
        self._claim = claim
        self._clock = clock
        self._prompt = prompt
        self._asked_how = prompt.asked_how(asking.model, asking.effort)
        self._catalogue = catalogue
        self._kept = kept
        self._agenda = agenda
        self._places = {record_id: place for place, record_id in enumerate(agenda.ids)}
        self._outcomes: list[Outcome] = []
        self._alone: list[Group] = []
        self._apart: set[str] = set()

    async def ask(self, elements: Mapping[str, Element], deadline: Deadline) -> None:
        """Ask about every group in which an element waits for an answer.

        Raises `StepError` when the service does not play along, `FencedError`, `StoreError`.
        """
        plan = [[elements[record_id] for record_id in group] for group in self._agenda.groups]
        await self._ask([group for group in plan if any(map(self._waits, group))], deadline)
        if self._alone and not (self._asking.left or self._asking.spent):
            await self._ask(self._alone, deadline)

    async def _ask(self, asked: Sequence[Group], deadline: Deadline) -> None:
        of_key = {group[0].record_id: group for group in asked}
        questions = [self._prompt.question(group) for group in asked]
        failure: StepError | None = None
        kept_at = deadline.remaining()
        try:
            async for reply in self._asking.replies(questions, deadline):
                self._take(reply, of_key[reply.key])
                if kept_at - deadline.remaining() >= CHECKPOINT:
                    kept_at = deadline.remaining()
                    await self._keep()
        except StepError as error:
            failure = error
        self.progress = replace(self.progress, spent=self._asking.spent)
        await self._keep()
        if failure:
            raise failure

    def _waits(self, element: Element) -> bool:
        """Whether nothing has come of the element in this run."""
        return self.progress.waits(self._places[element.record_id])

    # What comes of a question

    def _take(self, reply: Reply[ElementAnswers], group: Group) -> None:
        waiting = [element for element in group if self._waits(element)]
        found = self._found(reply, group)
        for element in waiting:
            what = found[element.record_id]
            if isinstance(what, Problem) and len(group) > 1:
                self._alone.append([element])
                self._apart.add(element.record_id)
            else:
                how = self._how(reply, element, len(group))
                self._outcomes.append(Outcome(element, what, how))

    def _found(self, reply: Reply[ElementAnswers], group: Group) -> Mapping[str, Values | Problem]:
        if reply.failure:
            return {element.record_id: reply.failure for element in group}
        assert reply.content is not None
        return self._prompt.judged(reply.content, group)

    def _how(self, reply: Reply[ElementAnswers], element: Element, elements: int) -> Asked:
        return Asked(
            run_id=self._claim.run.id,
            at=self._clock(),
            fetched_at=element.fetched_at,
            model=reply.model,
            prompt_version=self._prompt.version,
            attempt=reply.attempt,
            tokens=round(reply.usage.tokens / elements),
            dollars=None if reply.dollars is None else reply.dollars / elements,
            seconds=round(reply.seconds, 3),
            answer=reply.hash,
        )

    # Keeping

    async def _keep(self) -> None:
        """Store what came of elements. Where nothing came of any, the step has got nowhere."""
        outcomes, self._outcomes = self._outcomes, []
        for some in self._fitting(outcomes):
            await self._keep_some(some)

    def _fitting(self, outcomes: Sequence[Outcome]) -> Iterator[Sequence[Outcome]]:
        begin = 0
        for writes in groups([self._write(outcome) for outcome in outcomes]):
            yield outcomes[begin : begin + len(writes)]
            begin += len(writes)

    async def _keep_some(self, outcomes: Sequence[Outcome]) -> None:
        places = [(self._places[one.element.record_id], one.good) for one in outcomes]
        progress = self.progress.with_marks(
            (place for place, good in places if good),
            (place for place, good in places if not good),
        )
        agenda, plan = self._agenda.split(self._apart), list[Write]()
        if self._apart:  # their group's answer is counted in this commit, and never again
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
                self._kept |= await self._catalogue.some(records)
            lost = True
            writes = [self._write(outcome) for outcome in outcomes]
            writes += [*plan, *self._asking.spending.writes()]
            await self._claim.checkpoint(progress, self._run_fields(progress), writes)

        await until_committed(attempt, tries=KEEP_TRIES, what="a group of elements")
        self.progress, self._agenda, self._apart = progress, agenda, set()

    def _write(self, outcome: Outcome) -> Write:
        element, how = outcome.element, outcome.how
        kept = self._kept.get(element.record_id) or Kept(Entry(element.record_id))
        if isinstance(outcome.what, Problem):
            entry = kept.entry.failed(element, outcome.what, how)
        else:
            asked_hash = element.hash(self._asked_how)
            entry = kept.entry.suggested(element, asked_hash, outcome.what, how)
        return kept.write(self._catalogue.path_of(element.record_id), entry)

    def _run_fields(self, progress: AskCursor) -> RunFields:
        counts = {"classified": progress.answered, "failed": progress.failed}
        counts |= self._asking.spending.counts()
        return {"counts": counts, "progress_pct": self._claim.progress.at(progress.share)}


def plan_path(run_path: str, number: int) -> str:
    """Return the path of a part of a run's agenda."""
    return f"{run_path}/results/plan-{number:06d}"
