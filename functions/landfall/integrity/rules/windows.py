"""Windows over a date field: the days of the calendar that a rule measures."""

import re
from datetime import date, timedelta
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from landfall.airtable.dates import DATE_FORMS, DATE_PATTERN, Calendar, is_date
from landfall.scans.settings import Settings, got, shape

_LENGTH = re.compile(r"([1-9]\d{0,3})\s?([dw])")
_DAYS = "days or weeks, such as 30d or 4w"
_UNITS = {"d": (1, "day"), "w": (7, "week")}


def _length(value: Any) -> Any:
    if isinstance(value, str) and _LENGTH.fullmatch(value):
        return value
    raise ValueError(f"must be {_DAYS} {got(value)}")


def _day(value: Any) -> Any:
    if isinstance(value, date):  # YAML parses a date without quotes
        return value.isoformat()
    if isinstance(value, str) and is_date(value):
        return value
    raise ValueError(f"must be {DATE_FORMS} {got(value)}")


Length = Annotated[
    str, BeforeValidator(_length), shape("string", pattern=f"^({_LENGTH.pattern})$", says=_DAYS)
]
Day = Annotated[str, BeforeValidator(_day), shape("string", pattern=DATE_PATTERN, says=DATE_FORMS)]


class Window(Settings):
    """Whole days, both ends included. A window ends today by default."""

    last: Length | None = Field(
        None,
        description="Days or weeks up to and including today: 30d is today and the 29 days "
        "before it, 4w is 28 days.",
    )
    since: Day | None = Field(
        None, description="The first day: YYYY-MM-DD, or a relative one such as `today-90d`."
    )
    until: Day | None = Field(None, description="The last day, in the same form.")

    @model_validator(mode="after")
    def _one_window(self) -> Self:
        if self.last and (self.since or self.until):
            raise ValueError("give `last`, or `since` and `until`, but not both")
        if not (self.last or self.since or self.until):
            raise ValueError("give the days, such as `last: 30d` or `since: 2026-08-24`")
        return self

    def days(self, calendar: Calendar) -> tuple[date, date]:
        """Return the first and the last day."""
        today = calendar.day(calendar.now)
        if self.last:
            number, unit = self._parts(self.last)
            return today - timedelta(days=number * _UNITS[unit][0] - 1), today
        since, until = (
            calendar.day(calendar.resolve(text)) if text else None
            for text in (self.since, self.until)
        )
        return since or date.min, until or today

    def sentence(self) -> str:
        """Return the days in plain language, to follow what is counted."""
        if self.last:
            number, unit = self._parts(self.last)
            name = _UNITS[unit][1]
            return f"in the last {number} {name}s" if number > 1 else f"in the last {name}"
        since = f"since {self.since}" if self.since else ""
        until = f"until {self.until}" if self.until else ""
        return f"{since} {until}".strip()

    @staticmethod
    def _parts(length: str) -> tuple[int, str]:
        number, unit = re.findall(r"\d+|[dw]", length)
        return int(number), unit
