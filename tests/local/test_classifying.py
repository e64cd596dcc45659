"""Elements classified by a model: what is kept of its answers, whatever they are."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from infra.local.airtable import LocalAirtable
from landfall.airtable import pacer as airtable_pacer
from landfall.classification import score as classification_score
from landfall.classification.prompt import RULES
from landfall.deadlines import Ladder
from landfall.llm.questions import Problem, Question
from landfall.reasons import Reason, StepError
from landfall.store.documents import StoreError, Version, Write
from tests.fakes.bases import record_id
from tests.fakes.elements import (
    DIAGNOSIS,
    LABEL,
    LABELS,
    ROOM,
    ROWS,
    TABLE,
    Elements,
    answered,
    by_the_rules,
    elements_server,
    expected,
    ids_in,
)
from tests.fakes.memory_store import MemoryStore
from tests.fakes.models import FakeModel
from tests.fakes.outages import AwayAfterPages
from tests.fakes.world import World

FIRST, SECOND, THIRD, FOURTH = map(record_id, (1, 2, 3, 4))


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)


@pytest.fixture
def model() -> FakeModel:
    return FakeModel(by_the_rules)


@pytest.fixture
async def server() -> AsyncIterator[LocalAirtable]:
    async with elements_server() as server:
        yield server


@pytest.fixture
def elements(server: LocalAirtable, model: FakeModel) -> Elements:
    return Elements(server, model.open)


def spoiling(record: str, spoil: Callable[[dict[str, Any]], None]) -> Callable[..., Any]:
    """A model's rule: as the stand-in's, but with one element's answer spoilt."""

    def rule(question: Question[Any]) -> Any:
        answer = answered(question)
        for one in answer["elements"]:
            if one["id"] == record:
                spoil(one)
        return question.shape.model_validate(answer)

    return rule


def failing(*records: str, what: Any) -> Callable[..., Any]:
    """A model's rule: a failure of every question about one of these elements."""

    def rule(question: Question[Any]) -> Any:
        return what if set(records) & set(ids_in(question)) else by_the_rules(question)

    return rule


REFUSED = Problem(Reason.MODEL_REFUSED, "the model refused to answer")

# What is good


async def test_every_element_gets_a_suggestion(elements, model):
    """Two groups of two: two calls; what is said of each is what the rules say of it."""
    run = await elements.run()
    assert (run["status"], run["verdict"], len(model.asked)) == ("done", "healthy", 2)
    suggested = [one.entry.suggestion["values"] for one in (await elements.kept()).values()]
    assert suggested == [{**expected(row)} for row in ROWS]


async def test_a_suggestion_says_where_it_comes_from(elements):
    """By which model, for how much, in which run; a question's tokens are shared by its group."""
    run = await elements.run()
    kept = await elements.kept()
    suggestion = kept[FIRST].entry.suggestion
    assert (suggestion["model"], suggestion["attempt"], suggestion["run_id"]) == (
        "gpt-6-luna-fake",
        1,
        "m-1",
    )
    tokens = sum(one.entry.suggestion["tokens"] for one in kept.values())
    assert abs(tokens - run["counts"]["model_tokens"]) <= len(ROWS)


async def test_the_run_counts_what_it_did(elements):
    """What was answered, and what of that stands in the store as it was answered."""
    counts = (await elements.run())["counts"]
    names = ("elements", "classified", "verified", "unchanged", "failed", "left", "model_calls")
    assert [counts[name] for name in names] == [4, 4, 4, 0, 0, 0, 2]


async def test_the_report_counts_labels_and_lists_the_unsure(elements):
    """An element without a description is one that the model is not sure about."""
    elements.put(3, Name="Treatment room")
    report = (await elements.run())["report"]
    assert report["labels"][LABEL] == dict.fromkeys(LABELS, 1)
    assert report["coverage"] == {"with_values": 4, "of": 4}
    (unsure,) = report["low_confidence"]["elements"]
    assert (unsure["record_id"], unsure["confidence"]) == (THIRD, 40)
    assert unsure["link"].endswith(f"/tbl{1:014}/{THIRD}")


