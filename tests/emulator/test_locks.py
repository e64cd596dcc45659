"""Who may read a base, over both stores: one run at a time, and nobody during a lock-out."""

import asyncio
from datetime import timedelta

import pytest

from landfall.deadlines import LADDER
from landfall.reasons import Reason, StepError
from landfall.runs.claim import Claim, FencedError
from landfall.runs.locks import (
    MAX_PAUSE_WAIT,
    MAX_WAIT,
    QUIET,
    Lock,
    LockedError,
    end_pause,
    locking,
    pauses,
    take_lock,
)
from landfall.store.documents import Query
from tests.emulator.whole import Interrupted, everything
from tests.fakes.world import START, World

BASE = "appPeople00000001"
LEASE = LADDER.lease
DOWN = StepError(Reason.BASE_UNAVAILABLE, "Airtable answered 503")


async def take(world: World, run_id: str, base_id: str = BASE) -> Lock:
    """Lock a base for the length of a lease."""
    until = world.clock() + timedelta(seconds=LEASE)
    return await take_lock(world.store, world.clock, base_id, run_id, f"worker of {run_id}", until)


async def wait_of(world: World, run_id: str) -> float:
    """How many seconds a run is told to wait for the base."""
    with pytest.raises(LockedError) as refused:
        await take(world, run_id)
    return refused.value.seconds


async def test_one_run_holds_a_base(world: World) -> None:
    """Another is told when to look again; the document says who has it, since when, until when."""
    await take(world, "r1")
    world.clock.advance(8)
    assert await wait_of(world, "r2") == MAX_WAIT
    held = await everything(world.store)
    assert held[f"bases/{BASE}"].data == {
        "held_by": "r1",
        "held_until": START + timedelta(seconds=LEASE),
        "not_before": START,
        "failures": 0,
        "updated_at": START,
        "updated_by": "worker of r1",
        "schema_version": 1,
    }


async def test_bases_are_held_one_by_one(world: World) -> None:
    """Airtable's limit is a base's: another base is free."""
    await take(world, "r1")
    await take(world, "r2", "appOther000000001")
    held = await world.store.find(Query("bases"))
    assert [(base.id, base.data["held_by"]) for base in held] == [
        ("appOther000000001", "r2"), (BASE, "r1"),
    ]  # fmt: skip


async def test_a_hold_ends_with_its_lease(world: World) -> None:
    """A worker that was killed leaves no lock behind."""
    await take(world, "r1")
    world.clock.advance(LEASE)
    await take(world, "r2")
    world.clock.advance(LEASE - 3)
    assert await wait_of(world, "r1") == 3


async def test_the_same_run_holds_on(world: World) -> None:
    """A run's next invocation takes the base while the hold of its last one goes on."""
    await take(world, "r1")
    world.clock.advance(30)
    await take(world, "r1")
    world.clock.advance(LEASE - 3)
    assert await wait_of(world, "r2") == 3


async def test_of_many_at_once_one_gets_it(world: World) -> None:
    """Ten runs ask for a free base at the same moment."""
    asked = (take(world, f"r{number}") for number in range(10))
    ends = await asyncio.gather(*asked, return_exceptions=True)
    (winner,) = [end for end in ends if isinstance(end, Lock)]
    assert sum(isinstance(end, LockedError) for end in ends) == 9
    held = await everything(world.store)
    assert held[f"bases/{BASE}"].data == winner.document.data | {"schema_version": 1}


async def test_of_many_at_once_one_gets_what_was_held_before(world: World) -> None:
    """The race for a base whose hold has run out is decided by its version."""
    await take(world, "r0")
    world.clock.advance(LEASE)
    asked = (take(world, f"r{number}") for number in range(1, 11))
    ends = await asyncio.gather(*asked, return_exceptions=True)
    assert sorted(type(end).__name__ for end in ends) == ["Lock", *["LockedError"] * 9]


@pytest.mark.parametrize("known", [False, True])
async def test_who_read_before_another_took_it_loses(world: World, known: bool) -> None:
    """A base that was free when it was looked at is taken only if it still is."""
    if known:
        await take(world, "r0")
        world.clock.advance(LEASE)
    store = Interrupted(world.store, lambda: take(world, "r2"))
    with pytest.raises(LockedError):
        await take_lock(
            store, world.clock, BASE, "r1", "late", world.clock() + timedelta(seconds=LEASE)
        )
    assert (await everything(world.store))[f"bases/{BASE}"].data["held_by"] == "r2"


async def test_a_worker_whose_lease_is_over_takes_no_lock(world: World) -> None:
    """Its run goes on in another worker, which has the lock, and would lose it."""
    over = world.clock() + timedelta(seconds=LEASE)
    world.clock.advance(LEASE)
    await take(world, "r1")
    before = await everything(world.store)
    with pytest.raises(FencedError):
        await take_lock(world.store, world.clock, BASE, "r1", "a zombie of r1", over)
    assert await everything(world.store) == before
    assert await wait_of(world, "r2") == MAX_WAIT


