"""A language model: asks a question through OpenAI's SDK, for an answer of a given shape.

The SDK writes the request. Its own retries are off, and its transport hands every exchange to
`Outside`; an answer is checked here, and one that is not what was asked for is an error:

    ask() ── AsyncOpenAI ── httpx2 ── _Transport ──> Outside ──> the model
"""

import asyncio
import re
from collections.abc import Mapping
from typing import TypeVar

import httpx2
import openai
from pydantic import BaseModel, Field, ValidationError

from landfall import logs
from landfall.deadlines import LADDER, Deadline, Ladder
from landfall.model_settings import Effort
from landfall.outside import (
    BrokenAnswerError,
    Outside,
    OutsideError,
    OutsideTimeoutError,
    Resolver,
    TooLargeError,
    UnreachableError,
    retry_after,
)
from landfall.questions import (
    Answer,
    FailedAnswerError,
    Question,
    RateLimits,
    Receipt,
    Usage,
)
from landfall.reasons import Reason, StepError
from landfall.redaction import Redactor

T = TypeVar("T", bound=BaseModel)

SAID_MOST = 500
"""Characters of what a service says about an error."""


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
        self._ladder = ladder
        self._redactor = Redactor([api_key])
        self._outside = Outside(ladder.connect, resolver)
        self._sdk = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key,
            max_retries=0,
            http_client=httpx2.AsyncClient(transport=_Transport(self._outside), trust_env=False),
        )
        self._sdk._platform = "Unknown"  # it would look for its name in a thread, for a header

    async def close(self) -> None:
        """Let go of every connection."""
        await self._sdk.close()
        await self._outside.close()

    async def ask(self, question: Question[T], deadline: Deadline) -> Answer[T]:
        """The model's answer. Raises `FailedAnswerError`, `StepError`.

        The schema is asked for in strict mode, which knows neither defaults nor free-form keys:
        https://platform.openai.com/docs/guides/structured-outputs
        """
        loop = asyncio.get_running_loop()
        started = loop.time()
        told: dict[str, object] = {"status": "failed"}
        try:
            answer = await self._sent(question, deadline)
            told["status"] = answer.status_code
            if not answer.is_success:
                raise self._refusal(answer)
            completion = _completion(answer.content)
            usage = completion.usage.told()
            told["tokens"] = usage.tokens
            seconds = loop.time() - started
            receipt = Receipt(completion.model, usage, _limits(answer.headers), seconds)
            content = _content(question.shape, completion.choices[0], receipt)
            return Answer(**vars(receipt), content=content)
        finally:
            seconds = round(loop.time() - started, 3)
            logs.info("called", vendor="openai", model=self.name, seconds=seconds, **told)

    async def _sent(self, question: Question[T], deadline: Deadline) -> httpx2.Response:
        """The complete answer, whatever its status."""
        try:
            # parse() makes the strict schema. What it would make of the answer stays unused: it
            # lets pass what is no completion, and its errors show what was answered.
            raw = await self._sdk.chat.completions.with_raw_response.parse(
                model=self.name,
                messages=[
                    {"role": "system", "content": question.instructions},
                    {"role": "user", "content": question.text},
                ],
                response_format=question.shape,
                max_completion_tokens=question.max_tokens,
                reasoning_effort=self.effort or openai.omit,
                timeout=deadline.sooner(self._ladder.request).remaining(),
            )
        except openai.APIStatusError as error:
            return error.response
        except OutsideError as error:
            raise StepError(_OUTSIDE_REASONS[type(error)], f"the model: {error}") from error
        else:
            return raw.http_response

    def _refusal(self, answer: httpx2.Response) -> StepError:
        problem = _problem(answer.content)
        kind = f"{answer.status_code} {problem.code or ''}".rstrip()
        said = ": ".join(filter(None, [kind, problem.message]))
        return StepError(
            _reason(answer.status_code, problem.code),
            self._redactor.text(f"the model's service answered {said}")[:SAID_MOST],
            retry_after=retry_after(answer.headers),
        )


