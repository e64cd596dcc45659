"""Elements as they are tracked from one run to the next.

`suggestion` is the last good answer of the model. `failure` is the last failed attempt since then;
it never replaces a suggestion. A person's review is not part of it: no run writes a `Review`.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from landfall.classification.answer import Values
from landfall.classification.elements import Cut, Element
from landfall.classification.reviews import Classification, Review
from landfall.llm.questions import Problem

Fields = dict[str, Any]


@dataclass(frozen=True)
class Provenance:
    """Origin of an answer: its run, time, model and cost.

    `fetched_at` is the time at which the page of the element's record was stored. Tokens and
    dollars are the element's share of its group's. `attempt` is 2 after a retry, and `answer` is
    the id of the stored answer.
    """

    run_id: str
    at: datetime
    fetched_at: datetime
    model: str
    prompt_version: str
    attempt: int
    tokens: int
    dollars: float | None
    seconds: float
    answer: str


@dataclass(frozen=True)
class TrackedElement:
    """An element over time. `told` has the texts of its parts, as they were last in the table.

    `cut` has the parts that are longer than that; None where an older Landfall has stored it.
    `previous` is the suggestion before the present one. `written` is the hash of the cells that
    were written back to the element's own record. `gone_at` is the time at which the record was
    first missing.
    """

    record_id: str
    told: Mapping[str, str] = field(default_factory=dict)
    link: str = ""
    suggestion: Mapping[str, Any] | None = None
    previous: Mapping[str, Any] | None = None
    failure: Mapping[str, Any] | None = None
    written: str | None = None
    gone_at: datetime | None = None
    cut: Mapping[str, Cut] | None = None

    @classmethod
    def load(cls, record_id: str, stored: Mapping[str, Any]) -> Self:
        """Read an element from its document."""
        names = ("told", "link", "suggestion", "previous", "failure", "written", "gone_at")
        fields = {name: stored[name] for name in names}
        return cls(record_id, **fields, cut=stored.get("cut"))

    def document(self, review: Review | None) -> Fields:
        """Return the fields to store, with the classification in effect for readers."""
        now = Classification.of(self.suggestion, review)
        head = {"name": self.name, "state": now.state, "values": now.values}
        return {**head, **vars(self), "told": dict(self.told)}

    @property
    def name(self) -> str:
        """Name to show to people."""
        return self.told.get("name") or self.record_id

    def has_suggestion_for(self, element_hash: str) -> bool:
        """Return whether it has an intact suggestion for an element of this hash."""
        now = self.suggestion
        return now is not None and now["hash"] == element_hash and is_intact(now)

    def is_newer_than(self, fetched_at: datetime) -> bool:
        """Return whether the suggestion is about a record that was fetched later."""
        return self.suggestion is not None and self.suggestion["fetched_at"] > fetched_at

    def with_suggestion(
        self, element: Element, element_hash: str, values: Values, provenance: Provenance
    ) -> Self:
        """Return the element with a good answer.

        The same answer of the same run changes nothing, and neither does one about a record that
        was fetched earlier than that of the present suggestion.
        """
        suggestion_id = suggestion_id_of(element_hash, values)
        now = self.suggestion
        if self.is_newer_than(provenance.fetched_at):
            return self
        same = now and (now["suggestion_id"], now["run_id"]) == (suggestion_id, provenance.run_id)
        if same and self.failure is None:
            return self
        made = {"suggestion_id": suggestion_id, "values": values, "hash": element_hash}
        made |= vars(provenance)
        return replace(self._refreshed(element), suggestion=made, previous=now, failure=None)

    def with_failure(self, element: Element, problem: Problem, provenance: Provenance) -> Self:
        """Return the element with a failed attempt."""
        if self.is_newer_than(provenance.fetched_at):
            return self
        failure: Fields = {"reason": problem.reason, "message": problem.message}
        failure |= {"run_id": provenance.run_id, "at": provenance.at}
        now = self.failure
        if now and all(now[name] == failure[name] for name in ("reason", "message", "run_id")):
            return self
        return replace(self._refreshed(element), failure=failure)

    def with_gone_at(self, at: datetime | None) -> Self:
        """Return the element as missing from the table since then; None: it is present."""
        return replace(self, gone_at=at)

    def _refreshed(self, element: Element) -> Self:
        told, cut = element.parts, element.cut
        return replace(self, told=told, cut=cut, link=element.link, gone_at=None)


def suggestion_id_of(element_hash: str, values: Values) -> str:
    """Return the id of a suggestion: 16 hex digits of what was asked and answered."""
    text = json.dumps([element_hash, values], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_intact(suggestion: Mapping[str, Any]) -> bool:
    """Return whether a stored suggestion still matches its id."""
    stored: str = suggestion["suggestion_id"]
    return stored == suggestion_id_of(suggestion["hash"], suggestion["values"])