# What is not asked again


async def test_a_second_run_asks_nothing(elements, model):
    """Nothing has changed: no call, and every element is as it was."""
    await elements.run()
    before = await elements.kept()
    run = await elements.run()
    assert (run["verdict"], len(model.asked)) == ("healthy", 2)
    assert (run["counts"]["unchanged"], run["counts"]["model_calls"]) == (4, 0)
    assert await elements.kept() == before


async def test_what_changed_is_asked_about_alone(elements, model):
    """One element is described anew: one question, about nothing else."""
    await elements.run()
    elements.put(3, **ROOM | {"Description": "Where a patient is treated"})
    run = await elements.run()
    assert ids_in(model.asked[-1]) == [THIRD]
    assert (run["counts"]["classified"], run["counts"]["unchanged"]) == (1, 3)
    assert (await elements.labels())[2] == "Confidential"


async def test_a_change_shows_what_is_other(elements):
    """The run's report has the difference, and the element the suggestion before."""
    await elements.run()
    elements.put(3, **ROOM | {"Description": "Where a patient is treated"})
    changes = (await elements.run())["report"]["changes"]
    (change,) = changes["elements"]
    assert change["difference"][LABEL] == {"before": "Proprietary", "now": "Confidential"}
    assert (await elements.kept())[THIRD].entry.previous["values"][LABEL] == "Proprietary"


async def test_other_labels_are_another_question(elements):
    """One vocabulary everywhere: when it changes, everything is asked anew."""
    await elements.run()
    labels = {"criticality": {"high": "", "medium": "", "low": "", "none": ""}}
    other = elements.scan.model_validate(elements.scan.document() | {"labels": labels})
    elements.scan = other
    assert (await elements.run())["counts"]["classified"] == 4


# What goes wrong with an answer

SPOILT = {
    "wrong label": (lambda one: one.update(criticality="vital"), Reason.MODEL_OFF_SCHEMA),
    "too sure": (lambda one: one.update(confidence=130), Reason.MODEL_OFF_SCHEMA),
    "no rationale": (lambda one: one.update(rationale=" "), Reason.MODEL_OFF_SCHEMA),
    "references of nothing": (
        lambda one: one.update(regulatory_flag=False, regulatory_references=["GDPR"]),
        Reason.MODEL_OFF_SCHEMA,
    ),
    "wrong id": (lambda one: one.update(id=record_id(99)), Reason.MODEL_WRONG_IDS),
    "other's id": (lambda one: one.update(id=SECOND), Reason.MODEL_WRONG_IDS),
    "the prompt": (lambda one: one.update(rationale=RULES[300:400]), Reason.MODEL_ECHOED),
    "its own text": (
        lambda one: one.update(rationale=DIAGNOSIS["Description"]),
        Reason.MODEL_ECHOED,
    ),
}


@pytest.mark.parametrize("how", SPOILT)
async def test_a_spoilt_answer_is_no_result(elements, model, how):
    """It costs the element whose it is, and no other of its group; the next run mends it."""
    spoil, reason = SPOILT[how]
    model.rule = spoiling(FIRST, spoil)
    run = await elements.run()
    assert (run["status"], run["verdict"]) == ("done", "inconclusive")
    assert [one["what"] for one in run["inconclusive"]] == ["failed"]
    assert await elements.labels() == [None, *LABELS[1:]]
    assert (await elements.kept())[FIRST].entry.failure["reason"] == reason
    model.rule = by_the_rules
    assert (await elements.run())["verdict"] == "healthy"
    assert (await elements.kept())[FIRST].entry.failure is None


