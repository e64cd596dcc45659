"""`metric`: a number computed for each group of records stays within its limits."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from landfall.airtable.dates import Calendar
from landfall.airtable.fields import Schema, content_misfits, link_misfits
from landfall.airtable.numbers import Number, exact
from landfall.airtable.snapshot import Table
from landfall.airtable.values import display
from landfall.integrity.rules.condition_fit import condition_misfits
from landfall.integrity.rules.conditions import Condition
from landfall.integrity.rules.grouping import GroupKey, RecordGroups
from landfall.integrity.rules.levels import Levels, limits_of
from landfall.integrity.rules.measures import UNREADABLE, Measures, days_of, numbers_of
from landfall.integrity.rules.rounding import percent, places_beside
from landfall.integrity.rules.rule import BaseRule, CannotEvaluateError, Hit, Scope
from landfall.integrity.rules.windows import Window
from landfall.scans.settings import Lazy, Name, Whole

Measure = Literal["count", "share", "sum", "mean", "min", "max", "days_in_a_row", "weeks_in_a_row"]
MIN_RECORDS = 5
"""Records from which a share or mean is computed by default."""

_FIELD_MEASURES = ("sum", "mean", "min", "max")
_ROW_MEASURES = ("days_in_a_row", "weeks_in_a_row")
_RATES = ("share", "mean")
_OF_NOTHING = ("count", "sum", *_ROW_MEASURES)
"""Measures that are 0 where there is no record."""


class Metric(BaseRule):
    """A number computed for each group of records, such as those of a student, stays within limits.

    A finding has the severity of the level that the number reaches. Days are those of the scan's
    time zone, and weeks begin on Monday.

    The rule skips a record that lacks a field of `per`, or whose link is broken (`required` and
    `link` find those), and a record without a value in `field`. Of the others, one without a date,
    or whose date or number cannot be read, is not counted and is a finding of its own, with the
    rule's `severity`; if that applies to all of them, the rule is inconclusive.

    `days_in_a_row` skips days without records, such as a weekend; a day counts if `where` holds for
    all its records, so any other record ends the row. `weeks_in_a_row` needs one record a week; a
    week without one ends the row, even during holidays. If no record counts at all, such as none
    in the window, there was nothing to check (`allow_empty`); `freshness` finds a table that no
    longer receives records before that. Where `where` holds for none, a sum is 0, as a count is. A
    group with fewer records than `minimum` has no share or mean, and is no finding.
    """

    kind: Literal["metric"]
    per: list[Name] = Field(
        [],
        max_length=5,
        description="The fields whose values form a group. A record with several values counts "
        "for each. Without it, all records are one group.",
    )
    about: Name | None = Field(
        None,
        description="The table to which the first field of `per` links: a finding is about its "
        "record, and `message` shows its fields. Without it, a finding is about the table.",
    )
    measure: Measure = Field(
        description="The number to compute. `count`: the number of records; `share`: the part of "
        "them for which `where` holds; `sum`, `mean`, `min`, `max`: of the numbers in `field`; "
        "`days_in_a_row`, `weeks_in_a_row`: the longest row for which `where` holds.",
    )
    field: Name | None = Field(
        None, description="The field with the numbers, for `sum`, `mean`, `min` and `max`."
    )
    where: Annotated[Condition | None, Lazy()] = Field(
        None,
        description="Measure only records for which this holds. A share is taken of all records; "
        "`when` excludes records altogether.",
    )
    date: Name | None = Field(
        None, description="The field with each record's date, for `window` and rows of days."
    )
    window: Window | None = Field(
        None, description="Only records of these days. Without it, all days."
    )
    current: bool = Field(
        False,
        description="Only a row of days or weeks that ends at the group's newest record.",
    )
    minimum: Whole | None = Field(
        None,
        ge=1,
        description=f"The least number of records to compute a share or mean of; {MIN_RECORDS} by "
        "default.",
    )
    at_least: Levels | None = Field(
        None, description="A finding from this number upwards, such as {info: 10%, critical: 25%}."
    )
    at_most: Levels | None = Field(
        None,
        description="A finding from this number downwards. A count, sum or row of no records is 0: "
        "that of a group whose records are all outside `window` and, where `per` is one field, of "
        "a record of `about` to which nothing links. They have no share, mean, min and max.",
    )

    example: ClassVar[str] = """
