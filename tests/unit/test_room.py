"""Room for bytes: it is never overdrawn, nobody is passed over, and nothing of it is lost."""

import asyncio
from random import Random

import pytest

from landfall.process.room import Room, Seat


async def test_who_needs_more_than_is_free_waits_until_others_have_left():
    """In the order of asking: a small place is not given to who came after one that needs more."""
    room = Room(10)
    first, given = await room.take(6), list[str]()

    async def take(name: str, wanted: int) -> None:
        await room.take(wanted)
        given.append(name)

    large = asyncio.create_task(take("large", 8))
    await asyncio.sleep(0)
    small = asyncio.create_task(take("small", 2))
    await asyncio.sleep(0)
    assert (given, room.free) == ([], 4)
    first.shrink(2)
    await asyncio.gather(large)
    assert (given, room.free) == (["large"], 0)
    first.shrink(0)
    await asyncio.gather(small)
    assert (given, room.free) == (["large", "small"], 0)


async def test_a_place_is_no_larger_than_its_room():
    """Else it would never be given."""
    room = Room(10)
    place = await room.take(11)
    assert (place.bytes, room.free) == (10, 0)


async def test_two_who_both_need_more_do_not_wait_for_each_other():
    """Each leaves its place first."""
    room = Room(10)
    places = [await room.take(5), await room.take(5)]

    async def grow(place: Seat) -> None:
        await place.change(10)
        place.shrink(0)

    async with asyncio.timeout(1):
        await asyncio.gather(*map(grow, places))
    assert room.free == 10


@pytest.mark.parametrize("granted", [False, True])
async def test_who_is_cancelled_takes_nothing(granted):
    """Neither while waiting, nor in the moment when the place is given."""
    room = Room(10)
    place = await room.take(10)
    waiting, after = (asyncio.create_task(room.take(10)) for _ in range(2))
    await asyncio.sleep(0)
    if granted:
        place.shrink(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    place.shrink(0)
    async with asyncio.timeout(1):
        assert (await after).bytes == 10
    assert room.free == 0


async def test_it_is_never_overdrawn():
    """Whoever comes, grows, shrinks and is cancelled, in any order."""
    random, room = Random(1), Room(100)
    held = 0

    async def stay() -> None:
        nonlocal held
        place = await room.take(random.randint(1, 120))
        for _ in range(random.randint(0, 3)):
            assert 0 <= room.free <= 100
            await asyncio.sleep(0)
            await place.change(random.randint(1, 120))
        place.shrink(random.randint(0, place.bytes))
        await asyncio.sleep(0)
        place.shrink(0)
        held += 1

    tasks = [asyncio.create_task(stay()) for _ in range(200)]
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks)
    assert (held, room.free) == (200, 100)
