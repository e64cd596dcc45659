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
from landfall.llm.questions import Answer, FailedAnswerError, Problem, Question, Receipt
from landfall.llm.usage import ModelUsage
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

    async def collect(self, part: BatchPart, batch: Batch) -> ModelUsage | None:
        """Store what a batch has answered; return its usage, or None if there was no time for all.

        The usage covers every answer, whoever else has stored one to the same question.

        Raises `StepError`, `StoreError`.
        """
        pending = await self._pending(part)
        files = [await self.service.results(file_id, self.until) for file_id in batch.files]
        # a question has one result, however often a file has its id
        results = [*{result.hash: result for found in files for result in found}.values()]
        _check_any_answered(results)
        wanted = [(pending[r.hash], r) for r in results if r.hash in pending]
        for at in range(0, len(wanted), CONCURRENCY):
            if self.last_start.remaining() < 0:
                return None
            some = wanted[at : at + CONCURRENCY]
            await asyncio.gather(*(self._store(question, result) for question, result in some))
        logs.info("batch collected", batch=batch.id, status=batch.status, asked=len(pending))
        return self._usage(part, results)

    def _usage(self, part: BatchPart, results: Sequence[BatchResult]) -> ModelUsage:
        """Return the usage of the results of a part."""
        service, billing = self.service, self.funding.billing
        asked = self.questions[part.first : part.end]
        of_hash = {one.hash(service.name, service.effort): one for one in asked}
        used = ModelUsage()
        for result in results:
            question = of_hash.get(result.hash)
            if question is None or result.status is None or not _is_final(result.status):
                continue
            if result.status != 200:
                used += ModelUsage(calls=1)
            elif (answer := _read(question, result)) is None:
                used += billing.worst_case(question)
            else:
                used += billing.used(_receipt(answer))
        return used

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
        answer = _read(pending.question, result)
        if answer is not None:
            dollars = self.funding.billing.dollars(_receipt(answer))
            await answers.record(pending, answer, dollars, now)


def _read(question: Question[Any], result: BatchResult) -> Answer[Any] | FailedAnswerError | None:
    """Return the answer in a result; None where it is no completion at all."""
    try:
        return read_answer(question, result.body, {}, 0.0)
    except FailedAnswerError as error:
        return error
    except StepError:
        return None


def _receipt(answer: Answer[Any] | FailedAnswerError) -> Receipt:
    return answer.receipt if isinstance(answer, FailedAnswerError) else answer


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
