"""A worker's claim between its commits: what it was handed, and the time that it has."""

from datetime import timedelta
from typing import Any

import pytest

from landfall.deadlines import LADDER
from landfall.reasons import Reason, StepError
from landfall.runs.claim import Claim, Handover
from landfall.store.documents import Put
from tests.emulator.whole import edit
from tests.fakes.cursors import At
from tests.fakes.world import START, World

ENDED = START + timedelta(seconds=7)


async def claim_score(world: World, **handover: Any) -> Claim:
    """The score step's claim, whose fetch step ended at `ENDED` with this handover and a cursor."""
    await world.start(await world.save())
    fetch = await world.runs.claim("m-1", "fetch", 0, "f")
    world.clock.now = ENDED
    await fetch.finish_step("score", {}, handover=handover, cursor=At(pages=5))
    world.clock.advance(60)
    return await world.runs.claim("m-1", "score", 0, "s")


async def of_older_landfall(world: World, **of_step: Any) -> Claim:
    """The same of a run that an earlier Landfall began, which stored no handover."""
    await claim_score(world)
    await edit(world.store, "runs/m-1", handover=None)
    if of_step:
        await edit(world.store, "runs/m-1/steps/fetch", **of_step)
    await edit(world.store, "runs/m-1/steps/score", status="queued")
    return await world.runs.claim("m-1", "score", 1, "s")


async def test_a_step_gets_what_the_one_before_has_left() -> None:
    """And when that was: a later step reads nobody's cursor."""
    handover = await (await claim_score(World(), pages=3)).handover()
    assert handover.finished_at == ENDED
    assert handover.fields == {"pages": 3, "step": "fetch", "finished_at": ENDED}


async def test_the_cursor_serves_where_an_older_landfall_left_no_handover() -> None:
    """So its runs go on."""
    claim = await of_older_landfall(World())
    assert await claim.handover() == Handover({"pages": 5}, ENDED)
    assert await claim.first_page_at() == ENDED


async def test_the_handover_of_another_step_is_none() -> None:
    """It is the next one's."""
    world = World()
    await of_older_landfall(world)
    await edit(world.store, "runs/m-1", handover={"step": "score", "finished_at": START})
    await edit(world.store, "runs/m-1/steps/score", status="queued")
    claim = await world.runs.claim("m-1", "score", 2, "s")
    assert await claim.handover() == Handover({"pages": 5}, ENDED)


@pytest.mark.parametrize("missing", ["cursor", "finished_at"])
async def test_a_step_of_which_nothing_is_left_ends_the_run(missing: str) -> None:
    """With a reason that says what is gone, and what to do."""
    claim = await of_older_landfall(World(), **{missing: None})
    with pytest.raises(StepError, match="the fetch step is gone; start a new run") as caught:
        await claim.handover()
    assert caught.value.reason == Reason.PAGES_MISSING


async def test_a_look_is_as_old_as_its_first_page() -> None:
    """Whatever came later; without pages, as the end of the step."""
    world = World()
    claim = await claim_score(world)
    assert await claim.first_page_at() == ENDED
    for number in (1, 0):
        at = START + timedelta(seconds=number)
        await world.store.commit([Put(f"runs/m-1/pages/{number:06d}", {"updated_at": at})])
    assert await claim.first_page_at() == START


async def test_an_attempt_has_time_if_it_ends_before_its_run() -> None:
    """With a whole budget, and not to the same moment."""
    claim = await claim_score(World())
    spare = claim.seconds_left - LADDER.step
    assert claim.has_time_after(spare - 1)
    assert not claim.has_time_after(spare)


async def test_what_a_slow_store_takes_is_part_of_the_reserve() -> None:
    """The work's deadline is earlier by `closing` as it is."""
    claim = await claim_score(World())
    claim.closing = 3.0
    assert (claim.reserve(5.0), claim.reserve(3.0), claim.reserve(1.0)) == (2.0, 0.0, 0.0)


async def test_progress_begins_the_count_of_attempts_anew() -> None:
    """Ten in a row without any are too many."""
    world = World()
    await claim_score(world)
    await edit(world.store, "runs/m-1/steps/score", status="queued", retries=4)
    claim = await world.runs.claim("m-1", "score", 1, "s")
    assert claim.step.retries == 4
    await claim.checkpoint()
    assert (await world.step("score")).data["retries"] == 0
