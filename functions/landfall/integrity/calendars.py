"""Dates of cells and of rules: parsing them, and comparing them by the day or by the moment."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

Moment = date | datetime
"""A day, or a moment with its time zone."""

_RELATIVE = re.compile(r"(today|now)(?:\s*([+-])\s*(\d{1,5})\s*([mhdw]))?")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

RELATIVE_SAYS = "`today`, `now`, or one of them with a distance such as `today-30d` or `now+2h`"


@dataclass(frozen=True)
class Calendar:
    """Where days begin, and what `now` is."""

    now: datetime
    zone: tzinfo = UTC

    def read(self, value: Any) -> Moment | None:
        """The day or moment that a cell holds; None where it holds none.

        A moment without a time zone is one of this calendar's.
        """
        if not isinstance(value, str):
            return None
        text = value.strip()
        try:
            if len(text) <= 10:
                return date.fromisoformat(text)
            moment = datetime.fromisoformat(text)
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=self.zone)

    def resolve(self, text: str) -> Moment:
        """What a rule's date says: one like a cell's, or a relative one. Raises `ValueError`."""
        match = _RELATIVE.fullmatch(text.strip())
        if not match:
            moment = self.read(text)
            if moment is None:
                raise ValueError(f"{text!r} is no date; say YYYY-MM-DD, {RELATIVE_SAYS}")
            return moment
        start, sign, number, unit = match.groups()
        distance = timedelta(**{_UNITS[unit]: int(f"{sign}{number}")}) if unit else timedelta()
        if start == "now":
            return self.now + distance
        return self.day(self.now) + distance

    def day(self, moment: Moment) -> date:
        """The day of a moment."""
        return moment.astimezone(self.zone).date() if isinstance(moment, datetime) else moment

    def order(self, one: Moment, other: Moment) -> int:
        """-1, 0 or 1: by the moment where both have one, else by the day."""
        if isinstance(one, datetime) and isinstance(other, datetime):
            return (one > other) - (one < other)
        first, second = self.day(one), self.day(other)
        return (first > second) - (first < second)


def is_date(text: str) -> bool:
    """Whether a rule may give this as a date."""
    try:
        Calendar(datetime.now(UTC)).resolve(text)
    except (ValueError, OverflowError):
        return False
    return True
