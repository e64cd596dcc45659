"""Stored elements, over both stores: written by runs, by people, and by both."""

from collections.abc import AsyncIterator

import pytest

from landfall.airtable import pacer as airtable_pacer
from landfall.classification.views import Decision, OutdatedError
from landfall.runs.claim import Claim
from landfall.store.documents import Update
from tests.fakes.bases import record_id
from tests.fakes.elements import LABEL, LABELS, Elements, by_the_rules, elements_server
from tests.fakes.models import FakeModel
from tests.fakes.world import World

FIRST = record_id(1)


@pytest.fixture
async def elements(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Elements]:
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)
    async with elements_server() as server:
        yield Elements(server, FakeModel(by_the_rules).open, world)


async def test_stored_suggestions_are_the_answers(elements):
    """Including numbers and times: a second run has nothing to ask or to write."""
    run = await elements.run()
    assert (run["verdict"], run["counts"]["verified"]) == ("healthy", 4)
    before = {one.tracked.record_id: one.document for one in (await elements.stored()).values()}
    again = await elements.run()
    assert (again["verdict"], again["counts"]["unchanged"]) == ("healthy", 4)
    assert {
        one.tracked.record_id: one.document for one in (await elements.stored()).values()
    } == before


async def test_a_damaged_suggestion_is_detected(elements):
    """Its values are not the answer: the element is asked about again."""
    await elements.run()
    document = (await elements.stored())[FIRST].document
    suggestion = document.data["suggestion"]
    damaged = suggestion | {"values": suggestion["values"] | {LABEL: "Public"}}
    await elements.world.runs.store.commit(
        [Update(document.path, {"suggestion": damaged}, document.version)]
    )
    assert (await elements.run())["counts"]["classified"] == 1
    assert await elements.labels() == list(LABELS)


async def test_concurrent_reviews_are_serialised(elements):
    """Both reviews are stored, the earlier in the history of the later."""
    await elements.run()
    await elements.review(1, "confirmed")
    said = await elements.review(1, "changed", {LABEL: "Public"})
    assert [before["state"] for before in said["history"]] == ["confirmed"]
    assert (await elements.labels())[0] == "Public"


async def test_a_run_and_a_person_do_not_overwrite_each_other(elements):
    """A person reviews a suggestion that a run has just replaced: 409, and nothing is written."""
    await elements.run()
    seen = (await elements.stored())[FIRST].tracked.suggestion["suggestion_id"]
    elements.put(1, Name="Opening hours", Description="Published")
    await elements.run()
    with pytest.raises(OutdatedError):
        await elements.reviewing.review(FIRST, Decision("confirmed", seen, "ann"))
    assert (await elements.stored())[FIRST].review is None


async def test_an_ended_attempt_writes_no_element(elements, monkeypatch):
    """The watchdog has taken the step; the zombie's write is refused."""
    run_id = await elements.start()
    queue = elements.world.queue
    assert await elements.deliver(queue.tasks[-1]) == "finished"
    checkpoint = Claim.checkpoint

    async def late(claim, *arguments, **named):
        if named.get("writes") or len(arguments) > 2:
            elements.world.clock.advance(100)
            await elements.world.runs.take_up(run_id, "score", "watchdog")
        await checkpoint(claim, *arguments, **named)

    monkeypatch.setattr(Claim, "checkpoint", late)
    assert await elements.deliver(queue.tasks[-1]) == "fenced"
    assert await elements.stored() == {}
    monkeypatch.setattr(Claim, "checkpoint", checkpoint)
    assert await elements.deliver(queue.tasks[-1]) == "finished"
    assert await elements.labels() == list(LABELS)
