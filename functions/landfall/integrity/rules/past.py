"""Rules that compare the state of a table with its state in earlier runs."""

import re
from collections.abc import Mapping
from fractions import Fraction
from hashlib import sha256
from statistics import median
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from landfall.integrity.rules.rule import BaseRule, Scope
from landfall.scans.settings import Whole, got

PERCENT = re.compile(r"\d{1,4}(\.\d{1,3})?\s?%")


def _percent(value: Any) -> Any:
    if isinstance(value, str) and PERCENT.fullmatch(value):
        return value
    raise ValueError(f'must be a percentage such as "20%" {got(value)}')


Percent = Annotated[str, BeforeValidator(_percent)]


def fraction(percent: str) -> Fraction:
    """Return the exact value of a percentage: 20% is a fifth."""
    return Fraction(percent.rstrip("% ")) / 100


class HistoryRule(BaseRule):
    """A rule that measures, and compares with its earlier measurements."""

    over: Whole = Field(
        5,
        ge=1,
        le=10,
        description="The number of earlier runs that `change` compares with. Until there are that "
        "many, it finds nothing.",
    )

    def measures(self) -> tuple[Any, ...]:
        """Return the identity of the measurement. Only measurements of the same can be compared."""
        raise NotImplementedError

    def remember(self, scope: Scope, measured: Mapping[str, Any]) -> None:
        """Store a measurement for later runs."""
        scope.measured = {"of": self._measure_id(), **measured}

    def past(self, scope: Scope) -> list[Mapping[str, Any]]:
        """Return the measurements of the last comparable runs; none if there are too few."""
        comparable = [
            measured for measured in scope.past if measured.get("of") == self._measure_id()
        ]
        return comparable[: self.over] if len(comparable) >= self.over else []

    def _measure_id(self) -> str:
        when = self.when.model_dump_json(exclude_none=True) if self.when else ""
        return sha256(repr((self.table, when, *self.measures())).encode()).hexdigest()[:16]

    def runs(self) -> str:
        """Return the number of runs that `change` compares with, for a sentence about "the last
        ..."."""
        if self.over == 1:
            return "run, once there is one"
        return f"{self.over} runs, once there are that many"


def exact_median(values: list[Fraction]) -> Fraction:
    """Return the exact median."""
    return Fraction(median(values))
