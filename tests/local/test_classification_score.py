"""Elements classified by a model: the stored suggestions, whatever it answers."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from infra.local.airtable.server import LocalAirtable
from landfall.airtable import pacer as airtable_pacer
from landfall.classification import score as classification_score
from landfall.classification.prompt import RULES
from landfall.classification.views import csv_row
from landfall.deadlines import Ladder
from landfall.kinds.settings_routes import check_scan
from landfall.llm.questions import Problem, Question
from landfall.reasons import Reason, StepError
from landfall.store.documents import Put, StoreError, Version, Write
from tests.fakes.bases import record_id
from tests.fakes.callers import ask
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

# Good answers


async def test_every_element_gets_a_suggestion(elements, model):
    """Two groups of two make two calls; each suggestion is that of the rules."""
    run = await elements.run()
    assert (run["status"], run["verdict"], len(model.asked)) == ("done", "healthy", 2)
    suggested = [one.tracked.suggestion["values"] for one in (await elements.stored()).values()]
    assert suggested == [{**expected(row)} for row in ROWS]


async def test_a_suggestion_says_where_it_comes_from(elements):
    """Its model, cost and run; a question's tokens are shared by its group."""
    run = await elements.run()
    kept = await elements.stored()
    suggestion = kept[FIRST].tracked.suggestion
    assert (suggestion["model"], suggestion["attempt"], suggestion["run_id"]) == (
        "gpt-6-luna-fake",
        1,
        "m-1",
    )
    tokens = sum(one.tracked.suggestion["tokens"] for one in kept.values())
    assert abs(tokens - run["counts"]["model_tokens"]) <= len(ROWS)


async def test_a_check_counts_what_a_definition_would_ask(elements, model):
    """Of the elements that the last run has read; no model is asked, and nothing is written."""
    await elements.run()
    asked, before = len(model.asked), elements.world.stored.whole()
    one_by_one = elements.scan.model_copy(update={"group_size": 1}).text().encode()
    checked = await check_scan(ask(elements.world, raw=one_by_one), elements.scan.id)
    assert (checked["elements"], checked["questions"], checked["good"]) == (4, 4, True)
    assert checked["tokens"] > 4 * 200
    assert (len(model.asked), elements.world.stored.whole()) == (asked, before)
    wider = elements.scan.text().replace('"Description"}', '"Description", "source": "Form"}')
    checked = await check_scan(ask(elements.world, raw=wider.encode()), elements.scan.id)
    assert checked["not_read"] == ["Form"]


async def test_the_run_counts_what_it_did(elements):
    """Answers, and stored suggestions that match their answers."""
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
    before = await elements.stored()
    run = await elements.run()
    assert (run["verdict"], len(model.asked)) == ("healthy", 2)
    assert (run["counts"]["unchanged"], run["counts"]["model_calls"]) == (4, 0)
    assert await elements.stored() == before


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
    assert (await elements.stored())[THIRD].tracked.previous["values"][LABEL] == "Proprietary"


async def test_other_labels_are_another_question(elements):
    """One vocabulary everywhere: when it changes, everything is asked anew."""
    await elements.run()
    labels = {"criticality": {"high": "", "medium": "", "low": "", "none": ""}}
    other = elements.scan.model_validate(elements.scan.document() | {"labels": labels})
    elements.scan = other
    assert (await elements.run())["counts"]["classified"] == 4


# Failed answers

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
async def test_an_invalid_answer_is_no_result(elements, model, how):
    """It affects its own element alone; the next run asks again."""
    spoil, reason = SPOILT[how]
    model.rule = spoiling(FIRST, spoil)
    run = await elements.run()
    assert (run["status"], run["verdict"]) == ("done", "inconclusive")
    assert [one["what"] for one in run["inconclusive"]] == ["failed"]
    assert await elements.labels() == [None, *LABELS[1:]]
    assert (await elements.stored())[FIRST].tracked.failure["reason"] == reason
    model.rule = by_the_rules
    assert (await elements.run())["verdict"] == "healthy"
    assert (await elements.stored())[FIRST].tracked.failure is None


