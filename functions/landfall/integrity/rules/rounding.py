"""Numbers in findings: rounded, but never to the other side of a limit."""

from collections.abc import Callable, Iterable
from fractions import Fraction

MAX_PLACES = 12
"""Decimal places of a number at most: enough for any share of a million records beside a limit with
three places."""


def side(number: Fraction, limit: Fraction) -> int:
    """Return the side of a limit on which a number is: -1, 0 or 1."""
    return (number > limit) - (number < limit)


def places_beside(number: Fraction, limits: Iterable[Fraction], least: int) -> int:
    """Return the fewest decimal places, but at `least` so many, that leave a number on its side of
    each limit."""
    sides = [(limit, side(number, limit)) for limit in limits]
    return _places(
        least,
        lambda places: all(side(round(number, places), limit) == it for limit, it in sides),
    )


def places_apart(one: Fraction, other: Fraction, distance: Fraction, least: int) -> int:
    """Return the fewest decimal places that leave two numbers more than a distance apart."""
    return _places(least, lambda places: abs(round(one, places) - round(other, places)) > distance)


def _places(least: int, agree: Callable[[int], bool]) -> int:
    return next(filter(agree, range(least, MAX_PLACES)), MAX_PLACES)


def percent(share: Fraction, places: int) -> str:
    """Return a share in percent, for a message."""
    return f"{in_percent(share, places):.{places}f}%"


def in_percent(share: Fraction, places: int) -> float:
    """Return a share in percent, rounded."""
    return float(round(share * 100, places))


def plain(number: Fraction) -> str:
    """Return a number for a message, with commas between thousands."""
    return f"{float(number):,.15g}"
