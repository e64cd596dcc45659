"""What a person says of a suggestion, and what an element is by both.

    suggested ──> confirmed | rejected | changed      by a person, as often as it takes

A person's values stay whatever the model suggests later. A rejection is about one suggestion: when
another one is made, the element is `suggested` again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

from landfall.classification.answer import OUTPUTS, Values

State = Literal["unclassified", "suggested", "confirmed", "rejected", "changed"]
STATES: tuple[State, ...] = get_args(State)
Verb = Literal["confirmed", "rejected", "changed"]

SETTLED: frozenset[str] = frozenset({"confirmed", "changed"})
"""A person's word: the model is not asked about these again."""

HISTORY = 50
"""Reviews of an element that are kept, the newest last."""


@dataclass(frozen=True)
class Review:
    """What a person said last: about which suggestion, and with which values it is so."""

    state: Verb
    values: Values | None
    suggestion_id: str | None
    by: str
    at: datetime
    history: tuple[Mapping[str, Any], ...] = ()

    def document(self) -> dict[str, Any]:
        """As it is stored."""
        return {**vars(self), "history": list(self.history)}

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> "Review":
        """From its document."""
        names = ("state", "values", "suggestion_id", "by", "at")
        return cls(**{name: stored[name] for name in names}, history=tuple(stored["history"]))

    def followed_by(self, later: "Review") -> "Review":
        """A later review, with this one in its history."""
        before = {name: value for name, value in vars(self).items() if name != "history"}
        history = (*self.history, before)[-HISTORY:]
        return Review(later.state, later.values, later.suggestion_id, later.by, later.at, history)


@dataclass(frozen=True)
class Standing:
    """What an element is now: its state, and its values unless there are none to go by."""

    state: State
    values: Values | None


def standing(suggestion: Mapping[str, Any] | None, review: Review | None) -> Standing:
    """What an element is by the model's suggestion and a person's review, where there are such."""
    if review and review.state in SETTLED:
        return Standing(review.state, review.values)
    if suggestion is None:
        return Standing("unclassified", None)
    if review and review.suggestion_id == suggestion["suggestion_id"]:
        return Standing("rejected", None)
    return Standing("suggested", suggestion["values"])


def difference(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> dict[str, Any]:
    """{output: {"before", "now"}} of what is not the same. No pairs: Firestore takes no array in an
    array, and some outputs are lists."""
    before, now = old or {}, new or {}
    return {
        name: {"before": before.get(name), "now": now.get(name)}
        for name in OUTPUTS
        if before.get(name) != now.get(name)
    }
