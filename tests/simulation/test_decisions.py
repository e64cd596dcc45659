"""A person decides on a finding at the very moment at which a run moves it."""

from collections.abc import Awaitable, Callable
from typing import Any
from unittest.mock import patch

from landfall import logs
from landfall.integrity.findings.entry import Decision
from landfall.integrity.findings.ledger import merge
from landfall.integrity.findings.views import ScanFindings
from landfall.integrity.scan import IntegrityScan
from landfall.runs.plan import plan_run
from landfall.store.documents import Document, Query
from tests.simulation.base import BASE_ID, PUPILS, draw_base, draw_scan
from tests.simulation.faults import Chaos, Rates, clock_of_process, process
from tests.simulation.integrity import IntegritySubject
from tests.simulation.outside import TreacherousStore
from tests.simulation.simulator import Simulation
from tests.simulation.virtual_time import run as run_virtually

CALM = Rates(**dict.fromkeys(Rates.__dataclass_fields__, 0.0))

SEEDS = range(1, 31)


class _Interrupted(TreacherousStore):
    """Something happens once, when a run has just read people's decisions."""

    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def find(self, query: Query) -> list[Document]:
        """As `Store.find`."""
        found = await super().find(query)
        whole = query.collection.endswith("/decisions") and not query.where
        if self.meanwhile and whole:
            then, self.meanwhile = self.meanwhile, None
            await then()
        return found


class _Subject(IntegritySubject):
    """A base with a number that two pupils have, and others who may get it."""

    def __init__(self, chaos: Chaos) -> None:
        super().__init__(chaos)
        while len(self.pupils) < 8:
            self._base = draw_base(chaos.random)
        for pupil in self.pupils[:2]:
            self.number(pupil["id"])

    @property
    def pupils(self) -> list[Any]:
        """The records."""
        return self._base.tables[PUPILS]

    def number(self, record_id: str) -> None:
        """Give a pupil the number that others have."""
        (pupil,) = (one for one in self.pupils if one["id"] == record_id)
        pupil["fields"]["Number"] = 7_000
        self._base.told[record_id].append({**pupil["fields"]})


class _Day(Simulation):
    """A group is ignored, grows, and is ignored again while a run reopens it."""

    store_class = _Interrupted

    def __init__(self, seed: int) -> None:
        super().__init__(seed, CALM)
        self.subject = _Subject(self.chaos)
        self.look_at("integrity", self.subject)

    async def state(self) -> str:
        """Return the state of the group in the end, as people see it."""
        scan = self._scan()
        with process("people", quiet=True):
            await self.registry.save(scan, "person")
            await self._run("m-1")
            await self._ignore()
            self.subject.number(self.subject.pupils[2]["id"])
            assert isinstance(self.store, _Interrupted)
            self.store.meanwhile = self._ignore
            await self._run("m-2")
            return str((await self._findings().one(await self._group()))["state"])

    def _scan(self) -> IntegrityScan:
        content = draw_scan(self.chaos.random, 0).document()
        del content["schedule"]
        return IntegrityScan.model_validate(content)

    async def _run(self, run_id: str) -> None:
        head = await self.registry.head("scan-0")
        plan = plan_run(run_id, head, "manual")
        await self.store.commit(self.runs.creation(plan, "person"))
        await self.runs.enqueue(self.runs.first_task(run_id))
        await self._settle()

    def _findings(self) -> ScanFindings:
        return ScanFindings(self.runs.store, clock_of_process, "scan-0", BASE_ID)

    async def _group(self) -> str:
        (group,) = (
            one["finding_id"]
            for one in await self._all()
            if one["rule_id"] == "number" and self.subject.pupils[0]["id"] in one["records"]
        )
        return str(group)

    async def _all(self) -> list[Any]:
        findings = self.store.memory.all("findings")
        return [{"finding_id": one.id, **one.data} for one in findings]

    async def _ignore(self) -> None:
        with process("person", quiet=True):
            decision = Decision(clock_of_process(), "ignored", "person", "we know them")
            await self._findings().decide(await self._group(), decision)


def _state(seed: int) -> str:
    with logs.silenced():
        return run_virtually(_Day(seed).state())


def test_the_decision_stands():
    """It is newer than the look of the run, which did not know of it."""
    assert {_state(seed) for seed in SEEDS} == {"ignored"}


def test_a_look_that_is_dated_after_its_decisions_loses_one():
    """A planted bug: the run takes the time when it has read what people decided."""

    def late(ledger: Any, scope: str, reports: Any, decisions: Any, run_id: str, *more: Any) -> Any:
        return merge(ledger, scope, reports, decisions, run_id, clock_of_process(), *more[1:])

    with patch("landfall.integrity.publication.merge", late):
        assert {_state(seed) for seed in SEEDS} == {"reopened"}
