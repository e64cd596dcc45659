"""Reading of OpenAI's responses: a chat completion, or an error.

An answer is checked here. One that is not what was asked for is an error, never a result.
"""

import re
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, Field, ValidationError

from landfall.llm.questions import Answer, FailedAnswerError, Question, RateLimits, Receipt
from landfall.llm.usage import TokenUsage
from landfall.reasons import Reason, StepError

T = TypeVar("T", bound=BaseModel)

MAX_TOKENS = 10_000_000
"""Tokens of one answer that are believed; no model reads or writes as many."""

MAX_DIGITS = 12
"""Digits of a number in a header; one with more is ignored."""

MAX_NAME_CHARACTERS = 100
"""Characters of the name that a model gives itself; those of models have up to 40."""

MAX_MESSAGE_CHARACTERS = 500
"""Characters of a service's error message that ours includes."""


def read_answer(
    question: Question[T], body: bytes, headers: Mapping[str, str], seconds: float
) -> Answer[T]:
    """Read the answer from the body of a completion. Raises `FailedAnswerError`, `StepError`."""
    completion = _completion(body)
    limits = read_rate_limits(headers)
    # what no answer can cost is billed as the most that this one can
    usage = completion.usage.token_usage() or question.worst_case()
    receipt = Receipt(completion.model[:MAX_NAME_CHARACTERS], usage, limits, seconds)
    content = _content(question.shape, completion.choices[0], receipt)
    return Answer(**vars(receipt), content=content)


def read_error(status: int, body: bytes) -> tuple[Reason, str]:
    """Return the reason for which a request was refused, and the service's status and message."""
    error = _parse_error(body)
    kind = f"{status} {error.code or ''}".rstrip()
    details = ": ".join(filter(None, [kind, error.message[: 4 * MAX_MESSAGE_CHARACTERS]]))
    return _reason(status, error), details


def add_fix(message: str, reason: Reason) -> str:
    """Cut a message, and append the fix if the error concerns every question."""
    message, fix = message[:MAX_MESSAGE_CHARACTERS], _FIXES.get(reason)
    return f"{message.rstrip('.')}; {fix}" if fix else message


# The parts of a response that are read. The SDK's own classes reject new values of any field.
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

    def token_usage(self) -> TokenUsage | None:
        """Return the usage; None if it is none, such as fewer tokens than 0."""
        details = self.prompt_tokens_details or _TokenDetails()
        usage = TokenUsage(
            asked=self.prompt_tokens,
            answered=self.completion_tokens,
            cached=details.cached_tokens or 0,
            written=details.cache_write_tokens or 0,
        )
        possible = all(0 <= number <= MAX_TOKENS for number in vars(usage).values())
        return usage if possible and usage.cached + usage.written <= usage.asked else None


class _Completion(BaseModel):
    model: str
    choices: list[_Choice] = Field(min_length=1)
    usage: _Tokens


class _Error(BaseModel):
    message: str = ""
    code: str | int | None = None
    param: str | None = None


class _ErrorBody(BaseModel):
    error: _Error


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

_CONSTANT_PARAMETERS = {"model", "reasoning_effort", "response_format"}
"""Parameters with one value in all questions of a scan. The others depend on the text of a record
or page."""

_UNSUPPORTED_CODES = {"unsupported_parameter", "unsupported_value", "unknown_parameter"}


def _reason(status: int, error: _Error) -> Reason:
    if error.code == "insufficient_quota":  # a 429 that no delay cures
        return Reason.MODEL_QUOTA_SPENT
    if status < 400:
        return Reason.MODEL_MALFORMED
    if status >= 500:
        return Reason.MODEL_UNAVAILABLE
    if status in _REASONS:
        return _REASONS[status]
    if error.code == "model_not_found" or (status == 404 and error.param != "id"):
        return Reason.MODEL_NOT_FOUND
    if error.param in _CONSTANT_PARAMETERS or error.code in _UNSUPPORTED_CODES:
        return Reason.MODEL_UNSUPPORTED
    return Reason.MODEL_REJECTED


def _parse_error(body: bytes) -> _Error:
    """Read {"error": {"message", "code"}}, or any other text as a message."""
    try:
        return _ErrorBody.model_validate_json(body).error
    except ValidationError:
        return _Error(message=body[: 4 * MAX_MESSAGE_CHARACTERS].decode(errors="replace"))


def _completion(body: bytes) -> _Completion:
    try:
        return _Completion.model_validate_json(body)
    except ValidationError as error:
        message = f"the model API's response is not a completion: {_defects(error)}"
        raise StepError(Reason.MODEL_MALFORMED, message) from None


def _content(shape: type[T], choice: _Choice, receipt: Receipt) -> T:
    if choice.message.refusal or choice.finish_reason == "content_filter":
        raise FailedAnswerError(Reason.MODEL_REFUSED, "the model refused to answer", receipt)
    if choice.finish_reason == "length":
        message = f"the model's answer was cut off after {receipt.usage.answered} tokens"
        raise FailedAnswerError(Reason.MODEL_TRUNCATED, message, receipt)
    try:
        # a missing answer is as malformed as one that is not JSON
        return shape.model_validate_json(choice.message.content or "", strict=True, extra="forbid")
    except ValidationError as error:
        reason = Reason.MODEL_OFF_SCHEMA
        if error.errors()[0]["type"] == "json_invalid":
            reason = Reason.MODEL_MALFORMED
        message = f"the model's answer is not of the shape {shape.__name__}: {_defects(error)}"
        # not "from error", which shows the answer
        raise FailedAnswerError(reason, message, receipt) from None


def _defects(error: ValidationError) -> str:
    """Describe place and kind of each defect, without the values."""
    places = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return "; ".join(place.removeprefix(": ") for place in places)[:MAX_MESSAGE_CHARACTERS]


def read_rate_limits(headers: Mapping[str, str]) -> RateLimits:
    """Read the rate limits from the headers of a response."""

    def number(name: str) -> int | None:
        text = headers.get(f"x-ratelimit-{name}", "")
        return int(text) if text.isdecimal() and len(text) <= MAX_DIGITS else None

    def reset(name: str) -> float | None:
        return _seconds(headers.get(f"x-ratelimit-reset-{name}", ""))

    return RateLimits(
        requests_left=number("remaining-requests"),
        requests_reset=reset("requests"),
        tokens_left=number("remaining-tokens"),
        tokens_reset=reset("tokens"),
        requests=number("limit-requests"),
        tokens=number("limit-tokens"),
    )


_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_DURATION_PART = re.compile(rf"(\d{{1,{MAX_DIGITS}}}(?:\.\d+)?)(ms|[smhd])", re.ASCII)
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+", re.ASCII)


def _seconds(text: str) -> float | None:
    """Parse a duration like 6m0s, 1.5s or 20ms; None for any other text."""
    if not _DURATION.fullmatch(text):
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in _DURATION_PART.findall(text))