@pytest.mark.parametrize(
    "reason",
    [
        Reason.MODEL_REFUSED,
        Reason.MODEL_TRUNCATED,
        Reason.MODEL_MALFORMED,
        Reason.MODEL_OFF_SCHEMA,
    ],
)
async def test_a_failed_answer_costs_one_element(elements, model, reason):
    """The group's question fails because of one of them: each is asked about alone."""
    model.rule = failing(FIRST, what=Problem(reason, "no answer"))
    run = await elements.run()
    assert run["verdict"] == "inconclusive"
    assert await elements.labels() == [None, *LABELS[1:]]
    assert list(run["report"]["failures"]) == [reason]


async def test_a_failure_leaves_the_suggestion_before(elements, model):
    """It is about what the element was, and says so by being the last that was good."""
    await elements.run()
    elements.put(1, **DIAGNOSIS | {"Description": "Code of the main illness"})
    model.rule = failing(FIRST, what=REFUSED)
    run = await elements.run()
    entry = (await elements.kept())[FIRST].entry
    assert (entry.suggestion["values"][LABEL], entry.suggestion["run_id"]) == ("HRCI", "m-1")
    assert (entry.failure["run_id"], run["verdict"]) == ("m-2", "inconclusive")


async def test_an_answer_that_can_be_mended_is_asked_for_once_more(elements, model):
    """The repair is told what was wrong, and its answer is the result."""
    elements.scan = elements.scan.model_validate(elements.scan.document() | {"group_size": 1})
    model.rule = lambda q: (
        by_the_rules(q)
        if "program's remarks" in q.text or FIRST not in ids_in(q)
        else spoiling(FIRST, SPOILT["wrong label"][0])(q)
    )
    assert (await elements.run())["verdict"] == "healthy"
    assert (await elements.kept())[FIRST].entry.suggestion["attempt"] == 2


# What goes wrong around it


async def test_a_service_that_is_busy_is_waited_for(elements, model):
    """What was answered by then is kept, and not asked about again."""
    busy = [StepError(Reason.MODEL_RATE_LIMITED, "busy", retry_after=7.0)]
    model.rule = lambda q: busy.pop() if busy and THIRD in ids_in(q) else by_the_rules(q)
    run = await elements.run()
    assert (run["verdict"], len(model.asked)) == ("healthy", 3)


async def test_a_key_that_is_wrong_ends_the_run(elements, model):
    """With its reason, and without a value."""
    model.rule = lambda _: StepError(Reason.MODEL_UNAUTHORIZED, "no")
    run = await elements.run()
    assert (run["status"], run["error"]["reason"]) == ("error", "model_unauthorized")
    assert await elements.kept() == {}


class Forgetful(MemoryStore):
    """Of the commits with an element, the one of this number is lost."""

    def __init__(self, lost: int) -> None:
        super().__init__()
        self._until = lost

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        if any("/elements/" in write.path for write in writes):
            self._until -= 1
            if self._until == 0:
                raise StoreError("lost")
        return await super().commit(writes)


async def test_a_paid_answer_is_not_paid_again(server, model):
    """It could not be made a result of; the next attempt finds it where it is kept."""
    elements = Elements(server, model.open, World(Forgetful(lost=1)))
    run = await elements.run()
    assert (run["verdict"], run["counts"]["classified"], len(model.asked)) == ("healthy", 4, 2)
    assert run["counts"]["model_calls"] == 2


async def test_an_answer_that_served_nobody_is_counted_once(server, model):
    """Its elements are asked about alone, also by an attempt that goes on after that."""
    model.rule = lambda question: (
        REFUSED if {FIRST, SECOND} <= {*ids_in(question)} else by_the_rules(question)
    )
    elements = Elements(server, model.open, World(Forgetful(lost=2)))
    run = await elements.run()
    assert (run["verdict"], run["counts"]["classified"], len(model.asked)) == ("healthy", 4, 4)
    assert run["counts"]["model_calls"] == 4


