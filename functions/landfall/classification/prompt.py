"""Prompt of a classification: the instructions, and a question about a group of elements."""

import hashlib
import json
from collections.abc import Sequence
from functools import partial

from landfall.classification.answer import ElementAnswers, Values, answer_shape, validate_answer
from landfall.classification.elements import Element
from landfall.classification.labels import Labels
from landfall.llm.questions import Problem, Question
from landfall.llm.quoting import QUOTING_RULE, quote_untrusted

RULES = f"""\
You classify data elements of an organisation: the fields and records that its systems hold.
You are given data elements, each in a block of its own that is named by the element's id. Answer \
about every one of them, once, by its id, and about nothing else.
Judge each by itself, by its name, description, data type, source system and business context, \
whatever stands in the others.
regulatory_flag: a law, regulation or standard says how such data must be handled.
regulatory_references: the short names of these; an empty list when regulatory_flag is false.
pii_flag: it identifies a person, or is about one who can be identified.
security_controls: up to five controls that fit the classification.
rationale: one to three sentences on why, about this element.
confidence: 0 to 100. Low when the description leaves open what the element is.
{QUOTING_RULE}"""

MAX_ELEMENT_CHARACTERS = 12_000
"""Characters to which an element is cut, all its parts together."""

MAX_ANSWER_TOKENS = 400
"""Tokens of the answer about one element."""

MAX_REASONING_TOKENS = 4_000
"""Tokens of a model's reasoning before the answer."""


class Prompt:
    """The prompt of a run, with these labels.

    `salt` makes the same questions new ones, so that no stored answer is used.
    """

    def __init__(self, labels: Labels, salt: str = "") -> None:
        self.instructions = instructions(labels)
        self.version = hashlib.sha256(self.instructions.encode()).hexdigest()[:8]
        self._labels = labels
        self._shape = answer_shape(labels)
        self._salt = salt

    def key(self, model: str, effort: str | None) -> str:
        """Return the key of all that an answer depends on, apart from the element."""
        return json.dumps([self.version, model, effort])

    def question(self, elements: Sequence[Element]) -> Question[ElementAnswers]:
        """Return the question about these elements; its key is the id of the first.

        An answer is a problem only if nothing of it can be used. One that is wrong about some
        elements is left to `validate`.
        """
        return Question(
            key=elements[0].record_id,
            shape=self._shape,
            instructions=self.instructions,
            text="\n".join(
                quote_untrusted(one.record_id, one.text, MAX_ELEMENT_CHARACTERS) for one in elements
            ),
            prompt_version="-".join(filter(None, [self.version, self._salt])),
            max_tokens=MAX_REASONING_TOKENS + MAX_ANSWER_TOKENS * len(elements),
            problems=partial(self._problems, elements),
        )

    def validate(
        self, answer: ElementAnswers, elements: Sequence[Element]
    ) -> dict[str, Values | Problem]:
        """Return values or a problem for each element that was asked about, by its id."""
        texts = {element.record_id: element.text for element in elements}
        return validate_answer(answer, texts, self._labels, RULES)

    def _problems(self, elements: Sequence[Element], answer: ElementAnswers) -> Sequence[Problem]:
        found = self.validate(answer, elements).values()
        problems = [one for one in found if isinstance(one, Problem)]
        return problems if len(problems) == len(elements) else ()


def instructions(labels: Labels) -> str:
    """Return the rules, followed by the meaning of each label."""
    parts = [RULES]
    for output, meanings in labels.model_dump().items():
        lines = [f"- {label}: {meaning}".rstrip(": ") for label, meaning in meanings.items()]
        parts.append("\n".join([f"{output}:", *lines]))
    return "\n\n".join(parts)
