"""A definition in plain sentences: for people who did not write it, and before they save it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from itertools import islice, takewhile
from typing import Any

from landfall.scans.schedule import Schedule
from landfall.scans.slots import slots_ahead

MONTH = timedelta(days=30)

MAX_SLOTS = 500
"""Slots that are counted; those of a schedule with more a month are estimated."""

MAX_NAMES = 20
"""Names in a sentence."""


@dataclass(frozen=True)
class KnownSource:
    """Facts about a source beside the definition, each None where nobody has looked."""

    records: int | None = None
    documents: int | None = None
    """Documents that the last run has written."""
    fields: Mapping[str, Sequence[str]] | None = None
    """Names of the fields of every table of the base."""


@dataclass(frozen=True)
class ScanInWords:
    """Sentences about a scan."""

    checks: Sequence[str]
    costs: Sequence[str]
    unseen: Sequence[str]
    """Parts of its source that it does not look at."""

    def document(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def runs_a_month(schedule: Schedule | None, now: datetime) -> int:
    """Return the number of runs that the schedule starts in the next 30 days, or about that."""
    if schedule is None or schedule.paused:
        return 0
    slots = list(
        islice(takewhile(lambda it: it < now + MONTH, slots_ahead(schedule, now)), MAX_SLOTS)
    )
    if len(slots) == MAX_SLOTS and slots[-1] > now:
        slots_in_month = round(MAX_SLOTS * (MONTH / (slots[-1] - now)))
    else:
        slots_in_month = len(slots)
    return min(slots_in_month, schedule.max_runs or slots_in_month)


def named(names: Iterable[str]) -> str:
    """Return names as a part of a sentence; of many, the first ones and how many more."""
    found = list(names)
    more = len(found) - MAX_NAMES
    return ", ".join(found[:MAX_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def monthly(a_run: int, runs: int) -> str:
    """Return how many that are a month, as the end of a sentence; nothing without a schedule."""
    return f", {a_run * runs:,} a month with {runs:,} runs" if runs else ""
