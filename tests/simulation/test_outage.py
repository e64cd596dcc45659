"""An outage of Airtable does not multiply traffic: all runs that wait share one back-off."""

import asyncio
from collections.abc import Sequence

from landfall import logs
from landfall.airtable.protocols import RecordPage
from landfall.airtable.schema import TableSchema
from landfall.deadlines import TICK, Deadline
from landfall.reasons import Reason, StepError
from landfall.runs.lifecycle import RUN_ENDED
from landfall.runs.plan import plan_run
from landfall.store.documents import Query
from tests.simulation.base import draw_scan
from tests.simulation.faults import Chaos, Rates
from tests.simulation.integrity import IntegritySubject
from tests.simulation.outside import TreacherousBase
from tests.simulation.simulator import Simulation
from tests.simulation.virtual_time import run as run_virtually

OUTAGE = 600.0
RUNS = 20

CALM = Rates(**dict.fromkeys(Rates.__dataclass_fields__, 0.0))


class _OutOfOrder(TreacherousBase):
    """A base that answers 503 for ten minutes."""

    asked: list[float]

    async def schema(self, deadline: Deadline) -> Sequence[TableSchema]:
        """As `BaseReader.schema`."""
        self._note()
        return await super().schema(deadline)

    async def page(self, *arguments: object) -> RecordPage:
        """As `BaseReader.page`."""
        self._note()
        return await super().page(*arguments)  # type: ignore[arg-type]

    def _note(self) -> None:
        now = asyncio.get_running_loop().time()
        self.asked.append(now)
        if now < OUTAGE:
            raise StepError(Reason.BASE_UNAVAILABLE, "simulated: 503")


class _Away(IntegritySubject):
    """What is looked at while Airtable is away."""

    def __init__(self, chaos: Chaos) -> None:
        super().__init__(chaos)
        self.asked: list[float] = []

    def open_base(self, _: str) -> TreacherousBase:
        """As the entry point does."""
        reader = _OutOfOrder(self._chaos, self._base.tables, self._issues, self._quiet, set())
        reader.asked = self.asked
        return reader


class _Outage(Simulation):
    """Many runs of one base, all started when Airtable has just gone."""

    def __init__(self) -> None:
        super().__init__(1, CALM)
        self.away = _Away(self.chaos)
        self.look_at("integrity", self.away)

    async def weather(self) -> list[str]:
        """The statuses of the runs once all have ended."""
        content = draw_scan(self.chaos.random, 1).document()
        del content["schedule"]
        scan = type(draw_scan(self.chaos.random, 1)).model_validate(
            content | {"limits": {"deadline_seconds": 3600}}
        )
        await self._quietly(self._save([scan]))
        await self._quietly(self._start_all(scan.id))
        while not await self._quietly(self._ended()):
            self._tick_both()
            await asyncio.sleep(TICK)
        await self._settle()
        return [run.data["status"] for run in self.store.memory.all("runs")]

    async def _start_all(self, scan_id: str) -> None:
        head = await self.registry.head(scan_id)
        for number in range(RUNS):
            plan = plan_run(f"m-{number}", head, "manual")
            await self.store.commit(self.runs.creation(plan, "person"))
            await self.runs.enqueue(self.runs.first_task(plan.run_id))

    async def _ended(self) -> bool:
        runs = await self.store.memory.find(Query("runs"))
        return all(run.data["status"] in RUN_ENDED for run in runs)


def test_an_outage_is_asked_about_sparingly():
    """Ten minutes, twenty runs waiting: about as many requests as one run would send."""
    outage = _Outage()
    with logs.silenced():
        statuses = run_virtually(outage.weather())
    during = [moment for moment in outage.away.asked if moment < OUTAGE]
    assert 5 <= len(during) <= RUNS, f"{len(during)} requests in {OUTAGE:.0f} s"
    assert statuses == ["done"] * RUNS
