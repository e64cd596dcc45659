"""What people see of a classification's elements, and what they say of them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from landfall.classification.answer import LISTS, OUTPUTS, Values
from landfall.classification.corrections import corrected
from landfall.classification.element_store import Catalogue, Kept
from landfall.classification.reviews import Review, Verb, difference
from landfall.classification.scan import ClassificationScan
from landfall.reasons import LandfallError, NotFoundError
from landfall.runs.commit import Clock
from landfall.store.conflicts import until_committed
from landfall.store.documents import Create, Fields, Store, Update, Write

COLUMNS = (
    "record_id", "name", "state", *OUTPUTS, "suggestion_id", "model", "suggested_at", "reviewed_by",
    "reviewed_at", "failure", "link",
)  # fmt: skip
"""What a CSV file has of an element."""

REVIEW_TRIES = 5
"""Times that somebody else may write an element while a review of it is kept."""


class ElementNotFoundError(NotFoundError):
    """There is no such element of this scan."""


class OutdatedError(LandfallError):
    """The suggestion that a person speaks of is not the present one."""

    status = 409
    code = "outdated"


@dataclass(frozen=True)
class Word:
    """What a person says of an element: of which suggestion, and with which `values` instead."""

    state: Verb
    suggestion_id: str | None
    by: str
    values: Any = None


class Reviewing:
    """The elements of a scan as they are now."""

    def __init__(self, store: Store, clock: Clock, scan: ClassificationScan) -> None:
        self._store = store
        self._clock = clock
        self._scan = scan
        self._catalogue = Catalogue(store, scan.id)

    async def listed(self, wanted: Mapping[str, str]) -> list[Fields]:
        """Those that are in the table and wanted: by `state`, or an output and its value."""
        kept = (await self._catalogue.all()).values()
        shown = [self._shown(one) for one in kept if one.entry.gone_at is None]
        return [element for element in shown if _is_wanted(element, wanted)]

    async def one(self, record_id: str) -> Fields:
        """One with what was said of it before. Raises `ElementNotFoundError`."""
        return self._whole(await self._find(record_id))

    async def review(self, record_id: str, word: Word) -> Fields:
        """Keep what a person says.

        Raises `ElementNotFoundError`, `OutdatedError`, and `ValueError` for values that do not fit.
        """

        async def attempt() -> None:  # after a lost race it may be about another suggestion
            kept = await self._find(record_id)
            await self._store.commit(self._writes(kept, self._review(kept, word)))

        await until_committed(attempt, tries=REVIEW_TRIES, what=record_id)
        return self._whole(await self._find(record_id))

    async def _find(self, record_id: str) -> Kept:
        if re.fullmatch("rec[A-Za-z0-9]+", record_id):  # what else may be no part of a path
            kept = (await self._catalogue.some([record_id]))[record_id]
            if kept.document:
                return kept
        raise ElementNotFoundError(f"this scan has no element {record_id!r}")

    def _review(self, kept: Kept, word: Word) -> Review:
        suggestion = kept.entry.suggestion
        current = suggestion["suggestion_id"] if suggestion else None
        if word.suggestion_id != current:
            raise OutdatedError(
                f"the suggestion is {current!r} now, not {word.suggestion_id!r}: look again"
            )
        values = self._values(kept, word)
        review = Review(word.state, values, current, word.by, self._clock())
        return kept.review.followed_by(review) if kept.review else review

    def _values(self, kept: Kept, word: Word) -> Values | None:
        suggestion = kept.entry.suggestion
        suggested = suggestion["values"] if suggestion else None
        if word.state == "changed":
            return corrected(kept.standing.values or suggested, word.values, self._scan.labels)
        if suggested is None:
            raise ValueError(f"there is no suggestion to be {word.state}; `change` takes `values`")
        return suggested if word.state == "confirmed" else None

    def _writes(self, kept: Kept, review: Review) -> Sequence[Write]:
        """The review, and the element with what it is by it: both as they were read."""
        assert kept.document is not None
        stamp = {"updated_at": self._clock(), "updated_by": review.by}
        path, before = self._catalogue.review_path_of(kept.entry.record_id), kept.review_document
        fields = review.document() | stamp
        said: Write = Update(path, fields, before.version) if before else Create(path, fields)
        element = kept.entry.document(review) | stamp
        return [said, Update(kept.document.path, element, kept.document.version)]

    def _whole(self, kept: Kept) -> Fields:
        history = list(kept.review.history) if kept.review else []
        return self._shown(kept) | {"previous": kept.entry.previous, "history": history}

    def _shown(self, kept: Kept) -> Fields:
        entry, review, now = kept.entry, kept.review, kept.standing
        said = {name: getattr(review, name) for name in _SAID} if review else None
        return {
            "record_id": entry.record_id,
            "name": entry.name,
            "state": now.state,
            "values": now.values,
            "told": entry.told,
            "suggestion": entry.suggestion,
            "changed_from": _changed_from(kept),
            "failure": entry.failure,
            "review": said,
            "link": entry.link,
        }


_SAID = ("state", "by", "at", "suggestion_id")


def row(element: Fields) -> Fields:
    """An element with a value for each of `COLUMNS`."""
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


def _changed_from(kept: Kept) -> Fields | None:
    """What the present suggestion says that the one before it did not."""
    suggestion, previous = kept.entry.suggestion, kept.entry.previous
    if suggestion is None or previous is None:
        return None
    return difference(previous["values"], suggestion["values"])


def _is_wanted(element: Fields, wanted: Mapping[str, str]) -> bool:
    values = element["values"] or {}
    return all(
        (element["state"] if name == "state" else _text(values.get(name))) == value
        for name, value in wanted.items()
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
