"""A thousand questions to a language model that takes a second for each.

The model is the stand-in for OpenAI in a process of its own, over HTTP, with its limits a minute;
the store is the Firestore emulator. Ours is the loop of a score step, invocation after invocation,
each of which saves the answers that arrived. The floor is the time of the model alone with the
maximum of questions in flight: our own limit where the service allows more, else the service's.
Modules are loaded before.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from google.cloud.firestore import AsyncClient
from pydantic import BaseModel

from landfall.deadlines import CHECKPOINT, LADDER, Deadline
from landfall.llm.model_settings import ModelSettings
from landfall.llm.openai.chat import OpenAIModel
from landfall.llm.questions import Question
from landfall.llm.quoting import QUOTING_RULE, quote_untrusted
from landfall.llm.rate_limit import MAX_CONCURRENCY
from landfall.llm.session import Asking
from landfall.runs.claim import Claim
from landfall.store.firestore import FirestoreStore
from tests.bench.benchmark import check_same
from tests.bench.databases import database, emulator
from tests.bench.figures import Cell, Sample, Table
from tests.bench.model_server import ModelServer, model_server
from tests.fakes.cursors import At
from tests.fakes.world import World


@dataclass(frozen=True)
class Size:
    """Questions, seconds from each to its answer, and requests a minute of the limited case."""

    questions: int
    latency: float
    limit: int


FULL = Size(questions=1_000, latency=1.0, limit=1_200)
QUICK = Size(questions=40, latency=0.05, limit=600)

UNLIMITED = 100_000
"""Requests a minute."""

TARGET = 1.15
"""Maximum of our time ÷ the floor."""

KEY = "sk-bench"


class Importance(BaseModel):
    """The answer to a question."""

    level: Literal["high", "medium", "low"]
    quote: str


@dataclass(frozen=True)
class RunUsage:
    """One run: seconds, invocations, and what it sent and stored."""

    seconds: float
    invocations: int
    calls: int
    refused: int
    in_flight: int
    tokens: int
    dollars: float
    reads: int
    writes: int


async def measure(size: Size = FULL) -> list[Table]:
    """Measure seconds beside the floor, and usage; a second run makes no call."""
    async with emulator(), database() as client:
        await _runs(client, Size(20, 0.01, UNLIMITED), 1, "warm-up")
        free, again = await _runs(client, replace(size, limit=UNLIMITED), 2, "free")
        (limited,) = await _runs(client, size, 1, "limited")
    check_same("questions, next run", again.calls, 0)
    at_once = size.questions * size.latency / MAX_CONCURRENCY
    # the bucket is full at first, and fills up while it is emptied
    by_limit = max(0.0, size.questions - size.limit) / (size.limit / 60)
    rows = [
        _row(f"{MAX_CONCURRENCY} at once", free, at_once),
        _row("the same questions, next run", again, 0.0),
        _row(f"{size.limit} a minute, and as many left", limited, max(at_once, by_limit)),
    ]
    notes = (
        f"Floor: {size.questions} x {size.latency:g} s ÷ {MAX_CONCURRENCY} at once. Ours may take "
        f"{TARGET:g} times that.",
        "Reads and writes: documents of Firestore, for answers, the run's use and its progress.",
        "Refused: answers 429.",
    )
    head = (
        *("case", "wall", "÷ floor", "invocations", "calls", "refused", "at once", "tokens"),
        *("dollars", "reads", "writes"),
    )
    title = f"{size.questions} questions to a model that takes {size.latency:g} s"
    return [Table(title, head, rows, notes)]


def _row(name: str, usage: RunUsage, floor: float) -> list[Cell]:
    ratio: Cell = usage.seconds / floor if floor else ""
    wall = Sample([usage.seconds], "s")
    counts = (usage.invocations, usage.calls, usage.refused, usage.in_flight, usage.tokens)
    return [name, wall, ratio, *counts, f"{usage.dollars:.4f}", usage.reads, usage.writes]


async def _runs(client: AsyncClient, size: Size, runs: int, name: str) -> list[RunUsage]:
    """Ask the same questions in runs one after the other."""
    world = World(FirestoreStore(client))
    scan = await world.save(id=f"bench-{name}")
    usages = []
    for run in range(runs):
        run_id = f"{scan.id}-{run}"
        await world.start(scan, run_id)
        claim = await world.runs.claim(run_id, "fetch", 0, "w1")
        async with model_server(
            api_key=KEY,
            latency=size.latency,
            requests_per_minute=size.limit,
            tokens_per_minute=10**9,
        ) as server:
            usages.append(await _run(world, claim, server, size, name))
    return usages


async def _run(world: World, claim: Claim, server: ModelServer, size: Size, name: str) -> RunUsage:
    """Ask in invocation after invocation, as a kind of scan does."""
    assert isinstance(world.stored, FirestoreStore)
    left = [_question(f"{name} {n}") for n in range(size.questions)]
    meter = world.stored.meter
    reads, writes = meter.reads, meter.writes
    loop = asyncio.get_running_loop()
    started, invocations = loop.time(), 0
    while left:
        invocations += 1
        left, counts = await _invocation(claim, server, left)
    seconds = loop.time() - started
    sent = await server.stop()
    return RunUsage(
        seconds,
        invocations,
        len(sent),
        sum(status == 429 for _, status in sent),
        _in_flight([moment for moment, _ in sent], size.latency),
        int(counts["model_tokens"]),
        counts["model_cost"],
        meter.reads - reads,
        meter.writes - writes,
    )


async def _invocation(
    claim: Claim, server: ModelServer, left: Sequence[Question[Importance]]
) -> tuple[list[Question[Importance]], dict[str, float]]:
    """Ask until the budget is over; return the questions left, and the usage of the run."""
    deadline = Deadline.after(LADDER.step)
    done: set[str] = set()
    checkpointed = deadline.remaining()

    def open_model(_: ModelSettings) -> OpenAIModel:
        return OpenAIModel(server.url, KEY, "gpt-6-luna")

    async with Asking(claim, ModelSettings(), open_model) as asking:
        async for reply in asking.replies(left, deadline):
            assert reply.content
            done.add(reply.key)
            if checkpointed - deadline.remaining() >= CHECKPOINT:
                checkpointed = deadline.remaining()
                await claim.checkpoint(At(done=len(done)), {})
        await claim.checkpoint(At(done=len(done)), {})
        counts = asking.spending.counts()
    return [question for question in left if question.key not in done], counts


def _in_flight(moments: Sequence[float], latency: float) -> int:
    """Return the most questions that arrived within the time of one answer."""
    return max(
        (sum(begun <= moment < begun + latency for moment in moments) for begun in moments),
        default=0,
    )


def _question(name: str) -> Question[Importance]:
    text = f"Customer number {name}: an internal key of the customer, from the sales database."
    return Question(
        key=name,
        shape=Importance,
        instructions=f"Say how important it is, and cite it. {QUOTING_RULE}",
        text=quote_untrusted(f"record {name}", text, 500),
        prompt_version="1",
        max_tokens=200,
    )
