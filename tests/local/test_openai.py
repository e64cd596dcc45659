"""The stand-in for OpenAI behaves as OpenAI does, seen through OpenAI's own SDK."""

import asyncio
import io
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from typing import Any, Literal

import httpx2
import openai
import pytest
from openai.types.chat import ParsedChatCompletion
from pydantic import BaseModel, Field

from infra.local.openai.answers import ParsedQuestion
from infra.local.openai.faults import BATCH_FAULTS, FAULT_NAMES, INVENTED_ID, WRONG_WORD
from infra.local.openai.limits import duration
from infra.local.openai.server import MODELS, LocalOpenAI
from infra.local.wire.faults import Fault, FaultKind, FaultRule
from landfall.llm.quoting import quote_untrusted

KEY = "sk-test"
MODEL = MODELS[0]
# A context without certificates: loading them for every client would cost more than the tests.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


class Level(StrEnum):
    HIGH = "high"
    LOW = "low"


class Entry(BaseModel):
    id: str
    level: Level
    confidence: int = Field(ge=0, le=100)
    quote: str


class Entries(BaseModel):
    entries: list[Entry]


TEXT = "\n".join(
    quote_untrusted(f"record rec{n}", f"Customer number {n}\nAn internal key.", 500)
    for n in range(3)
)


@asynccontextmanager
async def served(**settings: Any) -> AsyncIterator[tuple[LocalOpenAI, openai.AsyncOpenAI]]:
    async with LocalOpenAI(api_key=KEY, **settings) as server, client(server) as sdk:
        yield server, sdk


def client(server: LocalOpenAI, key: str = KEY) -> openai.AsyncOpenAI:
    http = httpx2.AsyncClient(trust_env=False, timeout=5, verify=NO_TLS)
    return openai.AsyncOpenAI(base_url=server.url, api_key=key, max_retries=0, http_client=http)


async def ask(
    sdk: openai.AsyncOpenAI, text: str = TEXT, **more: Any
) -> ParsedChatCompletion[Entries]:
    messages = [{"role": "system", "content": "Judge."}, {"role": "user", "content": text}]
    return await sdk.chat.completions.parse(
        **{"model": MODEL, "messages": messages, "response_format": Entries, **more}
    )


async def raw(sdk: openai.AsyncOpenAI, **more: Any) -> Any:
    """Return the model's text as JSON, whatever its schema."""
    messages = [{"role": "user", "content": TEXT}]
    schema = openai.pydantic_function_tool(Entries)["function"]["parameters"]  # strict by the SDK
    shape = {"type": "json_schema", "json_schema": _strict("Entries", schema)}
    completion = await sdk.chat.completions.create(
        **{"model": MODEL, "messages": messages, "response_format": shape, **more}
    )
    return json.loads(completion.choices[0].message.content or "")


def _strict(name: str, schema: Any) -> dict[str, Any]:
    return {"name": name, "strict": True, "schema": schema}


async def test_an_answer_has_the_shape_that_was_asked_for():
    """Each quoted record has an entry under its id, which cites that record."""
    async with served() as (_, sdk):
        parsed = (await ask(sdk)).choices[0].message.parsed
    assert parsed
    assert [entry.id for entry in parsed.entries] == ["rec0", "rec1", "rec2"]
    for number, entry in enumerate(parsed.entries):
        assert entry.quote in f"Customer number {number}\nAn internal key."


async def test_the_same_question_has_the_same_answer():
    """Another question has another answer."""
    async with served() as (_, sdk):
        answers = [(await ask(sdk, text)).choices[0].message.parsed for text in (TEXT, TEXT, "x")]
    assert answers[0] == answers[1] != answers[2]


async def test_it_says_that_it_is_a_stand_in():
    """Every answer shows it."""
    async with served() as (_, sdk):
        completion = await ask(sdk)
        plain = await sdk.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Hello"}]
        )
    assert completion.model == f"{MODEL}-stand-in"
    assert completion.system_fingerprint == "fp_stand_in"
    assert "stand-in" in (plain.choices[0].message.content or "")


