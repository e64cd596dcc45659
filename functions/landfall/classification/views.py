"""Elements of a classification as people see and review them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landfall.classification.answer import LISTS, OUTPUTS, Values
from landfall.classification.corrections import apply_correction
from landfall.classification.element_store import ElementStore, StoredElement
from landfall.classification.elements import describe_cut
from landfall.classification.reviews import Review, ReviewState, difference
from landfall.classification.scan import ClassificationScan
from landfall.reasons import LandfallError, NotFoundError
from landfall.runs.commit import Clock
from landfall.store.conflicts import until_committed
from landfall.store.documents import Create, Fields, Store, Update, Write

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
    """The reviewed suggestion is not the present one."""

    status = 409
    code = "outdated"


@dataclass(frozen=True)
class Decision:
    """A person's decision about a suggestion; `values` replace the suggested ones."""

    state: ReviewState
    suggestion_id: str | None
    by: str
    values: Any = None


class ElementReviews:
    """The elements of a scan, and their reviews."""

    def __init__(self, store: Store, clock: Clock, scan: ClassificationScan) -> None:
        self._store = store
        self._clock = clock
        self._scan = scan
        self._elements = ElementStore(store, scan.id)

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

        async def attempt() -> None:  # after a lost race, the suggestion may be a new one
            stored = await self._find(record_id)
            await self._store.commit(self._writes(stored, self._review(stored, decision)))

        await until_committed(attempt, tries=MAX_REVIEW_ATTEMPTS, what=record_id)
        return self._whole(await self._find(record_id))

    async def _find(self, record_id: str) -> StoredElement:
        if re.fullmatch("rec[A-Za-z0-9]+", record_id):  # anything else could break out of the path
            stored = (await self._elements.read([record_id]))[record_id]
            if stored.document:
                return stored
        raise ElementNotFoundError(f"this scan has no element {record_id!r}")

    def _review(self, stored: StoredElement, decision: Decision) -> Review:
        suggestion = stored.tracked.suggestion
        current = suggestion["suggestion_id"] if suggestion else None
        if decision.suggestion_id != current:
            raise OutdatedError(
                f"the suggestion is now {current!r}, not {decision.suggestion_id!r}: read it again"
            )
        values = self._values(stored, decision)
        review = Review(decision.state, values, current, decision.by, self._clock())
        return stored.review.superseded_by(review) if stored.review else review

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

    def _writes(self, stored: StoredElement, review: Review) -> Sequence[Write]:
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
        }


_REVIEW_FIELDS = ("state", "by", "at", "suggestion_id")


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
