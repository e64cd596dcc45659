"""`compare`: two fields of a record compare as required."""

import operator
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from landfall.airtable.cells import contents_of, error_of
from landfall.airtable.dates import DURATION_PATTERN, parse_duration, shifted
from landfall.airtable.fields import Holds, Schema, comparison_misfits, content_misfits, holds
from landfall.airtable.numbers import added, is_close, is_number, order
from landfall.airtable.values import TextCache, comparable, display
from landfall.integrity.rules.rule import BaseRule, Hit, SampleSupport, Scope
from landfall.scans.settings import Name, got, shape

_SIGNS = {
    "=": "equals",
    "==": "equals",
    "!=": "not_equals",
    ">": "above",
    ">=": "at_least",
    "<": "below",
    "<=": "at_most",
}

_EQUALITY = ("equals", "not_equals")
_OR_EQUAL = ("equals", "at_least", "at_most")

_PHRASES = {
    "equals": "equal to",
    "not_equals": "different from",
    "above": "above",
    "at_least": "at least",
    "below": "below",
    "at_most": "at most",
}

Op = Literal[
    "equals", "not_equals", "above", "at_least", "below", "at_most",
    "=", "==", "!=", ">", ">=", "<", "<=",
]  # fmt: skip

Comparator = Callable[[Any, Any], bool | None]

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "equals": operator.eq,
    "not_equals": operator.ne,
    "above": operator.gt,
    "at_least": operator.ge,
    "below": operator.lt,
    "at_most": operator.le,
}


def _plus(value: Any) -> Any:
    if is_number(value):
        return value
    if isinstance(value, str):
        parse_duration(value)
        return value
    raise ValueError(f"must be {_NUMBER_OR_DURATION} {got(value)}")


_NUMBER_OR_DURATION = "a number, or a duration such as `30d`"

Added = Annotated[
    int | float | str,
    BeforeValidator(_plus),
    shape("number", "string", pattern=DURATION_PATTERN, says=_NUMBER_OR_DURATION),
]


