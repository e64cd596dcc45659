"""Tests of a value: the meaning of the settings of a condition."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from landfall.airtable.cells import has_value, is_blank, values_of
from landfall.airtable.dates import Calendar, Moment
from landfall.airtable.numbers import is_number, order
from landfall.airtable.values import comparable

ValueTest = Callable[[Any], bool]
"""A test of a cell's value."""


def compiled(pattern: str) -> Any:
    """Return a compiled regular expression of RE2, which takes time in proportion to the text."""
    import re2

    return re2.compile(pattern, _quiet_options())


@cache
def _quiet_options() -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    return options


def _has_value(wanted: bool, _: Calendar) -> ValueTest:
    return lambda value: has_value(value) == wanted


def _among(wanted: Sequence[Any]) -> ValueTest:
    keys = {comparable(item) for item in wanted}
    texts = {item for item in wanted if isinstance(item, str)}
    or_none = any(map(is_blank, texts))
    return lambda value: (
        value in texts
        if value.__class__ is str
        else any(comparable(item) in keys for item in values_of(value))
        or (or_none and not values_of(value))
    )


def _not(test: ValueTest) -> ValueTest:
    return lambda value: not test(value)


def _contains(wanted: str, _: Calendar) -> ValueTest:
    part = wanted.casefold()
    return lambda value: any(part in text.casefold() for text in _texts(value))


def _matches(pattern: str, _: Calendar) -> ValueTest:
    fits = compiled(pattern).fullmatch
    return lambda value: any(fits(text) for text in _texts(value))


def _texts(value: Any) -> list[str]:
    return [item for item in values_of(value) if isinstance(item, str)]


def side_of(bound: Any, calendar: Calendar) -> Callable[[Any], int | None]:
    """Return the order of a value against a bound: -1, 0, 1, or None if it is of the other kind."""
    if not isinstance(bound, str):
        return lambda item: order(item, bound) if is_number(item) else None
    limit: Moment = calendar.resolve(bound)

    def of_date(item: Any) -> int | None:
        moment = calendar.read(item)
        return None if moment is None else calendar.order(moment, limit)

    return of_date


ACCEPTS: dict[str, Callable[[int], bool]] = {
    "above": lambda order: order > 0,
    "at_least": lambda order: order >= 0,
    "below": lambda order: order < 0,
    "at_most": lambda order: order <= 0,
}
"""Tests of the order (-1, 0, 1) of a value against its bound, by the setting with the bound."""


def bound_test(accepts: Callable[[int], bool]) -> Callable[[Any, Calendar], ValueTest]:
    """Return a maker of tests against a bound: `accepts` is given the order -1, 0 or 1."""

    def against(bound: Any, calendar: Calendar) -> ValueTest:
        side = side_of(bound, calendar)
        return lambda value: any(
            (order := side(item)) is not None and accepts(order) for item in values_of(value)
        )

    return against


TESTS: dict[str, Callable[[Any, Calendar], ValueTest]] = {
    "has_value": _has_value,
    "equals": lambda value, _: _among([value]),
    "not_equals": lambda value, _: _not(_among([value])),
    "one_of": lambda values, _: _among(values),
    "none_of": lambda values, _: _not(_among(values)),
    "contains": _contains,
    "matches": _matches,
    **{name: bound_test(accepts) for name, accepts in ACCEPTS.items()},
}
"""Makers of a test from the value of a setting, by the setting's name."""

OF_ONE_ITEM = TESTS.keys() - {"has_value", "not_equals", "none_of"}
"""Tests that a list passes if one of its items does."""
