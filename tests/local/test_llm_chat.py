"""A language model through the client: an answer of the requested shape, or the reason."""

import json
import logging
import traceback
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any

import aiodns
import pytest
from pydantic import BaseModel, Field

from infra.local.processes import free_port
from infra.local.wire.faults import Fault, FaultKind
from infra.local.wire.messages import WireRequest, WireResponse
from infra.local.wire.server import WireServer
from landfall.deadlines import Deadline
from landfall.llm.model_settings import Effort
from landfall.llm.openai.chat import MAX_RESPONSE_BYTES, OpenAIModel
from landfall.llm.openai.completions import MAX_MESSAGE_CHARACTERS
from landfall.llm.questions import (
    Answer,
    FailedAnswerError,
    Question,
    RateLimits,
    may_be_paid,
)
from landfall.llm.usage import TokenUsage
from landfall.reasons import Reason, StepError
from tests.local.hostile import (
    BROKEN,
    ENDLESS,
    HANGING,
    LATE,
    SECONDS,
    answering,
    name_server,
)
from tests.local.leftovers import nothing_left

KEY = "key-of-the-test-0123456789"
QUESTION = "What is a customer number?"
PRIVATE_TEXT = "customer 4711"
"""Text of answers that no error or log may contain."""


class Level(StrEnum):
    HIGH = "high"
    LOW = "low"


class Judgement(BaseModel):
    level: Level
    confidence: int = Field(ge=0, le=100)
    notes: list[str]


ASKED = Question("q1", Judgement, "You judge.", QUESTION, "1", max_tokens=500)

GOOD = {"level": "high", "confidence": 80, "notes": [PRIVATE_TEXT]}


def completion(content: Any = GOOD, finish: str = "stop", **changes: Any) -> dict[str, Any]:
    """Return a response of the service, with `content` as JSON unless it is text."""
    text = content if isinstance(content, str) else json.dumps(content)
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_790_000_000,
        "model": "small-2026-10-01",
        "service_tier": "a tier of tomorrow",
        "choices": [
            {
                "index": 0,
                "finish_reason": finish,
                "message": {"role": "assistant", "content": text, "refusal": None},
            }
        ],
        "usage": {
            "prompt_tokens": 100,
            "completion_tokens": 20,
            "total_tokens": 120,
            "prompt_tokens_details": {"cached_tokens": 64},
        },
        **changes,
    }


@asynccontextmanager
async def asking(
    url: str, resolver: aiodns.DNSResolver | None = None, effort: Effort | None = None
) -> AsyncIterator[OpenAIModel]:
    model = OpenAIModel(f"{url}/v1", KEY, "small", resolver=resolver, effort=effort)
    try:
        yield model
    finally:
        await model.close()


async def ask(model: OpenAIModel, seconds: float = 60) -> Answer[Judgement]:
    return await model.ask(ASKED, Deadline.after(seconds))


async def answered(response: WireResponse) -> Answer[Judgement]:
    async with answering(response) as server, asking(server.url) as model:
        return await ask(model)


async def refusal(model: OpenAIModel, seconds: float = 60) -> StepError:
    """Return the error of a question. Neither it nor its traceback has the key or the answer."""
    deadline = Deadline.after(seconds)
    with pytest.raises(StepError) as caught:
        await ask(model, seconds)
    assert deadline.remaining() > -LATE
    message = "".join(traceback.format_exception(caught.value))
    assert [word for word in (KEY, PRIVATE_TEXT) if word in message] == []
    return caught.value


async def failed(response: WireResponse, seconds: float = 60) -> StepError:
    """Return the error for a response, after one request that leaves nothing behind."""
    async with nothing_left(), answering(response) as server, asking(server.url) as model:
        error = await refusal(model, seconds)
        assert len(server.exchanges) == 1
    return error


