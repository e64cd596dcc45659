"""The retention of documents. Firestore deletes one within a day after its `expires_at`.

Documents of other kinds stay until somebody deletes them. So do lists of findings, because runs
refer to them long after the run that wrote them.
"""

import json
import re
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Self

from landfall.store.documents import Fields

EXPIRES_AT = "expires_at"


@dataclass(frozen=True)
class Retention:
    """Days from the write of a document until it expires, by kind."""

    fetched: int = 7
    """Fetched records and the notes of steps: a run needs them until its end."""
    runs: int = 400
    """A run with its steps, events and report: a year of history, and a month to spare."""

    def __post_init__(self) -> None:
        """Raise `ValueError` if a run, which lasts 24 h at most, could lose what it needs."""
        if not 2 <= self.fetched <= self.runs:
            raise ValueError("`fetched` must be from 2 days to those of `runs`")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse JSON such as `{"runs": 90}`; absent names are the defaults. Raises `ValueError`."""
        given = json.loads(text) if text else {}
        names = [field.name for field in fields(cls)]
        if not isinstance(given, dict) or not set(given) <= set(names):
            raise ValueError(f"must be a JSON object with some of {', '.join(names)}")
        if not all(type(value) is int for value in given.values()):
            raise ValueError("must be in whole days")
        return cls(**given)

    def expiry(self, path: str, data: Fields) -> Fields:
        """Return `expires_at` for a new document; nothing if it has one, or never expires."""
        days = self._days(path)
        if days is None or EXPIRES_AT in data:
            return {}
        return {EXPIRES_AT: data["updated_at"] + timedelta(days=days)}

    def _days(self, path: str) -> int | None:
        kind, name = "/".join(path.split("/")[::2]), path.rsplit("/", 1)[1]
        if kind == "runs/results" and _LIST.fullmatch(name):
            return None
        if kind == "runs/results" and not _NOTE.fullmatch(name):
            return self.runs
        return {
            "runs": self.runs,
            "runs/steps": self.runs,
            "runs/events": self.runs,
            "runs/pages": self.fetched,
            "runs/results": self.fetched,
        }.get(kind)


_LIST = re.compile(r"(index-|places-)?\d+")
"""`000000`, `index-000000`, `places-000000`: a list of findings."""

_NOTE = re.compile(r"[a-z]+-\d+")
"""`part-000000`: a note of a step for its continuation, or for the next step."""

RETENTION = Retention()
EXPIRING_COLLECTIONS = (
    "runs",
    "steps",
    "events",
    "pages",
    "results",
    "answers",
    "usage",
    "deletions",
    "outbox",
)
"""Collections whose documents have an `expires_at`. Those of the last four, and pages of sites,
set it themselves."""
