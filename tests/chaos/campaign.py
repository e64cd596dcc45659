"""A campaign: hundreds of runs on a real stack while a nemesis rages, then a checker judges.

Deadlines are short, so that a campaign takes minutes; `--production` uses those of production.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import sys
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from google.cloud.firestore import AsyncClient

from infra.local.stack import Stack, StackOptions, running
from landfall.runs.lifecycle import RUN_ENDED
from landfall.scans.scan import Scan
from landfall.store.documents import Document, Query, StoreError
from landfall.store.firestore import FirestoreStore
from tests.chaos.gate import Gate, shut_at_the_end
from tests.chaos.judging import checkers, copied, outside
from tests.chaos.nemesis import Nemesis
from tests.chaos.people import People
from tests.chaos.plan import PRODUCTION, Plan
from tests.chaos.traces import NEVER, fenced, recoveries, telling_lines
from tests.chaos.troubles import of_airtable, of_the_model, of_the_sites
from tests.chaos.workload import Workload, draw_workload, slots_from
from tests.chaos.zombies import Zombies
from tests.simulation.checker import Judged, violations

SUSPENDED = Path(__file__).parent / "suspended"
"""What makes a worker's clock stand still with it."""

SAVED = timedelta(seconds=15)
"""Within this all scans are saved: a slot that has passed before is none."""


