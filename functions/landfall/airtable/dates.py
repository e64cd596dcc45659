"""Dates of cells and of rules: parsing them, and comparing them by day or by moment."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

Moment = date | datetime
"""A day, or a moment with its time zone."""

_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"[Tt ](?:[01][0-9]|2[0-3]):[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,9})?)?"
    r"(?:[Zz]|[+-][0-9]{2}(?::?[0-5][0-9])?)?"
)
"""A moment in the extended form of ISO 8601, as people and programs write it. Week dates, ordinal
dates and the basic form (20260301) are no dates to most people."""

_RELATIVE = re.compile(r"(today|now)(?:\s*([+-])\s*(\d{1,5})\s*([mhdw]))?")
_DURATION = re.compile(r"(-?\d{1,5})\s*([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}

_DAY_LENGTH, _MOMENT_LENGTH = len("2026-03-01"), len("2026-03-01T12:00:00.000Z")

DURATION_PATTERN = r"^\s*-?\d{1,5}\s*[mhdw]\s*$"
"""The form of a duration, for editors."""

DATE_PATTERN = r"^\s*((today|now)(\s*[+-]\s*\d{1,5}\s*[mhdw])?\s*$|\d{4}-\d{2}-\d{2})"
"""The form of a rule's date, for editors: the calendar has the last word."""

RELATIVE_FORMS = "`today`, `now`, or one of them with an offset such as `today-30d` or `now+2h`"
DATE_FORMS = f"a date as YYYY-MM-DD, {RELATIVE_FORMS}"


@dataclass(frozen=True)
class Calendar:
    """The time zone in which days begin, and the moment of `now`."""

    now: datetime
    zone: tzinfo = UTC

    def read(self, value: Any) -> Moment | None:
        """Return the day or moment in a cell; None if there is none, as with blanks around it.

        A day is `2026-03-01`; a moment has a time after `T` or a space, which is in this calendar's
        zone unless it ends with `Z` or an offset.
        """
        if not isinstance(value, str):
            return None
        marks = value[4:20:3]
        try:
            if marks == "--" and len(value) == _DAY_LENGTH:
                return date.fromisoformat(value)
            if marks == "--T::." and len(value) == _MOMENT_LENGTH and value[-1] == "Z":
                # in Airtable's form; Python 3.14 takes 24:00 for the next day
                return None if value[11:13] == "24" else datetime.fromisoformat(value)
            if not _MOMENT.fullmatch(value):
                return None
            moment = datetime.fromisoformat(value.upper())
        except ValueError:  # 30th of February
            return None
        return moment if moment.tzinfo else _in_utc(moment.replace(tzinfo=self.zone))

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
        return shifted(self.now.astimezone(UTC) if start == "now" else self.day(self.now), away)

    def day(self, moment: Moment) -> date:
        """Return the day of a moment."""
        if not isinstance(moment, datetime):
            return moment
        try:
            return moment.astimezone(self.zone).date()
        except OverflowError:  # the first or last possible day, in another zone
            return moment.date()

    def end(self, moment: Moment) -> datetime:
        """Return a moment, or the last one of a day."""
        if isinstance(moment, datetime):
            return moment
        return datetime.combine(moment, time.max, self.zone)

    def order(self, one: Moment, other: Moment) -> int:
        """Return -1, 0 or 1: by moment if both have a time, else by day."""
        if isinstance(one, datetime) != isinstance(other, datetime):
            one, other = self.day(one), self.day(other)
        return (one > other) - (one < other)


def _in_utc(moment: datetime) -> datetime:
    """Return a moment in UTC, where a difference is the time that has passed."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # the first or last possible day, in another zone
        return moment


def shifted(moment: Moment, by: timedelta) -> Moment:
    """Return a day or moment, later by a duration; the first or last one there is, beyond it.

    A day has no hours: of the duration, only whole days count, so 6h before a day is that day.
    """
    forward = by > timedelta()
    if not isinstance(moment, datetime):
        days = timedelta(abs(by).days)
        by = days if forward else -days
    try:
        return moment + by
    except OverflowError:
        end = moment.max if forward else moment.min
        return end.replace(tzinfo=UTC) if isinstance(end, datetime) else end


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
    except ValueError:
        return False
    return True
