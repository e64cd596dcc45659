"""Numbers as people count them: 0.1 plus 0.2 is 0.3.

Airtable computes in binary fractions, so a formula's cell holds 0.30000000000000004, or a balance
of -5.684341886080802e-14 where all was paid. `counted` has the decimal that is meant.
"""

import sys
from collections.abc import Sequence
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext
from fractions import Fraction
from math import isclose
from typing import Any, Literal, TypeAlias

Number: TypeAlias = int | float

DIGITS = 15
"""Significant digits of every decimal that a binary fraction keeps (IEEE 754 double)."""

PLACES = 10
"""Decimal places of a computed number: the finest that Airtable shows, 8 of a percentage."""

LARGEST = sys.float_info.max
"""The largest number that a double can hold."""

_SURELY_SHORT = DIGITS + 2
"""A text shorter than this has at most `DIGITS` digits: it has a point, too."""

_RELATIVE, _ABSOLUTE = 1e-13, 1e-9
"""Distances of numbers that may count as equal: above those that `DIGITS` and `PLACES` allow."""

_EXACT = Context(prec=2000, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""Enough digits for any sum of numbers between the smallest double and the largest."""


def is_number(value: Any) -> bool:
    """Return whether a value is a number that a double can hold; true and false are not numbers."""
    return (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and -LARGEST <= value <= LARGEST
    )


def counted(number: Number) -> Number:
    """Return the number that people see in a number.

    One of up to 15 digits is as it is written, and so is a whole one. Another was computed: it is
    rounded to 15 digits and 10 decimal places.
    """
    if len(repr(number)) < _SURELY_SHORT or isinstance(number, int) or number.is_integer():
        return number
    short = float(f"{number:.{DIGITS}g}")
    return number if short == number else _rounded(number)


def _rounded(number: float) -> float:
    """Return a computed number as it is counted."""
    return round(float(f"{number:.{DIGITS}g}"), PLACES) + 0.0  # not -0.0


def exact(number: Number) -> Fraction:
    """Return the exact value of the decimal that is counted."""
    return Fraction(Decimal(repr(counted(number))))


def order(one: Number, other: Number) -> int:
    """Return -1, 0 or 1: the order of two numbers, equal where `counted` is."""
    if one == other or (is_close(one, other) and counted(one) == counted(other)):
        return 0
    return 1 if one > other else -1


def is_close(one: Number, other: Number) -> bool:
    """Return whether `counted` may change the order of two numbers that are not the same."""
    return isclose(one, other, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)


def just_beyond(number: Number, side: Literal[-1, 1]) -> float:
    """Return the number beyond which, on this side, none is close to the given one."""
    return number + side * 2 * max(_ABSOLUTE, _RELATIVE * abs(number))


def added(one: Number, other: Number) -> Number:
    """Return the sum of two numbers as decimals: 0.3 for 0.1 and 0.2."""
    if one.__class__ is int and other.__class__ is int:
        return one + other
    try:
        return mean((one, other), 1)
    except OverflowError:
        return one + other


def mean(numbers: Sequence[Number], parts: int) -> Number:
    """Return the sum of the decimals of numbers, divided by `parts`, as it is counted.

    Of numbers that were computed it is one, too, however few digits are left: 0.30000000000000004
    less 0.3 is 0. Raises `OverflowError` for one that no double can hold.
    """
    with localcontext(_EXACT):
        total = Fraction(sum(map(Decimal, map(repr, numbers)), Decimal())) / parts
    number = float(total)
    if total.denominator == 1:
        return int(total)
    meant, rounded = counted(number), _rounded(number)
    return meant if meant == rounded or all(counted(it) == it for it in numbers) else rounded
