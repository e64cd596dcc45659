"""`freshness`: records are not too old."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from landfall.airtable.dates import Calendar, parse_duration
from landfall.airtable.fields import Schema, content_misfits
from landfall.airtable.values import TextCache, display_list, one_or_all, rejected_items
from landfall.integrity.rules.durations import Duration
from landfall.integrity.rules.rule import BaseRule, CannotEvaluateError, Hit, SampleSupport, Scope
from landfall.scans.settings import Name


class Freshness(BaseRule):
    """The newest record, or each record, is no older than this.

    `of: newest` makes one finding about the table. It ignores dates in the future, or one typing
    error would keep a table fresh for ever; if no record has a date up to now, the rule is
    inconclusive. `of: each` makes a finding for each record that is too old: a missing date is no
    finding, and a value that is not a date is one. A day without a time is as old as its last
    moment.
    """

    kind: Literal["freshness"]
    field: Name | None = Field(None, description="A date field; or give `created: true`.")
    created: bool = Field(False, description="Use the time when Airtable created the record.")
    within: Duration = Field(
        description="Maximum age in minutes, hours, days or weeks, such as `7d`."
    )
    of: Literal["newest", "each"] = Field(
        "newest", description="The records that must be this new."
    )

    example: ClassVar[str] = (
        "{id: attendance-fresh, kind: freshness, table: Attendance, field: Date, within: 4d}"
    )

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.field is None) != self.created:
            raise ValueError("give either a date `field` or `created: true`")
        return self

    def looks_at(self) -> Iterator[tuple[str, str]]:
        """Return the (table, field) pairs that the rule checks."""
        if self.field:
            yield self.table, self.field

    def created_of(self) -> Iterator[str]:
        """Yield the rule's own table, with `created`."""
        if self.created:
            yield self.table

    @property
    def _field(self) -> str:
        return self.field or "createdTime"

    def sentence(self) -> str:
        """Return the requirement in plain language."""
        which = "the newest" if self.of == "newest" else "each"
        return f"{which} {self._field} of {self.table} is no older than {self.within}"

    def sample_support(self) -> SampleSupport:
        """Return the support of a sample, which may lack the newest record."""
        return "each" if self.of == "each" else "nothing"

    def judged_fields(self) -> Sequence[Sequence[str]]:
        """Return the field; every record has a time of creation."""
        return [[self.field]] if self.field else ()

    def misfits(self, schema: Schema) -> Iterator[str]:
        """Yield a sentence about a field that does not hold dates."""
        if self.field:
            yield from content_misfits(
                schema.field(self.table, self.field), "dates", "the rule needs dates"
            )

    def evaluate(self, scope: Scope) -> Iterator[Hit]:
        """Return the table if its newest record is too old, or each record that is."""
        return self._newest(scope) if self.of == "newest" else self._each(scope)

    def _column(self, scope: Scope) -> Sequence[Any]:
        if self.field:
            return scope.table.columns[self.field]
        assert scope.table.created is not None
        return scope.table.created

    def _newest(self, scope: Scope) -> Iterator[Hit]:
        calendar = scope.snapshot.calendar
        moments = TextCache(calendar.read, scope.check)
        past = [
            (calendar.end(moment), text)
            for text in _texts(self._column(scope))
            if (moment := moments[text]) is not None and calendar.order(moment, calendar.now) <= 0
        ]
        if not past:
            raise CannotEvaluateError(
                f"no selected record of {self.table!r} has a date in {self._field!r} "
                "that is not in the future"
            )
        last, newest = max(past)
        if last < self._oldest(calendar):
            message = f"the newest {self._field} of {self.table} is {newest}, older than "
            yield Hit((), self._field, newest, message + self.within, "newest")

    def _each(self, scope: Scope) -> Iterator[Hit]:
        ids, calendar = scope.table.ids, scope.snapshot.calendar
        oldest = self._oldest(calendar)

        def fresh(text: str) -> bool:
            moment = calendar.read(text)
            return moment is not None and calendar.end(moment) >= oldest

        for row, items in rejected_items(self._column(scope), fresh, scope.check):
            others = [item for item in items if calendar.read(item) is None]
            what = "not a date" if others else f"older than {self.within}"
            message = f"{self._field} is {display_list(others or items)}, which is {what}"
            yield Hit((ids[row],), self._field, one_or_all(items), message)

    def _oldest(self, calendar: Calendar) -> datetime:
        return calendar.now - parse_duration(self.within)


def _texts(column: Iterable[Any]) -> set[str]:
    """Return the texts of the cells and of their lists."""
    return {
        item
        for cell in column
        for item in (cell if cell.__class__ is list else (cell,))
        if item.__class__ is str
    }
