"""What is known of an element from one run to the next.

`suggestion` is the last good answer of the model and `failure` the last try since that came to
nothing; a failure never takes a suggestion's place. What a person says is not in here: it is a
`Review`, and no run writes one.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Self

from landfall.classification.answer import Values
from landfall.classification.elements import Element
from landfall.classification.reviews import Review, standing
from landfall.llm.questions import Problem

Fields = dict[str, Any]


@dataclass(frozen=True)
class Asked:
    """How an answer came about: in which run, when, by which model, for how much.

    `fetched_at` is when the page of the element's record was kept of which the model was told.
    Tokens and dollars are an element's share of its group's; `attempt` is 2 after a repair, and
    `answer` is the id of the kept answer.
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
class Entry:
    """An element over time. `told` is what was last said of it in the table.

    `previous` is the suggestion that the present one took the place of. `written` is the mark of
    what stands in the element's own record by our doing; `gone_at` is when that was missed first.
    """

    record_id: str
    told: Mapping[str, str] = field(default_factory=dict)
    link: str = ""
    suggestion: Mapping[str, Any] | None = None
    previous: Mapping[str, Any] | None = None
    failure: Mapping[str, Any] | None = None
    written: str | None = None
    gone_at: datetime | None = None

    @classmethod
    def load(cls, record_id: str, stored: Mapping[str, Any]) -> Self:
        """From its document."""
        names = ("told", "link", "suggestion", "previous", "failure", "written", "gone_at")
        return cls(record_id, **{name: stored[name] for name in names})

    def document(self, review: Review | None) -> Fields:
        """As it is stored: with what the element is now, for people who look into Firestore."""
        now = standing(self.suggestion, review)
        head = {"name": self.name, "state": now.state, "values": now.values}
        return {**head, **vars(self), "told": dict(self.told)}

    @property
    def name(self) -> str:
        """For people."""
        return self.told.get("name") or self.record_id

    def answers(self, asked_hash: str) -> bool:
        """Whether there is a good suggestion about just this, stored as it was answered."""
        now = self.suggestion
        return now is not None and now["hash"] == asked_hash and is_whole(now)

    def knows_later_than(self, fetched_at: datetime) -> bool:
        """Whether the suggestion is of a run that has read the element's record after that."""
        return self.suggestion is not None and self.suggestion["fetched_at"] > fetched_at

    def suggested(self, element: Element, asked_hash: str, values: Values, how: Asked) -> Self:
        """With a good answer. The same answer of the same run changes nothing, and neither does
        one that was told of what was read earlier than for the present suggestion."""
        suggestion_id = identity(asked_hash, values)
        now = self.suggestion
        if self.knows_later_than(how.fetched_at):
            return self
        same = now and (now["suggestion_id"], now["run_id"]) == (suggestion_id, how.run_id)
        if same and self.failure is None:
            return self
        made = {"suggestion_id": suggestion_id, "values": values, "hash": asked_hash, **vars(how)}
        return replace(self._seen(element), suggestion=made, previous=now, failure=None)

    def failed(self, element: Element, problem: Problem, how: Asked) -> Self:
        """With a try that came to nothing."""
        if self.knows_later_than(how.fetched_at):
            return self
        failure: Fields = {"reason": problem.reason, "message": problem.message}
        failure |= {"run_id": how.run_id, "at": how.at}
        now = self.failure
        if now and all(now[name] == failure[name] for name in ("reason", "message", "run_id")):
            return self
        return replace(self._seen(element), failure=failure)

    def gone(self, at: datetime | None) -> Self:
        """Its record is not in the table since then; None: it is."""
        return replace(self, gone_at=at)

    def _seen(self, element: Element) -> Self:
        return replace(self, told=element.told, link=element.link, gone_at=None)


def identity(asked_hash: str, values: Values) -> str:
    """16 hex digits by which a suggestion is known: of what was asked and what was answered."""
    text = json.dumps([asked_hash, values], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_whole(suggestion: Mapping[str, Any]) -> bool:
    """Whether a stored suggestion is what was answered, by its identity."""
    stored: str = suggestion["suggestion_id"]
    return stored == identity(suggestion["hash"], suggestion["values"])