@pytest.mark.parametrize(
    "reason",
    [
        Reason.MODEL_REFUSED,
        Reason.MODEL_TRUNCATED,
        Reason.MODEL_MALFORMED,
        Reason.MODEL_OFF_SCHEMA,
    ],
)
async def test_a_failed_answer_affects_one_element(elements, model, reason):
    """The group's question fails because of one element: each is asked about alone."""
    model.rule = failing(FIRST, what=Problem(reason, "no answer"))
    run = await elements.run()
    assert run["verdict"] == "inconclusive"
    assert await elements.labels() == [None, *LABELS[1:]]
    assert list(run["report"]["failures"]) == [reason]


async def test_a_failure_does_not_replace_the_suggestion(elements, model):
    """It concerns the element as it was, in the run that suggested it."""
    await elements.run()
    elements.put(1, **DIAGNOSIS | {"Description": "Code of the main illness"})
    model.rule = failing(FIRST, what=REFUSED)
    run = await elements.run()
    entry = (await elements.stored())[FIRST].tracked
    assert (entry.suggestion["values"][LABEL], entry.suggestion["run_id"]) == ("HRCI", "m-1")
    assert (entry.failure["run_id"], run["verdict"]) == ("m-2", "inconclusive")


async def test_a_failed_answer_is_repaired(elements, model):
    """The repair quotes what was wrong, and its answer is the result."""
    elements.scan = elements.scan.model_validate(elements.scan.document() | {"group_size": 1})
    model.rule = lambda q: (
        by_the_rules(q)
        if "program's remarks" in q.text or FIRST not in ids_in(q)
        else spoiling(FIRST, SPOILT["wrong label"][0])(q)
    )
    assert (await elements.run())["verdict"] == "healthy"
    assert (await elements.stored())[FIRST].tracked.suggestion["attempt"] == 2


# Errors of services


async def test_a_busy_service_delays_the_run(elements, model):
    """Earlier answers are stored, and not asked for again."""
    busy = [StepError(Reason.MODEL_RATE_LIMITED, "busy", retry_after=7.0)]
    model.rule = lambda q: busy.pop() if busy and THIRD in ids_in(q) else by_the_rules(q)
    run = await elements.run()
    assert (run["verdict"], len(model.asked)) == ("healthy", 3)


async def test_a_wrong_key_ends_the_run(elements, model):
    """It has its reason, and no element has a value."""
    model.rule = lambda _: StepError(Reason.MODEL_UNAUTHORIZED, "no")
    run = await elements.run()
    assert (run["status"], run["error"]["reason"]) == ("error", "model_unauthorized")
    assert await elements.stored() == {}


class LosingStore(MemoryStore):
    """A store that loses the n-th commit with an element."""

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
    """Its result was not stored; the next attempt finds the stored answer."""
    elements = Elements(server, model.open, World(LosingStore(lost=1)))
    run = await elements.run()
    assert (run["verdict"], run["counts"]["classified"], len(model.asked)) == ("healthy", 4, 2)
    assert run["counts"]["model_calls"] == 2


async def test_an_unusable_answer_is_counted_once(server, model):
    """Its elements are asked about alone, also by an attempt that continues after that."""
    model.rule = lambda question: (
        REFUSED if {FIRST, SECOND} <= {*ids_in(question)} else by_the_rules(question)
    )
    elements = Elements(server, model.open, World(LosingStore(lost=2)))
    run = await elements.run()
    assert (run["verdict"], run["counts"]["classified"], len(model.asked)) == ("healthy", 4, 4)
    assert run["counts"]["model_calls"] == 4


async def test_an_invocation_continues_where_the_last_one_stopped(model):
    """With the groups of the agenda: none is asked about twice, and each element counts once."""
    ladder = Ladder(step=2.4, item=2.2, request=2.0, connect=1.0)
    model.seconds = 0.9
    async with elements_server(
        *[{"Name": f"Field {n}", "Description": "A"} for n in range(20)]
    ) as server:
        elements = Elements(server, model.open, World(MemoryStore(), ladder), group_size=1)
        run = await elements.run()
    assert (run["verdict"], run["counts"]["classified"], len(model.asked)) == ("healthy", 20, 20)
    assert run["attempt"] > 1


