"""Reviewing by the routes of the api: what is left, undo, many at once, and two people at once."""

import pytest

from landfall.classification import bulk_reviews, review_index
from landfall.classification.element_store import ElementStore
from landfall.classification.review_index import ReviewIndex, line_of
from landfall.classification.views import OutdatedError
from landfall.reasons import BadRequestError
from landfall.store.documents import Document, Put, Query
from landfall.store.metering import metering
from tests.fakes.bases import BASE, record_id
from tests.fakes.elements import LABEL, LABELS, Elements
from tests.fakes.memory_store import MemoryStore
from tests.fakes.reviewers import ELEMENT, FIRST, Client

SECOND = record_id(2)


@pytest.fixture
def ann(elements: Elements) -> Client:
    """Return a person after a run over four elements."""
    return Client(elements)


@pytest.fixture
def bob(ann: Client) -> Client:
    """Return another person, of the same elements."""
    return Client(ann.elements, "bob@example.org")


async def _index_is_right(client: Client) -> None:
    """Assert that the index has what the elements say."""
    scan, world = client.elements.scan, client.elements.world
    kept = await ElementStore(world.runs.store, scan.id).read_all()
    index = ReviewIndex(world.runs.store, world.clock, scan.id)
    lines = {key: line for shard in await index.shards() for key, line in shard.lines.items()}
    present = {key: one for key, one in kept.items() if one.tracked.gone_at is None}
    assert lines == {key: line_of(one.tracked, one.review) for key, one in present.items()}


async def _seen(client: Client, record: str = FIRST) -> str:
    element = await client.call("GET", ELEMENT, "catalogue", record)
    seen: str = element["seen"]
    return seen


async def test_what_is_left_is_counted_by_label_and_person(ann: Client, bob: Client) -> None:
    """A filter does not narrow its own numbers; each person has their own."""
    start = await ann.reviews(**{LABEL: LABELS[1]})
    assert start["counts"]["state"]["suggested"] == 1
    assert start["counts"][LABEL] == dict.fromkeys(LABELS, 1)
    assert sum(start["counts"]["criticality"].values()) == 1
    await ann.say("confirm")
    await bob.say("change", SECOND, values={"criticality": "low"})
    await bob.say("reject", record_id(3))
    now = await ann.reviews()
    assert now["states"] == {"confirmed": 1, "changed": 1, "rejected": 1, "suggested": 1}
    assert [(one["by"], one["reviewed"], one["changed"]) for one in now["people"]] == [
        ("bob@example.org", 2, 1),
        ("ann@example.org", 1, 0),
    ]
    assert (now["count"], now["next"]) == (1, record_id(4))
    await _index_is_right(ann)


async def test_each_element_follows_another_and_then_the_first_again(ann: Client) -> None:
    """In one order that decisions do not change; who skips one meets it again."""
    order, after = [], ""
    for _ in range(4):
        after = (await ann.reviews(after=after))["next"]
        order.append(after)
    assert sorted(order) == [record_id(number) for number in range(1, 5)]
    assert (await ann.reviews(after=order[-1]))["next"] == order[0]
    await ann.say("confirm", order[0])
    assert (await ann.reviews(after=order[0]))["next"] == order[1]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"min_confidence": "0"}, 4),
        ({"min_confidence": "100"}, 0),
        ({"text": "PHONE"}, 1),
        ({"text": "nothing like it"}, 0),
        ({"source": "CRM"}, 0),
        ({"anew": "true"}, 0),
        ({"state": "confirmed"}, 0),
        ({LABEL: "HRCI"}, 1),
    ],
)
async def test_reviews_are_filtered(ann: Client, query: dict[str, str], count: int) -> None:
    """By confidence, text, source, news, state and label."""
    assert (await ann.reviews(**query))["count"] == count


