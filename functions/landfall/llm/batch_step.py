"""Questions asked in batches, as a chain of short tasks, before `session` asks the rest.

    submit ──> poll, again and again, later each time ──> collect ──> asking
       │                                                     │
    the ids of file and batch                    every answer is stored as if
    are stored                                   its question had been asked alone

The answers of a batch are stored under the hashes of their questions. The kind of scan goes on with
`Asking` over the same questions, and finds them there. `Asking` then asks one by one what a batch
left out, answered wrongly, or had no time for before it expired.

Each part of the questions is a batch: a range of them, in the order in which the kind always gives
them. A run whose batches have not ended before its own end cancels them: shortly before its
deadline, to collect what they have, or after its end (`stop_batches`), whoever ended it.

    batching = Batching(claim, settings, open_batches, cursor.batches)
    delay = await batching.run(questions, deadline, keep)
    if delay is not None:
        return Again(delay, waiting=True)   # and come back here
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from typing import Any

from landfall import logs
from landfall.deadlines import Deadline
from landfall.llm.batch import BATCH_ENDED, Batch, BatchService, BatchStatus
from landfall.llm.batch_collection import BatchCollection
from landfall.llm.batch_part import BatchPart
from landfall.llm.batch_submission import BatchSubmission
from landfall.llm.funding import Funding
from landfall.llm.model_settings import ModelSettings
from landfall.llm.prices import BATCH_FACTOR
from landfall.llm.questions import Question
from landfall.llm.usage import ModelUsage
from landfall.reasons import Reason, StepError
from landfall.runs.claim import Claim
from landfall.store.documents import Fields

OpenBatches = Callable[[ModelSettings], BatchService]
"""Opens the service that a scan names. Raises `StepError` where there is no key for one."""

Keep = Callable[[Sequence[Fields]], Awaitable[None]]
"""Stores the state of the batches in the step's cursor: a checkpoint of the kind that asks."""

MIN_POLL_DELAY = 10.0
MAX_POLL_DELAY = 600.0
POLL_DELAY_SHARE = 0.25
"""Seconds until the next poll: a quarter of the age of the batch, within these bounds."""

MAX_PARTS = 200
"""Batches of a run, which its cursor has. Questions beyond them are asked one by one."""

QUEUE_FULL = "token_limit_exceeded"
"""The code of a batch that failed because the account may not have more in its queue."""

RESERVE_SHARE = 0.1
MAX_RESERVE = 1_200.0
"""The share of a run's time, and the most seconds, that are left for collecting the answers of a
batch and asking the rest. A batch that takes longer is cancelled."""