class Everything(BaseModel):
    """A schema of each kind that strict mode accepts."""

    word: Literal["a"]
    flag: bool
    share: float = Field(ge=0.5, le=2.5)
    maybe: int | None
    few: list[str] = Field(min_length=2, max_length=3)
    nested: Entry


async def test_any_strict_shape_is_filled():
    """Values are within the schema's bounds, which the SDK checks."""
    async with served() as (_, sdk):
        parsed = (await ask(sdk, response_format=Everything)).choices[0].message.parsed
    assert isinstance(parsed, Everything)


async def test_responses_answer_the_same():
    """Both formats of a question get the same answer."""
    async with served() as (_, sdk):
        chat = (await ask(sdk)).choices[0].message.parsed
        response = await sdk.responses.parse(
            model=MODEL, instructions="Judge.", input=TEXT, text_format=Entries
        )
    assert response.output_parsed == chat
    assert (response.status, response.model) == ("completed", f"{MODEL}-stand-in")
    assert response.usage
    assert response.usage.input_tokens > 0


async def test_usage_is_computed_from_the_text():
    """A token is four bytes; long instructions are cached after their first use."""
    long = "Judge. " * 1_000
    messages = [{"role": "system", "content": long}, {"role": "user", "content": "x" * 40}]
    async with served() as (_, sdk):
        first, second = [
            await ask(sdk, messages=messages, response_format=openai.omit) for _ in range(2)
        ]
    assert first.usage
    assert second.usage
    assert first.usage.prompt_tokens == 1750 + 10
    details = [usage.prompt_tokens_details for usage in (first.usage, second.usage)]
    assert [told and told.cached_tokens for told in details] == [0, 1664]


async def test_an_answer_longer_than_allowed_is_cut_off():
    """The SDK reports it too."""
    async with served() as (_, sdk):
        with pytest.raises(openai.LengthFinishReasonError):
            await ask(sdk, max_completion_tokens=5)


async def test_limits_are_stated_and_enforced():
    """With three requests a minute, the fourth is refused, with the time to wait."""
    async with served(requests_per_minute=3) as (server, sdk):
        answers = [await sdk.chat.completions.with_raw_response.create(**PLAIN) for _ in range(3)]
        with pytest.raises(openai.RateLimitError) as caught:
            await ask(sdk)
    left = [answer.headers["x-ratelimit-remaining-requests"] for answer in answers]
    assert left == ["2", "1", "0"]
    assert answers[0].headers["x-ratelimit-limit-requests"] == "3"
    headers = caught.value.response.headers
    assert 15 < float(headers["retry-after"]) <= 21
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert caught.value.code == "rate_limit_exceeded"
    assert server.statuses == {200: 3, 429: 1}


PLAIN: Any = {
    "model": MODEL,
    "messages": [{"role": "user", "content": "Hello"}],
    "max_completion_tokens": 50,
}


async def test_tokens_are_limited_too():
    """A call takes the tokens of its prompt and the most of its answer; they refill over time."""
    async with served(tokens_per_minute=6_000) as (_, sdk):
        answer = await sdk.chat.completions.with_raw_response.create(
            **PLAIN | {"max_completion_tokens": 5_990}
        )
        assert int(answer.headers["x-ratelimit-remaining-tokens"]) < 10
        with pytest.raises(openai.RateLimitError):
            await sdk.chat.completions.create(**PLAIN)
        await asyncio.sleep(0.6)  # 60 tokens
        await sdk.chat.completions.create(**PLAIN)


DURATIONS = [(0.02, "20ms"), (1.5, "1.5s"), (59, "59s"), (360, "6m0s"), (61.5, "1m1.5s")]


@pytest.mark.parametrize(("seconds", "text"), DURATIONS)
def test_durations_are_written_as_openai_does(seconds, text):
    """Headers of the limits have OpenAI's format of durations."""
    assert duration(seconds) == text


