"""Submission of a batch: choose the questions of a part, upload them, create the batch.

A batch has a mark in its metadata. The service is asked for a batch of that mark before one is
created: an invocation that was interrupted does not create it twice.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from landfall.deadlines import Deadline
from landfall.llm.batch import BatchService
from landfall.llm.batch_part import BatchPart
from landfall.llm.concurrency import LOOKUP_SIZE
from landfall.llm.funding import Funding
from landfall.llm.questions import Question, Reply
from landfall.llm.usage import ModelUsage

MAX_QUESTIONS = 1_000
"""Questions of a batch; OpenAI takes 50,000, but a file is sent within a request's deadline."""

MAX_BYTES = 4_000_000
"""Bytes of a batch's file after which no question is added, for the same reason."""


@dataclass(frozen=True)
class BatchSubmission:
    """The submission of the batches of a run, each for a part of the questions."""

    run_id: str
    service: BatchService
    funding: Funding
    questions: Sequence[Question[Any]]
    until: Deadline

    async def lines(self, part: BatchPart) -> bytes:
        """Return the file of a part: questions without an answer, as size and budget allow.

        This sets the `end` of the part and its `worst`, which it reserves.
        """
        lines, number, worst = bytearray(), 0, ModelUsage()
        spending = self.funding.spending
        part.end = part.first
        while part.end < len(self.questions) and number < MAX_QUESTIONS:
            room = min(LOOKUP_SIZE, MAX_QUESTIONS - number)
            some = self.questions[part.end : part.end + room]
            for found in await self.funding.answers.look_up(some):
                part.end += 1
                if isinstance(found, Reply) or found.attempt > 1:
                    continue
                one = self.funding.billing.worst_case(found.question)
                if spending.refuses(worst + one):
                    part.end = len(self.questions)  # the rest is for `Asking` to refuse
                    break
                lines += self.service.line(found.hash, found.question)
                number, worst = number + 1, worst + one
            if len(lines) > MAX_BYTES:
                break
        part.worst = asdict(worst)
        spending.reserve(part.call_name, worst)
        return bytes(lines)

    async def upload(self, part: BatchPart, lines: bytes) -> str:
        """Upload the file of a part; return its id. Raises `StepError`."""
        return await self.service.upload(lines, f"{self.run_id}-{part.first}.jsonl", self.until)

    async def create(self, part: BatchPart) -> str:
        """Return the id of the part's batch, which is created unless it exists.

        Raises `StepError`.
        """
        assert part.file_id is not None
        mark = part.mark(self.run_id)
        found = await self.service.find(mark, self.until)
        return found or await self.service.create(part.file_id, mark, self.until)
