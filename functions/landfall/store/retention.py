"""How long documents are kept. Firestore deletes one within a day after its `expires_at`.

A document that is not of these kinds stays until somebody deletes it; so do lists of findings,
which runs name that come long after the one that wrote them.
"""

import json
import re
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Self

from landfall.store.documents import Fields

EXPIRES_AT = "expires_at"


@dataclass(frozen=True)
class Keeping:
    """Days that a document is kept after it was written, by what it is of."""

    fetched: int = 7
    """What was fetched, and what steps noted on their way: a run needs it until its end."""
    runs: int = 400
    """A run with its steps, events and report: a year of them can be looked back on."""

    def __post_init__(self) -> None:
        """Raise `ValueError` when a run, which lasts 24 h at most, could lose what it needs."""
        if not 2 <= self.fetched <= self.runs:
            raise ValueError("days of `fetched` are from 2 to those of `runs`")

    @classmethod
    def parse(cls, text: str) -> Self:
        """From JSON such as `{"runs": 90}`; what is absent is the default. Raises `ValueError`."""
        given = json.loads(text) if text else {}
        names = [field.name for field in fields(cls)]
        if not isinstance(given, dict) or not set(given) <= set(names):
            raise ValueError(f"keeping is a JSON object with some of {', '.join(names)}")
        if not all(type(value) is int for value in given.values()):
            raise ValueError("keeping is in whole days")
        return cls(**given)

    def expiry(self, path: str, data: Fields) -> Fields:
        """What a new document says of its end; nothing when it says so itself, or has none."""
        days = self._days(path)
        if days is None or EXPIRES_AT in data:
            return {}
        return {EXPIRES_AT: data["updated_at"] + timedelta(days=days)}

    def _days(self, path: str) -> int | None:
        kind, name = "/".join(path.split("/")[::2]), path.rsplit("/", 1)[1]
        if kind == "runs/results" and not _NOTE.fullmatch(name):
            return None if name.isdigit() else self.runs
        return {
            "runs": self.runs,
            "runs/steps": self.runs,
            "runs/events": self.runs,
            "runs/pages": self.fetched,
            "runs/results": self.fetched,
        }.get(kind)


_NOTE = re.compile(r"[a-z]+-\d+")
"""`part-000000`: what a step noted for its continuation, or for the next step."""

KEEPING = Keeping()
EXPIRING = ("runs", "steps", "events", "pages", "results", "answers", "usage")
"""Collections in which documents have an `expires_at`; the last two, and pages of sites, say it
themselves."""
