"""A language model: asks a question through OpenAI's SDK, for an answer of a given shape."""

import asyncio
from typing import TypeVar

import httpx2
from pydantic import BaseModel

from landfall import logs
from landfall.deadlines import LADDER, Deadline, Ladder
from landfall.llm.openai.client import ModelService, chat_body
from landfall.llm.openai.completions import read_answer
from landfall.llm.questions import Answer, FailedAnswerError, Question
from landfall.llm.settings import Effort
from landfall.net.http import Resolver

T = TypeVar("T", bound=BaseModel)


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
        self._service = ModelService(base_url, api_key, ladder, resolver)

    async def close(self) -> None:
        """Let go of every connection."""
        await self._service.close()

    async def ask(self, question: Question[T], deadline: Deadline) -> Answer[T]:
        """The model's answer. Raises `FailedAnswerError`, `StepError`."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        told: dict[str, object] = {"status": "failed"}
        try:
            sent = await self._sent(question, deadline)
            told["status"] = sent.status_code
            if not sent.is_success:
                raise self._service.refusal(sent)
            seconds = loop.time() - started
            answer = read_answer(question, sent.content, sent.headers, seconds)
            told["tokens"] = answer.usage.tokens
            return answer
        except FailedAnswerError as error:
            told["tokens"] = error.receipt.usage.tokens
            raise
        finally:
            seconds = round(loop.time() - started, 3)
            logs.info("called", vendor="openai", model=self.name, seconds=seconds, **told)

    async def _sent(self, question: Question[T], deadline: Deadline) -> httpx2.Response:
        """The complete answer, whatever its status."""
        body = chat_body(self.name, self.effort, question)
        return await self._service.send(
            # all of it as `extra_body`: the SDK would go through the schema word by word
            lambda sdk, seconds: sdk.chat.completions.with_raw_response.create(
                model=self.name, messages=[], extra_body=body, timeout=seconds
            ),
            deadline,
        )
