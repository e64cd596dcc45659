"""What a store holds at some moments of a run, as today's code writes it; kept as JSON.

python -m tests.stored.moments DIRECTORY     before a kind of document gets a new version

The directories here are numbered: 0 is from before documents said their version. Each holds a
file a moment, a whole store: a run that has ended, and one that is on its way. Tests read them
with the code as it is now, and have the run go on.
"""

import asyncio
import base64
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from infra.local.airtable.server import LocalAirtable
from infra.local.wire.faults import Fault, FaultKind, FaultRule
from landfall.deadlines import LADDER, Deadline
from landfall.integrity.routes import ignore, scan_findings
from landfall.integrity.scan import IntegrityScan
from landfall.integrity.score import ScoreRules
from landfall.runs.claim import Claim
from landfall.runs.kind import Again, Outcome
from landfall.store.documents import Fields
from landfall.ticks.scheduler import Scheduler
from landfall.ticks.watchdog import Watchdog
from tests.fakes.bases import BASE, a_base, a_server
from tests.fakes.callers import ask
from tests.fakes.memory_store import MemoryStore
from tests.fakes.workers import Looks, deliver, drive, work_on
from tests.fakes.world import World

ISSUES = "Data issues"
RULES = [
    {"id": "email", "kind": "required", "table": "People", "field": "Email"},
    {"id": "once", "kind": "unique", "table": "People", "fields": ["Name"]},
    {"id": "many", "kind": "volume", "table": "People", "change": "20%", "over": 1},
]
SCHEDULE = {"cadence": {"every_minutes": 60}}
PEOPLE = [
    {"Name": f"Person {n}", **({} if n in (3, 120) else {"Email": f"{n}@example.org"})}
    for n in range(150)
]
"""Two lack an e-mail address, one on each of the two pages; no name is there twice."""


@asynccontextmanager
async def the_base() -> AsyncIterator[LocalAirtable]:
    """A base that the scan fits: two pages of people, and a table for what is found."""
    by_hand = {"Fingerprint": "mine", "State": "x", "What": "y"}
    async with a_server(a_base(People=PEOPLE, **{ISSUES: [by_hand]})) as server:
        yield server


async def once_done(server: LocalAirtable) -> World:
    """A scan with a schedule, of which one run is done, and a person has ignored a finding."""
    world = World()
    fields = {"finding_id": "Fingerprint", "state": "State", "message": "What"}
    await world.save(rules=RULES, schedule=SCHEDULE, write_back={"table": ISSUES, "fields": fields})
    await tick(world)
    await drive(world, server, last_run(world))
    listed: Any = await scan_findings(ask(world), "people")
    finding_id = listed["findings"][0]["finding_id"]
    await ignore(ask(world, {"why": "so be it"}), "people", finding_id)
    return world


async def tick(world: World) -> None:
    """An hour later: the schedule's next slot, and the watchdog."""
    world.clock.now += timedelta(hours=1)
    await Scheduler(world.runs, "scheduler").tick(Deadline.after(LADDER.step))
    await Watchdog(world.runs, "watchdog").tick(Deadline.after(LADDER.step))


def last_run(world: World) -> str:
    """The run that was started last."""
    return world.queue.tasks[-1].run_id


async def queued(world: World, server: LocalAirtable) -> None:
    """Nobody has picked it up."""


async def fetching(world: World, server: LocalAirtable) -> None:
    """One of two pages is there; Airtable failed at the second."""
    fault = Fault(FaultKind.STATUS, status=503)
    server.faults = [FaultRule(fault, after=2)]  # the schema, and a page
    assert await deliver(world, server) == "base_unavailable"
    server.faults = []


async def scoring(world: World, server: LocalAirtable) -> None:
    """One of three rules is evaluated."""

    async def work(claim: Claim, scan: IntegrityScan, _: Deadline) -> Outcome | Again:
        looks = chain(repeat(100.0, 1), repeat(-1.0))
        return await ScoreRules(claim, scan).run(Looks(0.0, looks))

    assert await deliver(world, server) == "finished"
    assert await work_on(world, world.queue.tasks[-1], work) == "continued"


async def writing(world: World, server: LocalAirtable) -> None:
    """What is to be written back is there, and not sent."""
    record = server.records(BASE, "People")[7]
    server.put(BASE, "People", {**record, "fields": {"Name": record["fields"]["Name"]}})
    assert [await deliver(world, server) for _ in "fs"] == ["finished", "finished"]


MOMENTS: dict[str, Callable[[World, LocalAirtable], Awaitable[None]]] = {
    "queued": queued,
    "fetching": fetching,
    "scoring": scoring,
    "writing": writing,
}


async def at(moment: str) -> tuple[World, dict[str, Fields]]:
    """A world at the moment, and what its store holds."""
    async with the_base() as server:
        world = await once_done(server)
        await tick(world)
        await MOMENTS[moment](world, server)
    assert isinstance(world.stored, MemoryStore)
    return world, {path: found.data for path, found in world.stored.whole().items()}


def dumped(value: Any) -> Any:
    """For JSON: moments and bytes as objects of one member."""
    if isinstance(value, datetime):
        return {"moment": value.isoformat()}
    if isinstance(value, bytes):
        return {"base64": base64.b64encode(value).decode()}
    raise TypeError(value)


def loaded(fields: dict[str, Any]) -> Any:
    """The reverse, as an object hook."""
    match fields:
        case {"moment": str(moment)} if len(fields) == 1:
            return datetime.fromisoformat(moment)
        case {"base64": str(data)} if len(fields) == 1:
            return base64.b64decode(data)
    return fields


def main(directory: Path) -> None:
    """Write a file for each moment."""
    directory.mkdir(parents=True, exist_ok=True)
    for moment in MOMENTS:
        world, documents = asyncio.run(at(moment))
        content = {"now": world.clock.now, "run_id": last_run(world), "documents": documents}
        text = json.dumps(content, default=dumped, indent=1, ensure_ascii=False)
        (directory / f"{moment}.json").write_text(text + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
