"""Shape of the model's answer about a group of elements, and its validation.

The service gets a strict schema with the labels as choices. The answer is not trusted all the same:
each element is validated by itself, so an error in one does not affect the others.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, cast

from pydantic import BaseModel, Field, WithJsonSchema, create_model

from landfall.classification.labels import Labels
from landfall.llm.plain_text import plain_text
from landfall.llm.questions import Problem
from landfall.reasons import Reason

Values = dict[str, Any]
"""Values of an element: one for each of `OUTPUTS`."""

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

MAX_RATIONALE_CHARACTERS = 2_000
MAX_ITEM_CHARACTERS = 200
"""Characters to which a rationale and an item of a list are cut."""

MAX_ITEMS = 20
"""Items to which a list is cut."""

ECHO_CHARACTERS = 60
"""Length of a passage that an answer does not share by chance with its instructions or with the
text of another element."""

MIN_COPY_CHARACTERS = 40
"""Length from which a text that is copied from its element is no answer."""


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


def answer_shape(labels: Labels) -> type[ElementAnswers]:
    """Return the shape of an answer with these labels.

    Its schema has them as choices. An answer with other labels is still read, and validated by
    element.
    """
    return _shape(tuple(labels.choices().items()))


# cached: making it takes some milliseconds, and other caches have the shape as their key
@lru_cache(maxsize=32)
def _shape(choices: tuple[tuple[str, tuple[str, ...]], ...]) -> type[ElementAnswers]:
    fields: dict[str, Any] = {
        output: Annotated[str, WithJsonSchema({"type": "string", "enum": list(names)})]
        for output, names in choices
    }
    one = create_model("ElementAnswer", __base__=ElementAnswer, **fields)
    group = create_model("ElementAnswers", __base__=ElementAnswers, elements=list[one])
    return cast(type[ElementAnswers], group)


def validate_answer(
    answer: ElementAnswers, texts: Mapping[str, str], labels: Labels, instructions: str
) -> dict[str, Values | Problem]:
    """Return values or a problem for each element that was asked about, by its id.

    `texts` are those of the elements. Answers about other elements are ignored.
    """
    counts = Counter(one.id for one in answer.elements)
    by_id = {one.id: one for one in answer.elements}
    passages = {id_: _passages(text) for id_, text in texts.items()}
    found: dict[str, Values | Problem] = {}
    for record_id, text in texts.items():
        count = counts[record_id]
        if count != 1:
            wrong = f"contains it {count} times" if count else "does not contain it"
            found[record_id] = Problem(Reason.MODEL_WRONG_IDS, f"{record_id}: the answer {wrong}")
            continue
        values = normalize(_plain(by_id[record_id].model_dump(exclude={"id"})))
        others = [theirs for id_, theirs in passages.items() if id_ != record_id]
        error = next(_model_errors(values, labels), None)
        if error:
            found[record_id] = Problem(Reason.MODEL_OFF_SCHEMA, f"{record_id}: {error}")
        elif _echoes(values, text, [_instruction_passages(instructions), *others]):
            message = f"{record_id}: it copies its input instead of using words of its own"
            found[record_id] = Problem(Reason.MODEL_ECHOED, message)
        else:
            found[record_id] = values
    return found


def _plain(values: Values) -> Values:
    """Return the values of a model with texts that are harmless wherever they are shown."""
    rationale = plain_text(values["rationale"], MAX_RATIONALE_CHARACTERS)
    lists = {name: [plain_text(one, MAX_ITEM_CHARACTERS) for one in values[name]] for name in LISTS}
    return values | lists | {"rationale": rationale}


def normalize(values: Mapping[str, Any]) -> Values:
    """Return the values with texts trimmed and cut, in the order of `OUTPUTS`."""
    tidy = {name: values[name] for name in OUTPUTS}
    tidy["rationale"] = tidy["rationale"].strip()[:MAX_RATIONALE_CHARACTERS]
    for name in LISTS:
        items = dict.fromkeys(item.strip()[:MAX_ITEM_CHARACTERS] for item in tidy[name])
        tidy[name] = [item for item in items if item][:MAX_ITEMS]
    return tidy


def value_errors(values: Mapping[str, Any], labels: Labels) -> Iterator[str]:
    """Check values of any origin. Yield a sentence with the output's name for each error."""
    for output, names in labels.choices().items():
        if values[output] not in names:
            yield f"{output} must be one of {', '.join(names)}"
    if values["regulatory_references"] and not values["regulatory_flag"]:
        yield "regulatory_references must be empty where regulatory_flag is false"


def _model_errors(values: Mapping[str, Any], labels: Labels) -> Iterator[str]:
    """Check values of a model. Yield a sentence for each error."""
    yield from value_errors(values, labels)
    if not values["rationale"]:
        yield "rationale is empty"
    if not 0 <= values["confidence"] <= 100:
        yield "confidence is not from 0 to 100"


def _echoes(values: Values, own: str, foreign: Iterable[set[str]]) -> bool:
    """Return whether a text is copied from its element, or has a passage of the instructions or of
    another element."""
    texts = [values["rationale"], *(item for name in LISTS for item in values[name])]
    if any(len(text) >= MIN_COPY_CHARACTERS and _spaced(text) in _spaced(own) for text in texts):
        return True
    written = _passages(" ".join(texts))
    return not all(written.isdisjoint(passages) for passages in foreign)


@lru_cache(maxsize=8)
def _instruction_passages(instructions: str) -> set[str]:
    return _passages(instructions)


def _passages(text: str) -> set[str]:
    spaced = _spaced(text)
    starts = range(len(spaced) - ECHO_CHARACTERS + 1)
    return {spaced[start : start + ECHO_CHARACTERS] for start in starts}


def _spaced(text: str) -> str:
    return " ".join(text.split())
