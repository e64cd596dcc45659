"""Questions asked in batches, as a chain of short tasks: before `asking`, which takes the rest.

    upload ──> create ──> look, again and again, later each time ──> collect ──> asking
       │          │                                                     │
    the file's  the batch's id                                 every answer is kept as if
    id is kept  is kept                                        it had been asked for alone

What a batch answers is kept under the hash of its question; so the kind of scan that asks goes on
with `Asking` over the same questions, finds those answers there, and asks alone what a batch left
out, or answered wrongly, or did not come to before it expired.

Each part of the questions is a batch: a range of them, in the order in which the kind always gives
them. A batch is created with a mark in its metadata, and is looked for by it before one is created:
an invocation that was interrupted does not create it twice. A run that ends before its batches have
ended cancels them: shortly before its deadline, to keep what they have, or after its end
(`stop_batches`), whoever ended it.

    batching = Batching(claim, settings, open_batches, cursor.batches)
    delay = await batching.run(questions, deadline, keep)
    if delay is not None:
        return Again(delay, waiting=True)   # and come back here
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from landfall import logs
from landfall.deadlines import Deadline
from landfall.llm.answer_store import Answers, Payer, Turn
from landfall.llm.batch import BATCH_ENDED, Batch, BatchResult, BatchService, BatchStatus
from landfall.llm.budget import Spending
from landfall.llm.concurrency import LOOKED_UP
from landfall.llm.openai.completions import read_answer, read_problem, with_fix
from landfall.llm.prices import BATCH_SHARE
from landfall.llm.questions import Answer, FailedAnswerError, Problem, Question, Reply
from landfall.llm.settings import ModelSettings, Use, no_price
from landfall.reasons import Reason, StepError
from landfall.runs.claim import Claim
from landfall.store.documents import Fields

OpenBatches = Callable[[ModelSettings], BatchService]
"""Opens the service that a scan names. Raises `StepError` where there is no key for one."""

Keep = Callable[[Sequence[Fields]], Awaitable[None]]
"""Keeps where the batches are, in the step's cursor: a checkpoint of the kind that asks."""

PART_QUESTIONS = 1_000
"""Questions of a batch; OpenAI takes 50,000, but a file is sent within a request's deadline."""

PART_BYTES = 4_000_000
"""Of a batch's file, for the same reason."""

LOOK_FIRST = 10.0
LOOK_MOST = 600.0
LOOK_SHARE = 0.25
"""Seconds until the next look: a quarter of how long the batch has taken, within these bounds."""

QUEUE_FULL = "token_limit_exceeded"
"""Why a batch fails that would be more than the account may have in its queue at once."""

END_SHARE = 0.1
END_MOST = 1_200.0
"""Before the end of a run, so much of its time (but no more seconds) is left for collecting what a
batch has and asking the rest; a batch that takes until then is cancelled."""

KEPT_AT_ONCE = 20
"""Answers that are kept side by side."""


@dataclass
class Part:
    """A range of the questions, and how far its batch is. `worst` is what it may cost at most."""

    first: int
    end: int = 0
    tries: int = 0
    file_id: str | None = None
    batch_id: str | None = None
    created_at: datetime | None = None
    done: bool = False
    worst: Fields = field(default_factory=dict)

    def mark(self, run_id: str) -> str:
        """What its batch is known by."""
        return f"{run_id}-{self.first}-{self.tries}"


