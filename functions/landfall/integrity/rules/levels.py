"""The limits of a number, each with the severity of a finding beyond it."""

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, model_validator

from landfall.airtable.numbers import Number, exact, is_number
from landfall.scans.settings import SEVERITIES, Settings, Severity, got, shape


@dataclass(frozen=True)
class SeverityLimit:
    """A level of a severity, the side of it (-1 or 1) on which findings are, and a phrase."""

    severity: Severity
    side: Literal[-1, 1]
    level: Fraction
    phrase: str

    @cached_property
    def _rounded(self) -> float:
        return float(self.level)

    @cached_property
    def _whole(self) -> Fraction | int:
        """Return the level, as an integer if it is one: it compares faster."""
        return int(self.level) if self.level.denominator == 1 else self.level

    def reached(self, number: Number | Fraction) -> bool:
        """Return whether a number is at the level, or beyond it.

        A float that is `counted` is at the level if both are the same float.
        """
        level = self._rounded if isinstance(number, float) else self._whole
        return number >= level if self.side > 0 else number <= level

    def near(self, number: float, margin: float) -> bool:
        """Return whether a number is at the level, beyond it, or before it by a margin at most."""
        return (number - self._rounded) * self.side >= -margin


_SHARE = r"\d{1,3}(\.\d{1,9})?\s?%"
_LEVEL = 'a number, or for a share one such as "12.5%"'


def _level(value: Any) -> Any:
    if isinstance(value, str):
        # the form comes first: a number with an exponent may have any number of digits
        if re.fullmatch(_SHARE, value) and _amount(value) <= 1:
            return value
    elif is_number(value):
        return value
    raise ValueError(f"must be {_LEVEL} {got(value)}")


def _amount(level: float | str) -> Fraction:
    return Fraction(level.rstrip("% ")) / 100 if isinstance(level, str) else exact(level)


Level = Annotated[
    int | float | str,
    BeforeValidator(_level),
    shape("number", "string", pattern=f"^({_SHARE})$", says=_LEVEL),
]


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
    sides: list[tuple[str, Literal[-1, 1], Levels | None]] = [
        ("at least", 1, at_least),
        ("at most", -1, at_most),
    ]
    limits = [
        SeverityLimit(severity, side, _amount(level), f"{word} {level}")
        for word, side, levels in sides
        if levels
        for severity, level in levels.given()
    ]
    return sorted(limits, key=lambda limit: SEVERITIES.index(limit.severity), reverse=True)