async def test_an_invocation_goes_on_where_the_last_one_stopped(model):
    """With the groups of the plan: none is asked about twice, and each element is counted once."""
    ladder = Ladder(step=2.4, item=2.2, request=2.0, connect=1.0)
    model.seconds = 0.9
    async with elements_server(
        *[{"Name": f"Field {n}", "Description": "A"} for n in range(20)]
    ) as server:
        elements = Elements(server, model.open, World(MemoryStore(), ladder), group_size=1)
        run = await elements.run()
    assert (run["verdict"], run["counts"]["classified"], len(model.asked)) == ("healthy", 20, 20)
    assert run["attempt"] > 1


async def test_the_budget_ends_a_run_and_the_next_goes_on(elements, model):
    """`done`, with what is left; no element is lost or asked about twice."""
    settings = {"model": {"budget": {"run": {"max_calls": 1}}}}
    elements.scan = elements.scan.model_validate(elements.scan.document() | settings)
    run = await elements.run()
    assert (run["status"], run["verdict"], run["counts"]["left"]) == ("done", "inconclusive", 2)
    assert run["inconclusive"][0]["what"] == "left"
    assert "run.max_calls: 1" in run["inconclusive"][0]["why"]
    assert (await elements.run())["verdict"] == "healthy"
    assert len(model.asked) == 2


# What is there to ask about


async def test_a_field_that_is_gone_is_no_reason_to_ask(elements, model):
    """What is told of every element would be another: nothing is asked, and nothing paid."""
    mapping = {"name": "Name", "description": "Described"}
    elements.scan = elements.scan.model_validate(elements.scan.document() | {"mapping": mapping})
    run = await elements.run()
    assert (run["verdict"], model.asked) == ("inconclusive", [])
    assert "'Described'" in run["inconclusive"][0]["why"]


async def test_a_table_without_elements_is_not_healthy(model):
    """Rows without any text are none."""
    async with elements_server({"Other": "x"}, {"Description": " "}) as server:
        run = await Elements(server, model.open).run()
    assert (run["verdict"], run["inconclusive"][0]["what"]) == ("inconclusive", "no_elements")


async def test_an_earlier_look_does_not_undo_a_later_one(elements, model):
    """It is scored last: what the later run was told of an element stays."""
    early = await elements.start()
    queue = elements.world.queue
    assert await elements.deliver(queue.tasks[-1]) == "finished"
    score = queue.tasks[-1]
    elements.put(3, **ROOM | {"Description": "Where a patient is treated"})
    await elements.run()
    assert await elements.deliver(score) == "finished"
    assert (await elements.labels())[2] == "Confidential"
    run = (await elements.world.run(early)).data
    assert (run["counts"]["unchanged"], [one["what"] for one in run["inconclusive"]]) == (
        4,
        ["outdated"],
    )
    assert len(model.asked) == 2


async def test_a_look_is_as_late_as_its_reading(model):
    """Not as its step's end, which an outage put off until another run had looked."""
    async with elements_server() as server:
        store = AwayAfterPages()
        elements = Elements(server, model.open, World(store))
        early, world = await elements.start(), elements.world
        fetch = world.queue.tasks[-1]
        store.goes_away = True
        with pytest.raises(StoreError):
            await elements.deliver(fetch)
        store.is_back()
        world.clock.advance(world.runs.ladder.stale)
        elements.put(3, **ROOM | {"Description": "Where a patient is treated"})
        assert (await elements.run())["verdict"] == "healthy"
        assert await world.runs.take_up(early, "fetch", "watchdog") == "retried"
        assert await elements.deliver(world.queue.tasks[-1]) == "finished"
        assert await elements.deliver(world.queue.tasks[-1]) == "finished"
        assert (await elements.labels())[2] == "Confidential"
        run = (await world.run(early)).data
        assert [one["what"] for one in run["inconclusive"]] == ["outdated"]


async def test_an_element_whose_record_is_gone_is_marked(elements, server):
    """It is listed no more; and is there again with its record."""
    await elements.run()
    server.remove("appPeople00000001", TABLE, FOURTH)
    await elements.run()
    assert (await elements.kept())[FOURTH].entry.gone_at is not None
    assert len(await elements.reviewing.listed({})) == 3
    elements.put(4, **ROWS[3])
    await elements.run()
    assert (await elements.kept())[FOURTH].entry.gone_at is None