async def test_the_budget_ends_a_run_and_the_next_one_continues(elements, model):
    """The run is `done`, with elements left; none is lost or asked about twice."""
    settings = {"model": {"budget": {"run": {"max_calls": 1}}}}
    elements.scan = elements.scan.model_validate(elements.scan.document() | settings)
    run = await elements.run()
    assert (run["status"], run["verdict"], run["counts"]["left"]) == ("done", "inconclusive", 2)
    assert run["inconclusive"][0]["what"] == "left"
    assert "run.max_calls: 1" in run["inconclusive"][0]["why"]
    assert (await elements.run())["verdict"] == "healthy"
    assert len(model.asked) == 2


# Elements to ask about


async def test_a_missing_field_is_no_reason_to_ask(elements, model):
    """Every element would have another text: nothing is asked, and nothing paid."""
    mapping = {"name": "Name", "description": "Described"}
    elements.scan = elements.scan.model_validate(elements.scan.document() | {"mapping": mapping})
    run = await elements.run()
    assert (run["verdict"], model.asked) == ("inconclusive", [])
    assert "'Described'" in run["inconclusive"][0]["why"]


async def test_a_table_without_elements_is_not_healthy(model):
    """A row without text is no element."""
    async with elements_server({"Other": "x"}, {"Description": " "}) as server:
        run = await Elements(server, model.open).run()
    assert (run["verdict"], run["inconclusive"][0]["what"]) == ("inconclusive", "no_elements")


async def test_an_earlier_fetch_does_not_undo_a_later_one(elements, model):
    """It is scored last: the suggestion about the later record stays."""
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


async def test_a_fetch_is_as_late_as_its_reading(model):
    """Not as its step's end, which an outage delayed until after another run's fetch."""
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
    """It is not listed, until its record exists again."""
    await elements.run()
    server.remove("appPeople00000001", TABLE, FOURTH)
    await elements.run()
    assert (await elements.stored())[FOURTH].tracked.gone_at is not None
    assert len(await elements.reviewing.find({})) == 3
    elements.put(4, **ROWS[3])
    await elements.run()
    assert (await elements.stored())[FOURTH].tracked.gone_at is None


# Reviews


async def test_a_table_without_records_for_once_marks_nothing(elements, server):
    """It may be a fault of the other side: the run is inconclusive, and the elements stay."""
    await elements.run()
    for gone in list(await elements.stored()):
        server.remove("appPeople00000001", TABLE, gone)
    run = await elements.run()
    assert (run["verdict"], run["complete"]) == ("inconclusive", False)
    assert run["inconclusive"][0]["what"] == "no_elements"
    kept = await elements.stored()
    assert len(kept) == 4
    assert all(one.tracked.gone_at is None for one in kept.values())


async def test_a_persons_decision_stays(elements, model):
    """Confirmed and changed elements are not asked about again, however they change."""
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


async def test_a_text_that_is_cut_says_so(elements, model):
    """On the element, in its file and in the report; an unchanged one is not asked again."""
    elements.put(3, Name="Treatment room", Description="Room. " * 500)
    report = (await elements.run())["report"]
    assert any("[the rest is left out]" in question.text for question in model.asked)
    says = "description: 2,000 of 2,999 characters"
    shown = await elements.reviewing.get(THIRD)
    assert (shown["cut"], csv_row(shown)["cut"]) == (says, says)
    assert [one["cut"] for one in report["cut"]["elements"]] == [says]
    assert (await elements.reviewing.get(FIRST))["cut"] == ""
    assert (await elements.run())["counts"]["classified"] == 0