@dataclass
class Result:
    """What came of it."""

    runs: Mapping[str, Counter[str]] = field(default_factory=dict)
    """By the kind of scan and by status."""
    interrupted: Mapping[str, int] = field(default_factory=dict)
    """Steps that a SIGKILL interrupted, by the kind of scan."""
    reasons: Counter[str] = field(default_factory=Counter)
    harm: Mapping[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    recovery: list[float] = field(default_factory=list)
    lost: int = 0
    """Steps that a SIGKILL interrupted and that nobody claimed again: their run ended."""
    refused: int = 0
    """Attempts that tried to write when another worker had claimed their step: zombies."""
    latest: float = 0.0
    """Seconds by which the latest run ended after its deadline."""
    said: Counter[str] = field(default_factory=Counter)
    """What the functions logged of it."""
    seconds: float = 0.0

    @property
    def recovery_p99(self) -> float:
        """Seconds from a SIGKILL to the next claim."""
        return self.recovery[int(len(self.recovery) * 0.99)] if self.recovery else 0.0

    @property
    def passed(self) -> bool:
        """A campaign in which little of a kind works is no pass."""
        works = all(runs["done"] * 2 > runs.total() for runs in self.runs.values())
        return not self.violations and works


async def campaign(plan: Plan) -> Result:
    """Start a stack, run the workload under the nemesis, and judge what is left."""
    async with AsyncExitStack() as exits:
        notes = Path(exits.enter_context(TemporaryDirectory(prefix="landfall-suspended-")))
        gate = await exits.enter_async_context(shut_at_the_end())
        stack = await exits.enter_async_context(running(_options(plan, gate, notes)))
        store = await exits.enter_async_context(_store(stack, gate))
        await gate.open(stack.addresses.firestore)
        zombies = Zombies(store, notes, 2 * plan.ladder.stale)
        nemesis = Nemesis(stack, gate, zombies, plan.seed, plan.ladder.lease, plan.terror)
        return await _Campaign(plan, stack, store, nemesis).run()


def _options(plan: Plan, gate: Gate, notes: Path) -> StackOptions:
    environment = {
        "LANDFALL_DEADLINES": json.dumps(asdict(plan.ladder)),
        "FIRESTORE_EMULATOR_HOST": gate.address,
        "WORKERS": str(plan.workers),
        "PYTHONPATH": str(SUSPENDED),
        "SUSPENDED": str(notes),
        "MOST_AHEAD": str(plan.most_ahead),
    }
    workload = _workload(plan)
    return StackOptions(
        bases=workload.bases,
        sites=workload.sites,
        tick_seconds=None,
        environment=environment,
        stand_in={
            "latency": plan.latency,
            "lockout_seconds": 5.0,
            "faults": of_airtable(plan.seed) if plan.terror.harms else (),
        },
        model={"latency": plan.latency, "faults": of_the_model(plan.seed)},
    )


@asynccontextmanager
async def _store(stack: Stack, gate: Gate) -> AsyncIterator[FirestoreStore]:
    os.environ["FIRESTORE_EMULATOR_HOST"] = gate.address
    client = AsyncClient(project=stack.addresses.project)
    try:
        yield FirestoreStore(client, timeout=60.0)
    finally:
        client.close()


def _workload(plan: Plan) -> Workload:
    """The same for the same plan, but for the slots, which begin soon after now."""
    slots = slots_from(datetime.now(UTC) + SAVED, plan.runs_a_load, plan.rage)
    deadlines = (plan.short_deadline, plan.run_deadline)
    return draw_workload(Random(plan.seed), plan.loads, slots, deadlines)


class _Campaign:
    def __init__(self, plan: Plan, stack: Stack, store: FirestoreStore, nemesis: Nemesis) -> None:
        self._plan = plan
        self._stack = stack
        self._store = store
        self._nemesis = nemesis
        self._workload = _workload(plan)
        self._people = People(stack, self._workload, plan.seed)
        self._watches: list[tuple[datetime, datetime]] = []
        self._loop = asyncio.get_running_loop()

    async def run(self) -> Result:
        started = self._loop.time()
        sites = self._stack.sites
        for number, site in enumerate(sites.values()):
            site.faults = of_the_sites(self._plan.seed + number)
        for scan in self._workload.scans({url: site.url for url, site in sites.items()}):
            await self._put(scan)
        async with _going_on(self._tick_for_ever()):
            async with _going_on(self._people.work()):
                await self._nemesis.rage(self._plan.rage)
            await self._wait_for_the_end(started)
        return await self._judge(self._loop.time() - started)

    async def _put(self, scan: Scan) -> None:
        """Save a scan; what a busy machine does not answer is asked again."""
        for last in (False, False, True):
            try:
                answer = await self._stack.call("PUT", f"/scans/{scan.id}", scan.document())
                answer.raise_for_status()
            except httpx.HTTPError:
                if last:
                    raise
                await asyncio.sleep(1.0)
            else:
                return

    async def _tick_for_ever(self) -> None:
        """Both at once, and now and then each twice at the same moment."""
        random = Random(self._plan.seed)
        due = self._loop.time()
        while True:
            if self._nemesis.ticking:
                names = ["scheduler", "watchdog"] * random.choice([1, 1, 2])
                await asyncio.gather(*(self._tick(name) for name in names), return_exceptions=True)
            due = max(due + self._plan.tick, self._loop.time())
            await asyncio.sleep(due - self._loop.time())

    async def _tick(self, name: str) -> None:
        begin = datetime.now(UTC)
        answer = await self._stack.tick(name)
        did = answer.json() if answer.status_code == 200 else {"problems": 1}
        if name == "watchdog" and not did["problems"] and not did["left_over"]:
            self._watches.append((begin, datetime.now(UTC)))

    async def _wait_for_the_end(self, started: float) -> None:
        """Until every run has ended, or the last one should have."""
        last = started + SAVED.total_seconds() + self._plan.rage
        give_up = last + self._plan.run_deadline + 2 * self._plan.tick + 5
        while self._loop.time() < give_up:
            with contextlib.suppress(StoreError):
                runs = await self._store.find(Query("runs", fields=("status",)))
                if len(runs) >= self._plan.runs and all(
                    r.data["status"] in RUN_ENDED for r in runs
                ):
                    return
            await asyncio.sleep(1.0)

    async def _judge(self, seconds: float) -> Result:
        memory = await copied(self._store)
        runs = memory.all("runs")
        judged = Judged(
            memory=memory,
            checkers=checkers(self._stack, self._workload, self._people),
            watches=self._watches,
            calm=False,
        )
        lines = [*telling_lines(process.log for process in self._stack.processes.values())]
        said = Counter(line["message"] for line in lines)
        refused = self._nemesis.superseded & fenced(lines)
        recovered = recoveries(memory, self._nemesis.kills, self._plan.ladder)
        recovery = sorted(seconds for some in recovered.values() for seconds in some)
        result = Result(
            runs=_by_kind(runs),
            interrupted={kind: len(seconds) for kind, seconds in recovered.items()},
            reasons=Counter(r.data["error"]["reason"] for r in runs if r.data["error"]),
            harm=self._nemesis.done,
            violations=[
                *self._missing(len(runs)),
                *_bugs(said),
                *violations(judged),
                *outside(self._stack, memory, self._plan.ladder),
            ],
            recovery=[seconds for seconds in recovery if seconds < NEVER],
            lost=recovery.count(NEVER),
            refused=len(refused),
            latest=max([0.0, *(_after_deadline(run) for run in runs)]),
            said=said,
            seconds=seconds,
        )
        result.violations += [*self._late(result.recovery_p99), *self._too_few(result)]
        return result

    def _too_few(self, result: Result) -> Iterator[str]:
        if result.refused < self._plan.zombies:
            yield f"{result.refused} zombies tried to write, which is too few to have tried it"
        for kind in self._plan.loads:
            if not result.interrupted.get(kind):
                yield f"no {kind} run was killed in the middle"

    def _late(self, p99: float) -> Iterator[str]:
        within = self._plan.recovered
        if within is not None and not 0 < p99 <= within:
            yield f"the p99 of recovery after SIGKILL is {p99:.1f} s, not within {within:g} s"

    def _missing(self, made: int) -> Iterator[str]:
        if made != self._plan.runs:
            yield f"{self._plan.runs} slots made {made} runs"


def _bugs(said: Mapping[str, int]) -> Iterator[str]:
    if said["bug"]:
        yield f"{said['bug']} bugs in the logs of the functions"


def _after_deadline(run: Document) -> float:
    ended = run.data["finished_at"] or datetime.now(UTC)
    return float((ended - run.data["deadline_at"]).total_seconds())


def _by_kind(runs: Sequence[Document]) -> dict[str, Counter[str]]:
    """How many there are of each kind of scan, by status."""
    found: dict[str, Counter[str]] = {}
    for run in runs:
        found.setdefault(run.data["kind"], Counter())[str(run.data["status"])] += 1
    return found


@asynccontextmanager
async def _going_on(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Something goes on meanwhile, and not any longer."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


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
    p50, p99 = statistics.median(result.recovery or [0.0]), result.recovery_p99
    ladder = ", ".join(f"{name} {value:g}" for name, value in asdict(plan.ladder).items())
    lines = [
        f"{sum(runs.total() for runs in result.runs.values())} runs in {result.seconds:.0f} s:",
        *(
            f"  {kind}: {dict(runs)}, {result.interrupted.get(kind, 0)} steps killed in the middle"
            for kind, runs in result.runs.items()
        ),
        f"reasons of those that did not end done: {dict(result.reasons)}",
        f"harm done (seed {plan.seed}): {dict(result.harm)}",
        f"the functions logged: {dict(result.said)}",
        f"recovery after SIGKILL: {len(result.recovery)} steps, p50 {p50:.1f} s, p99 {p99:.1f} s; "
        f"of {result.lost} more the run ended first",
        f"zombies: {result.refused} attempts tried to write when others had claimed their step, "
        "and were refused",
        f"the latest end of a run was {result.latest:.1f} s after its deadline",
        f"deadlines in seconds: {ladder}; a tick every {plan.tick:g} s; a run may take "
        f"{plan.run_deadline:g} s, and {plan.short_deadline:g} s with every fourth scan",
        f"{len(result.violations)} violations",
        *result.violations[:20],
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