@pytest.mark.parametrize(
    "query",
    [
        {"min_confidence": "101"},
        {"max_confidence": "-1"},
        {"max_confidence": "٣"},
        {"anew": "yes"},
        {"state": "gone"},
        {"text": "x" * 201},
        {"criticality": "vital"},
    ],
)
async def test_a_filter_that_does_not_fit_is_refused(ann: Client, query: dict[str, str]) -> None:
    """The message names it."""
    with pytest.raises(BadRequestError, match=f"`{next(iter(query))}`"):
        await ann.reviews(**query)


async def test_two_people_at_once_lose_no_decision(ann: Client, bob: Client) -> None:
    """The second one hears who was faster, and how it was decided."""
    seen = await _seen(ann)
    await ann.say("confirm", seen=seen)
    with pytest.raises(OutdatedError, match=r"ann@example.org has confirmed it meanwhile"):
        await bob.say("reject", seen=seen)
    assert (await bob.call("GET", ELEMENT, "catalogue", FIRST))["state"] == "confirmed"
    await bob.say("reject", seen=await _seen(bob))
    with pytest.raises(OutdatedError, match=r"bob@example.org .*rejected"):
        await ann.undo(seen=seen)


async def test_a_new_suggestion_is_not_decided_unseen(ann: Client) -> None:
    """The refusal says what the model says now."""
    before = await ann.call("GET", ELEMENT, "catalogue", FIRST)
    ann.elements.put(1, Name="Opening hours", Description="Published")
    await ann.elements.run()
    suggestion = before["suggestion"]["suggestion_id"]
    with pytest.raises(OutdatedError, match=r"classification was HRCI, is Public"):
        await ann.say("confirm", suggestion_id=suggestion, seen=before["seen"])
    now = await ann.reviews(anew="true")
    assert (now["count"], now["next"]) == (1, FIRST)
    await _index_is_right(ann)


async def test_what_the_model_says_later_overwrites_no_decision(ann: Client) -> None:
    """Also where all is asked again."""
    await ann.say("change", values={LABEL: "Public"})
    await ann.elements.run("all")
    element = await ann.call("GET", ELEMENT, "catalogue", FIRST)
    assert (element["state"], element["values"][LABEL]) == ("changed", "Public")
    await _index_is_right(ann)


async def test_a_decision_is_undone(ann: Client, bob: Client) -> None:
    """The one before it is in effect again, then none; the history says who undid what."""
    await ann.say("confirm", why="as agreed")
    await bob.say("change", values={"criticality": "low"})
    undone = await ann.undo()
    assert (undone["state"], undone["review"]["by"]) == ("confirmed", "ann@example.org")
    assert undone["review"]["why"] == "as agreed"
    (past,) = undone["history"]
    assert (past["state"], past["withdrawn_by"]) == ("changed", "ann@example.org")
    again = await ann.undo()
    assert (again["state"], again["review"]["state"]) == ("suggested", "reopened")
    assert [one["state"] for one in again["history"]] == ["changed", "confirmed"]
    with pytest.raises(BadRequestError, match="nothing to undo"):
        await ann.undo()
    await ann.say("reject")
    assert (await ann.reviews())["states"] == {"suggested": 3, "rejected": 1}
    await _index_is_right(ann)


async def test_all_that_match_are_confirmed_and_undone(ann: Client) -> None:
    """As many as were seen, with the reason; undone together by their act."""
    done = await ann.say_all("confirm", criticality="medium")
    count = done["decided"]
    assert (done["left"], done["passed_over"]) == (0, 0)
    now = await ann.reviews(state="confirmed", act=done["act"])
    assert now["count"] == count > 0
    await _index_is_right(ann)
    undone = await ann.say_all("reopen", act=done["act"], state="confirmed")
    assert undone["decided"] == count
    assert (await ann.reviews())["states"] == {"suggested": 4}
    await _index_is_right(ann)


