"""The limits of a number, each with the severity of a finding beyond it."""

import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Annotated, Any, Self, TypeAlias

from pydantic import BeforeValidator, model_validator

from landfall.scans.settings import SEVERITIES, Settings, Severity, got

SeverityLimit: TypeAlias = tuple[Severity, Callable[[Any, Any], bool], Fraction | float, str]
"""A severity, the comparison of a number with the level, the level, and a phrase for both."""


def _level(value: Any) -> Any:
    if isinstance(value, str):
        try:
            share = _amount(value) if value.endswith("%") else -1
        except ValueError:
            share = -1
        if 0 <= share <= 1:
            return value
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    raise ValueError(f'must be a number, or for a share one such as "12.5%" {got(value)}')


def _amount(level: float | str) -> Fraction | float:
    return Fraction(level.rstrip("% ")) / 100 if isinstance(level, str) else level


Level = Annotated[int | float | str, BeforeValidator(_level)]


class Levels(Settings):
    """The value at which the findings of each severity begin."""

    info: Level | None = None
    warning: Level | None = None
    critical: Level | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> Self:
        if not self.given():
            raise ValueError("give `info`, `warning` or `critical`, such as `warning: 3`")
        return self

    def given(self) -> list[tuple[Severity, int | float | str]]:
        """Return the levels that are given, the mildest first."""
        levels = [(severity, getattr(self, severity)) for severity in SEVERITIES]
        return [(severity, level) for severity, level in levels if level is not None]

    def ascend(self, *, falling: bool) -> bool:
        """Return whether each level is beyond the milder ones: above them, or `falling` below."""
        amounts = [_amount(level) for _, level in self.given()]
        return amounts == sorted(set(amounts), reverse=falling)


def limits_of(at_least: Levels | None, at_most: Levels | None) -> list[SeverityLimit]:
    """Return the levels of both sides, the worst first."""
    sides = (("at least", operator.ge, at_least), ("at most", operator.le, at_most))
    limits = [
        (severity, beyond, _amount(level), f"{word} {level}")
        for word, beyond, levels in sides
        if levels
        for severity, level in levels.given()
    ]
    return sorted(limits, key=lambda limit: SEVERITIES.index(limit[0]), reverse=True)
