"""Dates of cells and of rules: parsing them, and comparing them by the day or by the moment."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

Moment = date | datetime
"""A day, or a moment with its time zone."""

_RELATIVE = re.compile(r"(today|now)(?:\s*([+-])\s*(\d{1,5})\s*([mhdw]))?")
_DISTANCE = re.compile(r"(-?\d{1,5})\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

RELATIVE_SAYS = "`today`, `now`, or one of them with an offset such as `today-30d` or `now+2h`"


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
                raise ValueError(f"{text!r} is not a date; use YYYY-MM-DD, {RELATIVE_SAYS}")
            return moment
        start, sign, number, unit = match.groups()
        away = distance(f"{sign}{number}{unit}".lstrip("+")) if unit else timedelta()
        return (self.now if start == "now" else self.day(self.now)) + away

    def day(self, moment: Moment) -> date:
        """The day of a moment."""
        if not isinstance(moment, datetime):
            return moment
        try:
            return moment.astimezone(self.zone).date()
        except OverflowError:  # the first or last day that there is, in another zone
            return moment.date()

    def order(self, one: Moment, other: Moment) -> int:
        """-1, 0 or 1: by the moment where both have one, else by the day."""
        if isinstance(one, datetime) != isinstance(other, datetime):
            one, other = self.day(one), self.day(other)
        return (one > other) - (one < other)


def distance(text: str) -> timedelta:
    """How long `30d`, `2h` or `-4w` is: minutes, hours, days or weeks. Raises `ValueError`."""
    match = _DISTANCE.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a duration; use a number of m, h, d or w, such as `30d`")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def is_date(text: str) -> bool:
    """Whether a rule may give this as a date."""
    try:
        Calendar(datetime.now(UTC)).resolve(text)
    except (ValueError, OverflowError):
        return False
    return True
