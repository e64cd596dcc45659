"""Every invocation of a worker answers within its budget, whatever Airtable does."""

import asyncio

import pytest

from infra.local.wire.faults import Fault, FaultKind, FaultRule, Framing
from landfall.deadlines import LADDER, Ladder
from landfall.runs.kind import Outcome
from landfall.runs.worker import OutOfTimeError
from landfall.store.documents import StoreError
from tests.fakes.bases import a_base, a_server
from tests.fakes.memory_store import MemoryStore
from tests.fakes.workers import deliver, drive, fetched, work_on
from tests.fakes.world import World

SHORT = Ladder(
    stale=40, lease=30, dispatch=20, function=10, step=2.0, item=1.2, request=0.9, connect=0.5
)
"""Only the rungs from `step` down make a difference here."""

LATE = 1.0
"""Seconds after its budget by which an invocation has answered."""

HANGING = {
    "silent": Fault(FaultKind.SILENT),
    "headers drip": Fault(FaultKind.DRIP_HEADERS),
    "body drips": Fault(FaultKind.DRIP_BODY),
    "body drips until close": Fault(FaultKind.DRIP_BODY, framing=Framing.CLOSE),
    "chunks drip": Fault(FaultKind.DRIP_BODY, framing=Framing.CHUNKED),
    "gzip drips": Fault(FaultKind.DRIP_BODY, gzip=True),
    "body stalls": Fault(FaultKind.STALL_BODY),
    "body is cut": Fault(FaultKind.CUT_BODY),
    "redirects for ever": Fault(FaultKind.REDIRECT_LOOP),
}


@pytest.mark.parametrize("fault", HANGING.values(), ids=HANGING)
async def test_an_invocation_ends_in_its_budget_and_keeps_what_it_read(fault):
    """The third page hangs; what was read before is kept, and the next goes on from there."""
    world, base = World(ladder=SHORT), a_base(People=350)
    await world.start(await world.save(tables={"People": ["Name"]}))
    async with a_server(base, faults=[FaultRule(fault, after=3)]) as server:
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert (await deliver(world, server)).startswith("base_")
        assert loop.time() - began < SHORT.step + LATE
        await drive(world, server)
        assert len(server.requests) == 1 + 4 + 1, "only the page in flight is read twice"
    stored = [record["id"] for record in (await fetched(world))["People"]]
    assert stored == [record["id"] for record in base.tables[0].records]


async def test_a_gigabyte_in_place_of_a_page_is_not_read():
    """It is asked for again in fewer records, and the listing goes on."""
    world, base = World(), a_base(People=350)
    await world.start(await world.save(tables={"People": ["Name"]}))
    flood = Fault(FaultKind.FLOOD, size=2**30)
    async with a_server(base, faults=[FaultRule(flood, after=3)]) as server:
        assert await deliver(world, server) == "finished"
        assert len(server.requests) <= 1 + 2 + 1 + 4
    stored = [record["id"] for record in (await fetched(world))["People"]]
    assert stored == [record["id"] for record in base.tables[0].records]


class _Silent(MemoryStore):
    """A store that answers so many commits, and nothing from then on."""

    def __init__(self, answers: int) -> None:
        super().__init__()
        self.answers = answers

    async def commit(self, writes):
        self.answers -= 1
        if self.answers < 0:
            await asyncio.sleep(3600)
        return await super().commit(writes)


async def test_an_invocation_ends_when_firestore_says_nothing():
    """It has recorded nothing, and says so; the lease and the watchdog see to the rest."""
    world = World(_Silent(3), SHORT)  # the scan, the run, the claim
    task = await world.start(await world.save())

    async def work(*_) -> Outcome:
        raise StoreError("it does not matter what")

    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(OutOfTimeError):
        await work_on(world, task, work)
    assert SHORT.step < loop.time() - began < SHORT.step + LATE


async def test_a_checkpoint_that_hangs_ends_the_invocation():
    """Nothing more is asked of Firestore then, also not to give the base back."""
    # the scan, the run, the claim, the hold on the base
    world, base = World(_Silent(4), SHORT), a_base(People=50)
    await world.start(await world.save(tables={"People": ["Name"]}))
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with a_server(base) as server, asyncio.timeout(10):
        with pytest.raises(OutOfTimeError):
            await deliver(world, server)
    assert loop.time() - began < SHORT.step + LATE


def test_the_grace_fits_between_the_budget_and_the_promise():
    """Recording the end takes place after the budget and before the promised answer."""
    assert LADDER.step < LADDER.record < LADDER.answer < LADDER.function
    assert SHORT.step < SHORT.record < SHORT.answer <= SHORT.step + LATE