async def test_an_answer_has_its_shape():
    """It has the tokens, the model, and the seconds."""
    answer = await answered(WireResponse.json(completion()))
    assert answer.content == Judgement(level=Level.HIGH, confidence=80, notes=[PRIVATE_TEXT])
    assert (answer.model, answer.usage) == ("small-2026-10-01", TokenUsage(100, 20, 64))
    assert 0 < answer.seconds < 10
    assert PRIVATE_TEXT not in repr(answer)


async def test_the_question_is_asked_in_strict_mode():
    """One request with the schema: all fields are required, and no others are allowed."""
    seen: list[WireRequest] = []

    async def handler(request: WireRequest) -> WireResponse:
        seen.append(request)
        return WireResponse.json(completion())

    async with WireServer(handler) as server, asking(server.url) as model:
        await ask(model)
    (request,) = seen
    assert (request.method, request.target) == ("POST", "/v1/chat/completions")
    assert request.headers["authorization"] == f"Bearer {KEY}"
    sent = request.json()
    asked = sent.pop("response_format")
    assert sent == {
        "model": "small",
        "messages": [
            {"role": "system", "content": "You judge."},
            {"role": "user", "content": QUESTION},
        ],
        "max_completion_tokens": 500,
    }
    assert (asked["type"], asked["json_schema"]["strict"]) == ("json_schema", True)
    schema = asked["json_schema"]["schema"]
    assert (schema["required"], schema["additionalProperties"]) == (list(GOOD), False)
    assert schema["$defs"]["Level"]["enum"] == ["high", "low"]


async def test_the_effort_is_sent_if_the_scan_sets_it():
    """Not every model accepts it."""
    seen: list[WireRequest] = []

    async def handler(request: WireRequest) -> WireResponse:
        seen.append(request)
        return WireResponse.json(completion())

    async with WireServer(handler) as server, asking(server.url, effort="low") as model:
        await ask(model)
    assert seen[0].json()["reasoning_effort"] == "low"


async def test_tokens_written_to_the_cache_are_counted():
    """They cost more than other tokens."""
    usage = completion()["usage"] | {
        "prompt_tokens_details": {"cached_tokens": None, "cache_write_tokens": 90}
    }
    assert (await answered(WireResponse.json(completion(usage=usage)))).usage == TokenUsage(
        100, 20, 0, 90
    )


IMPOSSIBLE = [
    {"prompt_tokens": -100},
    {"completion_tokens": -1},
    {"prompt_tokens": 10**30},
    {"completion_tokens": 10_000_001},
    {"prompt_tokens_details": {"cached_tokens": -5}},
    {"prompt_tokens_details": {"cached_tokens": 101}},
]


@pytest.mark.parametrize("wrong", IMPOSSIBLE)
async def test_usage_that_cannot_be_is_billed_at_the_worst(wrong):
    """A negative number would raise a budget, and a huge one would end it."""
    usage = completion()["usage"] | wrong
    answer = await answered(WireResponse.json(completion(usage=usage)))
    assert answer.usage == ASKED.worst_case()


LIMITS = [
    ({}, RateLimits()),
    (
        {
            "x-ratelimit-limit-requests": "60",
            "x-ratelimit-limit-tokens": "150000",
            "x-ratelimit-remaining-requests": "59",
            "x-ratelimit-reset-requests": "1s",
            "x-ratelimit-remaining-tokens": "149984",
            "x-ratelimit-reset-tokens": "6m0s",
        },
        RateLimits(59, 1.0, 149_984, 360.0, 60, 150_000),
    ),
    ({"x-ratelimit-reset-requests": "20ms"}, RateLimits(requests_reset=0.02)),
    ({"x-ratelimit-reset-tokens": "1d2h3m4.5s"}, RateLimits(tokens_reset=93_784.5)),
    (
        {"x-ratelimit-remaining-tokens": "-1", "x-ratelimit-reset-tokens": "soon 5s"},
        RateLimits(),
    ),
    (
        {
            "x-ratelimit-limit-requests": "9" * 13,
            "x-ratelimit-remaining-tokens": "9" * 5_000,
            "x-ratelimit-reset-tokens": f"{'9' * 5_000}s",
        },
        RateLimits(),
    ),
]


