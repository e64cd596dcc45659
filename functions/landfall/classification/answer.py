"""What the model is to answer about a group of elements, and what of its answer can be used.

The service is told a strict schema with the labels as choices. Nothing is taken on trust all the
same: each element's answer is judged here by itself, so one that is wrong costs no other.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, cast

from pydantic import BaseModel, Field, WithJsonSchema, create_model

from landfall.classification.labels import Labels
from landfall.llm.questions import Problem
from landfall.reasons import Reason

Values = dict[str, Any]
"""What an element is said to be: a value for each of `OUTPUTS`."""

FLAGS = ("regulatory_flag", "pii_flag")
LISTS = ("regulatory_references", "security_controls")
OUTPUTS = (
    "information_security_classification",
    "criticality",
    "risk_level",
    *FLAGS,
    "regulatory_references",
    "rationale",
    "confidence",
    "security_controls",
)

RATIONALE_MOST = 2_000
ITEM_MOST = 200
"""Characters of a rationale, and of an item of a list, that are kept."""

ITEMS_MOST = 20
"""Items of a list that are kept."""

ECHO = 60
"""Characters in a row that no answer shares by chance with its instructions, or with what was told
of another element."""

OWN = 40
"""Characters from which on a text that only repeats its element is no answer."""


class ElementAnswer(BaseModel):
    """The answer about one element."""

    id: str
    information_security_classification: str
    criticality: str
    risk_level: str
    regulatory_flag: bool
    pii_flag: bool
    regulatory_references: list[str] = Field(
        description="Laws, regulations and standards that apply, by their short names; none "
        "unless regulatory_flag is true."
    )
    security_controls: list[str] = Field(description="Controls that fit, a few words each.")
    rationale: str = Field(description="Why, in one to three sentences about this element alone.")
    confidence: int = Field(description="0 to 100: how sure you are.")


class ElementAnswers(BaseModel):
    """The answers about a group of elements, in any order."""

    elements: list[ElementAnswer]


def shape_of(labels: Labels) -> type[ElementAnswers]:
    """The shape of an answer with these labels.

    Its schema has them as choices. An answer that has others is read all the same, and judged by
    element.
    """
    return _shape(tuple(labels.choices().items()))


# making one takes some milliseconds, and what is known by a shape is kept for each
@lru_cache(maxsize=32)
def _shape(choices: tuple[tuple[str, tuple[str, ...]], ...]) -> type[ElementAnswers]:
    fields: dict[str, Any] = {
        output: Annotated[str, WithJsonSchema({"type": "string", "enum": list(names)})]
        for output, names in choices
    }
    one = create_model("ElementAnswer", __base__=ElementAnswer, **fields)
    group = create_model("ElementAnswers", __base__=ElementAnswers, elements=list[one])
    return cast(type[ElementAnswers], group)


def judged(
    answer: ElementAnswers, asked: Mapping[str, str], labels: Labels, instructions: str
) -> dict[str, Values | Problem]:
    """What is to be kept of each element that was asked about, by its id.

    `asked` has what was told of each. An answer about an element that was not asked about is left
    out.
    """
    times = Counter(one.id for one in answer.elements)
    by_id = {one.id: one for one in answer.elements}
    passages = {id_: _passages(told) for id_, told in asked.items()}
    found: dict[str, Values | Problem] = {}
    for record_id, told in asked.items():
        if times[record_id] != 1:
            said = f"has it {times[record_id]} times" if times[record_id] else "leaves it out"
            found[record_id] = Problem(Reason.MODEL_WRONG_IDS, f"{record_id}: the answer {said}")
            continue
        values = tidied(by_id[record_id].model_dump(exclude={"id"}))
        others = [theirs for id_, theirs in passages.items() if id_ != record_id]
        wrong = next(_flaws(values, labels), None)
        if wrong:
            found[record_id] = Problem(Reason.MODEL_OFF_SCHEMA, f"{record_id}: {wrong}")
        elif _echoes(values, told, [_instructed(instructions), *others]):
            message = f"{record_id}: it repeats what it was told, and is to be in own words"
            found[record_id] = Problem(Reason.MODEL_ECHOED, message)
        else:
            found[record_id] = values
    return found


def tidied(values: Mapping[str, Any]) -> Values:
    """The values with texts of a length that can be kept, in the order of `OUTPUTS`."""
    tidy = {name: values[name] for name in OUTPUTS}
    tidy["rationale"] = tidy["rationale"].strip()[:RATIONALE_MOST]
    for name in LISTS:
        items = dict.fromkeys(item.strip()[:ITEM_MOST] for item in tidy[name])
        tidy[name] = [item for item in items if item][:ITEMS_MOST]
    return tidy


def unfitting(values: Mapping[str, Any], labels: Labels) -> Iterator[str]:
    """What is wrong with anybody's values: a sentence each, with the output's name."""
    for output, names in labels.choices().items():
        if values[output] not in names:
            yield f"{output} must be one of {', '.join(names)}"
    if values["regulatory_references"] and not values["regulatory_flag"]:
        yield "regulatory_references must be empty where regulatory_flag is false"


def _flaws(values: Mapping[str, Any], labels: Labels) -> Iterator[str]:
    """What is wrong with a model's values."""
    yield from unfitting(values, labels)
    if not values["rationale"]:
        yield "rationale is empty"
    if not 0 <= values["confidence"] <= 100:
        yield "confidence is not from 0 to 100"


def _echoes(values: Values, told: str, foreign: Iterable[set[str]]) -> bool:
    """Whether a text is nothing but what was told of the element, or has a passage of the
    instructions or of what was told of another."""
    texts = [values["rationale"], *(item for name in LISTS for item in values[name])]
    if any(len(text) >= OWN and _spaced(text) in _spaced(told) for text in texts):
        return True
    said = _passages(" ".join(texts))
    return not all(said.isdisjoint(passages) for passages in foreign)


@lru_cache(maxsize=8)
def _instructed(instructions: str) -> set[str]:
    return _passages(instructions)


def _passages(text: str) -> set[str]:
    spaced = _spaced(text)
    return {spaced[start : start + ECHO] for start in range(len(spaced) - ECHO + 1)}


def _spaced(text: str) -> str:
    return " ".join(text.split())
