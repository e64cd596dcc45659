"""Collection of the results of a batch: each is stored like the answer to a single question."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from landfall import logs
from landfall.deadlines import Deadline
from landfall.llm.attempts import PendingQuestion
from landfall.llm.batch import Batch, BatchResult, BatchService
from landfall.llm.batch_part import BatchPart
from landfall.llm.concurrency import LOOKUP_SIZE
from landfall.llm.funding import Funding
from landfall.llm.openai.completions import add_fix, read_answer, read_error
from landfall.llm.questions import Answer, FailedAnswerError, Problem, Question
from landfall.reasons import Reason, StepError
from landfall.runs.commit import Clock

CONCURRENCY = 20
"""Answers that are stored at the same time."""


@dataclass(frozen=True)
class BatchCollection:
    """The collection of the batches of a run. It starts no further work after `last_start`."""

    service: BatchService
    funding: Funding
    questions: Sequence[Question[Any]]
    clock: Clock
    last_start: Deadline
    until: Deadline

    async def collect(self, part: BatchPart, batch: Batch) -> bool:
        """Store what a batch has answered; return whether there was time for all of it.

        Raises `StepError`, `StoreError`.
        """
        pending = await self._pending(part)
        files = [await self.service.results(file_id, self.until) for file_id in batch.files]
        results = [result for found in files for result in found]
        _check_any_answered(results)
        wanted = [(pending[r.hash], r) for r in results if r.hash in pending]
        for at in range(0, len(wanted), CONCURRENCY):
            if self.last_start.remaining() < 0:
                return False
            some = wanted[at : at + CONCURRENCY]
            await asyncio.gather(*(self._store(question, result) for question, result in some))
        logs.info("batch collected", batch=batch.id, status=batch.status, asked=len(pending))
        return True

    async def _pending(self, part: BatchPart) -> dict[str, PendingQuestion[Any]]:
        """Return by hash those questions of the part that have no answer and no failed attempt."""
        pending: dict[str, PendingQuestion[Any]] = {}
        for at in range(part.first, part.end, LOOKUP_SIZE):
            some = self.questions[at : min(part.end, at + LOOKUP_SIZE)]
            found = await self.funding.answers.look_up(some)
            pending |= {
                one.hash: one
                for one in found
                if isinstance(one, PendingQuestion) and one.attempt == 1
            }
        return pending

    async def _store(self, pending: PendingQuestion[Any], result: BatchResult) -> None:
        if result.status is None or not _is_final(result.status):
            return
        answers, now = self.funding.answers, self.clock()
        if result.status != 200:
            reason, _ = read_error(result.status, result.body)
            failure = Problem(reason, f"the model API answered {result.status} in a batch")
            await answers.record_failure(pending, failure, now)
            return
        answer: Answer[Any] | FailedAnswerError
        try:
            answer = read_answer(pending.question, result.body, {}, 0.0)
        except FailedAnswerError as error:
            answer = error
        except StepError:
            return  # no completion at all
        receipt = answer.receipt if isinstance(answer, FailedAnswerError) else answer
        await answers.record(pending, answer, self.funding.billing.dollars(receipt), now)


def _is_final(status: int) -> bool:
    """Return whether another attempt would be answered in the same way."""
    return status != 429 and status < 500


def _check_any_answered(results: Sequence[BatchResult]) -> None:
    """Raise `StepError` when all were refused for a reason that no single question explains."""
    if any(result.status == 200 for result in results):
        return
    for result in results:
        if result.status and _is_final(result.status):
            reason, detail = read_error(result.status, result.body)
            if reason != Reason.MODEL_REJECTED:
                message = f"the model API answered a whole batch {detail}"
                raise StepError(reason, add_fix(message, reason))
