"""Dates of cells and of rules: parsing them, and comparing them by day or by moment."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

Moment = date | datetime
"""A day, or a moment with its time zone."""

_RELATIVE = re.compile(r"(today|now)(?:\s*([+-])\s*(\d{1,5})\s*([mhdw]))?")
_DURATION = re.compile(r"(-?\d{1,5})\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

RELATIVE_FORMS = "`today`, `now`, or one of them with an offset such as `today-30d` or `now+2h`"


@dataclass(frozen=True)
class Calendar:
    """The time zone in which days begin, and the moment of `now`."""

    now: datetime
    zone: tzinfo = UTC

    def read(self, value: Any) -> Moment | None:
        """Return the day or moment in a cell; None if there is none, as with blanks around it.

        A moment without a time zone is in this calendar's zone.
        """
        if not isinstance(value, str):
            return None
        try:
            if len(value) <= 10:
                return date.fromisoformat(value)
            moment = datetime.fromisoformat(value)
        except ValueError:
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=self.zone)

    def resolve(self, text: str) -> Moment:
        """Return the moment of a rule's date, absolute or relative. Raises `ValueError`."""
        match = _RELATIVE.fullmatch(text.strip())
        if not match:
            moment = self.read(text.strip())
            if moment is None:
                raise ValueError(f"{text!r} is not a date; use YYYY-MM-DD, {RELATIVE_FORMS}")
            return moment
        start, sign, number, unit = match.groups()
        away = parse_duration(f"{sign}{number}{unit}".lstrip("+")) if unit else timedelta()
        return (self.now if start == "now" else self.day(self.now)) + away

    def day(self, moment: Moment) -> date:
        """Return the day of a moment."""
        if not isinstance(moment, datetime):
            return moment
        try:
            return moment.astimezone(self.zone).date()
        except OverflowError:  # the first or last possible day, in another zone
            return moment.date()

    def order(self, one: Moment, other: Moment) -> int:
        """Return -1, 0 or 1: by moment if both have a time, else by day."""
        if isinstance(one, datetime) != isinstance(other, datetime):
            one, other = self.day(one), self.day(other)
        return (one > other) - (one < other)


def parse_duration(text: str) -> timedelta:
    """Return the duration of `30d`, `2h` or `-4w`, in m, h, d or w. Raises `ValueError`."""
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a duration; use a number of m, h, d or w, such as `30d`")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def is_date(text: str) -> bool:
    """Return whether a rule may give this text as a date."""
    try:
        Calendar(datetime.now(UTC)).resolve(text)
    except (ValueError, OverflowError):
        return False
    return True
