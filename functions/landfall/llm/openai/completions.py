"""What a model's service answers, read: a chat completion, or an error, as OpenAI writes them.

An answer is checked here, and one that is not what was asked for is an error: never a result.
"""

import re
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError

from landfall.llm.questions import Answer, FailedAnswerError, Question, RateLimits, Receipt, Usage
from landfall.reasons import Reason, StepError

T = TypeVar("T", bound=BaseModel)

SAID_MOST = 500
"""Characters of what a service says about an error."""


def read_answer(
    question: Question[T], body: bytes, headers: Mapping[str, str], seconds: float
) -> Answer[T]:
    """The answer in the body of a completion. Raises `FailedAnswerError`, `StepError`."""
    completion = _completion(body)
    limits = read_limits(headers)
    receipt = Receipt(completion.model, completion.usage.told(), limits, seconds)
    content = _content(question.shape, completion.choices[0], receipt)
    return Answer(**vars(receipt), content=content)


def read_problem(status: int, body: bytes) -> tuple[Reason, str]:
    """Why a request was refused: the reason, and what the service says about it."""
    problem = _problem(body)
    kind = f"{status} {problem.code or ''}".rstrip()
    return _reason(status, problem), ": ".join(filter(None, [kind, problem.message]))


def with_fix(said: str, reason: Reason) -> str:
    """What a service says, cut, and behind it the fix, where it is one for every question."""
    fix = _FIXES.get(reason)
    return f"{said[:SAID_MOST].rstrip('.')}; {fix}" if fix else said[:SAID_MOST]


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
    param: str | None = None


class _ErrorBody(BaseModel):
    error: _Problem


_REASONS = {
    401: Reason.MODEL_UNAUTHORIZED,
    403: Reason.MODEL_UNAUTHORIZED,
    429: Reason.MODEL_RATE_LIMITED,
}


_FIXES = {
    Reason.MODEL_UNAUTHORIZED: "give the function `score` a key that may use this model, as "
    "OPENAI_API_KEY",
    Reason.MODEL_NOT_FOUND: "correct `model.name` of the scan, or LANDFALL_MODEL, or "
    "OPENAI_BASE_URL, which ends in /v1",
    Reason.MODEL_UNSUPPORTED: "change `model.effort` or `model.name` of the scan",
}

_OF_EVERY_QUESTION = {"model", "reasoning_effort", "response_format"}
"""Parameters that are the same in all that a scan asks; the others have a record's or page's text,
or depend on how long it is."""

_NEVER_TAKEN = {"unsupported_parameter", "unsupported_value", "unknown_parameter"}


def _reason(status: int, problem: _Problem) -> Reason:
    if problem.code == "insufficient_quota":  # a 429 that no waiting helps
        return Reason.MODEL_QUOTA_SPENT
    if status < 400:
        return Reason.MODEL_MALFORMED
    if status >= 500:
        return Reason.MODEL_UNAVAILABLE
    if status in _REASONS:
        return _REASONS[status]
    if problem.code == "model_not_found" or (status == 404 and problem.param != "id"):
        return Reason.MODEL_NOT_FOUND
    if problem.param in _OF_EVERY_QUESTION or problem.code in _NEVER_TAKEN:
        return Reason.MODEL_UNSUPPORTED
    return Reason.MODEL_REJECTED


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


def read_limits(headers: Mapping[str, str]) -> RateLimits:
    """What the headers of an answer say of the limits."""

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
