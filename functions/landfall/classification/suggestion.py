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
    """The outcome of a reply for an element, and its provenance."""

    element: Element
    values: Values | Problem
    asked: Provenance

    @property
    def good(self) -> bool:
        """Return whether there are values."""
        return not isinstance(self.values, Problem)

    def write(self, kept: StoredElement | None, path: str, asked_how: str) -> Write:
        """Return the write of the element's document, over the version that was read."""
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
    """Return the provenance of an outcome, of a question about so many `elements`."""
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
    """Return the values of a reply for each element of a group, by record id."""
    if reply.failure:
        return {element.record_id: reply.failure for element in group}
    assert reply.content is not None
    return prompt.validate(reply.content, group)