# What people say


async def test_a_persons_word_stays(elements, model):
    """Confirmed and changed ones are not asked about again, whatever becomes of them."""
    await elements.run()
    await elements.review(1, "confirmed")
    await elements.review(2, "changed", {LABEL: "Public"})
    for number in (1, 2):
        elements.put(number, Name="Opening hours", Description="Published")
    run = await elements.run()
    assert len(model.asked) == 2
    assert (await elements.labels())[:2] == ["HRCI", "Public"]
    changed = run["report"]["changed_since_review"]
    assert [one["record_id"] for one in changed["elements"]] == [FIRST, SECOND]


async def test_regenerate_asks_again_but_for_a_persons_word(elements, model):
    """And shows what is other; what was answered before is not taken for the answer."""
    await elements.run()
    await elements.review(1, "confirmed")
    model.rule = spoiling(THIRD, lambda one: one.update(criticality="high"))
    run = await elements.run(regenerate="all")
    assert sorted(id_ for q in model.asked[2:] for id_ in ids_in(q)) == [SECOND, THIRD, FOURTH]
    changes = run["report"]["changes"]
    assert (changes["asked_again"], changes["changed"]) == (3, 1)
    criticality = {"before": "medium", "now": "high"}
    assert changes["elements"][0]["difference"] == {"criticality": criticality}


async def test_regenerate_may_name_the_elements(elements, model):
    """Only these are asked about."""
    await elements.run()
    await elements.run(regenerate=[FOURTH])
    assert ids_in(model.asked[-1]) == [FOURTH]


async def test_a_rejected_suggestion_is_no_value(elements, model):
    """It is not asked about again by itself; regenerated to something else, it is suggested."""
    await elements.run()
    await elements.review(3, "rejected")
    run = await elements.run()
    assert (run["verdict"], run["inconclusive"][0]["what"]) == ("inconclusive", "rejected")
    assert (await elements.labels())[2] is None
    model.rule = spoiling(THIRD, lambda one: one.update(criticality="high"))
    assert (await elements.run(regenerate=[THIRD]))["verdict"] == "healthy"
    assert (await elements.kept())[THIRD].standing.state == "suggested"


class Meanwhile(MemoryStore):
    """Something happens once before a commit with an element."""

    happens: Any = None

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        if self.happens and any("/elements/" in write.path for write in writes):
            happens, self.happens = self.happens, None
            await happens()
        return await super().commit(writes)


async def test_what_a_person_says_while_the_model_is_asked_stays(server, model):
    """The run reads the element again: the suggestion is another, the person's values are not."""
    store = Meanwhile()
    elements = Elements(server, model.open, World(store))
    await elements.run()
    model.rule = spoiling(FIRST, lambda one: one.update(criticality="low"))

    async def meanwhile() -> None:
        await elements.review(1, "confirmed")

    store.happens = meanwhile
    run = await elements.run(regenerate="all")
    kept: Any = (await elements.kept())[FIRST]
    assert (run["status"], kept.standing.state) == ("done", "confirmed")
    assert kept.standing.values["criticality"] == "high"
    assert kept.entry.suggestion["values"]["criticality"] == "low"
    assert kept.document.data["values"]["criticality"] == "high"


async def test_the_end_has_an_invocation_of_its_own_where_there_is_too_little_time(
    elements, model, monkeypatch
):
    """Every element is read back for it; nothing is asked again."""
    await elements.start()
    queue = elements.world.queue
    assert await elements.deliver(queue.tasks[-1]) == "finished"
    monkeypatch.setattr(classification_score, "READ_BACK", elements.world.runs.ladder.step)
    assert await elements.deliver(queue.tasks[-1]) == "continued"
    asked = len(model.asked)
    assert await elements.deliver(queue.tasks[-1]) == "finished"
    run = (await elements.world.run("m-1")).data
    assert (run["status"], run["verdict"], len(model.asked)) == ("done", "healthy", asked)
