"""The result of a question for one element: the suggested values, or why there are none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from landfall.classification.answer import Values
from landfall.classification.element_store import StoredElement
from landfall.classification.elements import Element
from landfall.classification.prompt import Prompt
from landfall.classification.tracked_element import Provenance, TrackedElement
from landfall.llm.questions import Problem, Reply
from landfall.store.documents import Write


@dataclass(frozen=True)
class Suggestion:
    """What a reply suggests of an element, and how it was asked."""

    element: Element
    values: Values | Problem
    asked: Provenance

    @property
    def good(self) -> bool:
        """Return whether there are values."""
        return not isinstance(self.values, Problem)

    def write(self, kept: StoredElement | None, path: str, asked_how: str) -> Write:
        """Return the write of the element's document, as it was read last."""
        kept = kept or StoredElement(TrackedElement(self.element.record_id))
        if isinstance(self.values, Problem):
            entry = kept.tracked.with_failure(self.element, self.values, self.asked)
        else:
            asked_hash = self.element.hash(asked_how)
            entry = kept.tracked.with_suggestion(self.element, asked_hash, self.values, self.asked)
        return kept.write(path, entry)


def asked_by(
    reply: Reply[Any], run_id: str, at: datetime, version: str, element: Element, elements: int
) -> Provenance:
    """Return how an element was asked about, in a question about so many `elements`."""
    return Provenance(
        run_id=run_id,
        at=at,
        fetched_at=element.fetched_at,
        model=reply.model,
        prompt_version=version,
        attempt=reply.attempt,
        tokens=round(reply.usage.tokens / elements),
        dollars=None if reply.dollars is None else reply.dollars / elements,
        seconds=round(reply.seconds, 3),
        answer=reply.hash,
    )


def values_of(
    prompt: Prompt, reply: Reply[Any], group: Sequence[Element]
) -> Mapping[str, Values | Problem]:
    """Return what a reply says of each element of a group, by the ids of their records."""
    if reply.failure:
        return {element.record_id: reply.failure for element in group}
    assert reply.content is not None
    return prompt.validate(reply.content, group)