id: absence-rate
kind: metric
table: Attendance
per: [Student]
about: Students
measure: share
where: {field: Presence, equals: Absent}
date: Date
window: {last: 30d}
at_least: {info: 10%, warning: 15%, critical: 25%}
"""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        problems = [*self._measure_problems(), *self._level_problems()]
        if self.about and not self.per:
            problems.append("`about` needs `per`, whose first field links to that table")
        if self.fields_of_message and not self.about:
            problems.append("`message` can show fields of a record of `about`; give `about`")
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _measure_problems(self) -> Iterator[str]:
        measure = self.measure
        if (measure in _FIELD_MEASURES) != (self.field is not None):
            need = "needs `field`" if self.field is None else "takes no `field`"
            yield f"`measure: {measure}` {need}"
        if self.where is None and (measure == "share" or measure in _ROW_MEASURES):
            yield f"`measure: {measure}` needs `where`"
        if self.current and measure not in _ROW_MEASURES:
            yield f"`measure: {measure}` takes no `current`"
        if self.minimum is not None and measure not in _RATES:
            yield f"`measure: {measure}` takes no `minimum`"
        dated = self.window is not None or measure in _ROW_MEASURES
        if dated and self.date is None:
            yield f"{'`window`' if self.window else f'`measure: {measure}`'} needs `date`"
        if self.date is not None and not dated:
            yield "`date` needs `window`; give the days, such as `window: {last: 30d}`"

    def _level_problems(self) -> Iterator[str]:
        if self.at_least is None and self.at_most is None:
            yield "give `at_least` or `at_most`, such as `at_least: {warning: 3}`"
        for name, levels in (("at_least", self.at_least), ("at_most", self.at_most)):
            values = [level for _, level in levels.given()] if levels else []
            if any(isinstance(level, str) != (self.measure == "share") for level in values):
                form = "shares such as 10%" if self.measure == "share" else "numbers"
                yield f"the levels of `{name}` are {form}, since `measure` is {self.measure}"
                continue
            if levels and not levels.ascend(falling=name == "at_most"):
                rise = "rise" if name == "at_least" else "fall"
                yield f"the levels of `{name}` must {rise} from info to critical"

    def looks_at(self) -> Iterator[tuple[str, str]]:
        """Return the (table, field) pairs that the rule checks."""
        conditioned = self.where.reads() if self.where else ()
        for field in (*self.per, self.field, self.date, *conditioned):
            if field is not None:
                yield self.table, field

    def reads(self) -> list[tuple[str, str]]:
        """Return the (table, field) pairs that the rule needs; the message's are of `about`."""
        own = [(self.table, field) for field in (self.when.reads() if self.when else ())]
        in_message = [(self.about or self.table, field) for field in self.fields_of_message]
        return list(dict.fromkeys([*self.looks_at(), *own, *in_message]))

    def tables(self) -> list[str]:
        """Return the tables that the rule needs."""
        return list(dict.fromkeys([self.table, self.about or self.table]))

    def sentence(self) -> str:
        """Return the requirement in plain language."""
        per = f"per {' + '.join(self.per)}, " if self.per else ""
        limits = [
            f"{word} {', '.join(f'{level} ({severity})' for severity, level in levels.given())}"
            for word, levels in (("under", self.at_least), ("over", self.at_most))
            if levels
        ]
        return f"{per}the {self._label()} is {' and '.join(limits)}"

    def _label(self) -> str:
        of = f"{'smallest' if self.measure == 'min' else 'largest'} {self.field}"
        names = {
            "count": "number of records",
            "share": "share of records",
            "min": of,
            "max": of,
            "days_in_a_row": "number of days in a row",
            "weeks_in_a_row": "number of weeks in a row",
        }
        parts = [
            "current" if self.current else "",
            names.get(self.measure, f"{self.measure} of {self.field}"),
            f"where {self.where.sentence()}" if self.where else "",
            self.window.sentence() if self.window else "",
        ]
        return " ".join(part for part in parts if part)

    def misfits(self, schema: Schema) -> Iterator[str]:
        """Yield a sentence about a number, date or link that is none, and a condition never met."""
        if self.field:
            field = schema.field(self.table, self.field)
            yield from content_misfits(field, "numbers", f"`measure: {self.measure}` needs numbers")
        if self.date:
            yield from content_misfits(
                schema.field(self.table, self.date), "dates", "`date` needs dates"
            )
        if self.about:
            why = "with `about`, the first field of `per` must be a link"
            field = schema.field(self.table, self.per[0])
            yield from link_misfits(field, self.about, schema, why)
        if self.where:
            for message in condition_misfits(self.where, schema.table(self.table)):
                yield f"where: {message}"

    def evaluate(self, scope: Scope) -> Iterator[Hit]:
        """Yield records that cannot be read, and each group whose number is beyond a level."""
        table, calendar = scope.table, scope.snapshot.calendar
        about = scope.snapshot.tables[self.about] if self.about else None
        groups = RecordGroups(table, self.per, None if about is None else about.ids)
        days = days_of(table.columns[self.date], calendar) if self.date else []
        undated = [row for row, day in enumerate(days) if day == UNREADABLE]
        every = range(len(table))
        yield from self._unreadable(scope, groups, self.date, "a date", undated, every)
        rows = self._in_window(table, days, calendar)
        scope.check()
        fits = rows if self.where is None else self.where.holds(table, rows, calendar)
        column = table.columns[self.field] if self.field else None
        numbers = {row: numbers_of(column[row]) for row in fits} if column else {}
        unnumbered = [row for row, found in numbers.items() if found is None]
        entered = [row for row, found in numbers.items() if found != []]
        yield from self._unreadable(scope, groups, self.field, "a number", unnumbered, entered)
        of_group = groups.rows(rows, scope.check)
        if self.at_most:
            everywhere = dict.fromkeys(groups.rows(range(len(table)), scope.check))
            if about is not None and len(self.per) == 1:
                everywhere = {(record,): None for record in about.ids}
            of_group = {key: of_group.get(key, []) for key in everywhere}
        if not self._counts(of_group, numbers):
            scope.nothing = f"no record of {self.table!r} counts for the {self._label()}"
        measures = Measures(
            _marked(fits, len(table)),
            days,
            numbers,
            limits_of(self.at_least, self.at_most),
            self.minimum or MIN_RECORDS,
            self.current,
        )
        yield from self._beyond_limits(of_group, groups, measures, about)

    def nothing_judged(self, scope: Scope) -> str:
        """Return why no group had a record to count."""
        return super().nothing_judged(scope) if scope.nothing else ""

    def _counts(
        self,
        of_group: Mapping[GroupKey, Sequence[int]],
        numbers: Mapping[int, list[float] | None],
    ) -> bool:
        """Return whether a record counts for a group, or the lack of records is itself judged."""
        if self.at_most and self.measure in _OF_NOTHING:
            return bool(of_group)
        none_fits = self.measure == "sum" and not numbers  # the sum is 0, as a count would be
        counted = self.field is None or none_fits or any(numbers.values())
        return any(of_group.values()) and counted

    def _in_window(self, table: Table, days: Sequence[int], calendar: Calendar) -> Sequence[int]:
        if not days:
            return range(len(table))
        if self.window is None:
            return [row for row, day in enumerate(days) if day != UNREADABLE]
        first, last = self.window.days(calendar)
        if first > last:
            raise CannotEvaluateError(f"the window ends on {last}, before it begins on {first}")
        start, end = first.toordinal(), last.toordinal()
        return [row for row, day in enumerate(days) if start <= day <= end]

    def _unreadable(
        self,
        scope: Scope,
        groups: RecordGroups,
        field: str | None,
        wanted: str,
        unread: Sequence[int],
        rows: Sequence[int],
    ) -> Iterator[Hit]:
        """Yield those of the unread rows that are in a group. Raises if all rows in one are."""
        if not field or not unread:
            return
        found = groups.members(unread, scope.check)
        readable = sorted({*rows}.difference(unread))
        if found and not groups.members(readable, scope.check):
            raise CannotEvaluateError(f"no record has a {field} that is {wanted}")
        table = scope.table
        for row in found:
            cell = table.columns[field][row]
            fact = f"{display(cell)} is not {wanted}" if cell is not None else "has no value"
            message = f"{field} {fact}, so the record is not counted"
            yield Hit((table.ids[row],), field, cell, message, field, table=self.table)

    def _beyond_limits(
        self,
        of_group: Mapping[GroupKey, Sequence[int]],
        groups: RecordGroups,
        measures: Measures,
        about: Table | None,
    ) -> Iterator[Hit]:
        """Yield the groups whose number is beyond a level."""
        work_out = getattr(measures, self.measure)
        field = self.field or " + ".join(self.where.reads() if self.where else self.per)
        what = self._label()
        places = {}
        if about is not None and self.message:
            places = {id_: row for row, id_ in enumerate(about.ids)}
        limits = measures.limits
        for key, rows in of_group.items():
            number = work_out(rows)
            if number is None:
                continue
            worst = next((limit for limit in limits if limit.reached(number)), None)
            if worst is None:
                continue
            shown, value = self._shown(number, [limit.level for limit in limits], rows)
            message = f"{self._group_label(groups.values(key))}{what}: {shown}, {worst.phrase}"
            if self.message:
                message = self.message
                if about is not None:
                    message = self.render_message(about, places[key[0]])
            records, others = ((), key) if about is None else (key[:1], key[1:])
            yield Hit(
                records,
                field,
                value,
                message,
                json.dumps(others, ensure_ascii=False) if others else "",
                worst.severity,
                self.about or self.table,
            )

    def _shown(
        self, number: Number | Fraction, levels: Sequence[Fraction], rows: Sequence[int]
    ) -> tuple[str, float]:
        """Return the number for the message and for the value, each on its side of every level."""
        if isinstance(number, int):
            return str(number), number
        amount = exact(number) if isinstance(number, float) else number
        value = float(round(amount, places_beside(amount, levels, 4)))
        if self.measure != "share":
            return f"{number:.15g}", value
        places = places_beside(amount * 100, [level * 100 for level in levels], 1)
        return f"{percent(amount, places)} of {len(rows)}", value

    def _group_label(self, values: Sequence[Any]) -> str:
        """Return the label of a group in a message; without the record of the finding."""
        named = list(zip(self.per, values, strict=True))[1 if self.about else 0 :]
        return "".join(f"{name} {display(value)}: " for name, value in named)


def _marked(rows: Iterable[int], length: int) -> bytearray:
    marks = bytearray(length)
    for row in rows:
        marks[row] = 1
    return marks
