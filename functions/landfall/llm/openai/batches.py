"""Batches of questions at OpenAI, through its SDK: half the price, and answers within a day."""

import json
from collections.abc import Sequence
from typing import Any, TypeVar

import httpx2
from pydantic import BaseModel, Field, ValidationError

from landfall import logs
from landfall.deadlines import LADDER, Deadline, Ladder
from landfall.llm.batch import Batch, BatchResult, BatchStatus
from landfall.llm.model_settings import Effort
from landfall.llm.openai.client import ModelService, Send, chat_body
from landfall.llm.questions import Question
from landfall.net.http import Resolver
from landfall.reasons import Reason, StepError

METADATA_KEY = "landfall"
"""Name of our key in the metadata of a batch."""

PAGE_SIZE = 100
"""Batches in a list, the newest first. It is searched right after the creation of a batch."""

MAX_ID_CHARACTERS = 200
"""Characters of the id of a file or a batch; those of OpenAI have about 40."""

ALREADY_ENDED = 409
"""Status of the response to a cancellation after the batch has ended."""


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
        """Close all connections."""
        await self._service.close()

    def line(self, hash_: str, question: Question[Any]) -> bytes:
        """Return a question as a line of the file, with the body that `OpenAIModel` sends."""
        body = chat_body(self.name, self.effort, question)
        line = {"custom_id": hash_, "method": "POST", "url": "/v1/chat/completions", "body": body}
        return json.dumps(line).encode() + b"\n"

    async def upload(self, lines: bytes, name: str, deadline: Deadline) -> str:
        """Store a file of questions. Return its id."""
        response = await self._call(
            "upload",
            lambda sdk, seconds: sdk.files.with_raw_response.create(
                file=(name, lines, "application/jsonl"), purpose="batch", timeout=seconds
            ),
            deadline,
        )
        return _parse(_Named, response).id

    async def create(self, file_id: str, key: str, deadline: Deadline) -> str:
        """Create a batch of a file, labelled with `key`. Return its id."""
        response = await self._call(
            "create",
            lambda sdk, seconds: sdk.batches.with_raw_response.create(
                input_file_id=file_id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={METADATA_KEY: key},
                timeout=seconds,
            ),
            deadline,
        )
        return _parse(_Named, response).id

    async def find(self, key: str, deadline: Deadline) -> str | None:
        """Return the id of the batch that was created with this key, if there is one."""
        response = await self._call(
            "list",
            lambda sdk, seconds: sdk.batches.with_raw_response.list(
                limit=PAGE_SIZE, timeout=seconds
            ),
            deadline,
        )
        batches = _parse(_Listed, response).data
        return next((b.id for b in batches if (b.metadata or {}).get(METADATA_KEY) == key), None)

    async def retrieve(self, batch_id: str, deadline: Deadline) -> Batch:
        """Return the present state of a batch."""
        response = await self._call(
            "look",
            lambda sdk, seconds: sdk.batches.with_raw_response.retrieve(batch_id, timeout=seconds),
            deadline,
        )
        return _parse(_Batch, response).state()

    async def results(self, file_id: str, deadline: Deadline) -> Sequence[BatchResult]:
        """Read a file of results."""
        response = await self._call(
            "results",
            lambda sdk, seconds: sdk.files.with_raw_response.content(file_id, timeout=seconds),
            deadline,
        )
        try:
            lines = response.content.splitlines()
            return [_Line.model_validate_json(line).result() for line in lines if line.strip()]
        except ValidationError as error:
            raise _malformed(error) from None

    async def cancel(self, batch_id: str, deadline: Deadline) -> None:
        """Cancel a batch, if it has not ended. Answers up to then remain available."""
        await self._call(
            "cancel",
            lambda sdk, seconds: sdk.batches.with_raw_response.cancel(batch_id, timeout=seconds),
            deadline,
            ALREADY_ENDED,
        )

    async def delete_file(self, file_id: str, deadline: Deadline) -> None:
        """Delete a file: no data needs to remain at the service."""
        await self._call(
            "forget",
            lambda sdk, seconds: sdk.files.with_raw_response.delete(file_id, timeout=seconds),
            deadline,
        )

    async def _call(
        self, operation: str, send: Send, deadline: Deadline, accepted: int | None = None
    ) -> httpx2.Response:
        """Return a response of success or of the accepted status. Raises `StepError`."""
        response = await self._service.send(send, deadline)
        logs.info("called", vendor="openai", batches=operation, status=response.status_code)
        if not response.is_success and response.status_code != accepted:
            raise self._service.status_error(response)
        return response


# The parts of a response that are read. The SDK's own classes tolerate missing fields.
class _Named(BaseModel):
    id: str = Field(max_length=MAX_ID_CHARACTERS)


class _Labelled(_Named):
    metadata: dict[str, str] | None = None


class _Listed(BaseModel):
    data: list[_Labelled]


class _Counts(BaseModel):
    total: int = 0
    completed: int = 0
    failed: int = 0


class _Problem(BaseModel):
    code: str | None = None
    message: str | None = None


class _Problems(BaseModel):
    data: list[_Problem] | None = None


class _Batch(_Named):
    status: BatchStatus
    request_counts: _Counts | None = None
    output_file_id: str | None = Field(None, max_length=MAX_ID_CHARACTERS)
    error_file_id: str | None = Field(None, max_length=MAX_ID_CHARACTERS)
    errors: _Problems | None = None

    def state(self) -> Batch:
        counts = self.request_counts or _Counts()
        problem = next(iter((self.errors and self.errors.data) or ()), _Problem())
        return Batch(
            id=self.id,
            status=self.status,
            done=counts.completed + counts.failed,
            total=counts.total,
            files=tuple(filter(None, (self.output_file_id, self.error_file_id))),
            problem=(problem.code or "", problem.message or ""),
        )


class _Response(BaseModel):
    status_code: int
    body: Any = None


class _Line(BaseModel):
    custom_id: str
    response: _Response | None = None

    def result(self) -> BatchResult:
        if self.response is None:
            return BatchResult(self.custom_id, None, b"")
        body = json.dumps(self.response.body).encode()
        return BatchResult(self.custom_id, self.response.status_code, body)


S = TypeVar("S", bound=BaseModel)


def _parse(shape: type[S], response: httpx2.Response) -> S:
    try:
        return shape.model_validate_json(response.content)
    except ValidationError as error:
        raise _malformed(error) from None


def _malformed(error: ValidationError) -> StepError:
    places = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:3])
    return StepError(Reason.MODEL_MALFORMED, f"unexpected response from the model API: {places}")
