"""A thousand data elements classified by a model that takes a second for an answer.

The model is the stand-in for OpenAI in a process of its own and the base the one for Airtable, both
over HTTP; the store is the Firestore emulator. The floor is what the model alone would take, with
as many questions under way as are allowed. What a process loads once is loaded before.
"""

import asyncio
from dataclasses import dataclass

from google.cloud.firestore import AsyncClient

from landfall import logs
from landfall.airtable import pacer as airtable_pacer
from landfall.deadlines import LADDER
from landfall.llm.openai.chat import OpenAIModel
from landfall.llm.rate_limit import MOST_AT_ONCE
from landfall.store.documents import Fields
from landfall.store.firestore import FirestoreStore
from tests.bench.figures import Cell, Sample, Table
from tests.bench.ground import database, emulator
from tests.bench.model_server import ModelServer, model_server
from tests.fakes.elements import Elements, elements_server
from tests.fakes.world import World

ELEMENTS = 1_000
LATENCY = 1.0
"""Seconds from a question to its answer."""

GROUPS = (1, 10)
"""Elements of a question."""

TARGET = 1.15
"""Times the floor: what ours may take."""

KEY = "sk-bench"


@dataclass(frozen=True)
class Took:
    """What the score step of a run took."""

    seconds: float
    counts: Fields
    reads: int
    writes: int
    commits: int

    def row(self, name: str, floor: float) -> list[Cell]:
        """As it is printed."""
        counts = self.counts
        ratio: Cell = self.seconds / floor if floor else ""
        wall = Sample([self.seconds], "s")
        use = (counts["model_calls"], counts["model_tokens"], f"{counts['model_cost']:.4f}")
        return [name, wall, ratio, *use, self.reads, self.writes, self.commits]


async def measure() -> list[Table]:
    """Seconds against the floor, calls, tokens and documents; a second run makes no call."""
    rows: list[list[Cell]] = []
    async with emulator():
        async with database() as client, model_server(api_key=KEY, latency=0.01) as service:
            await _runs(client, service, 20, 1, 1)
        for size in GROUPS:
            async with database() as client, model_server(api_key=KEY, latency=LATENCY) as service:
                first, second = await _runs(client, service, ELEMENTS, size, 2)
            questions = ELEMENTS / size
            rows.append(first.row(f"{size} a question", questions * LATENCY / MOST_AT_ONCE))
            rows.append(second.row("- the same elements, next run", 0.0))
    head = (
        *("case", "score step", "÷ floor", "calls", "tokens", "dollars"),
        *("reads", "writes", "commits"),
    )
    notes = (
        f"Floor: questions x {LATENCY:g} s ÷ {MOST_AT_ONCE} at once. Ours may take {TARGET:g} "
        "times that; with few questions the time until as many are under way is most of it.",
        "Reads, writes and commits: documents of Firestore, for answers, elements, the run and its "
        "use of the model. An answer is read before it is asked for, an element before the asking "
        "and after it.",
    )
    return [Table(f"{ELEMENTS:,} data elements classified", head, rows, notes)]


async def _runs(
    client: AsyncClient, service: ModelServer, number: int, size: int, runs: int
) -> list[Took]:
    """Runs over the same elements, one after the other."""
    store = FirestoreStore(client)
    rows = [{"Name": f"Field {n}", "Description": f"Column {n} of a form"} for n in range(number)]
    async with elements_server(*rows) as server:
        elements = Elements(
            server,
            lambda _: OpenAIModel(service.url, KEY, "gpt-6-luna", LADDER),
            World(store),
            group_size=size,
        )
        with logs.silenced():
            return [await _run(elements, store) for _ in range(runs)]


async def _run(elements: Elements, store: FirestoreStore) -> Took:
    """The score step of a run, invocation after invocation."""
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
    took = {name: getattr(store.meter, name) - count for name, count in before.items()}
    return Took(seconds, run["counts"], took["reads"], took["writes"], took["commits"])
