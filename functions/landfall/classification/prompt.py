"""How the model is asked about elements."""

import hashlib
import json
from collections.abc import Sequence
from functools import partial

from landfall.classification.answer import ElementAnswers, Values, judged, shape_of
from landfall.classification.elements import Element
from landfall.classification.labels import Labels
from landfall.llm.questions import Problem, Question
from landfall.llm.quoting import RULE, fenced

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
{RULE}"""

TOLD_MOST = 12_000
"""Characters of an element that are told, of all its parts together."""

ANSWER_TOKENS = 400
"""Tokens of the answer about an element, at most."""

THINKING_TOKENS = 4_000
"""Tokens that a model may think before it answers, at most."""


class Prompt:
    """How elements are asked about, with these labels, in this run.

    `again` makes the same questions new ones: what was answered to them before is not taken.
    """

    def __init__(self, labels: Labels, again: str = "") -> None:
        self.instructions = instructions(labels)
        self.version = hashlib.sha256(self.instructions.encode()).hexdigest()[:8]
        self._labels = labels
        self._shape = shape_of(labels)
        self._again = again

    def asked_how(self, model: str, effort: str | None) -> str:
        """All that an answer depends on but the element."""
        return json.dumps([self.version, model, effort])

    def question(self, elements: Sequence[Element]) -> Question[ElementAnswers]:
        """The question about these elements, whose key is the first one's id.

        An answer of which nothing can be used is a problem; for one that is wrong about some of
        the elements see `judged`.
        """
        return Question(
            key=elements[0].record_id,
            shape=self._shape,
            instructions=self.instructions,
            text="\n".join(fenced(one.record_id, one.text, TOLD_MOST) for one in elements),
            prompt_version="-".join(filter(None, [self.version, self._again])),
            max_tokens=THINKING_TOKENS + ANSWER_TOKENS * len(elements),
            problems=partial(self._problems, elements),
        )

    def judged(
        self, answer: ElementAnswers, elements: Sequence[Element]
    ) -> dict[str, Values | Problem]:
        """What is to be kept of an answer about each element that was asked about, by its id."""
        asked = {element.record_id: element.text for element in elements}
        return judged(answer, asked, self._labels, RULES)

    def _problems(self, elements: Sequence[Element], answer: ElementAnswers) -> Sequence[Problem]:
        found = self.judged(answer, elements).values()
        problems = [one for one in found if isinstance(one, Problem)]
        return problems if len(problems) == len(elements) else ()


def instructions(labels: Labels) -> str:
    """The rules, with what each label means."""
    parts = [RULES]
    for output, meanings in labels.model_dump().items():
        lines = [f"- {label}: {meaning}".rstrip(": ") for label, meaning in meanings.items()]
        parts.append("\n".join([f"{output}:", *lines]))
    return "\n\n".join(parts)