class Batching:
    """One invocation of a step that asks in batches."""

    answered: int
    """Questions that the batches have answered so far, as of this invocation's looks."""

    def __init__(
        self,
        claim: Claim,
        settings: ModelSettings,
        open_batches: OpenBatches,
        kept: Sequence[Fields] | None,
    ) -> None:
        self.answered = 0
        self._claim = claim
        self._settings = settings
        self._open = open_batches
        self._parts = [Part(**fields) for fields in kept or ()]

    async def run(
        self, questions: Sequence[Question[Any]], deadline: Deadline, keep: Keep
    ) -> float | None:
        """Go on with the batches; seconds until the next look, None when they are through.

        Raises `StepError`, `StoreError`.
        """
        self._questions = questions
        self._keep = keep
        self._until = Deadline(deadline.at - self._claim.engine.ladder.last_reply)
        self._service = self._open(self._settings)
        try:
            await self._prepare()
            return await self._go_on()
        finally:
            await self._service.close()

    async def _prepare(self) -> None:
        engine, run, service = self._claim.engine, self._claim.run, self._service
        self._price = self._settings.price_for(service.name)
        if self._price is None and self._settings.budget.has_dollars:
            raise StepError(Reason.MODEL_PRICE_UNKNOWN, no_price(service.name))
        scan_id = run.scan_id
        payer = Payer(scan_id, run.id, self._claim.worker)
        self._answers = Answers(engine.store, payer, service.name, service.effort)
        self._spending = await Spending.load(
            engine.store, scan_id, run.id, engine.clock, self._settings.budget
        )
        for part in self._parts:
            self._spending.reserve(Use(**part.worst))

    async def _go_on(self) -> float | None:
        while not self._all_planned() or any(not part.batch_id for part in self._open_parts()):
            if self._short_of_time():
                return 0.0
            if not await self._begin(self._next()):
                return LOOK_MOST
        delays = [await self._look(part) for part in self._open_parts()]
        waiting = [delay for delay in delays if delay is not None]
        return min(waiting) if waiting else None

    def _all_planned(self) -> bool:
        return bool(self._parts) and self._parts[-1].end >= len(self._questions)

    def _open_parts(self) -> list[Part]:
        return [part for part in self._parts if not part.done]

    def _next(self) -> Part:
        """The part that has no batch yet; a new one where all have."""
        for part in self._open_parts():
            if not part.batch_id:
                return part
        self._parts.append(Part(self._parts[-1].end if self._parts else 0))
        return self._parts[-1]

    def _short_of_time(self) -> bool:
        return self._until.remaining() < self._claim.engine.ladder.last_batch

    async def _checkpoint(self) -> None:
        # what has no end yet would be planned anew
        await self._keep([asdict(part) for part in self._parts if part.end])

    # Beginning

    async def _begin(self, part: Part) -> bool:
        """Upload and create; False where the account's queue has no room for it now."""
        if part.file_id is None:
            lines = await self._planned(part)
            if not lines or self._ends_soon():
                part.done = True
                await self._checkpoint()
                return True
            name = f"{self._claim.run.id}-{part.first}.jsonl"
            part.file_id = await self._service.upload(lines, name, self._until)
            await self._checkpoint()
        mark = part.mark(self._claim.run.id)
        found = await self._service.find(mark, self._until)
        batch_id = found or await self._service.create(part.file_id, mark, self._until)
        part.batch_id, part.created_at = batch_id, self._claim.engine.clock()
        await self._checkpoint()
        logs.info("batch begun", batch=batch_id, first=part.first, end=part.end)
        return True

    async def _planned(self, part: Part) -> bytes:
        """The file of a part: what has no answer yet, as far as file and budget allow."""
        lines, number, worst = bytearray(), 0, Use()
        part.end = part.first
        while part.end < len(self._questions) and number < PART_QUESTIONS:
            room = min(LOOKED_UP, PART_QUESTIONS - number)
            some = self._questions[part.end : part.end + room]
            for found in await self._answers.look_up(some):
                part.end += 1
                if isinstance(found, Reply) or found.attempt > 1:
                    continue
                one = self._worst(found.question)
                if self._spending.refuses(one):
                    part.end = len(self._questions)  # the rest is for `asking` to refuse
                    break
                self._spending.reserve(one)
                lines += self._service.line(found.hash, found.question)
                number, worst = number + 1, worst + one
            if len(lines) > PART_BYTES:
                break
        part.worst = asdict(worst)
        return bytes(lines)

    def _worst(self, question: Question[Any]) -> Use:
        usage = question.worst_case()
        return Use.of(usage, self._price.most(usage, BATCH_SHARE) if self._price else None)

    # Looking

    async def _look(self, part: Part) -> float | None:
        """Seconds until the next look at a part; None when it is through."""
        assert part.batch_id is not None
        batch = await self._service.look(part.batch_id, self._until)
        self.answered += batch.done
        if batch.status == BatchStatus.FAILED:
            return await self._failed(part, batch)
        if batch.status in BATCH_ENDED:
            return await self._collect(part, batch)
        if not self._ends_soon():
            return self._delay(part)
        if batch.status != BatchStatus.CANCELLING:
            await self._service.cancel(batch.id, self._until)
        if not self._ends_soon(share=0.5):
            return LOOK_FIRST
        await self._through(part)  # there is no time for what it has answered
        return None

    async def _failed(self, part: Part, batch: Batch) -> float | None:
        code, message = batch.problem
        if code != QUEUE_FULL:
            raise StepError(Reason.MODEL_BATCH_FAILED, f"the batch failed: {code}: {message}")
        part.batch_id, part.tries = None, part.tries + 1
        if self._ends_soon():
            await self._through(part)
            return None
        await self._checkpoint()
        return LOOK_MOST

    def _delay(self, part: Part) -> float:
        assert part.created_at is not None
        age = (self._claim.engine.clock() - part.created_at).total_seconds()
        until_end = max(LOOK_FIRST, self._claim.seconds_left - self._reserve())
        return min(until_end, max(LOOK_FIRST, min(LOOK_MOST, age * LOOK_SHARE)))

    def _reserve(self) -> float:
        """Of the run's time, in seconds: what is left for the end."""
        run = self._claim.run
        whole = (run.deadline_at - run.created_at).total_seconds()
        return min(END_MOST, END_SHARE * whole)

    def _ends_soon(self, share: float = 1.0) -> bool:
        return self._claim.seconds_left <= self._reserve() * share

    # Collecting

    async def _collect(self, part: Part, batch: Batch) -> float | None:
        """Keep what the batch has answered. What it has not is asked alone."""
        pending = await self._pending(part)
        files = [await self._service.results(file_id, self._until) for file_id in batch.files]
        results = [result for found in files for result in found]
        _check_any_answered(results)
        wanted = [(pending[r.hash], r) for r in results if r.hash in pending]
        for at in range(0, len(wanted), KEPT_AT_ONCE):
            if self._short_of_time():
                return 0.0
            some = wanted[at : at + KEPT_AT_ONCE]
            await asyncio.gather(*(self._take(turn, result) for turn, result in some))
        logs.info("batch collected", batch=batch.id, status=batch.status, asked=len(pending))
        await self._through(part, batch.files)
        return None

    async def _pending(self, part: Part) -> dict[str, Turn[Any]]:
        """Of the part's questions, those that have no answer and no failed attempt, by hash."""
        pending: dict[str, Turn[Any]] = {}
        for at in range(part.first, part.end, LOOKED_UP):
            some = self._questions[at : min(part.end, at + LOOKED_UP)]
            found = await self._answers.look_up(some)
            pending |= {t.hash: t for t in found if isinstance(t, Turn) and t.attempt == 1}
        return pending

    async def _take(self, turn: Turn[Any], result: BatchResult) -> None:
        if result.status is None or not _is_final(result.status):
            return
        now = self._claim.engine.clock()
        if result.status != 200:
            reason, _ = read_problem(result.status, result.body)
            failure = Problem(reason, f"the model's service answered {result.status} in a batch")
            await self._answers.keep_failure(turn, failure, now)
            return
        answer: Answer[Any] | FailedAnswerError
        try:
            answer = read_answer(turn.question, result.body, {}, 0.0)
        except FailedAnswerError as error:
            answer = error
        except StepError:
            return  # no completion at all
        receipt = answer.receipt if isinstance(answer, FailedAnswerError) else answer
        dollars = self._price.dollars(receipt.usage, BATCH_SHARE) if self._price else None
        await self._answers.take(turn, answer, dollars, now)

    async def _through(self, part: Part, files: Sequence[str] = ()) -> None:
        """The part is done; its files need not stay with the service."""
        part.done = True
        await self._checkpoint()
        for file_id in filter(None, (part.file_id, *files)):
            try:
                await self._service.forget(file_id, self._until)
            except StepError as error:
                logs.warning("file not deleted", file=file_id, error=error.message)


