"""A campaign: hundreds of runs on a real stack while a nemesis rages, then a checker judges.

Deadlines are short, so that a campaign takes minutes; `--production` uses those of production.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

from google.cloud.firestore import AsyncClient

from infra.local.stack import Options, Stack, running
from landfall.deadlines import LADDER, TICK, Ladder
from landfall.documents import Put, Query
from landfall.lifecycle import RUN_ENDED
from landfall.store import FirestoreStore
from tests.chaos.nemesis import Nemesis
from tests.chaos.workload import Load, draw_loads, slots_from
from tests.fakes.memory_store import MemoryStore
from tests.simulation.checker import Judged, violations

SHORT = Ladder(
    stale=19.0,
    lease=18.0,
    dispatch=17.0,
    function=16.0,
    step=8.0,
    item=6.0,
    request=4.0,
    connect=2.0,
)
"""Cloud Tasks takes no dispatch deadline below 15 s."""


@dataclass(frozen=True)
class Plan:
    """How a campaign goes. Seconds."""

    seed: int = 1
    bases: int = 26
    runs_a_base: int = 12
    rage: float = 150.0
    tick: float = 5.0
    ladder: Ladder = SHORT
    run_deadline: float = 300.0


@dataclass
class Result:
    """What came of it."""

    runs: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    harm: Mapping[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    recovery: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """A campaign in which little works is no pass."""
        return not self.violations and self.runs["done"] * 2 > sum(self.runs.values())


async def campaign(plan: Plan) -> Result:
    """Start a stack, run the workload under the nemesis, and judge what is left."""
    random = Random(plan.seed)
    begin = datetime.now(UTC) + timedelta(seconds=20)
    slots = slots_from(begin, plan.runs_a_base, plan.rage)
    loads = draw_loads(random, plan.bases, slots, plan.run_deadline)
    options = Options(
        bases=tuple(load.served for load in loads),
        tick_seconds=None,
        environment={"LANDFALL_DEADLINES": json.dumps(asdict(plan.ladder))},
        stand_in={"latency": 0.1, "lockout_seconds": 5.0},
    )
    async with running(options) as stack:
        return await _Campaign(plan, stack, loads).run()


class _Campaign:
    def __init__(self, plan: Plan, stack: Stack, loads: list[Load]) -> None:
        self._plan = plan
        self._stack = stack
        self._loads = loads
        self._nemesis = Nemesis(stack, plan.seed, plan.ladder.lease)
        self._watches: list[tuple[datetime, datetime]] = []
        self._loop = asyncio.get_running_loop()

    async def run(self) -> Result:
        started = self._loop.time()
        for load in self._loads:
            answer = await self._stack.call("PUT", f"/scans/{load.scan.id}", load.scan.document())
            answer.raise_for_status()
        ticking = asyncio.create_task(self._tick_for_ever())
        try:
            await self._nemesis.rage(self._plan.rage)
            await self._wait_for_the_end()
        finally:
            ticking.cancel()
            await asyncio.gather(ticking, return_exceptions=True)
        return await self._judge(self._loop.time() - started)

    async def _tick_for_ever(self) -> None:
        """Both at once, and now and then each twice at the same moment."""
        random = Random(self._plan.seed)
        while True:
            if self._nemesis.ticking:
                names = ["scheduler", "watchdog"] * random.choice([1, 1, 2])
                await asyncio.gather(*(self._tick(name) for name in names), return_exceptions=True)
            await asyncio.sleep(self._plan.tick)

    async def _tick(self, name: str) -> None:
        begin = datetime.now(UTC)
        answer = await self._stack.tick(name)
        did = answer.json() if answer.status_code == 200 else {"problems": 1}
        if name == "watchdog" and not did["problems"] and not did["left_over"]:
            self._watches.append((begin, datetime.now(UTC)))

    async def _wait_for_the_end(self) -> None:
        give_up = self._loop.time() + self._plan.run_deadline + 60
        wanted = self._plan.bases * self._plan.runs_a_base
        async with self._store() as store:
            while self._loop.time() < give_up:
                runs = await store.find(Query("runs", fields=("status",)))
                if len(runs) >= wanted and all(r.data["status"] in RUN_ENDED for r in runs):
                    return
                await asyncio.sleep(1.0)

    @asynccontextmanager
    async def _store(self) -> AsyncIterator[FirestoreStore]:
        os.environ["FIRESTORE_EMULATOR_HOST"] = self._stack.addresses.firestore
        client = AsyncClient(project=self._stack.addresses.project)
        try:
            yield FirestoreStore(client, timeout=60.0)
        finally:
            client.close()

    async def _judge(self, seconds: float) -> Result:
        async with self._store() as store:
            memory = await _copied(store)
        runs = memory.all("runs")
        judged = Judged(
            memory=memory,
            bases={load.scan.base: load.expected for load in self._loads},
            watches=self._watches,
            calm=False,
        )
        wanted = self._plan.bases * self._plan.runs_a_base
        missing = [f"{wanted} slots made {len(runs)} runs"] if len(runs) != wanted else []
        return Result(
            runs=Counter(run.data["status"] for run in runs),
            reasons=Counter(r.data["error"]["reason"] for r in runs if r.data["error"]),
            harm=self._nemesis.done,
            violations=[*missing, *violations(judged)],
            recovery=_recovery(memory, self._nemesis.kills),
            seconds=seconds,
        )


async def _copied(store: FirestoreStore) -> MemoryStore:
    """Everything that is in the database, to be judged at leisure."""
    memory = MemoryStore()
    for collection in ("schedules", "runs"):
        await _copy(store, memory, collection)
    for run in memory.all("runs"):
        for part in ("steps", "events", "pages", "results"):
            await _copy(store, memory, f"{run.path}/{part}")
    return memory


async def _copy(store: FirestoreStore, memory: MemoryStore, collection: str) -> None:
    found = await store.find(Query(collection))
    await memory.commit([Put(document.path, document.data) for document in found])


def _recovery(memory: MemoryStore, kills: Sequence[tuple[str, datetime]]) -> list[float]:
    """Seconds from a SIGKILL to the next claim of each step that it interrupted."""
    seconds = []
    for run in memory.all("runs"):
        for kind in ("fetch", "score"):
            claims = _claims(memory, run.path, kind)
            for name, at in kills:
                if name == kind:
                    seconds += _recovered(claims, at)
    return sorted(seconds)


def _claims(memory: MemoryStore, run: str, step: str) -> list[tuple[datetime, str]]:
    """(when, to what status) of each move of a step."""
    events = [event.data for event in memory.all(f"{run}/events") if event.data["step"] == step]
    return [(event["updated_at"], event["to"]) for event in events]


def _recovered(moves: list[tuple[datetime, str]], at: datetime) -> list[float]:
    before = [move for move in moves if move[0] <= at]
    if not before or before[-1][1] != "running":
        return []  # it was not at work then
    later = [when for when, to in moves if when > at and to == "running"]
    left = [when for when, to in moves if when > at and to != "running"]
    # a step that the kill did not reach goes on within moments
    return [(later[0] - at).total_seconds()] if later and (left[0] - at).total_seconds() > 5 else []


PRODUCTION = Plan(ladder=LADDER, tick=TICK, rage=420.0, run_deadline=1200.0)


def main() -> int:
    """Run one campaign and print what came of it; 1 when it is no pass."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.campaign", description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--production", action="store_true", help="production's deadlines")
    options = parser.parse_args()
    plan = replace(PRODUCTION if options.production else Plan(), seed=options.seed)
    result = asyncio.run(campaign(plan))
    print(report(plan, result))
    return 0 if result.passed else 1


def report(plan: Plan, result: Result) -> str:
    """A campaign in a few lines."""
    recovery = result.recovery or [0.0]
    p50, p99 = statistics.median(recovery), recovery[int(len(recovery) * 0.99)]
    ladder = ", ".join(f"{name} {value:g}" for name, value in asdict(plan.ladder).items())
    lines = [
        f"{sum(result.runs.values())} runs in {result.seconds:.0f} s: {dict(result.runs)}",
        f"reasons of those that did not end done: {dict(result.reasons)}",
        f"harm done (seed {plan.seed}): {dict(result.harm)}",
        f"recovery after SIGKILL: {len(result.recovery)} steps, p50 {p50:.1f} s, p99 {p99:.1f} s",
        f"deadlines in seconds: {ladder}; a tick every {plan.tick:g} s",
        f"{len(result.violations)} violations",
        *result.violations[:20],
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
