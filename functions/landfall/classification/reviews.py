"""Reviews: a person's decision about a suggestion, and the classification that results.

    suggested ──> confirmed | rejected | changed      by a person, as often as necessary

A person's values stay in effect whatever the model suggests later. A rejection concerns one
suggestion: after another one, the element is `suggested` again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self, get_args

from landfall.classification.answer import OUTPUTS, Values

ElementState = Literal["unclassified", "suggested", "confirmed", "rejected", "changed"]
STATES: tuple[ElementState, ...] = get_args(ElementState)
ReviewState = Literal["confirmed", "rejected", "changed"]

SETTLED: frozenset[str] = frozenset({"confirmed", "changed"})
"""States that a person has settled: the model is not asked about these elements again."""

MAX_HISTORY = 50
"""Earlier reviews of an element that are stored, the newest last."""


@dataclass(frozen=True)
class Review:
    """The latest review of an element: the suggestion that it concerns, and the values in effect.

    `history` has the earlier reviews.
    """

    state: ReviewState
    values: Values | None
    suggestion_id: str | None
    by: str
    at: datetime
    history: tuple[Mapping[str, Any], ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the fields to store."""
        return {**vars(self), "history": list(self.history)}

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> "Review":
        """Read a review from its document."""
        names = ("state", "values", "suggestion_id", "by", "at")
        return cls(**{name: stored[name] for name in names}, history=tuple(stored["history"]))

    def superseded_by(self, later: "Review") -> "Review":
        """Return a later review, with this one in its history."""
        before = {name: value for name, value in vars(self).items() if name != "history"}
        history = (*self.history, before)[-MAX_HISTORY:]
        return Review(later.state, later.values, later.suggestion_id, later.by, later.at, history)


@dataclass(frozen=True)
class Classification:
    """State and values of an element that are in effect."""

    state: ElementState
    values: Values | None

    @classmethod
    def of(cls, suggestion: Mapping[str, Any] | None, review: Review | None) -> Self:
        """Combine the model's suggestion and a person's review."""
        if review and review.state in SETTLED:
            return cls(review.state, review.values)
        if suggestion is None:
            return cls("unclassified", None)
        if review and review.suggestion_id == suggestion["suggestion_id"]:
            return cls("rejected", None)
        return cls("suggested", suggestion["values"])


def difference(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return {output: {"before", "now"}} of all changed outputs.

    No pairs: Firestore does not allow an array in an array, and some outputs are lists.
    """
    before, now = old or {}, new or {}
    return {
        name: {"before": before.get(name), "now": now.get(name)}
        for name in OUTPUTS
        if before.get(name) != now.get(name)
    }
