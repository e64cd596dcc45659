"""Bounds of numbers that a few absurd ones do not move, and that are not the sample's extreme."""

import math
from collections.abc import Sequence

MIN_NUMBERS = 40
"""Numbers below which there is no telling what is far away."""

MAX_OUTSIDE = 0.015
"""The largest share of numbers beyond a bound."""

FENCE = 3.0
"""Distances between the quartiles from the nearer one: what is nearer is never far away (Tukey's
outer fence)."""

GAP = 1.8
"""Least ratio of the distances from the median: of the first number outside, the last inside."""


def upper_bound(numbers: Sequence[float]) -> float | None:
    """Return a bound in the gap between the usual numbers, sorted, and a few far above them.

    None where there is no such gap. It is a round number well above the largest usual one.
    """
    if len(numbers) < MIN_NUMBERS:
        return None
    quarter, median, three = (numbers[len(numbers) * part // 4] for part in (1, 2, 3))
    spread = (three - quarter) or (numbers[len(numbers) * 19 // 20] - numbers[len(numbers) // 20])
    if not spread:
        return None
    fence = three + FENCE * spread
    first = len(numbers) - int(len(numbers) * MAX_OUTSIDE)
    for place in range(max(1, first), len(numbers)):
        inside, outside = numbers[place - 1], numbers[place]
        if outside > fence and outside - median >= GAP * max(inside - median, spread):
            return _round_between(inside, outside)
    return None


def lower_bound(numbers: Sequence[float]) -> float | None:
    """Return a bound below the usual numbers, sorted; None where there is no gap."""
    found = upper_bound([-number for number in reversed(numbers)])
    return None if found is None else -found


def _round_between(inside: float, outside: float) -> float:
    """Return the roundest number between two, nearer to the first: a third of the way."""
    aim = inside + (outside - inside) / 3
    step = 10.0 ** math.floor(math.log10(outside - inside))
    rounded = math.ceil(aim / step) * step
    if not inside < rounded < outside:
        rounded = math.ceil(aim / (step / 10)) * (step / 10)
    return float(f"{rounded:.12g}")