class _Transport(httpx2.AsyncBaseTransport):
    """Sends what the SDK has prepared through `Outside`. The SDK's timeout is the time left."""

    def __init__(self, outside: Outside) -> None:
        self._outside = outside

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The complete answer. Raises an `OutsideError`."""
        answer = await self._outside.send(
            request.method,
            str(request.url),
            deadline=Deadline.after(request.extensions["timeout"]["read"]),
            headers=dict(request.headers),
            content=await request.aread(),
        )
        if answer.has_redirect_location:
            raise BrokenAnswerError(f"it answered {answer.status_code}, which leads elsewhere")
        return httpx2.Response(
            answer.status_code, headers=answer.headers.multi_items(), content=answer.content
        )


# Of an answer, what is read. The SDK's own classes know each field, and refuse a new value of any.
class _Message(BaseModel):
    content: str | None = None
    refusal: str | None = None


class _Choice(BaseModel):
    finish_reason: str
    message: _Message


class _TokenDetails(BaseModel):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


class _Tokens(BaseModel):
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_details: _TokenDetails | None = None

    def told(self) -> Usage:
        details = self.prompt_tokens_details or _TokenDetails()
        return Usage(
            asked=self.prompt_tokens,
            answered=self.completion_tokens,
            cached=details.cached_tokens or 0,
            written=details.cache_write_tokens or 0,
        )


class _Completion(BaseModel):
    model: str
    choices: list[_Choice] = Field(min_length=1)
    usage: _Tokens


class _Problem(BaseModel):
    message: str = ""
    code: str | int | None = None


class _ErrorBody(BaseModel):
    error: _Problem


_OUTSIDE_REASONS = {
    OutsideTimeoutError: Reason.MODEL_TIMEOUT,
    UnreachableError: Reason.MODEL_UNREACHABLE,
    BrokenAnswerError: Reason.MODEL_MALFORMED,
    TooLargeError: Reason.MODEL_MALFORMED,
}

_REASONS = {
    401: Reason.MODEL_UNAUTHORIZED,
    403: Reason.MODEL_UNAUTHORIZED,
    429: Reason.MODEL_RATE_LIMITED,
}


def _reason(status: int, code: str | int | None) -> Reason:
    if code == "insufficient_quota":  # a 429 that no waiting helps
        return Reason.MODEL_QUOTA_SPENT
    if status < 400:
        return Reason.MODEL_MALFORMED
    return _REASONS.get(
        status, Reason.MODEL_UNAVAILABLE if status >= 500 else Reason.MODEL_REJECTED
    )


def _problem(body: bytes) -> _Problem:
    """Of {"error": {"message", "code"}}, or else of any text."""
    try:
        return _ErrorBody.model_validate_json(body).error
    except ValidationError:
        return _Problem(message=body[: 4 * SAID_MOST].decode(errors="replace"))


def _completion(body: bytes) -> _Completion:
    try:
        return _Completion.model_validate_json(body)
    except ValidationError as error:
        message = f"the model's service answered with no completion: {_why(error)}"
        raise StepError(Reason.MODEL_MALFORMED, message) from None


def _content(shape: type[T], choice: _Choice, receipt: Receipt) -> T:
    if choice.message.refusal or choice.finish_reason == "content_filter":
        raise FailedAnswerError(Reason.MODEL_REFUSED, "the model refused to answer", receipt)
    if choice.finish_reason == "length":
        message = f"the model's answer was cut off after {receipt.usage.answered} tokens"
        raise FailedAnswerError(Reason.MODEL_TRUNCATED, message, receipt)
    try:
        # what is missing is as malformed as what is no JSON
        return shape.model_validate_json(choice.message.content or "", strict=True, extra="forbid")
    except ValidationError as error:
        reason = Reason.MODEL_OFF_SCHEMA
        if error.errors()[0]["type"] == "json_invalid":
            reason = Reason.MODEL_MALFORMED
        message = f"the model's answer is not of the shape {shape.__name__}: {_why(error)}"
        # not "from error", which shows what was answered
        raise FailedAnswerError(reason, message, receipt) from None


def _why(error: ValidationError) -> str:
    """Where it is wrong, and how; without what stood there."""
    places = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return "; ".join(place.removeprefix(": ") for place in places)[:SAID_MOST]


def _limits(headers: Mapping[str, str]) -> RateLimits:
    def number(name: str) -> int | None:
        said = headers.get(f"x-ratelimit-{name}", "")
        return int(said) if said.isdecimal() else None

    def reset(what: str) -> float | None:
        return _seconds(headers.get(f"x-ratelimit-reset-{what}", ""))

    return RateLimits(
        requests_left=number("remaining-requests"),
        requests_reset=reset("requests"),
        tokens_left=number("remaining-tokens"),
        tokens_reset=reset("tokens"),
        requests=number("limit-requests"),
        tokens=number("limit-tokens"),
    )


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])", re.ASCII)
_DURATION = re.compile(rf"(?:{_PART.pattern})+", re.ASCII)


def _seconds(text: str) -> float | None:
    """Of a duration like 6m0s, 1.5s or 20ms; None where it is none."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