async def test_a_change_behind_the_cut_is_asked_about(elements):
    """A person's decision stays, and the report lists it."""
    for number in (1, 3):
        elements.put(number, Name="Treatment room", Description="Room. " * 500)
    await elements.run()
    await elements.review(1, "confirmed")
    before = [one["suggestion_id"] for one in (await suggestions(elements))]
    for number in (1, 3):
        elements.put(number, Name="Treatment room", Description="Room. " * 499 + "Salary")
    run = await elements.run()
    assert (run["verdict"], run["counts"]["classified"]) == ("healthy", 1)
    changed = run["report"]["changed_since_review"]
    assert [one["record_id"] for one in changed["elements"]] == [FIRST]
    after = [one["suggestion_id"] for one in (await suggestions(elements))]
    assert [one != other for one, other in zip(before, after, strict=True)] == [
        False, False, True, False,
    ]  # fmt: skip


async def suggestions(elements: Elements) -> list[Any]:
    return [one.tracked.suggestion for one in (await elements.stored()).values()]


async def test_an_element_that_an_earlier_landfall_stored_is_not_taken_for_changed(elements):
    """It has no word about a cut: a person's decision is as good as before."""
    elements.put(1, Name="Treatment room", Description="Room. " * 500)
    await elements.run()
    await elements.review(1, "confirmed")
    (stored,) = await elements.world.store.read(f"scans/catalogue/elements/{FIRST}")
    fields = {name: value for name, value in stored.data.items() if name != "cut"}
    await elements.world.store.commit([Put(stored.path, fields)])
    run = await elements.run()
    assert run["report"]["changed_since_review"]["count"] == 0
    assert (await elements.reviewing.get(FIRST))["cut"] == ""


async def test_regenerate_asks_again_except_about_decisions(elements, model):
    """The report has the changes; stored answers are not used."""
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
    """No other element is asked about."""
    await elements.run()
    await elements.run(regenerate=[FOURTH])
    assert ids_in(model.asked[-1]) == [FOURTH]


async def test_a_rejected_suggestion_is_no_value(elements, model):
    """It is not asked about again; only a regenerated suggestion is valid."""
    await elements.run()
    await elements.review(3, "rejected")
    run = await elements.run()
    assert (run["verdict"], run["inconclusive"][0]["what"]) == ("inconclusive", "rejected")
    assert (await elements.labels())[2] is None
    model.rule = spoiling(THIRD, lambda one: one.update(criticality="high"))
    assert (await elements.run(regenerate=[THIRD]))["verdict"] == "healthy"
    assert (await elements.stored())[THIRD].classification.state == "suggested"


class Meanwhile(MemoryStore):
    """A store on which something happens once before a commit with an element."""

    happens: Any = None

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        if self.happens and any("/elements/" in write.path for write in writes):
            happens, self.happens = self.happens, None
            await happens()
        return await super().commit(writes)


async def test_a_review_during_a_run_stays(server, model):
    """The run reads the element again: its suggestion is new, the person's values are unchanged."""
    store = Meanwhile()
    elements = Elements(server, model.open, World(store))
    await elements.run()
    model.rule = spoiling(FIRST, lambda one: one.update(criticality="low"))

    async def meanwhile() -> None:
        await elements.review(1, "confirmed")

    store.happens = meanwhile
    run = await elements.run(regenerate="all")
    kept: Any = (await elements.stored())[FIRST]
    assert (run["status"], kept.classification.state) == ("done", "confirmed")
    assert kept.classification.values["criticality"] == "high"
    assert kept.tracked.suggestion["values"]["criticality"] == "low"
    assert kept.document.data["values"]["criticality"] == "high"


async def test_the_end_gets_an_invocation_of_its_own_if_time_is_short(elements, model, monkeypatch):
    """Every element is read back there; nothing is asked again."""
    await elements.start()
    queue = elements.world.queue
    assert await elements.deliver(queue.tasks[-1]) == "finished"
    monkeypatch.setattr(classification_score, "READ_BACK_SECONDS", elements.world.runs.ladder.step)
    assert await elements.deliver(queue.tasks[-1]) == "continued"
    asked = len(model.asked)
    assert await elements.deliver(queue.tasks[-1]) == "finished"
    run = (await elements.world.run("m-1")).data
    assert (run["status"], run["verdict"], len(model.asked)) == ("done", "healthy", asked)