async def test_leaving_lets_the_next_one_in(world: World) -> None:
    """After the pause that keeps the pace between two readers."""
    hold = await take(world, "r1")
    await hold.leave(0.25, keep=False)
    assert await wait_of(world, "r2") == 0.25
    world.clock.advance(0.25)
    await take(world, "r2")


async def test_leaving_with_the_hold_kept_lets_only_its_run_in(world: World) -> None:
    """Between two invocations of one run, no other begins to read."""
    hold = await take(world, "r1")
    await hold.leave(0.25, keep=True)
    world.clock.advance(LEASE - 2)
    assert await wait_of(world, "r2") == 2
    await take(world, "r1")


async def test_a_lock_out_is_for_everybody(world: World) -> None:
    """After a 429 nobody asks, not even the run that met it: a request would lock it anew."""
    hold = await take(world, "r1")
    await hold.leave(30, keep=False)
    assert await wait_of(world, "r1") == await wait_of(world, "r2") == 30
    assert await pauses(world.store, world.clock()) == []
    world.clock.advance(30)
    await take(world, "r2")


async def test_leaving_late_takes_nothing_from_the_next(world: World) -> None:
    """A zombie that leaves writes nothing: the base is somebody else's by now."""
    zombie = await take(world, "r1")
    world.clock.advance(LEASE)
    await take(world, "r2")
    before = await everything(world.store)
    await zombie.leave(30, keep=False)
    assert await everything(world.store) == before


async def test_leaving_says_when_and_by_whom(world: World) -> None:
    """As every write does."""
    hold = await take(world, "r1")
    world.clock.advance(5)
    await hold.leave(1, keep=False)
    data = (await everything(world.store))[f"bases/{BASE}"].data
    assert (data["updated_at"], data["updated_by"]) == (world.clock.now, "worker of r1")


async def test_failures_are_counted_until_one_goes_well(world: World) -> None:
    """All runs of a base share its count, by which they wait longer and longer."""
    for failures in range(3):
        hold = await take(world, f"r{failures}")
        assert hold.failures == failures
        await hold.leave(0, keep=False, failure=DOWN)
    await (await take(world, "r9")).leave(0, keep=False)
    assert (await take(world, "r9")).failures == 0


async def test_a_pause_keeps_its_reason(world: World) -> None:
    """A run that finds a base paused learns until when and why, and looks again every minute."""
    await (await take(world, "r1")).leave(300, keep=False, failure=DOWN)
    with pytest.raises(LockedError) as refused:
        await take(world, "r2")
    pause = refused.value.pause
    assert (refused.value.seconds, refused.value.progress_step) == (
        MAX_PAUSE_WAIT, "waiting: base_unavailable",
    )  # fmt: skip
    assert pause
    assert (pause.reason, pause.retry_after) == (Reason.BASE_UNAVAILABLE, 300)
    until = world.clock() + timedelta(seconds=300)
    assert f"{until:%Y-%m-%d %H:%M:%S} UTC" in pause.message
    assert "Airtable answered 503" in pause.message
    assert await pauses(world.store, world.clock()) == [
        {"id": BASE, "of": "bases", "until": until, "failures": 1}
        | {"reason": "base_unavailable", "message": "Airtable answered 503"}
    ]


async def test_a_pause_is_over_in_time(world: World) -> None:
    """Nobody has to end it, and the next run reads."""
    await (await take(world, "r1")).leave(300, keep=False, failure=DOWN)
    world.clock.advance(300)
    assert await pauses(world.store, world.clock()) == []
    await take(world, "r2")


async def test_a_person_ends_a_pause(world: World) -> None:
    """By the id of the base; afterwards there is nothing to end, and requests are sent."""
    await (await take(world, "r1")).leave(300, keep=False, failure=DOWN)
    world.clock.advance(1)
    assert await end_pause(world.store, world.clock, BASE, "ann")
    assert await pauses(world.store, world.clock()) == []
    ended = (await everything(world.store))[f"bases/{BASE}"].data
    assert (ended["updated_by"], ended["updated_at"]) == ("ann", world.clock())
    await take(world, "r2")
    assert not await end_pause(world.store, world.clock, BASE, "ann")
    assert await wait_of(world, "r3") == MAX_WAIT


async def test_a_lock_is_no_pause(world: World) -> None:
    """A run that reads keeps its base, whatever anybody ends."""
    await take(world, "r1")
    assert not await end_pause(world.store, world.clock, BASE, "ann")
    assert not await end_pause(world.store, world.clock, "clinic.example", "ann")
    assert await wait_of(world, "r2") == MAX_WAIT


