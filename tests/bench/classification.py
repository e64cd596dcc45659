"""A thousand data elements classified by a model that takes a second for an answer.

The model is the stand-in for OpenAI in a process of its own and the base the one for Airtable, both
over HTTP; the store is the Firestore emulator. The floor is the time of the model alone, with the
maximum of questions in flight. Modules are loaded before.
"""

import asyncio
from dataclasses import dataclass

from google.cloud.firestore import AsyncClient

from landfall import logs
from landfall.airtable import pacer as airtable_pacer
from landfall.deadlines import LADDER
from landfall.llm.openai.chat import OpenAIModel
from landfall.llm.rate_limit import MAX_CONCURRENCY
from landfall.store.documents import Fields
from landfall.store.firestore import FirestoreStore
from tests.bench.benchmark import check_same
from tests.bench.databases import database, emulator
from tests.bench.figures import Cell, Sample, Table
from tests.bench.model_server import ModelServer, model_server
from tests.fakes.elements import Elements, elements_server
from tests.fakes.world import World


@dataclass(frozen=True)
class Size:
    """Elements, seconds from a question to its answer, and elements of a question in each case."""

    elements: int
    latency: float
    groups: tuple[int, ...]


FULL = Size(elements=1_000, latency=1.0, groups=(1, 10))
QUICK = Size(elements=20, latency=0.05, groups=(1, 10))

TARGET = 1.15
"""Maximum of our time ÷ the floor."""

KEY = "sk-bench"


@dataclass(frozen=True)
class StepUsage:
    """The usage of the score step of a run."""

    seconds: float
    counts: Fields
    reads: int
    writes: int
    commits: int

    def row(self, name: str, floor: float) -> list[Cell]:
        """Return the row of a table."""
        counts = self.counts
        ratio: Cell = self.seconds / floor if floor else ""
        wall = Sample([self.seconds], "s")
        use = (counts["model_calls"], counts["model_tokens"], f"{counts['model_cost']:.4f}")
        return [name, wall, ratio, *use, self.reads, self.writes, self.commits]


async def measure(size: Size = FULL) -> list[Table]:
    """Measure seconds beside the floor, calls, tokens and documents; a second run makes no call."""
    rows: list[list[Cell]] = []
    async with emulator():
        async with database() as client, model_server(api_key=KEY, latency=0.01) as service:
            await _runs(client, service, 20, 1, 1)
        for group in size.groups:
            server = model_server(api_key=KEY, latency=size.latency)
            async with database() as client, server as service:
                first, second = await _runs(client, service, size.elements, group, 2)
            check_same("classification, next run", second.counts["model_calls"], 0)
            floor = size.elements / group * size.latency / MAX_CONCURRENCY
            rows.append(first.row(f"{group} a question", floor))
            rows.append(second.row("- the same elements, next run", 0.0))
    head = (
        *("case", "score step", "÷ floor", "calls", "tokens", "dollars"),
        *("reads", "writes", "commits"),
    )
    notes = (
        f"Floor: questions x {size.latency:g} s ÷ {MAX_CONCURRENCY} at once. Ours may take "
        f"{TARGET:g} times that; with few questions most of it is the time until as many are in "
        "flight.",
        "Reads, writes and commits: documents of Firestore, for answers, elements, the run and its "
        "use of the model. An answer is looked up before its question is sent, an element is read "
        "before and after.",
    )
    return [Table(f"{size.elements:,} data elements classified", head, rows, notes)]


async def _runs(
    client: AsyncClient, service: ModelServer, number: int, group: int, runs: int
) -> list[StepUsage]:
    """Classify the same elements in runs one after the other."""
    store = FirestoreStore(client)
    rows = [{"Name": f"Field {n}", "Description": f"Column {n} of a form"} for n in range(number)]
    async with elements_server(*rows) as server:
        elements = Elements(
            server,
            lambda _: OpenAIModel(service.url, KEY, "gpt-6-luna", LADDER),
            World(store),
            group_size=group,
        )
        with logs.silenced():
            return [await _run(elements, store) for _ in range(runs)]


async def _run(elements: Elements, store: FirestoreStore) -> StepUsage:
    """Take the score step of a run through, invocation after invocation."""
    run_id, queue = await elements.start(), elements.world.queue
    interval, airtable_pacer.INTERVAL = airtable_pacer.INTERVAL, 0.0
    try:
        assert await elements.deliver(queue.tasks[-1]) == "finished"
    finally:
        airtable_pacer.INTERVAL = interval
    before = dict(vars(store.meter))
    loop = asyncio.get_running_loop()
    began = loop.time()
    while await elements.deliver(queue.tasks[-1]) != "finished":
        pass
    seconds = loop.time() - began
    run = (await elements.world.run(run_id)).data
    assert run["verdict"] == "healthy"
    used = {name: getattr(store.meter, name) - count for name, count in before.items()}
    return StepUsage(seconds, run["counts"], used["reads"], used["writes"], used["commits"])