async def stop_batches(
    run_id: str,
    kept: Sequence[Fields],
    settings: ModelSettings,
    open_batches: OpenBatches,
    deadline: Deadline,
) -> None:
    """Cancel the batches of a run that was ended while they go on: they would be paid in vain.

    Raises `StepError`.
    """
    parts = [part for fields in kept if not (part := Part(**fields)).done and part.file_id]
    if not parts:
        return
    service = open_batches(settings)
    try:
        for part in parts:
            batch_id = part.batch_id or await service.find(part.mark(run_id), deadline)
            batch = await service.look(batch_id, deadline) if batch_id else None
            if batch and batch.status not in BATCH_ENDED | {BatchStatus.CANCELLING}:
                await service.cancel(batch.id, deadline)
                logs.warning("batch cancelled", batch=batch.id, done=batch.done, total=batch.total)
    finally:
        await service.close()


def _is_final(status: int) -> bool:
    """Whether asking the same once more would be answered in the same way."""
    return status != 429 and status < 500


def _check_any_answered(results: Sequence[BatchResult]) -> None:
    """Raise `StepError` when all were refused for what every question has: that is no question's
    fault."""
    if any(result.status == 200 for result in results):
        return
    for result in results:
        if result.status and _is_final(result.status):
            reason, said = read_problem(result.status, result.body)
            if reason != Reason.MODEL_REJECTED:
                told = f"the model's service answered a whole batch {said}"
                raise StepError(reason, with_fix(told, reason))