@pytest.mark.parametrize(("headers", "limits"), LIMITS)
async def test_rate_limits_are_read(headers, limits):
    """Counts, and durations in seconds; other texts are ignored."""
    sent = WireResponse.json(completion())
    answer = await answered(WireResponse(200, {**sent.headers, **headers}, sent.body))
    assert answer.limits == limits


def of_message(**message: Any) -> dict[str, Any]:
    return completion(choices=[{"finish_reason": "stop", "message": message}])


NO_RESULTS = {
    "a refusal": (of_message(refusal=f"No. {PRIVATE_TEXT}"), Reason.MODEL_REFUSED),
    "a refusal beside an answer": (
        of_message(refusal="No.", content=json.dumps(GOOD)),
        Reason.MODEL_REFUSED,
    ),
    "filtered": (completion(finish="content_filter"), Reason.MODEL_REFUSED),
    "cut off": (completion(json.dumps(GOOD)[:-9], "length"), Reason.MODEL_TRUNCATED),
    "cut off where it looks whole": (completion(finish="length"), Reason.MODEL_TRUNCATED),
    "no JSON": (completion(f"The answer is {PRIVATE_TEXT}."), Reason.MODEL_MALFORMED),
    "half of JSON": (completion(json.dumps(GOOD)[:-1]), Reason.MODEL_MALFORMED),
    "JSON in a fence": (completion(f"```json\n{json.dumps(GOOD)}\n```"), Reason.MODEL_MALFORMED),
    "nothing": (completion(""), Reason.MODEL_MALFORMED),
    "no content": (of_message(), Reason.MODEL_MALFORMED),
    "nested too deep": (completion("[" * 100_000), Reason.MODEL_MALFORMED),
    "no value of the list": (completion({**GOOD, "level": PRIVATE_TEXT}), Reason.MODEL_OFF_SCHEMA),
    "out of range": (completion({**GOOD, "confidence": 101}), Reason.MODEL_OFF_SCHEMA),
    "a number as text": (completion({**GOOD, "confidence": "80"}), Reason.MODEL_OFF_SCHEMA),
    "a missing field": (completion({"level": "low"}), Reason.MODEL_OFF_SCHEMA),
    "one field too many": (completion({**GOOD, "extra": PRIVATE_TEXT}), Reason.MODEL_OFF_SCHEMA),
    "another shape": (completion([GOOD]), Reason.MODEL_OFF_SCHEMA),
}


@pytest.mark.parametrize(("sent", "reason"), NO_RESULTS.values(), ids=NO_RESULTS)
async def test_a_failed_answer_is_never_a_result(sent, reason):
    """Each has its reason, and its cost nevertheless."""
    error = await failed(WireResponse.json(sent))
    assert error.reason == reason
    assert isinstance(error, FailedAnswerError)
    assert error.receipt.usage == TokenUsage(100, 20, 64)
    assert error.receipt.model == "small-2026-10-01"


NO_COMPLETIONS = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b"<html>",
    b'{"error": {"message": "no"}}',
    json.dumps(completion(choices=[])).encode(),
    json.dumps(completion(choices=None)).encode(),
    json.dumps(completion(usage=None)).encode(),
    json.dumps(completion())[:-1].encode(),
]


@pytest.mark.parametrize("body", NO_COMPLETIONS)
@pytest.mark.parametrize("kind", ["application/json", "text/html"])
async def test_any_other_body_is_malformed(body, kind):
    """Although its status is 200."""
    error = await failed(WireResponse(200, {"Content-Type": kind}, body))
    assert error.reason == Reason.MODEL_MALFORMED


async def test_the_type_of_a_completion_does_not_matter():
    """Some services do not name it."""
    answer = await answered(WireResponse(200, {}, json.dumps(completion()).encode()))
    assert answer.content.confidence == 80


def problem(message: str, code: str | None = None, param: str | None = None) -> bytes:
    error = {"message": message, "type": "x", "param": param, "code": code}
    return json.dumps({"error": error}).encode()


