"""Many questions through the client to the stand-in for OpenAI: its faults, and its limits."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal

import pytest
from pydantic import BaseModel

from infra.local.openai.server import LocalOpenAI
from infra.local.wire.faults import Fault, FaultKind, FaultRule
from landfall.deadlines import Deadline, Ladder
from landfall.llm.model_settings import ModelSettings
from landfall.llm.openai.chat import OpenAIModel
from landfall.llm.questions import Problem, Question, Reply
from landfall.llm.quoting import QUOTING_RULE, quote_untrusted, visible_text
from landfall.llm.session import Asking
from landfall.reasons import Reason, StepError
from landfall.runs.claim import Claim
from tests.fakes.world import World
from tests.local.leftovers import nothing_left

KEY = "sk-test"
MAX_CHARACTERS = 4_000
"""Characters to which a record is cut."""
QUICK = Ladder(step=8.0, item=4.0, request=2.0, connect=1.0)


class Entry(BaseModel):
    id: str
    level: Literal["high", "low"]
    quote: str


class Entries(BaseModel):
    entries: list[Entry]


def about(records: Mapping[str, str]) -> Question[Entries]:
    """Return a question about records; each answer has its id and cites its text."""
    texts = {name: visible_text(text, MAX_CHARACTERS).text for name, text in records.items()}

    def problems(answer: Entries) -> Sequence[Problem]:
        if sorted(entry.id for entry in answer.entries) != sorted(texts):
            return [Problem(Reason.MODEL_WRONG_IDS, "`entries` must have each record once")]
        return [
            Problem(Reason.MODEL_UNFOUNDED, f"`entries.{number}.quote` is not in the record")
            for number, entry in enumerate(answer.entries)
            if entry.quote not in texts[entry.id]
        ]

    return Question(
        key="-".join(records),
        shape=Entries,
        instructions=f"Say how important each record is. {QUOTING_RULE}",
        text="\n".join(
            quote_untrusted(f"record {name}", text, MAX_CHARACTERS)
            for name, text in records.items()
        ),
        prompt_version="1",
        max_tokens=500,
        problems=problems,
    )


def keys(*names: str) -> Question[Entries]:
    """Return a question about records of these names."""
    return about({name: f"{name} is an internal key" for name in names})


QUESTIONS = [keys(f"rec{n}a", f"rec{n}b") for n in range(6)]


@dataclass
class Scene:
    """A run and the service that it asks."""

    world: World
    claim: Claim
    server: LocalOpenAI

    async def ask(self, questions: Sequence[Question[Entries]]) -> list[Reply[Entries]]:
        """Return the replies of one invocation."""
        deadline = Deadline.after(self.world.runs.ladder.step)
        async with Asking(self.claim, ModelSettings(), self._open) as asking:
            return [reply async for reply in asking.replies(questions, deadline)]

    def _open(self, _: ModelSettings) -> OpenAIModel:
        return OpenAIModel(self.server.url, KEY, "gpt-6-luna", self.world.runs.ladder)


@asynccontextmanager
async def scene(*faults: FaultRule, **settings: Any) -> AsyncIterator[Scene]:
    async with LocalOpenAI(api_key=KEY, faults=faults, **settings) as server:
        world = World(ladder=QUICK)
        await world.start(await world.save())
        yield Scene(world, await world.runs.claim("m-1", "fetch", 0, "w1"), server)


def of(name: str, fault: Fault | str, times: int | None = None) -> FaultRule:
    """Return a fault for every question about a record."""
    return FaultRule(fault, content=name, times=times)


FAILURES = {
    "refusal": "model_refused",
    "content_filter": "model_refused",
    "length": "model_truncated",
    "invalid_json": "model_malformed",
    "wrong_enum": "model_off_schema",
    "dropped_record": "model_wrong_ids",
    "invented_id": "model_wrong_ids",
    "echo": "model_unfounded",
}


@pytest.mark.parametrize(("fault", "reason"), FAILURES.items())
async def test_a_failed_answer_is_no_result(fault, reason):
    """It has its reason, and the other questions are answered."""
    async with nothing_left(), scene(of("rec3a", fault)) as it:
        replies = await it.ask(QUESTIONS)
    failed = {r.key: r.failure.reason for r in replies if r.failure}
    assert failed == {"rec3a-rec3b": reason}
    assert len(replies) == len(QUESTIONS)


@pytest.mark.parametrize("fault", sorted(FAILURES.keys() - {"refusal", "content_filter"}))
async def test_a_single_failure_is_repaired(fault):
    """The retry is about the same records."""
    async with scene(of("rec3a", fault, times=1)) as it:
        (reply,) = await it.ask([QUESTIONS[3]])
    assert reply.content
    assert [entry.id for entry in reply.content.entries] == ["rec3a", "rec3b"]
    assert reply.attempt == 2


OWN = [
    (Fault(FaultKind.SILENT), "model_timeout"),
    (Fault(FaultKind.DRIP_HEADERS), "model_timeout"),
    (Fault(FaultKind.DRIP_BODY), "model_timeout"),
    (Fault(FaultKind.CUT_BODY), "model_malformed"),
    (Fault(FaultKind.MALFORMED_JSON), "model_malformed"),
    (Fault(FaultKind.STATUS, status=400), "model_rejected"),
]


@pytest.mark.parametrize(("fault", "reason"), OWN, ids=[f.kind for f, _ in OWN])
async def test_a_hanging_question_delays_no_other(fault, reason):
    """It fails in time, and the other questions are answered meanwhile."""
    async with nothing_left(), scene(of("rec3a", fault)) as it:
        replies = await it.ask(QUESTIONS)
    assert {r.key: r.failure.reason for r in replies if r.failure} == {"rec3a-rec3b": reason}


async def test_a_429_is_waited_out_by_the_step():
    """For the time that the service sets; earlier answers are stored."""
    async with scene(requests_per_minute=4) as it:
        with pytest.raises(StepError) as caught:
            await it.ask(QUESTIONS)
        assert caught.value.reason == Reason.MODEL_RATE_LIMITED
        assert 14 < caught.value.retry_after <= 16
        assert it.server.statuses[200] == 4


async def test_once_the_limits_are_known_no_question_is_refused():
    """600 a minute are 10 a second, and the bucket holds 10: no faster, and no 429."""
    questions = [keys(f"rec{n}") for n in range(60)]
    async with scene(requests_per_minute=600, latency=0.05) as it:
        it.server.spend(requests=590)
        started = asyncio.get_running_loop().time()
        replies = await it.ask(questions)
        seconds = asyncio.get_running_loop().time() - started
        assert it.server.statuses == {200: 60}
    assert len(replies) == 60
    assert 5.0 <= seconds < 7.0


async def test_unchanged_input_is_not_asked_again():
    """The second time, no request is made."""
    async with scene() as it:
        first = await it.ask(QUESTIONS)
        requests = len(it.server.requests)
        again = await it.ask(QUESTIONS)
        assert (requests, len(it.server.requests)) == (6, 6)
    assert {r.key: r.content for r in again} == {r.key: r.content for r in first}
