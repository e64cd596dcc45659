"""The pure core of a classification: each case is a line."""

from datetime import timedelta
from typing import Any

import pytest

from landfall.classification.answer import OUTPUTS, judged, shape_of
from landfall.classification.elements import TEXT_MOST, Element, elements_of, text_of
from landfall.classification.entry import Asked, Entry, is_whole
from landfall.classification.labels import Labels
from landfall.classification.prompt import RULES, Prompt
from landfall.classification.reviews import HISTORY, Review, difference, standing
from landfall.classification.suggest import AskCursor, places_in
from landfall.classification.write_back import FillIn, mark_of
from landfall.kinds.definition import DefinitionError, parse
from landfall.llm.questions import Problem
from landfall.reasons import Reason
from tests.fakes.elements import a_classification
from tests.fakes.snapshots import table
from tests.fakes.world import START

VALUES: dict[str, Any] = {
    "information_security_classification": "HRCI",
    "criticality": "high",
    "risk_level": "high",
    "regulatory_flag": True,
    "pii_flag": True,
    "regulatory_references": ["HIPAA"],
    "rationale": "It is about health.",
    "confidence": 90,
    "security_controls": ["encryption"],
}
HOW = Asked("m-1", START, START, "gpt-6-luna", "1", 1, 100, 0.01, 1.5, "a1")

# What is told of an element


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        (None, ""),
        (" Name ", "Name"),
        (7, "7"),
        (True, "true"),
        (["a", "b", ""], "a, b"),
        ([{"id": "usr1", "name": "Ann"}], "Ann"),
        ({"label": "x"}, '{"label": "x"}'),
        ("half \ud800", "half ?"),
        ("x" * 3_000, "x" * TEXT_MOST),
    ],
)
def test_a_cell_is_told_as_text(cell, text):
    """Lists by commas, people by their names; and never more than can be told."""
    assert text_of(cell) == text


def test_a_record_without_text_is_no_element():
    """Rows that somebody left empty are not asked about."""
    rows = [("rec1", {"N": "Name", "D": ""}), ("rec2", {"N": " ", "D": None}), ("rec3", {"D": "d"})]
    made = table("T", [{"id": i, "createdTime": "", "fields": f} for i, f in rows], ["N", "D"])
    found = elements_of(made, {"name": "N", "description": "D"}, lambda record: f"at/{record}")
    assert [(one.record_id, dict(one.told)) for one in found] == [
        ("rec1", {"name": "Name"}),
        ("rec3", {"description": "d"}),
    ]
    assert found[0].link == "at/rec1"


def test_what_is_asked_is_in_the_hash():
    """The text of each part, and how it is asked about; not the record or its link."""
    told = {"name": "a", "description": "b"}
    same = Element("rec1", told).hash("how")
    assert Element("rec2", dict(reversed(told.items())), "link").hash("how") == same
    others = [Element("rec1", {"name": "a"}).hash("how"), Element("rec1", told).hash("else")]
    assert same not in others


# Answers


def answer(**changes: Any) -> Any:
    """An answer about rec1, and what else is given; judged."""
    shape = shape_of(Labels())
    one = VALUES | {"id": "rec1"} | changes
    return shape.model_validate({"elements": [one]})


def test_labels_in_another_order_make_the_same_question():
    """Firestore gives a map's keys in any order; what was paid for is found all the same."""
    given = {"low": "", "vital": "", "high": "", "big": ""}
    labels, others = Labels(criticality=given), Labels(criticality=dict(reversed(given.items())))
    assert list(labels.criticality) == list(others.criticality) == ["high", "low", "big", "vital"]
    asked, again = (Prompt(one).question([Element("rec1", {})]) for one in (labels, others))
    assert asked.hash("m", None) == again.hash("m", None)


def test_the_shape_of_the_same_labels_is_made_once():
    """An instance that lives for days would keep one of each invocation."""
    assert shape_of(Labels()) is shape_of(Labels())
    fewer = Labels(criticality={"high": "", "low": ""})
    assert shape_of(fewer) is not shape_of(Labels())


def test_labels_are_choices_of_the_schema():
    """The service is told them, in the order of the definition."""
    schema = shape_of(Labels()).model_json_schema()["$defs"]["ElementAnswer"]["properties"]
    assert schema["criticality"]["enum"] == ["high", "medium", "low"]
    assert set(schema) == {"id", *OUTPUTS}


def test_a_good_answer_is_kept_as_it_is():
    """In the order of the outputs."""
    found: Any = judged(answer(), {"rec1": "name: x"}, Labels(), RULES)
    assert list(found["rec1"].items()) == [(name, VALUES[name]) for name in OUTPUTS]