STATUSES = [
    (401, problem(f"Incorrect API key: {KEY}", "invalid_api_key"), "model_unauthorized", False),
    (403, problem("Country not supported"), "model_unauthorized", False),
    (400, problem("Invalid prompt", "invalid_prompt"), "model_rejected", False),
    (400, problem("Too long", "context_length_exceeded", "messages"), "model_rejected", False),
    (400, problem("Too many", None, "max_completion_tokens"), "model_rejected", False),
    (404, problem("No such file", None, "id"), "model_rejected", False),
    (422, b"nonsense", "model_rejected", False),
    (404, problem("No such model", "model_not_found"), "model_not_found", False),
    (404, b"<html>Not Found</html>", "model_not_found", False),
    (400, problem("No such model", "model_not_found", "model"), "model_not_found", False),
    (400, problem("No", "unsupported_value", "reasoning_effort"), "model_unsupported", False),
    (400, problem("Invalid schema", None, "response_format"), "model_unsupported", False),
    (400, problem("No", "unsupported_parameter", "x"), "model_unsupported", False),
    (429, problem("Rate limit reached", "rate_limit_exceeded"), "model_rate_limited", True),
    (429, b"", "model_rate_limited", True),
    (429, problem("Check your plan", "insufficient_quota"), "model_quota_spent", False),
    (500, problem("The server had an error"), "model_unavailable", True),
    (503, f"<html>{KEY}</html>".encode(), "model_unavailable", True),
    (502, (b"x" * (MAX_MESSAGE_CHARACTERS - 60)) + KEY.encode() * 50, "model_unavailable", True),
    (302, b"", "model_malformed", True),
    (304, b"", "model_malformed", True),
]


@pytest.mark.parametrize(("status", "body", "reason", "retried"), STATUSES)
async def test_every_status_has_its_reason(status, body, reason, retried):
    """It is asked once; a retry is left to the step. The message never has the key."""
    headers = {"Content-Type": "application/json", "Location": "http://xn--/"}
    error = await failed(WireResponse(status, headers, body))
    assert (error.reason, error.retried) == (reason, retried)
    assert str(status) in error.message
    assert len(error.message) <= MAX_MESSAGE_CHARACTERS
    assert KEY[:12] not in error.message


MESSAGES = [
    (problem("Invalid schema for X", "invalid_schema"), "400 invalid_schema: Invalid schema for X"),
    (problem("Invalid schema for X"), "400: Invalid schema for X"),
    (b"Bad request", "400: Bad request"),
    (b"", "400"),
]


@pytest.mark.parametrize(("body", "message"), MESSAGES)
async def test_the_services_message_is_part_of_ours(body, message):
    """The message enables a person to act."""
    error = await failed(WireResponse(400, {}, body))
    assert error.message == f"the model API answered {message}"


FIXES = [
    (401, problem("Incorrect API key", "invalid_api_key"), "as OPENAI_API_KEY"),
    (404, problem("No such model", "model_not_found"), "`model.name`"),
    (400, problem("No " * 400, "unsupported_value", "reasoning_effort"), "`model.effort`"),
]


@pytest.mark.parametrize(("status", "body", "fix"), FIXES)
async def test_an_error_of_every_question_has_a_fix(status, body, fix):
    """However long the service's message is."""
    error = await failed(WireResponse(status, {}, body))
    assert fix in error.message


RETRY_AFTER = [(429, "7", 7), (503, "2.5", 2.5), (429, "86400", 3600), (503, "inf", 3600)]


@pytest.mark.parametrize(("status", "value", "seconds"), RETRY_AFTER)
async def test_retry_after_is_read(status, value, seconds):
    """The step waits that long; the SDK neither waits nor retries."""
    error = await failed(WireResponse(status, {"Retry-After": value}, problem("later")))
    assert error.retry_after == seconds


