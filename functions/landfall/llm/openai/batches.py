"""Batches of questions at OpenAI, through its SDK: half the price, and an answer within a day."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError

from landfall import logs
from landfall.deadlines import LADDER, Deadline, Ladder
from landfall.llm.batch import Batch, BatchResult, BatchStatus
from landfall.llm.openai.client import ModelService, Send, chat_body
from landfall.llm.questions import Question
from landfall.llm.settings import Effort
from landfall.net.http import Resolver
from landfall.reasons import Reason, StepError

MARK = "landfall"
"""The name under which a batch's metadata has our mark."""

LISTED = 100
"""Batches in a list, the newest first: ours is looked for among them, right after its creation."""

HAS_ENDED = 409
"""The answer to the cancellation of a batch that is through already."""


class OpenAIBatches:
    """A `BatchService` that speaks OpenAI's Batch API."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        model: str,
        ladder: Ladder = LADDER,
        resolver: Resolver | None = None,
        effort: Effort | None = None,
    ) -> None:
        self.name = model
        self.effort = effort
        self._service = ModelService(base_url, api_key, ladder, resolver)

    async def close(self) -> None:
        """Let go of every connection."""
        await self._service.close()

    def line(self, hash_: str, question: Question[Any]) -> bytes:
        """A question as a line of the file, asked as `OpenAIModel` asks it."""
        body = chat_body(self.name, self.effort, question)
        line = {"custom_id": hash_, "method": "POST", "url": "/v1/chat/completions", "body": body}
        return json.dumps(line).encode() + b"\n"

    async def upload(self, lines: bytes, name: str, deadline: Deadline) -> str:
        """Store a file of questions; its id."""
        answer = await self._asked(
            "upload",
            lambda sdk, seconds: sdk.files.with_raw_response.create(
                file=(name, lines, "application/jsonl"), purpose="batch", timeout=seconds
            ),
            deadline,
        )
        return _read(_Named, answer).id

    async def create(self, file_id: str, mark: str, deadline: Deadline) -> str:
        """Begin a batch over a file, to be known by `mark`; its id."""
        answer = await self._asked(
            "create",
            lambda sdk, seconds: sdk.batches.with_raw_response.create(
                input_file_id=file_id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={MARK: mark},
                timeout=seconds,
            ),
            deadline,
        )
        return _read(_Named, answer).id

    async def find(self, mark: str, deadline: Deadline) -> str | None:
        """The id of the batch that was created with this mark, if one was."""
        answer = await self._asked(
            "list",
            lambda sdk, seconds: sdk.batches.with_raw_response.list(limit=LISTED, timeout=seconds),
            deadline,
        )
        batches = _read(_Listed, answer).data
        return next((b.id for b in batches if (b.metadata or {}).get(MARK) == mark), None)

    async def look(self, batch_id: str, deadline: Deadline) -> Batch:
        """The batch as it is now."""
        answer = await self._asked(
            "look",
            lambda sdk, seconds: sdk.batches.with_raw_response.retrieve(batch_id, timeout=seconds),
            deadline,
        )
        return _read(_Batch, answer).told()

    async def results(self, file_id: str, deadline: Deadline) -> Sequence[BatchResult]:
        """What a file of results says."""
        answer = await self._asked(
            "results",
            lambda sdk, seconds: sdk.files.with_raw_response.content(file_id, timeout=seconds),
            deadline,
        )
        try:
            lines = answer.content.splitlines()
            return [_Line.model_validate_json(line).told() for line in lines if line.strip()]
        except ValidationError as error:
            raise _malformed(error) from None

    async def cancel(self, batch_id: str, deadline: Deadline) -> None:
        """Stop it, if it has not ended; what was answered by then can be had."""
        await self._asked(
            "cancel",
            lambda sdk, seconds: sdk.batches.with_raw_response.cancel(batch_id, timeout=seconds),
            deadline,
            HAS_ENDED,
        )

    async def forget(self, file_id: str, deadline: Deadline) -> None:
        """Delete a file: nothing of ours needs to stay there."""
        await self._asked(
            "forget",
            lambda sdk, seconds: sdk.files.with_raw_response.delete(file_id, timeout=seconds),
            deadline,
        )

    async def _asked(
        self, what: str, send: Send, deadline: Deadline, fine: int | None = None
    ) -> httpx2.Response:
        answer = await self._service.send(send, deadline)
        logs.info("called", vendor="openai", batches=what, status=answer.status_code)
        if not answer.is_success and answer.status_code != fine:
            raise self._service.refusal(answer)
        return answer


# Of an answer, what is read: the SDK's own classes are lenient with what is missing.
class _Named(BaseModel):
    id: str


class _Marked(_Named):
    metadata: dict[str, str] | None = None


class _Listed(BaseModel):
    data: list[_Marked]


class _Counts(BaseModel):
    total: int = 0
    completed: int = 0
    failed: int = 0


class _Wrong(BaseModel):
    code: str | None = None
    message: str | None = None


class _Wrongs(BaseModel):
    data: list[_Wrong] | None = None


class _Batch(_Named):
    status: BatchStatus
    request_counts: _Counts | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    errors: _Wrongs | None = None

    def told(self) -> Batch:
        counts = self.request_counts or _Counts()
        wrong = next(iter((self.errors and self.errors.data) or ()), _Wrong())
        return Batch(
            id=self.id,
            status=self.status,
            done=counts.completed + counts.failed,
            total=counts.total,
            files=tuple(filter(None, (self.output_file_id, self.error_file_id))),
            problem=(wrong.code or "", wrong.message or ""),
        )


class _Sent(BaseModel):
    status_code: int
    body: Any = None


class _Line(BaseModel):
    custom_id: str
    response: _Sent | None = None

    def told(self) -> BatchResult:
        if self.response is None:
            return BatchResult(self.custom_id, None, b"")
        body = json.dumps(self.response.body).encode()
        return BatchResult(self.custom_id, self.response.status_code, body)


S = TypeVar("S", bound=BaseModel)


def _read(shape: type[S], answer: httpx2.Response) -> S:
    try:
        return shape.model_validate_json(answer.content)
    except ValidationError as error:
        raise _malformed(error) from None


def _malformed(error: ValidationError) -> StepError:
    places = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
    return StepError(Reason.MODEL_MALFORMED, f"the model's service answered strangely: {places}")