async def test_a_site_is_held_as_a_base_is(world: World) -> None:
    """By its host, apart from the bases."""
    until = world.clock() + timedelta(seconds=LEASE)
    await take_lock(world.store, world.clock, "clinic.example", "r1", "w1", until, "sites")
    with pytest.raises(LockedError):
        await take_lock(world.store, world.clock, "clinic.example", "r2", "w2", until, "sites")
    await take_lock(world.store, world.clock, "clinic.example", "r2", "w2", until)
    (held,) = await world.store.read("sites/clinic.example")
    assert held
    assert held.data["held_by"] == "r1"


async def test_pauses_that_end_last_are_shown_first(world: World) -> None:
    """Of bases and sites together."""
    for place, seconds in ((BASE, 200), ("appOther000000001", 400), ("appThird000000001", 300)):
        await (await take(world, "r1", place)).leave(seconds, keep=False, failure=DOWN)
    shown = [pause["id"] for pause in await pauses(world.store, world.clock())]
    assert shown == ["appOther000000001", "appThird000000001", BASE]


def test_nobody_is_told_to_try_again_at_once() -> None:
    """However soon the lock is free."""
    assert LockedError(0.0, "bases").seconds == QUIET
    assert LockedError(7.0, "bases").seconds == 7


class Client:
    """A client that knows whether it is open."""

    def __init__(self, name: str = BASE) -> None:
        self.name = name
        self.closed = False

    async def close(self) -> None:
        self.closed = True


async def a_claim(world: World) -> Claim:
    await world.start(await world.save())
    return await world.runs.claim("m-1", "fetch", 0, "w")


async def lock_of(world: World) -> dict[str, object]:
    (found,) = await world.store.read(f"bases/{BASE}")
    assert found
    return dict(found.data)


async def fail_in_lock(claim: Claim, error: BaseException, client: Client | None = None) -> None:
    """Take the lock, and meet an error."""
    with pytest.raises(type(error)):
        async with locking(claim, BASE, lambda name: client or Client(name)):
            raise error


async def test_a_run_keeps_its_lock_until_it_has_finished(world: World) -> None:
    """For its next invocation; afterwards the next run waits for no more than the pace."""
    claim, client = await a_claim(world), Client()
    async with locking(claim, BASE, lambda _: client):
        within = client.closed
    kept = await lock_of(world)
    assert (within, client.closed) == (False, True)
    assert (kept["held_by"], kept["held_until"]) == ("m-1", claim.lease_until)
    assert kept["not_before"] == world.clock() + timedelta(seconds=QUIET)
    world.clock.advance(1)
    async with locking(claim, BASE, Client) as locked:
        locked.finished, locked.quiet = True, 7.0
    left = await lock_of(world)
    assert left["held_until"] == world.clock()
    assert left["not_before"] == world.clock() + timedelta(seconds=7)


async def test_an_error_that_may_pass_pauses_the_base(world: World) -> None:
    """The claim rests as long as the base, and the lock is free for whoever comes after that."""
    claim = await a_claim(world)
    await fail_in_lock(claim, DOWN)
    left = await lock_of(world)
    assert left["failures"] == 1
    assert left["failure"] == {"reason": "base_unavailable", "message": DOWN.message}
    assert left["held_until"] == world.clock()
    assert claim.rest >= QUIET
    assert left["not_before"] == world.clock() + timedelta(seconds=claim.rest)


@pytest.mark.parametrize(("rest", "retry_after"), [(0.0, 50.0), (90.0, 0.0)])
async def test_a_pause_is_as_long_as_it_has_to_be(
    world: World, rest: float, retry_after: float
) -> None:
    """As Airtable asks for, and as an unanswered request may still be running."""
    claim = await a_claim(world)
    claim.rest = rest
    await fail_in_lock(claim, StepError(DOWN.reason, DOWN.message, retry_after=retry_after))
    assert claim.rest >= max(rest, retry_after)
    assert (await lock_of(world))["not_before"] == world.clock() + timedelta(seconds=claim.rest)


async def test_an_error_that_stays_pauses_nothing(world: World) -> None:
    """It is this run's own."""
    claim = await a_claim(world)
    await fail_in_lock(claim, StepError(Reason.BASE_NOT_FOUND, "Airtable answered 404"))
    left = await lock_of(world)
    assert (left["failures"], left["failure"], claim.rest) == (0, None, 0.0)
    assert left["not_before"] == world.clock() + timedelta(seconds=QUIET)


async def test_a_worker_that_is_out_of_time_leaves_the_lock_to_its_lease(world: World) -> None:
    """It makes no more calls; the client is closed all the same."""
    claim, client = await a_claim(world), Client()
    await fail_in_lock(claim, asyncio.CancelledError(), client)
    assert client.closed
    left = await lock_of(world)
    assert left["held_until"] == claim.lease_until
    assert left["not_before"] == world.clock()


async def test_a_base_that_is_locked_is_not_left_by_who_waits(world: World) -> None:
    """The lock of the other run stays as it is."""
    claim = await a_claim(world)
    await take(world, "r2")
    before = await lock_of(world)
    with pytest.raises(LockedError):
        async with locking(claim, BASE, Client):
            raise AssertionError("never entered")
    assert await lock_of(world) == before
