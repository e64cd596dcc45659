"""`range`: a value lies between bounds."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from landfall.airtable.cells import contents_of
from landfall.airtable.dates import Calendar
from landfall.airtable.fields import Schema, bound_misfits
from landfall.airtable.numbers import LARGEST, just_beyond
from landfall.airtable.snapshot import Table
from landfall.airtable.values import display_list, one_or_all, rejected_items
from landfall.integrity.rules.conditions import Bound
from landfall.integrity.rules.rule import FieldRule, Hit, Scope
from landfall.integrity.rules.value_tests import ACCEPTS, ValueTest, side_of

_LOWER, _UPPER = ("at_least", "above"), ("at_most", "below")


class Range(FieldRule):
    """The field's value, or each value of a list, lies between the bounds. No value is no finding.

    Bounds are numbers or dates. A value of another kind (one that is not a number where the bounds
    are numbers, or not a date where they are dates) is also a finding, with its own message. A day
    and a moment are compared by day.
    """

    kind: Literal["range"]
    at_least: Bound | None = Field(
        None, description="A number, a date, or a relative date such as `today-30d`."
    )
    above: Bound | None = Field(None, description="As `at_least`, excluding the bound itself.")
    at_most: Bound | None = Field(
        None, description="As `at_least`; `today` rejects dates in the future."
    )
    below: Bound | None = Field(None, description="As `at_most`, excluding the bound itself.")

    example: ClassVar[str] = (
        "{id: born, kind: range, table: Students, field: Born, above: 1900-01-01, at_most: today}"
    )

    @model_validator(mode="after")
    def _can_hold(self) -> Self:
        bounds = self._bounds
        if not bounds:
            raise ValueError("give a bound, such as `at_least: 0` or `at_most: today`")
        for one, other in (_LOWER, _UPPER):
            if one in bounds and other in bounds:
                raise ValueError(f"give `{one}` or `{other}`, not both")
        if len({isinstance(bound, str) for bound in bounds.values()}) > 1:
            raise ValueError("the bounds must be two numbers or two dates")
        if len(bounds) > 1 and all(self._empty(calendar) for calendar in _EARLY_AND_LATE):
            raise ValueError("no value lies between these bounds; put the smaller one first")
        return self

    @property
    def _bounds(self) -> dict[str, int | float | str]:
        given = {name: getattr(self, name) for name in (*_LOWER, *_UPPER)}
        return {name: bound for name, bound in given.items() if bound is not None}

    @property
    def _of_dates(self) -> bool:
        return any(isinstance(bound, str) for bound in self._bounds.values())

    def _empty(self, calendar: Calendar) -> bool:
        """Return whether not even the lower bound satisfies the upper one."""
        (lower, low), (upper, high) = self._bounds.items()
        least = calendar.resolve(low).isoformat() if isinstance(low, str) else low
        order = side_of(high, calendar)(least)
        inside = upper if lower == "at_least" else "below"
        return order is None or not ACCEPTS[inside](order)

    def sentence(self) -> str:
        """Return the requirement in plain language."""
        return f"{self.field} is {self._phrase}"

    @property
    def _phrase(self) -> str:
        bounds = self._bounds.items()
        return " and ".join(f"{name.replace('_', ' ')} {bound}" for name, bound in bounds)

    def misfits(self, schema: Schema) -> Iterator[str]:
        """Yield a sentence about a field on neither side of the bounds."""
        field = schema.field(self.table, self.field)
        for name, bound in self._bounds.items():
            yield from bound_misfits(field, name, bound)

    def evaluate(self, scope: Scope) -> Iterator[Hit]:
        """Yield the records that lie outside."""
        ids, column = scope.table.ids, scope.table.columns[self.field]
        calendar = scope.snapshot.calendar
        sides = [(side_of(bound, calendar), ACCEPTS[name]) for name, bound in self._bounds.items()]
        any_side, _ = sides[0]

        def inside(item: Any) -> bool:
            return all((order := side(item)) is not None and fits(order) for side, fits in sides)

        dates = self._of_dates
        wrong = (
            rejected_items(column, inside, scope.check)
            if dates
            else self._outside(scope.table, inside)
        )
        for row, items in wrong:
            others = [item for item in items if any_side(item) is None]
            kind = "not a date" if dates else "not a number"
            what = kind if others else f"not {self._phrase}"
            message = f"{self.field} is {display_list(others or items)}, which is {what}"
            yield Hit((ids[row],), self.field, one_or_all(items), message)

    def _outside(self, table: Table, inside: ValueTest) -> Iterator[tuple[int, list[Any]]]:
        """Yield the rows with items that are no number inside, and those items."""
        column = table.columns[self.field]
        for row in table.where(self.field, self._not_plainly_inside):
            items = [item for item in contents_of(column[row]) if not inside(item)]
            if items:
                yield row, items

    def _not_plainly_inside(self, values: Sequence[Any]) -> list[int]:
        """Return the places of values that are no number inside, without a call for each."""
        bounds: dict[str, Any] = {"at_least": -LARGEST, "at_most": LARGEST} | self._bounds
        low, high = bounds["at_least"], bounds["at_most"]
        if "above" in bounds:
            low = just_beyond(bounds["above"], 1)
        if "below" in bounds:
            high = just_beyond(bounds["below"], -1)
        return [
            place
            for place, value in enumerate(values)
            if value is not None
            and not ((value.__class__ is int or value.__class__ is float) and low <= value <= high)
        ]


_EARLY_AND_LATE = [Calendar(datetime(year, 1, 1, tzinfo=UTC)) for year in (2000, 8000)]
"""Two bounds, one of them relative, may fit at one time and not at another."""
