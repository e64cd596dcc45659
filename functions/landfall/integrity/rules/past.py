"""Rules that compare what a table is like now with what it was like in earlier runs."""

import re
from collections.abc import Mapping
from fractions import Fraction
from hashlib import sha256
from statistics import median
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from landfall.integrity.rules.rule import BaseRule, Scope
from landfall.scans.settings import it_is

PERCENT = re.compile(r"\d{1,4}(\.\d{1,3})?\s?%")


def _percent(value: Any) -> Any:
    if isinstance(value, str) and PERCENT.fullmatch(value):
        return value
    raise ValueError(f'must be a percentage such as "20%" {it_is(value)}')


Percent = Annotated[str, BeforeValidator(_percent)]


def fraction(percent: str) -> Fraction:
    """What a percentage is, exactly: 20% is a fifth."""
    return Fraction(percent.rstrip("% ")) / 100


class PastRule(BaseRule):
    """A rule that measures, and compares with what it measured before."""

    over: int = Field(
        5,
        ge=1,
        le=10,
        description="The number of earlier runs that `change` compares with. Until there are that "
        "many, it finds nothing.",
    )

    def measures(self) -> tuple[Any, ...]:
        """What is measured. A measurement of something else cannot be compared."""
        raise NotImplementedError

    def remember(self, scope: Scope, measured: Mapping[str, Any]) -> None:
        """Keep it for later runs."""
        scope.measured = {"of": self._of(), **measured}

    def past(self, scope: Scope) -> list[Mapping[str, Any]]:
        """What the last comparable runs measured; nothing where there are too few."""
        comparable = [measured for measured in scope.past if measured.get("of") == self._of()]
        return comparable[: self.over] if len(comparable) >= self.over else []

    def _of(self) -> str:
        when = self.when.model_dump_json(exclude_none=True) if self.when else ""
        return sha256(repr((self.table, when, *self.measures())).encode()).hexdigest()[:16]

    def runs(self) -> str:
        """Return how many runs `change` compares with, for a sentence about "the last ..."."""
        if self.over == 1:
            return "run, once there is one"
        return f"{self.over} runs, once there are that many"


def middle(values: list[Fraction]) -> Fraction:
    """The median, exactly."""
    return Fraction(median(values))


def points(share: Fraction) -> float:
    """A share in percent, with one digit behind the point."""
    return round(float(share * 100), 1)


def in_percent(share: Fraction) -> str:
    """The same for people."""
    return f"{points(share)}%"
