"""Chat completions through OpenAI's SDK: a question, and an answer of a given shape."""

import asyncio
from typing import TypeVar

import httpx2
from pydantic import BaseModel

from landfall import logs
from landfall.deadlines import LADDER, Deadline, Ladder
from landfall.llm.answer_store import MAX_ANSWER_BYTES
from landfall.llm.model_settings import Effort
from landfall.llm.openai.client import ModelService, chat_body
from landfall.llm.openai.completions import read_answer
from landfall.llm.questions import Answer, FailedAnswerError, Question
from landfall.net.http import Resolver

T = TypeVar("T", bound=BaseModel)

MAX_RESPONSE_BYTES = 4 * MAX_ANSWER_BYTES
"""Bytes of a response: an answer that is stored, as JSON escapes it, and what is around it."""


class OpenAIModel:
    """A `Model` that speaks OpenAI's chat completions."""

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
        self._service = ModelService(base_url, api_key, ladder, resolver, MAX_RESPONSE_BYTES)

    async def close(self) -> None:
        """Close all connections."""
        await self._service.close()

    async def ask(self, question: Question[T], deadline: Deadline) -> Answer[T]:
        """Ask a question once. Raises `FailedAnswerError`, `StepError`."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        outcome: dict[str, object] = {"status": "failed"}
        try:
            response = await self._send(question, deadline)
            outcome["status"] = response.status_code
            if not response.is_success:
                raise self._service.status_error(response)
            seconds = loop.time() - started
            answer = read_answer(question, response.content, response.headers, seconds)
            outcome["tokens"] = answer.usage.tokens
            return answer
        except FailedAnswerError as error:
            outcome["tokens"] = error.receipt.usage.tokens
            raise
        finally:
            seconds = round(loop.time() - started, 3)
            logs.info("called", vendor="openai", model=self.name, seconds=seconds, **outcome)

    async def _send(self, question: Question[T], deadline: Deadline) -> httpx2.Response:
        """Return the complete response, whatever its status."""
        body = chat_body(self.name, self.effort, question)
        return await self._service.send(
            # all of it as `extra_body`: the SDK would walk through the schema
            lambda sdk, seconds: sdk.chat.completions.with_raw_response.create(
                model=self.name, messages=[], extra_body=body, timeout=seconds
            ),
            deadline,
        )