class Compare(BaseRule):
    """Two fields of a record compare as required. A record that lacks one of them is skipped.

    Two numbers are compared as numbers, two dates as dates (by day if one has no time), and two
    texts that are not dates by their letters, capitals before lower case. A list of one value, as
    in a lookup, counts as that value; with longer lists, each value is ordered against each of the
    other, and lists are equal if they have the same values, in any order. Values that cannot be
    ordered, such as a date and a number, are a finding with its own message; they are equal to
    nothing. An error of a formula can be compared with nothing.
    """

    kind: Literal["compare"]
    left: Name = Field(description="A field.")
    op: Op = Field(description="The comparison of `left` with `right`; put signs in quotes: '>='.")
    right: Name = Field(description="Another field of the same record.")
    plus: Added | None = Field(
        None,
        description="Added to `right` first: a number, or a duration for dates such as `30d`; "
        "either may begin with `-`. A date without a time is moved by whole days only.",
    )

    example: ClassVar[str] = (
        "{id: ends-late, kind: compare, table: Classes, left: Ends, op: at_least, right: Starts}"
    )

    @model_validator(mode="after")
    def _two_fields(self) -> Self:
        if self.left == self.right:
            raise ValueError("`left` and `right` are the same field; name another one")
        return self

    def looks_at(self) -> Iterator[tuple[str, str]]:
        """Return the (table, field) pairs that the rule checks."""
        return iter([(self.table, self.left), (self.table, self.right)])

    def judged_fields(self) -> Sequence[Sequence[str]]:
        """Return both fields together."""
        return [[self.left, self.right]]

    @property
    def _word(self) -> str:
        return _SIGNS.get(self.op, self.op)

    @property
    def _right(self) -> str:
        return self.right if self.plus is None else f"{self.right} plus {self.plus}"

    def sentence(self) -> str:
        """Return the requirement in plain language."""
        return f"{self.left} is {_PHRASES[self._word]} {self._right}"

    def sample_support(self) -> SampleSupport:
        """Return `each`: every record is judged by itself."""
        return "each"

    def misfits(self, schema: Schema) -> Iterator[str]:
        """Yield a sentence about fields that cannot be compared, or not in this way."""
        left, right = (schema.field(self.table, name) for name in (self.left, self.right))
        yield from comparison_misfits(left, right)
        if self.plus is not None:
            wanted: Holds = "dates" if isinstance(self.plus, str) else "numbers"
            yield from content_misfits(right, wanted, f"`plus: {self.plus}` needs {wanted}")
        elif self._word not in _EQUALITY and holds(left) in ("booleans", "record ids", "objects"):
            yield f"`op: {self.op}` needs an order, but {self.left!r} holds {holds(left)}"

    def evaluate(self, scope: Scope) -> Iterator[Hit]:
        """Yield the records whose fields compare otherwise."""
        ids, columns = scope.table.ids, scope.table.columns
        test = self._comparator(scope)
        number, plainly = self._number, self._plain_test()
        fields = f"{self.left} + {self.right}"
        pairs = zip(columns[self.left], columns[self.right], strict=True)
        for row, (left, right) in enumerate(pairs):
            if left is None or right is None:
                continue
            if (
                (left.__class__ is int or left.__class__ is float)
                and (right.__class__ is int or right.__class__ is float)
                and number is not None
            ):
                if plainly(left, right):
                    continue
            elif left.__class__ is not list is not right.__class__ and test(left, right):
                continue
            result = self._cells_compare(left, right, test)
            if result:
                continue
            what = "cannot be compared with" if result is None else f"is not {_PHRASES[self._word]}"
            message = (
                f"{self.left} is {display(left)}, which {what} {self._right}"
                f" ({self.right} is {display(right)})"
            )
            yield Hit((ids[row],), fields, [left, right], message)

    def _plain_test(self) -> Callable[[Any, Any], bool]:
        """Return a fast test of two numbers: whether they surely compare as required."""
        holds, number = _OPERATORS[self._word], self._number
        if number == 0 and self._word in _OR_EQUAL:
            return holds

        def test(left: Any, right: Any) -> bool:
            try:
                right += number
                return holds(left, right) and not is_close(left, right)
            except OverflowError:  # an integer that no double can hold
                return False

        return test

    def _comparator(self, scope: Scope) -> Comparator:
        """Return a test of two values, whose result is None if they cannot be compared."""
        calendar, holds = scope.snapshot.calendar, _OPERATORS[self._word]
        number, offset = self._number, self._offset
        lefts = rights = TextCache(calendar.read, scope.check)
        if offset:
            rights = TextCache(
                lambda text: (it := calendar.read(text)) and shifted(it, offset), scope.check
            )
        as_they_are = self.plus is None
        equality = as_they_are and self._word in _EQUALITY

        def test(left: Any, right: Any) -> bool | None:
            if left.__class__ is str and right.__class__ is str:
                one, other = lefts[left], rights[right]
                if one is not None and other is not None and offset is not None:
                    return holds(calendar.order(one, other), 0)
                if as_they_are and one is other:  # neither is a date
                    return holds(left, right)
            elif number is not None and is_number(left) and is_number(right):
                return holds(order(left, added(right, number) if number else right), 0)
            if not equality or error_of(left) or error_of(right):
                return None
            return holds(comparable(left), comparable(right))

        return test

    @property
    def _number(self) -> int | float | None:
        """Return the number added to numbers; None if numbers do not fit."""
        return 0 if self.plus is None else None if isinstance(self.plus, str) else self.plus

    @property
    def _offset(self) -> timedelta | None:
        """Return the duration added to dates; None if dates do not fit."""
        if self.plus is None:
            return timedelta()
        return parse_duration(self.plus) if isinstance(self.plus, str) else None

    def _cells_compare(self, left: Any, right: Any, test: Comparator) -> bool | None:
        ones, others = contents_of(left), contents_of(right)
        if self._word in _EQUALITY and ones and others and len(ones) + len(others) > 2:
            if any(map(error_of, (*ones, *others))):
                return None
            return _OPERATORS[self._word](comparable(ones), comparable(others))
        answers = [test(one, other) for one in ones for other in others]
        return None if None in answers else all(answers)