async def test_others_than_a_person_saw_are_not_decided(ann: Client, bob: Client) -> None:
    """By their number, and where it is the same, by what they are."""
    now = await ann.reviews()
    await bob.say("confirm")
    with pytest.raises(OutdatedError, match="have 3 elements, not 4"):
        await ann.say_all("confirm", {"count": now["count"], "seen": now["seen"]})
    now = await ann.reviews()
    await bob.undo()
    await bob.say("confirm", SECOND)
    with pytest.raises(OutdatedError, match="changed since you saw them"):
        await ann.say_all("confirm", {"count": now["count"], "seen": now["seen"]})
    with pytest.raises(BadRequestError, match="`count`"):
        await ann.say_all("confirm", {"seen": now["seen"]})
    with pytest.raises(BadRequestError, match="`state`"):
        await ann.say_all("reject", {"count": 1}, state="confirmed")


async def test_many_are_decided_in_parts(ann: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request says what is left; what changed meanwhile stops it."""
    monkeypatch.setattr(bulk_reviews, "SECONDS", 0.0)
    monkeypatch.setattr(bulk_reviews, "AT_ONCE", 1)
    done = await ann.say_all("confirm")
    act, decided = done["act"], done["decided"]
    assert (decided, done["left"]) == (1, 3)
    while done["left"]:
        body = {"count": done["left"], "seen": done["seen"], "act": act}
        done = await ann.say_all("confirm", body)
        decided += done["decided"]
    assert decided == 4
    assert (await ann.reviews(state="confirmed", act=act))["count"] == 4
    await _index_is_right(ann)


async def test_an_element_that_changed_unnoticed_is_passed_over(ann: Client) -> None:
    """A run has stored another suggestion, and has not ended: its line is corrected."""
    world = ann.elements.world
    path = f"scans/catalogue/elements/{FIRST}"
    (stored,) = await world.stored.read(path)
    assert stored
    other = stored.data["suggestion"] | {"suggestion_id": "another"}
    await world.stored.commit([Put(path, stored.data | {"suggestion": other})])
    done = await ann.say_all("confirm")
    assert (done["decided"], done["passed_over"]) == (3, 1)
    now = await ann.reviews()
    assert (now["count"], now["next"]) == (1, FIRST)
    await _index_is_right(ann)


async def test_what_to_review_costs_as_much_however_many_there_are(ann: Client) -> None:
    """Four documents of the index, the scan and its newest runs."""
    world, costs = ann.elements.world, set()
    path = f"scans/catalogue/elements/{FIRST}"
    (stored,) = await world.stored.read(path)
    assert stored
    for count in (10, 400):
        more = [Put(f"{path}{number}", stored.data) for number in range(count)]
        await world.stored.commit(more)
        await world.stored.commit(
            [Put(one.path, one.data | {"whole": False}) for one in await _index_of(ann)]
        )
        assert (await ann.reviews())["count"] >= count  # which reads all, once
        with metering() as account:
            await ann.reviews()
        costs.add(account.reads)
    assert costs == {review_index.SHARDS + 2 + 1}
    await _index_is_right(ann)


async def _index_of(client: Client) -> list[Document]:
    return await client.elements.world.stored.find(Query("scans/catalogue/reviewing"))


async def test_elements_of_an_earlier_landfall_are_found(ann: Client, bob: Client) -> None:
    """Without an index, or after a run that did not write it; decisions meanwhile are no loss."""
    world = ann.elements.world
    memory = world.stored
    assert isinstance(memory, MemoryStore)
    for one in await _index_of(ann):
        memory.delete(one.path)
    await ann.say("confirm")
    await bob.say("reject", SECOND)
    assert (await ann.reviews())["states"] == {"suggested": 2, "confirmed": 1, "rejected": 1}
    await _index_is_right(ann)
    await world.stored.commit(
        [
            Put(
                one.path,
                one.data | {"run_id": "m-0", "as_of": one.data["as_of"].replace(year=2020)},
            )
            for one in await _index_of(ann)
            if one.id == "0"
        ]
    )
    with metering() as account:
        await ann.reviews()
    assert account.reads > 8
    await _index_is_right(ann)


async def test_a_record_that_is_gone_is_not_reviewed(ann: Client) -> None:
    """It is back in the list when the record is."""
    ann.elements.server.remove(BASE, "Elements", FIRST)
    await ann.elements.run()
    assert (await ann.reviews())["count"] == 3
    await _index_is_right(ann)