REFUSED = [
    ({"model": "gpt-9"}, openai.NotFoundError, "model_not_found"),
    ({"messages": []}, openai.BadRequestError, "invalid_value"),
    ({"stream": True}, openai.BadRequestError, "not_implemented_by_stand_in"),
    ({"tools": [{"type": "function"}]}, openai.BadRequestError, "not_implemented_by_stand_in"),
    ({"n": 2}, openai.BadRequestError, "not_implemented_by_stand_in"),
    ({"reasoning_effort": "minimal"}, openai.BadRequestError, "unsupported_value"),
    ({"max_completion_tokens": 0}, openai.BadRequestError, "invalid_value"),
    ({"response_format": {"type": "json_schema"}}, openai.BadRequestError, "missing_required"),
]


@pytest.mark.parametrize(("change", "kind", "code"), REFUSED)
async def test_an_invalid_request_is_refused(change, kind, code):
    """Errors have OpenAI's format, which the SDK reads; no part of a request is ignored."""
    async with served() as (_, sdk):
        with pytest.raises(kind) as caught:
            await sdk.chat.completions.create(**PLAIN | change)
    assert str(caught.value.code).startswith(code)


LOOSE = [
    {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
    {"type": "object", "properties": {"a": {}}, "required": [], "additionalProperties": False},
    {
        "type": "object",
        "properties": {"a": {"type": "string", "default": "x"}},
        "required": ["a"],
        "additionalProperties": False,
    },
]


@pytest.mark.parametrize("schema", LOOSE)
async def test_a_schema_must_be_strict(schema):
    """A schema must require everything and allow nothing else, or OpenAI's error results."""
    shape: Any = {"type": "json_schema", "json_schema": _strict("X", schema)}
    async with served() as (_, sdk):
        with pytest.raises(openai.BadRequestError, match="Invalid schema for response_format 'X'"):
            await sdk.chat.completions.create(**PLAIN, response_format=shape)


async def test_a_wrong_key_is_refused_and_not_repeated():
    """The key is checked for every request."""
    async with LocalOpenAI(api_key=KEY) as server, client(server, "sk-wrong-1234") as sdk:
        with pytest.raises(openai.AuthenticationError) as caught:
            await ask(sdk)
    assert caught.value.code == "invalid_api_key"
    assert "1234" not in str(caught.value)


async def test_models_are_listed():
    """The list has the models that it answers for."""
    async with served() as (_, sdk):
        assert [model.id async for model in sdk.models.list()] == list(MODELS)


def fault(name: str, **more: Any) -> LocalOpenAI:
    return LocalOpenAI(api_key=KEY, faults=[FaultRule(name, **more)])


async def test_a_refusal():
    """The SDK recognises a refusal."""
    async with fault("refusal") as server, client(server) as sdk:
        message = (await ask(sdk)).choices[0].message
    assert message.refusal
    assert message.parsed is None


FINISHES = [
    ("length", openai.LengthFinishReasonError),
    ("content_filter", openai.ContentFilterFinishReasonError),
]


@pytest.mark.parametrize(("name", "error"), FINISHES)
async def test_an_answer_that_does_not_come_to_its_end(name, error):
    """An answer may be cut off, or stopped by the content filter."""
    async with fault(name) as server, client(server) as sdk:
        with pytest.raises(error):
            await ask(sdk)


async def test_invalid_json():
    """The answer is prose instead of JSON."""
    async with fault("invalid_json") as server, client(server) as sdk:
        with pytest.raises(json.JSONDecodeError):
            await raw(sdk)


async def test_a_wrong_word():
    """The answer has a value outside the enumeration."""
    async with fault("wrong_enum") as server, client(server) as sdk:
        levels = [entry["level"] for entry in (await raw(sdk))["entries"]]
    assert levels[0] == WRONG_WORD
    assert set(levels[1:]) <= {"high", "low"}


async def test_a_dropped_and_an_invented_record():
    """One record is missing; another was not in the question."""
    async with fault("dropped_record") as server, client(server) as sdk:
        assert [entry["id"] for entry in (await raw(sdk))["entries"]] == ["rec0", "rec1"]
    async with fault("invented_id") as server, client(server) as sdk:
        ids = [entry["id"] for entry in (await raw(sdk))["entries"]]
        assert ids == [INVENTED_ID, "rec1", "rec2"]


async def test_an_echo():
    """A model that obeys the text repeats it as its own."""
    async with fault("echo") as server, client(server) as sdk:
        entries = (await raw(sdk))["entries"]
    assert {entry["id"] for entry in entries} == {"rec0", "rec1", "rec2"}
    assert all("Customer number 2" in entry["quote"] for entry in entries)


async def test_a_fault_is_for_the_questions_that_it_names():
    """A fault rule selects questions by their text."""
    rule = FaultRule("refusal", content="Customer number 1", times=None)
    async with LocalOpenAI(api_key=KEY, faults=[rule]) as server, client(server) as sdk:
        texts = [quote_untrusted("record rec", f"Customer number {n}", 99) for n in range(3)]
        messages = [(await ask(sdk, text)).choices[0].message for text in texts]
    assert [bool(message.refusal) for message in messages] == [False, True, False]


async def test_faults_of_the_wire_happen_here_too():
    """The service may be silent, or respond with 500."""
    rules = [FaultRule(Fault(FaultKind.SILENT)), FaultRule(Fault(FaultKind.STATUS, status=500))]
    async with LocalOpenAI(api_key=KEY, faults=rules) as server, client(server) as sdk:
        with pytest.raises(openai.APITimeoutError):
            await ask(sdk, timeout=0.2)
        with pytest.raises(openai.InternalServerError):
            await ask(sdk)
        assert (await ask(sdk)).choices[0].message.parsed


def test_an_unknown_fault_is_refused():
    """A test with an unknown fault would wait forever."""
    with pytest.raises(ValueError, match="no such fault"):
        fault("hiccup")
    assert {"wrong_enum", *BATCH_FAULTS} < FAULT_NAMES


def test_a_repair_is_about_the_same_records():
    """The list of errors is quoted too, and is no record."""
    text = f"{TEXT}\n\n{quote_untrusted('what was wrong', 'rec0 is missing', 99)}"
    assert [quote.id for quote in ParsedQuestion("X", {}, "", text).quotes] == [
        "rec0",
        "rec1",
        "rec2",
    ]


# Batches


def line(number: int, **body: Any) -> dict[str, Any]:
    return {
        "custom_id": f"q{number}",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": PLAIN | body,
    }


async def begin(sdk: openai.AsyncOpenAI, lines: list[Any]) -> openai.types.Batch:
    """Upload the lines and create a batch of them."""
    text = "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines)
    file = await sdk.files.create(
        file=("questions.jsonl", io.BytesIO(text.encode())), purpose="batch"
    )
    return await sdk.batches.create(
        input_file_id=file.id,
        endpoint="/v1/chat/completions",
        completion_window="24h",
        metadata={"run": "m-1"},
    )


async def ended(sdk: openai.AsyncOpenAI, batch_id: str) -> openai.types.Batch:
    """Return the batch when it has ended."""
    async with asyncio.timeout(10):
        while True:
            batch = await sdk.batches.retrieve(batch_id)
            if batch.status in ("completed", "failed", "expired", "cancelled"):
                return batch
            await asyncio.sleep(0.02)


async def results(sdk: openai.AsyncOpenAI, file_id: str | None) -> dict[str, Any]:
    """Return the lines of a result file by their ids."""
    if file_id is None:
        return {}
    text = (await sdk.files.content(file_id)).text
    return {row["custom_id"]: row for row in map(json.loads, text.splitlines())}


async def test_a_batch_comes_to_its_end():
    """A batch passes through its statuses; each request has an answer under its own id."""
    async with served(batch_seconds=0.5) as (_, sdk):
        batch = await begin(sdk, [line(n) for n in range(20)])
        assert (batch.status, batch.metadata) == ("validating", {"run": "m-1"})
        await asyncio.sleep(0.25)
        half = await sdk.batches.retrieve(batch.id)
        assert half.status == "in_progress"
        assert half.request_counts
        assert 0 < half.request_counts.completed < 20
        batch = await ended(sdk, batch.id)
        found = await results(sdk, batch.output_file_id)
    assert (batch.status, batch.error_file_id) == ("completed", None)
    assert set(found) == {f"q{n}" for n in range(20)}
    assert found["q7"]["response"]["body"]["model"] == f"{MODEL}-stand-in"


async def test_what_fails_in_a_batch_is_in_its_error_file():
    """The other requests are answered."""
    async with served(batch_seconds=0.1) as (_, sdk):
        batch = await begin(sdk, [line(1), line(2, n=3), line(3)])
        batch = await ended(sdk, batch.id)
        good = await results(sdk, batch.output_file_id)
        bad = await results(sdk, batch.error_file_id)
    assert (set(good), set(bad)) == ({"q1", "q3"}, {"q2"})
    assert bad["q2"]["response"]["status_code"] == 400


async def test_an_expired_batch_retains_its_results():
    """Results are in one file, unexecuted requests in the other."""
    async with served(batch_seconds=0.4) as (server, sdk):
        server.faults = [FaultRule("batch_expired")]
        batch = await ended(sdk, (await begin(sdk, [line(n) for n in range(10)])).id)
        good = await results(sdk, batch.output_file_id)
        bad = await results(sdk, batch.error_file_id)
    assert batch.status == "expired"
    assert (len(good), len(bad)) == (5, 5)
    assert {row["error"]["code"] for row in bad.values()} == {"batch_expired"}


async def test_a_cancelled_batch_retains_its_results():
    """Cancelling takes a moment."""
    async with served(batch_seconds=1) as (_, sdk):
        batch = await begin(sdk, [line(n) for n in range(10)])
        await asyncio.sleep(0.5)
        assert (await sdk.batches.cancel(batch.id)).status == "cancelling"
        batch = await ended(sdk, batch.id)
        good = await results(sdk, batch.output_file_id)
    assert batch.status == "cancelled"
    assert 0 < len(good) < 10


UNUSABLE = [
    (["{"], "invalid_json_line"),
    ([line(1), line(1)], "duplicate_custom_id"),
    ([line(1), line(2, model=MODELS[1])], "mismatched_model"),
    ([{**line(1), "url": "/v1/embeddings"}], "mismatched_endpoint"),
    ([], "empty_file"),
]


@pytest.mark.parametrize(("lines", "code"), UNUSABLE)
async def test_a_batch_whose_file_cannot_be_used_fails(lines, code):
    """The batch fails after a while, with the reason and the line."""
    async with served(batch_seconds=0.2) as (_, sdk):
        batch = await ended(sdk, (await begin(sdk, lines)).id)
    assert batch.status == "failed"
    assert batch.errors
    assert [problem.code for problem in batch.errors.data or ()] == [code]


async def test_batches_are_listed_the_newest_first():
    """Batches are listed in pages, with their metadata."""
    async with served() as (_, sdk):
        made = [(await begin(sdk, [line(1)])).id for _ in range(3)]
        listed = [batch async for batch in sdk.batches.list(limit=2)]
    assert [batch.id for batch in listed] == made[::-1]
    assert {(batch.metadata or {})["run"] for batch in listed} == {"m-1"}


async def test_an_unknown_object_is_not_found():
    """An unknown file or batch is not found."""
    async with served() as (_, sdk):
        with pytest.raises(openai.NotFoundError):
            await sdk.batches.retrieve("batch_1")
        with pytest.raises(openai.NotFoundError):
            await sdk.files.content("file-1")