class Batching:
    """One invocation of a step that asks in batches."""

    answered: int
    """Questions that the batches have answered so far, as of this invocation's polls."""

    def __init__(
        self,
        claim: Claim,
        settings: ModelSettings,
        open_batches: OpenBatches,
        stored: Sequence[Fields],
    ) -> None:
        self.answered = 0
        self._claim = claim
        self._settings = settings
        self._open = open_batches
        self._parts = [BatchPart(**fields) for fields in stored]

    async def run(
        self, questions: Sequence[Question[Any]], deadline: Deadline, keep: Keep
    ) -> float | None:
        """Advance the batches; return the seconds until the next poll, None when all have ended.

        Raises `StepError`, `StoreError`.
        """
        ladder = self._claim.engine.ladder
        self._questions = questions
        self._keep = keep
        self._until = Deadline(deadline.at - self._claim.reserve(ladder.last_reply))
        self._last_start = Deadline(self._until.at - self._claim.reserve(ladder.last_batch))
        self._service = self._open(self._settings)
        try:
            await self._prepare()
            return await self._go_on()
        finally:
            await self._service.close()

    async def _prepare(self) -> None:
        claim, service = self._claim, self._service
        funding = await Funding.load(
            claim, self._settings, service.name, service.effort, BATCH_FACTOR
        )
        self._spending = funding.spending
        for part in self._parts:
            if not (part.done or self._spending.has_receipts):
                self._reserve_usage(part)
        self._submission = BatchSubmission(
            claim.run.id, service, funding, self._questions, self._until
        )
        self._collection = BatchCollection(
            service, funding, self._questions, claim.engine.clock, self._last_start, self._until
        )

    async def _go_on(self) -> float | None:
        while (part := self._next()) is not None:
            if self._last_start.remaining() < 0:
                return 0.0
            await self._submit(part)
        open_parts = [part for part in self._parts if not part.done]
        delays = [await self._poll(part) for part in open_parts]
        waiting = [delay for delay in delays if delay is not None]
        return min(waiting) if waiting else None

    def _next(self) -> BatchPart | None:
        """Return the next part without a batch; None once every question is in a part with one."""
        for part in self._parts:
            if not (part.done or part.batch_id):
                return part
        planned = self._parts[-1].end if self._parts else 0
        if self._parts and (planned >= len(self._questions) or len(self._parts) == MAX_PARTS):
            return None
        self._parts.append(BatchPart(planned))
        return self._parts[-1]

    async def _checkpoint(self) -> None:
        # a part without an end is planned anew
        await self._keep([asdict(part) for part in self._parts if part.end])

    def _reserve_usage(self, part: BatchPart) -> None:
        self._spending.reserve(part.call_name, ModelUsage(**part.worst))

    async def _submit(self, part: BatchPart) -> None:
        """Upload the part and create its batch, unless there is nothing to ask or no time."""
        if part.file_id is None:
            lines = await self._submission.lines(part)
            if not lines or self._ends_soon():
                part.done = True
                self._spending.release(part.call_name)
            else:
                part.file_id = await self._submission.upload(part, lines)
            await self._checkpoint()
            if not part.done and await self._spending.overdrawn(self._claim.engine.store):
                # a concurrent run has reserved the rest: `Asking` refuses the questions
                self._spending.release(part.call_name)
                await self._done(part)
        if part.done:
            return
        part.batch_id = await self._submission.create(part)
        part.created_at = self._claim.engine.clock()
        await self._checkpoint()
        logs.info("batch begun", batch=part.batch_id, first=part.first, end=part.end)

    async def _poll(self, part: BatchPart) -> float | None:
        """Return the seconds until the next poll of a part; None when it is done."""
        assert part.batch_id is not None
        batch = await self._service.retrieve(part.batch_id, self._until)
        self.answered += batch.done
        if batch.status == BatchStatus.FAILED:
            return await self._failed(part, batch)
        if batch.status in BATCH_ENDED:
            used = await self._collection.collect(part, batch)
            if used is None:
                return 0.0
            self._spending.settle(part.call_name, used)
            await self._done(part, batch.files)
            return None
        if not self._ends_soon():
            return self._delay(part)
        if batch.status != BatchStatus.CANCELLING:
            await self._service.cancel(batch.id, self._until)
        if not self._ends_soon(share=0.5):
            return MIN_POLL_DELAY
        self._spending.lose(part.call_name)
        await self._done(part)  # there is no time for its answers
        return None

    async def _failed(self, part: BatchPart, batch: Batch) -> float | None:
        code, message = batch.problem
        self._spending.release(part.call_name)  # none of its questions was asked
        if code != QUEUE_FULL:
            raise StepError(Reason.MODEL_BATCH_FAILED, f"the batch failed: {code}: {message}")
        part.batch_id, part.tries = None, part.tries + 1
        if self._ends_soon():
            await self._done(part)
            return None
        self._reserve_usage(part)
        await self._checkpoint()
        return MAX_POLL_DELAY

    def _delay(self, part: BatchPart) -> float:
        assert part.created_at is not None
        age = (self._claim.engine.clock() - part.created_at).total_seconds()
        until_end = max(MIN_POLL_DELAY, self._claim.seconds_left - self._reserve())
        by_age = max(MIN_POLL_DELAY, min(MAX_POLL_DELAY, age * POLL_DELAY_SHARE))
        return min(until_end, by_age)

    def _reserve(self) -> float:
        """Return the seconds of the run's time that are left for its end."""
        run = self._claim.run
        whole = (run.deadline_at - run.created_at).total_seconds()
        return min(MAX_RESERVE, RESERVE_SHARE * whole)

    def _ends_soon(self, share: float = 1.0) -> bool:
        return self._claim.seconds_left <= self._reserve() * share

    async def _done(self, part: BatchPart, files: Sequence[str] = ()) -> None:
        """Record that a part is done, and delete its files at the service."""
        part.done = True
        await self._checkpoint()
        for file_id in filter(None, (part.file_id, *files)):
            try:
                await self._service.delete_file(file_id, self._until)
            except StepError as error:
                logs.warning("file not deleted", file=file_id, error=error.message)


async def stop_batches(
    run_id: str,
    stored: Sequence[Fields],
    settings: ModelSettings,
    open_batches: OpenBatches,
    deadline: Deadline,
) -> None:
    """Cancel the batches of a run that has ended: nobody would use their answers.

    Raises `StepError`.
    """
    parts = [part for fields in stored if not (part := BatchPart(**fields)).done and part.file_id]
    if not parts:
        return
    service = open_batches(settings)
    try:
        for part in parts:
            batch_id = part.batch_id or await service.find(part.mark(run_id), deadline)
            batch = await service.retrieve(batch_id, deadline) if batch_id else None
            if batch and batch.status not in BATCH_ENDED | {BatchStatus.CANCELLING}:
                await service.cancel(batch.id, deadline)
                logs.warning("batch cancelled", batch=batch.id, done=batch.done, total=batch.total)
    finally:
        await service.close()