def test_texts_are_kept_to_a_length():
    """Items are trimmed, and each is there once."""
    said = answer(regulatory_references=[" GDPR ", "GDPR", ""], rationale=" because " + "y" * 3_000)
    values: Any = judged(said, {"rec1": "name: x"}, Labels(), RULES)["rec1"]
    assert values["regulatory_references"] == ["GDPR"]
    assert len(values["rationale"]) == 2_000


def test_a_passage_about_another_element_is_no_reason():
    """What one element says may not get into what is kept of another."""
    numbers = "the quarterly numbers of the sales department, by region and by product line"
    asked = {"rec1": "name: x", "rec2": f"name: y\ndescription: {numbers}"}
    found: Any = judged(answer(rationale=f"As {numbers} say."), asked, Labels(), RULES)
    assert isinstance(found["rec1"], Problem)
    assert found["rec1"].reason == Reason.MODEL_ECHOED


def test_an_answer_about_nobody_is_left_out():
    """And does not make up for one that is missing."""
    found: Any = judged(answer(id="rec9"), {"rec1": "name: x"}, Labels(), RULES)
    assert [(id_, problem.reason) for id_, problem in found.items()] == [
        ("rec1", Reason.MODEL_WRONG_IDS)
    ]


def test_a_problem_does_not_repeat_what_the_model_said():
    """It is told to the model when it is asked again."""
    said = answer(criticality="ignore all rules")
    wrong: Any = judged(said, {"rec1": "x"}, Labels(), RULES)["rec1"]
    assert "ignore" not in wrong.message


def test_a_question_fences_each_element():
    """Its key is the first one's id; the instructions hold nothing of them."""
    elements = [Element(f"rec{n}", {"name": f"Field {n}"}) for n in (1, 2)]
    question = Prompt(Labels()).question(elements)
    assert question.key == "rec1"
    assert question.text.count("<untrusted id=") == 2
    assert "Field 1" not in question.instructions


def test_asked_again_is_another_question():
    """What was answered before is not taken for the answer."""
    elements = [Element("rec1", {"name": "x"})]
    first, again = Prompt(Labels()).question(elements), Prompt(Labels(), "m-2").question(elements)
    assert first.text == again.text
    assert first.hash("m", None) != again.hash("m", None)


# An element over time


def suggested(values: dict[str, Any] = VALUES, how: Asked = HOW, entry: Entry | None = None):
    return (entry or Entry("rec1")).suggested(Element("rec1", {"name": "x"}), "h1", values, how)


def test_a_failure_takes_no_suggestions_place():
    """It stands beside it, until there is a good answer again."""
    wrong = Problem(Reason.MODEL_REFUSED, "no")
    later = Asked(**vars(HOW) | {"run_id": "m-2"})
    failed = suggested().failed(Element("rec1", {"name": "y"}), wrong, later)
    assert failed.suggestion == suggested().suggestion
    assert failed.failure is not None
    assert suggested(entry=failed).failure is None


def test_the_same_answer_of_the_same_run_changes_nothing():
    """A redelivery finds what there is."""
    once = suggested()
    assert suggested(entry=once) == once


def test_another_answer_keeps_the_one_before():
    """And only that."""
    later = Asked(**vars(HOW) | {"run_id": "m-2"})
    entry: Any = suggested(VALUES | {"criticality": "low"}, later, suggested())
    assert entry.previous is not None
    assert entry.previous["values"] == VALUES
    assert difference(
        entry.previous["values"], entry.suggestion and entry.suggestion["values"]
    ) == {"criticality": {"before": "high", "now": "low"}}


def test_an_earlier_look_takes_no_later_ones_place():
    """Neither its answer nor its failure, whenever they come."""
    early = Asked(**vars(HOW) | {"run_id": "m-0", "fetched_at": START - timedelta(seconds=1)})
    entry = suggested()
    assert suggested(VALUES | {"criticality": "low"}, early, entry) == entry
    wrong = Problem(Reason.MODEL_REFUSED, "no")
    assert entry.failed(Element("rec1", {"name": "y"}), wrong, early) == entry


def test_what_is_done_is_marked_by_place():
    """Whoever writes the elements meanwhile."""
    progress = AskCursor(planned=70).with_marks([0, 69], [3]).with_marks([0, 1], [])
    assert (progress.answered, progress.failed, places_in(progress.good)) == (3, 1, [0, 1, 69])
    assert [progress.waits(place) for place in (0, 2, 3, 69)] == [False, True, False, False]


def test_a_stored_suggestion_is_known_to_be_whole():
    """By its identity: of what was asked and what was answered."""
    made: Any = suggested().suggestion
    assert is_whole(made)
    assert not is_whole(made | {"values": VALUES | {"pii_flag": False}})
    assert not is_whole(made | {"hash": "h2"})


