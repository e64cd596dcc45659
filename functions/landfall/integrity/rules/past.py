"""Rules that compare the state of a table with its state in earlier runs."""

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from hashlib import sha256
from statistics import median
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from landfall.integrity.rules.rule import BaseRule, Scope
from landfall.scans.settings import Whole, got, shape

PERCENT = re.compile(r"\d{1,4}(\.\d{1,3})?\s?%")


def _percent(value: Any) -> Any:
    if isinstance(value, str) and PERCENT.fullmatch(value):
        return value
    raise ValueError(f"must be {_PERCENTAGE} {got(value)}")


_PERCENTAGE = 'a percentage such as "20%"'

Percent = Annotated[
    str,
    BeforeValidator(_percent),
    shape("string", pattern=f"^({PERCENT.pattern})$", says=_PERCENTAGE),
]


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

    def measures(self, name: Callable[[str], str]) -> tuple[Any, ...]:
        """Return the identity of the measurement. Only measurements of the same can be compared.

        `name` returns the name of a field by which it is known.
        """
        raise NotImplementedError

    def remember(self, scope: Scope, measured: Mapping[str, Any]) -> None:
        """Store a measurement for later runs."""
        scope.measured = {"of": self._measure_ids(scope)[0], **measured}

    def past(self, scope: Scope) -> list[Mapping[str, Any]]:
        """Return the measurements of the last comparable runs; none if there are too few."""
        same = self._measure_ids(scope)
        comparable = [measured for measured in scope.past if measured.get("of") in same]
        return comparable[: self.over] if len(comparable) >= self.over else []

    def _measure_ids(self, scope: Scope) -> list[str]:
        """Return hashes of what is measured: as the base has it by id, and under other names.

        An earlier run may have had the names of the scan, or those of the base.
        """
        ids = scope.snapshot.ids
        of_field, name_of = ids.fields_of(self.table), ids.names.get

        def by_id(field: str) -> str:
            return of_field.get(field, field)

        def by_name(field: str) -> str:
            return name_of(by_id(field), field)

        table = ids.table(self.table)
        return [
            self._measure_id(table, by_id),
            self._measure_id(self.table, lambda field: field),
            self._measure_id(name_of(table, table), by_name),
        ]

    def _measure_id(self, table: str, name: Callable[[str], str]) -> str:
        when = ""
        if self.when:
            content = self.when.model_dump(exclude_none=True, by_alias=True)
            named = self.when.model_validate(_with_fields(content, name))
            when = named.model_dump_json(exclude_none=True)
        return sha256(repr((table, when, *self.measures(name))).encode()).hexdigest()[:16]

    def runs(self) -> str:
        """Return the number of runs that `change` compares with, for a sentence about "the last
        ..."."""
        if self.over == 1:
            return "run, once there is one"
        return f"{self.over} runs, once there are that many"


def _with_fields(condition: Any, name: Callable[[str], str]) -> Any:
    """Return the settings of a condition with the names of its fields."""
    if isinstance(condition, dict):
        return {
            key: name(value) if key == "field" else _with_fields(value, name)
            for key, value in condition.items()
        }
    return (
        [_with_fields(it, name) for it in condition] if isinstance(condition, list) else condition
    )


def exact_median(values: list[Fraction]) -> Fraction:
    """Return the exact median."""
    return Fraction(median(values))
