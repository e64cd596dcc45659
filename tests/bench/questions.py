"""A thousand questions to a language model that takes a second for each.

The model is the stand-in for OpenAI in a process of its own, over HTTP, with its limits a minute;
the store is the Firestore emulator; ours is what a score step does, invocation after invocation,
each of which keeps what came in the meantime. The floor is what the model alone would take with as
many questions under way as are allowed: by our own limit where the service allows more, by the
service's limit where it does not. What a process loads once is loaded before.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from google.cloud.firestore import AsyncClient
from pydantic import BaseModel

from landfall.deadlines import CHECKPOINT, LADDER, Deadline
from landfall.llm.openai.chat import OpenAIModel
from landfall.llm.questions import Question
from landfall.llm.quoting import RULE, fenced
from landfall.llm.rate_limit import MOST_AT_ONCE
from landfall.llm.session import Asking
from landfall.llm.settings import ModelSettings
from landfall.runs.claim import Claim
from landfall.store.firestore import FirestoreStore
from tests.bench.figures import Cell, Sample, Table
from tests.bench.ground import database, emulator
from tests.bench.model_server import ModelServer, model_server
from tests.fakes.cursors import At
from tests.fakes.world import World

QUESTIONS = 1_000
LATENCY = 1.0
"""Seconds from a question to its answer."""

LIMITED = 1_200
"""Requests a minute of the second case, which are 20 a second."""

TARGET = 1.15
"""Times the floor: what ours may take."""

KEY = "sk-bench"


class Verdict(BaseModel):
    """What is asked for."""

    level: Literal["high", "medium", "low"]
    quote: str


@dataclass(frozen=True)
class Asked:
    """One run: seconds, invocations, and what was sent and stored."""

    seconds: float
    invocations: int
    calls: int
    refused: int
    most: int
    tokens: int
    dollars: float
    reads: int
    writes: int


async def measure() -> list[Table]:
    """Seconds against the floor, and what it takes; a second run makes no call."""
    async with emulator(), database() as client:
        await _runs(client, 20, 0.01, 100_000, 1, "what is loaded once")
        free, again = await _runs(client, QUESTIONS, LATENCY, 100_000, 2, "free")
        (limited,) = await _runs(client, QUESTIONS, LATENCY, LIMITED, 1, "limited")
    at_once = QUESTIONS * LATENCY / MOST_AT_ONCE
    # the bucket is full at first, and fills up while it is emptied
    by_limit = max(0.0, QUESTIONS - LIMITED) / (LIMITED / 60)
    rows = [
        _row(f"{MOST_AT_ONCE} at once", free, at_once),
        _row("the same questions, next run", again, 0.0),
        _row(f"{LIMITED} a minute, and as many left", limited, max(at_once, by_limit)),
    ]
    notes = (
        f"Floor: {QUESTIONS} x {LATENCY:g} s ÷ {MOST_AT_ONCE} at once. Ours may take {TARGET:g} "
        "times that.",
        "Reads and writes: documents of Firestore, for answers, the run's use and its progress.",
        "Refused: answers 429.",
    )
    head = (
        *("case", "wall", "÷ floor", "invocations", "calls", "refused", "at once", "tokens"),
        *("dollars", "reads", "writes"),
    )
    return [Table(f"{QUESTIONS} questions to a model that takes {LATENCY:g} s", head, rows, notes)]


def _row(name: str, asked: Asked, floor: float) -> list[Cell]:
    ratio: Cell = asked.seconds / floor if floor else ""
    wall = Sample([asked.seconds], "s")
    counts = (asked.invocations, asked.calls, asked.refused, asked.most, asked.tokens)
    return [name, wall, ratio, *counts, f"{asked.dollars:.4f}", asked.reads, asked.writes]


async def _runs(
    client: AsyncClient, number: int, latency: float, a_minute: int, runs: int, name: str
) -> list[Asked]:
    """Runs that ask the same questions, one after the other."""
    world = World(FirestoreStore(client))
    scan = await world.save(id=f"bench-{number}-{a_minute}")
    found = []
    for run in range(runs):
        run_id = f"{scan.id}-{run}"
        await world.start(scan, run_id)
        claim = await world.runs.claim(run_id, "fetch", 0, "w1")
        async with model_server(
            api_key=KEY, latency=latency, requests_per_minute=a_minute, tokens_per_minute=10**9
        ) as server:
            found.append(await _asked(world, claim, server, number, name))
    return found


async def _asked(world: World, claim: Claim, server: ModelServer, number: int, name: str) -> Asked:
    """Invocation after invocation, as a kind of scan does it."""
    assert isinstance(world.stored, FirestoreStore)
    left = [_question(f"{name} {n}") for n in range(number)]
    meter = world.stored.meter
    reads, writes = meter.reads, meter.writes
    loop = asyncio.get_running_loop()
    started, invocations = loop.time(), 0
    while left:
        invocations += 1
        left, counts = await _invocation(claim, server, left)
    seconds = loop.time() - started
    sent = await server.stop()
    return Asked(
        seconds,
        invocations,
        len(sent),
        sum(status == 429 for _, status in sent),
        _at_once([moment for moment, _ in sent]),
        int(counts["model_tokens"]),
        counts["model_cost"],
        meter.reads - reads,
        meter.writes - writes,
    )


async def _invocation(
    claim: Claim, server: ModelServer, left: Sequence[Question[Verdict]]
) -> tuple[list[Question[Verdict]], dict[str, float]]:
    """What is left after it, and what the run has used."""
    deadline = Deadline.after(LADDER.step)
    done: set[str] = set()
    kept_at = deadline.remaining()

    def open_model(_: ModelSettings) -> OpenAIModel:
        return OpenAIModel(server.url, KEY, "gpt-6-luna")

    async with Asking(claim, ModelSettings(), open_model) as asking:
        async for reply in asking.replies(left, deadline):
            assert reply.content
            done.add(reply.key)
            if kept_at - deadline.remaining() >= CHECKPOINT:
                kept_at = deadline.remaining()
                await claim.checkpoint(At(done=len(done)), {}, asking.spending.writes())
        await claim.checkpoint(At(done=len(done)), {}, asking.spending.writes())
        counts = asking.spending.counts()
    return [question for question in left if question.key not in done], counts


def _at_once(moments: Sequence[float]) -> int:
    """The most questions that came in within the time that one takes."""
    return max(
        (sum(begun <= moment < begun + LATENCY for moment in moments) for begun in moments),
        default=0,
    )


def _question(name: str) -> Question[Verdict]:
    text = f"Customer number {name}: an internal key of the customer, kept in the sales database."
    return Question(
        key=name,
        shape=Verdict,
        instructions=f"Say how important it is, and cite it. {RULE}",
        text=fenced(f"record {name}", text, 500),
        prompt_version="1",
        max_tokens=200,
    )
