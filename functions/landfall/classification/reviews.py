"""Reviews: a person's decision about a suggestion, and the classification that results.

    suggested ──> confirmed | rejected | changed      by a person, as often as necessary
        ^───────────────────────┘ reopened: the decision before it is in effect again

A person's values stay in effect whatever the model suggests later. A rejection concerns one
suggestion: after another one, the element is `suggested` again.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal, Self, cast, get_args

from landfall.classification.answer import OUTPUTS, Values
from landfall.store.limits import document_bytes

ElementState = Literal["unclassified", "suggested", "confirmed", "rejected", "changed"]
STATES: tuple[ElementState, ...] = get_args(ElementState)
ReviewState = Literal["confirmed", "rejected", "changed", "reopened"]

SETTLED: frozenset[str] = frozenset({"confirmed", "changed"})
"""States that a person has settled: the model is not asked about these elements again."""

MAX_HISTORY = 50
"""Earlier reviews of an element that are stored, the newest last."""

MAX_HISTORY_BYTES = 500_000
"""Bytes of them: 27 with the longest values would fill a document of 1 MiB."""


@dataclass(frozen=True)
class Review:
    """The latest review of an element: the suggestion that it concerns, and the values in effect.

    `history` has the earlier reviews, and those that were withdrawn. `why` is the person's reason;
    `act` is the same for all elements that were decided about at once. One that is `reopened` is no
    decision any more.
    """

    state: ReviewState
    values: Values | None
    suggestion_id: str | None
    by: str
    at: datetime
    history: tuple[Mapping[str, Any], ...] = ()
    why: str = ""
    act: str = ""

    def document(self) -> dict[str, Any]:
        """Return the fields to store.

        An earlier Landfall replaces all but the note, which therefore has the moment of its review.
        """
        fields = {name: getattr(self, name) for name in _FIELDS}
        note = {"at": self.at, "why": self.why, "act": self.act}
        return {**fields, "history": list(self.history), "note": note}

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> "Review":
        """Read a review from its document."""
        note = stored.get("note") or {}
        if note.get("at") != stored["at"]:
            note = {}
        return cls(
            **{name: stored[name] for name in _FIELDS},
            history=tuple(stored["history"]),
            why=note.get("why", ""),
            act=note.get("act", ""),
        )

    def superseded_by(self, later: "Review") -> "Review":
        """Return a later review, with this one in its history."""
        return replace(later, history=_newest((*self.history, self._past())))

    def withdrawn(self, by: str, at: datetime) -> "Review":
        """Return the review that is in effect without this one: the one before it, or none."""
        past = self._past() | {"withdrawn_by": by, "withdrawn_at": at}
        before = [one for one in self.history if "withdrawn_by" not in one]
        if not before:  # an earlier Landfall takes it for a review of another suggestion
            history = _newest((*self.history, past))
            return Review("reopened", None, None, by, at, history)
        earlier = before[-1]
        history = (*(one for one in self.history if one is not earlier), past)
        fields = {name: earlier[name] for name in _FIELDS}
        notes = {name: earlier.get(name, "") for name in ("why", "act")}
        return Review(**fields, **notes, history=history)

    def _past(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "history"}


def _newest(history: tuple[Mapping[str, Any], ...]) -> tuple[Mapping[str, Any], ...]:
    """Return the newest of earlier reviews, for which there is room."""
    newest = history[-MAX_HISTORY:]
    while document_bytes("", {"history": newest}) > MAX_HISTORY_BYTES:
        newest = newest[1:]
    return newest


_FIELDS = ("state", "values", "suggestion_id", "by", "at")


def seen_of(suggestion: Mapping[str, Any] | None, review: Review | None) -> str:
    """Return 16 hex digits of what a person sees of an element: its suggestion and its review.

    A decision that names them is refused where somebody, or the model, was faster.
    """
    said = (review.state, review.by, review.at.isoformat()) if review else None
    text = json.dumps([suggestion and suggestion["suggestion_id"], said])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Classification:
    """State and values of an element that are in effect."""

    state: ElementState
    values: Values | None

    @classmethod
    def of(cls, suggestion: Mapping[str, Any] | None, review: Review | None) -> Self:
        """Combine the model's suggestion and a person's review."""
        if review and review.state in SETTLED:
            return cls(cast(ElementState, review.state), review.values)
        if suggestion is None:
            return cls("unclassified", None)
        asked, said = suggestion["suggestion_id"], review and review.suggestion_id
        if review and review.state == "rejected" and said == asked:
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