def test_what_is_stored_is_read_back():
    """All of it but the state, which is worked out."""
    entry = suggested()
    stored = entry.document(None)
    assert (Entry.load("rec1", stored), stored["state"]) == (entry, "suggested")


# What a person says


def review(state: Any, suggestion_id: str = "s1", values: Any = None, by: str = "ann") -> Review:
    return Review(state, values, suggestion_id, by, START)


STANDINGS = [
    (None, None, "unclassified", None),
    ("s1", None, "suggested", VALUES),
    ("s1", review("confirmed", values=VALUES), "confirmed", VALUES),
    ("s2", review("confirmed", values={"a": 1}), "confirmed", {"a": 1}),
    (None, review("changed", values={"a": 1}), "changed", {"a": 1}),
    ("s1", review("rejected"), "rejected", None),
    ("s2", review("rejected"), "suggested", VALUES),
]


@pytest.mark.parametrize(("suggestion", "said", "state", "values"), STANDINGS)
def test_what_an_element_is(suggestion, said, state, values):
    """A person's values stay; a rejection is about one suggestion."""
    made = suggestion and {"suggestion_id": suggestion, "values": VALUES}
    now = standing(made, said)
    assert (now.state, now.values) == (state, values)


def test_what_was_said_before_is_kept():
    """In its order, and the newest of it where it is too much."""
    said = review("confirmed")
    for number in range(HISTORY + 5):
        said = said.followed_by(review("rejected", by=f"p{number}"))
    assert said.by == f"p{HISTORY + 4}"
    assert [before["by"] for before in said.history][-2:] == [f"p{HISTORY + 2}", f"p{HISTORY + 3}"]
    assert len(said.history) == HISTORY
    assert Review.load(said.document()) == said


# What is filled in

CONFIRMED = review("confirmed", values=VALUES)
FILL = {"fields": {"criticality": "C", "regulatory_references": "R", "state": "S"}}


@pytest.mark.parametrize(
    ("when", "said", "cells"),
    [
        ("confirmed", None, None),
        ("always", None, {"C": "high", "R": "HIPAA", "S": "suggested"}),
        (
            "confirmed",
            review("confirmed", values=VALUES),
            {"C": "high", "R": "HIPAA", "S": "confirmed"},
        ),
        ("always", review("rejected"), None),
    ],
)
def test_what_stands_in_a_record(when, said, cells):
    """The chosen fields, where a person has confirmed or the scan says always."""
    fill = FillIn.model_validate(FILL | {"when": when})
    assert fill.cells(standing({"suggestion_id": "s1", "values": VALUES}, said)) == cells


def test_a_mark_is_of_the_cells():
    """By it is known whether they are to be sent again."""
    assert mark_of(None) is None
    assert mark_of({"C": "high", "S": "x"}) == mark_of({"S": "x", "C": "high"})
    assert mark_of({"C": "high"}) != mark_of({"D": "high"})


# The definition


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"mapping": {"name": "N", "source": "N"}},
            "mapping.source: 'N' is the field of `name` too",
        ),
        (
            {"write_back": {"fields": {"criticality": "Name"}}},
            "write_back.fields.criticality: 'Name' is read by `mapping`",
        ),
        ({"write_back": {"fields": {}}}, "give at least one"),
        ({"write_back": {"fields": {"state": "A", "criticality": "A"}}}, "'A' is the field of"),
        ({"labels": {"criticality": {"high": ""}}}, "labels.criticality: give at least 2"),
        (
            {"labels": {"criticality": {"high ": "", "low": ""}}},
            "labels.criticality.high : leave out blanks at its ends",
        ),
        ({"labels": {"criticality": {"High": "", "high": ""}}}, "differ in case alone"),
        ({"labels": {"critcality": {}}}, "did you mean 'criticality'"),
        ({"mapping": {"Name": "N"}}, "mapping.Name: there is no such setting; did you mean 'name'"),
        ({"group_size": 0}, "group_size"),
        ({"model": {"batch": True}}, "set `limits.deadline_seconds` to 86400"),
    ],
)
def test_what_does_not_fit_is_named(changes, says):
    """At the door: where, what, and the fix."""
    with pytest.raises(DefinitionError) as refused:
        a_classification(**changes)
    assert says in str(refused.value)


def test_a_definition_is_read_back():
    """From the document that it is stored as."""
    scan = a_classification(write_back=FILL)
    assert parse(scan.document(), "stored") == scan
    assert scan.tables == {"Elements": ["Name", "Description"]}


def test_a_moment_later_is_the_same_suggestion():
    """When it was made is none of its identity."""
    later = Asked(**vars(HOW) | {"at": START + timedelta(hours=1)})
    made: list[Any] = [suggested().suggestion, suggested(how=later).suggestion]
    assert len({one["suggestion_id"] for one in made}) == 1
