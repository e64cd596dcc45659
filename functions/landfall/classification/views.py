"""Elements of a classification as people see and review them."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landfall.classification.answer import LISTS, OUTPUTS, Values
from landfall.classification.corrections import apply_correction
from landfall.classification.element_store import ElementStore, StoredElement
from landfall.classification.elements import describe_cut
from landfall.classification.review_index import Lines, ReviewIndex, line_of
from landfall.classification.reviews import Review, ReviewState, difference, seen_of
from landfall.classification.scan import ClassificationScan
from landfall.reasons import LandfallError, NotFoundError
from landfall.runs.commit import Clock
from landfall.store.conflicts import until_committed
from landfall.store.documents import Create, Fields, Store, Update, Write, both

COLUMNS = (
    "record_id", "name", "state", *OUTPUTS, "suggestion_id", "model", "suggested_at", "reviewed_by",
    "reviewed_at", "failure", "cut", "link",
)  # fmt: skip
"""Columns of a CSV file of elements."""

MAX_REVIEW_ATTEMPTS = 5
"""Attempts to store a review while others write the same element."""


class ElementNotFoundError(NotFoundError):
    """The scan has no such element."""


class OutdatedError(LandfallError):
    """A person decided about something that has changed: the message says what."""

    status = 409
    code = "outdated"


@dataclass(frozen=True)
class Decision:
    """A person's decision about a suggestion; `values` replace the suggested ones.

    `seen` is that of the element as the person saw it; without one, only another suggestion refuses
    the decision. `act` is the same for all that is decided about at once.
    """

    state: ReviewState
    suggestion_id: str | None
    by: str
    values: Any = None
    seen: str | None = None
    why: str = ""
    act: str = ""


class ElementReviews:
    """The elements of a scan, and their reviews."""

    def __init__(self, store: Store, clock: Clock, scan: ClassificationScan) -> None:
        self._store = store
        self._clock = clock
        self._scan = scan
        self._elements = ElementStore(store, scan.id)
        self._index = ReviewIndex(store, clock, scan.id)

    async def find(self, filters: Mapping[str, str]) -> list[Fields]:
        """Return the elements in the table that match: by `state`, or an output and its value."""
        stored = (await self._elements.read_all()).values()
        shown = [self._shown(one) for one in stored if one.tracked.gone_at is None]
        return [element for element in shown if _matches(element, filters)]

    async def get(self, record_id: str) -> Fields:
        """Return one element with its history. Raises `ElementNotFoundError`."""
        return self._whole(await self._find(record_id))

    async def review(self, record_id: str, decision: Decision) -> Fields:
        """Store a decision. Return the element with its history.

        Raises `ElementNotFoundError`, `OutdatedError`, and `ValueError` for invalid values.
        """

        return await self._decide(record_id, lambda stored: self._review(stored, decision))

    async def withdraw(self, record_id: str, by: str, seen: str | None) -> Fields:
        """Withdraw the decision about an element: the one before it, or none, is in effect again.

        Raises `ElementNotFoundError`, `OutdatedError`, and `ValueError` where there is none.
        """
        return await self._decide(record_id, lambda stored: self.without(stored, by, seen))

    async def _decide(self, record_id: str, decide: Callable[[StoredElement], Review]) -> Fields:
        async def attempt() -> None:  # after a lost race, the suggestion may be a new one
            stored, shard = await both(self._find(record_id), self._index.shard_of(record_id))
            review = decide(stored)
            changes = self.changes(stored, review)
            await self._store.commit([*self.writes(stored, review), shard.changed(changes)])

        await until_committed(attempt, tries=MAX_REVIEW_ATTEMPTS, what=record_id)
        return self._whole(await self._find(record_id))

    async def _find(self, record_id: str) -> StoredElement:
        if re.fullmatch("rec[A-Za-z0-9]+", record_id):  # anything else could break out of the path
            stored = (await self._elements.read([record_id]))[record_id]
            if stored.document:
                return stored
        raise ElementNotFoundError(f"this scan has no element {record_id!r}")

    def _review(self, stored: StoredElement, decision: Decision) -> Review:
        if decision.seen is not None:
            _check_seen(stored, decision.seen, decision.suggestion_id)
        suggestion = stored.tracked.suggestion
        current = suggestion["suggestion_id"] if suggestion else None
        if decision.suggestion_id != current:
            raise OutdatedError(
                f"the suggestion is now {current!r}, not {decision.suggestion_id!r}: read it again"
                f"{_what_is_new(stored, decision.suggestion_id)}"
            )
        return self.reviewed(stored, decision)

    def reviewed(self, stored: StoredElement, decision: Decision) -> Review:
        """Return the review of a decision about the present suggestion. Raises `ValueError`."""
        suggestion = stored.tracked.suggestion
        review = Review(
            decision.state,
            self._values(stored, decision),
            suggestion["suggestion_id"] if suggestion else None,
            decision.by,
            self._clock(),
            why=decision.why,
            act=decision.act,
        )
        return stored.review.superseded_by(review) if stored.review else review

    def without(self, stored: StoredElement, by: str, seen: str | None) -> Review:
        """Return the review without the latest decision. Raises `OutdatedError`, `ValueError`."""
        if seen is not None:
            _check_seen(stored, seen)
        if stored.review is None or stored.review.state == "reopened":
            raise ValueError("nobody has decided about this element, so there is nothing to undo")
        return stored.review.withdrawn(by, self._clock())

    def _values(self, stored: StoredElement, decision: Decision) -> Values | None:
        suggestion = stored.tracked.suggestion
        suggested = suggestion["values"] if suggestion else None
        if decision.state == "changed":
            return apply_correction(
                stored.classification.values or suggested, decision.values, self._scan.labels
            )
        if suggested is None:
            raise ValueError(
                f"there is no suggestion to be {decision.state}; use `change` with `values`"
            )
        return suggested if decision.state == "confirmed" else None

    def changes(self, stored: StoredElement, review: Review | None) -> Lines:
        """Return what the index has of an element with this review."""
        tracked = stored.tracked
        return {} if tracked.gone_at else {tracked.record_id: line_of(tracked, review)}

    def writes(self, stored: StoredElement, review: Review) -> Sequence[Write]:
        """Return the writes of review and element, each only if unchanged since it was read."""
        assert stored.document is not None
        stamp = {"updated_at": self._clock(), "updated_by": review.by}
        path = self._elements.review_path_of(stored.tracked.record_id)
        before = stored.review_document
        fields = review.document() | stamp
        write: Write = Update(path, fields, before.version) if before else Create(path, fields)
        element = stored.tracked.document(review) | stamp
        return [write, Update(stored.document.path, element, stored.document.version)]

    def _whole(self, stored: StoredElement) -> Fields:
        history = list(stored.review.history) if stored.review else []
        return self._shown(stored) | {"previous": stored.tracked.previous, "history": history}

    def _shown(self, stored: StoredElement) -> Fields:
        tracked, review, now = stored.tracked, stored.review, stored.classification
        shown = {name: getattr(review, name) for name in _REVIEW_FIELDS} if review else None
        return {
            "record_id": tracked.record_id,
            "name": tracked.name,
            "state": now.state,
            "values": now.values,
            "told": tracked.told,
            "cut": describe_cut(tracked.cut or {}),
            "suggestion": tracked.suggestion,
            "changed_from": _changed_from(stored),
            "failure": tracked.failure,
            "review": shown,
            "link": tracked.link,
            "seen": stored.seen,
        }


_REVIEW_FIELDS = ("state", "by", "at", "suggestion_id", "why")


def _check_seen(stored: StoredElement, seen: str, suggestion_id: str | None = None) -> None:
    """Raise `OutdatedError`, which says what has changed, unless a person has seen the present."""
    if seen == stored.seen:
        return
    review = stored.review
    if review and seen_of(stored.tracked.suggestion, None) == seen:
        raise OutdatedError(f"{review.by} has {review.state} it meanwhile: look again")
    new = _what_is_new(stored, suggestion_id)
    who = f"; {review.by} was the last who decided: {review.state}" if review else ""
    raise OutdatedError(f"it has changed since you saw it{new}{who}: look again")


def _what_is_new(stored: StoredElement, suggestion_id: str | None) -> str:
    """Return how the suggestion differs from the one that a person saw, if that is known."""
    previous = stored.tracked.previous
    if not previous or previous["suggestion_id"] != suggestion_id:
        return ""
    changes = _changed_from(stored) or {}
    texts = [f"{name} was {it['before']}, is {it['now']}" for name, it in changes.items()]
    return f" (the model suggests anew: {'; '.join(texts)})" if texts else ""


def csv_row(element: Fields) -> Fields:
    """Return an element with a value for each of `COLUMNS`."""
    values = element["values"] or dict.fromkeys(OUTPUTS)
    suggestion, review = element["suggestion"] or {}, element["review"] or {}
    lists = {name: ", ".join(values[name] or ()) for name in LISTS}
    return {
        **element,
        **values,
        **lists,
        "suggestion_id": suggestion.get("suggestion_id"),
        "model": suggestion.get("model"),
        "suggested_at": suggestion.get("at"),
        "reviewed_by": review.get("by"),
        "reviewed_at": review.get("at"),
        "failure": (element["failure"] or {}).get("reason"),
    }


def _changed_from(stored: StoredElement) -> Fields | None:
    """Return the changes from the previous suggestion to the present one."""
    suggestion, previous = stored.tracked.suggestion, stored.tracked.previous
    if suggestion is None or previous is None:
        return None
    return difference(previous["values"], suggestion["values"])


def _matches(element: Fields, filters: Mapping[str, str]) -> bool:
    values = element["values"] or {}
    return all(
        (element["state"] if name == "state" else _text(values.get(name))) == value
        for name, value in filters.items()
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