@pytest.mark.parametrize("fault", HANGING.values(), ids=HANGING)
async def test_a_hanging_model_times_out(fault):
    """The question ends at its deadline with its reason, and leaves nothing behind."""
    error = await failed(_damaged(fault), SECONDS)
    assert (error.reason, may_be_paid(error)) == (Reason.MODEL_TIMEOUT, True)


@pytest.mark.parametrize("fault", [*BROKEN.values(), *ENDLESS.values()], ids=[*BROKEN, *ENDLESS])
async def test_a_broken_or_endless_answer_is_malformed(fault):
    """The request ends as soon as that is known."""
    error = await failed(_damaged(fault))
    assert (error.reason, may_be_paid(error)) == (Reason.MODEL_MALFORMED, True)


async def test_an_answer_is_bounded_on_the_wire():
    """No more of it is read than an answer that is stored can have."""
    large = completion({**GOOD, "notes": ["x" * 2**21]})
    async with answering(WireResponse.json(large)) as server, asking(server.url) as model:
        error = await refusal(model)
    assert (error.reason, may_be_paid(error)) == (Reason.MODEL_MALFORMED, True)
    assert f"larger than {MAX_RESPONSE_BYTES} bytes" in error.message


def _damaged(fault: Fault) -> WireResponse:
    return WireResponse.json(completion(), fault=fault)


async def test_a_reset_is_no_connection():
    """No response had started."""
    error = await failed(_damaged(Fault(FaultKind.RESET)))
    assert (error.reason, may_be_paid(error)) == (Reason.MODEL_UNREACHABLE, True)


async def test_nobody_listens():
    """The connection is refused at once, and the question costs nothing."""
    async with nothing_left(), asking(f"http://127.0.0.1:{free_port()}") as model:
        error = await refusal(model)
    assert (error.reason, may_be_paid(error)) == (Reason.MODEL_UNREACHABLE, False)


async def test_a_name_that_takes_long_to_resolve():
    """The question ends at its deadline, and leaves nothing running."""
    async with (
        nothing_left(),
        name_server(lambda *_: None) as resolver,
        asking("http://model.example", resolver) as model,
    ):
        error = await refusal(model, SECONDS)
    assert (error.reason, may_be_paid(error)) == (Reason.MODEL_TIMEOUT, False)


async def test_after_the_deadline_nothing_is_asked():
    """The answer would be paid for."""
    async with answering(WireResponse.json(completion())) as server, asking(server.url) as model:
        assert (await refusal(model, seconds=-0.1)).reason == Reason.MODEL_TIMEOUT
        assert not server.exchanges


async def test_a_failure_does_not_break_the_client():
    """The next question is answered."""
    faults = [Fault(FaultKind.RESET), Fault(FaultKind.SILENT)]

    async def handler(_: WireRequest) -> WireResponse:
        return WireResponse.json(completion(), fault=faults.pop() if faults else None)

    async with WireServer(handler) as server, asking(server.url) as model:
        await refusal(model, SECONDS)
        await refusal(model)
        assert (await ask(model)).content.level == "high"


async def test_a_call_is_logged_without_its_texts(capsys, caplog):
    """Vendor, status, seconds and tokens; no library logs a secret either."""
    caplog.set_level(logging.DEBUG)
    answers = [WireResponse.json(completion()), WireResponse(401, {}, problem(KEY))]

    async def handler(_: WireRequest) -> WireResponse:
        return answers.pop()

    async with WireServer(handler) as server, asking(server.url) as model:
        await refusal(model)
        await ask(model)
        assert KEY not in repr(model)
    first, second = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert _fields(first) == {"vendor": "openai", "model": "small", "status": 401}
    assert _fields(second) == {"vendor": "openai", "model": "small", "status": 200, "tokens": 120}
    everything = f"{first} {second} {caplog.text}"
    assert caplog.records
    assert [word for word in (KEY, PRIVATE_TEXT, QUESTION) if word in everything] == []


def _fields(line: Mapping[str, Any]) -> dict[str, Any]:
    return {name: line[name] for name in ("vendor", "model", "status", "tokens") if name in line}
