"""`volume`: a table has the expected number of records."""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from landfall.integrity.rules.past import HistoryRule, Percent, exact_median, fraction
from landfall.integrity.rules.rounding import percent, places_beside, plain
from landfall.integrity.rules.rule import Hit, Scope
from landfall.scans.settings import Whole


class Volume(HistoryRule):
    """The table has neither too few records nor too many, in total or compared with earlier runs.

    With `when`, only the records for which it holds are counted. The limits apply from the first
    run. `change` is compared with the median of the last `over` runs in which this rule was
    evaluated and counted the same records. Until there are that many, it finds nothing, as the
    rule's sentence states. After a median of 0, any record is too many.

    Use it, or a `metric` rule, for a table that may lose many of its records at once: other rules
    are inconclusive where no record is left, but if some are, judge those and resolve the findings
    of the others.
    """

    kind: Literal["volume"]
    at_least: Whole | None = Field(None, ge=1, description="The minimum number of records.")
    at_most: Whole | None = Field(None, ge=0, description="The maximum number of records.")
    change: Percent | None = Field(
        None,
        description="The maximum distance of the number from the median of earlier runs, as a "
        "share of that median such as 20%.",
    )

    example: ClassVar[str] = (
        "{id: students, kind: volume, table: Students, at_least: 100, change: 20%}"
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.at_least is None and self.at_most is None and self.change is None:
            raise ValueError("give `at_least`, `at_most` or `change`, such as `change: 20%`")
        if self.at_least and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least: must not be above `at_most`")
        return self

    def looks_at(self) -> Iterator[tuple[str, str]]:
        """Return the (table, field) pairs that the rule checks."""
        return iter(())

    def measures(self, _name: Callable[[str], str]) -> tuple[Any, ...]:
        """Return the identity of the measurement."""
        return ("records",)

    def nothing_judged(self, _scope: Scope) -> str:
        """Return that it always has something to judge: the number of records, which may be 0."""
        return ""

    def sentence(self) -> str:
        """Return the requirement in plain language."""
        phrases = []
        if self.at_least is not None:
            phrases.append(f"at least {self.at_least:,} records")
        if self.at_most is not None:
            phrases.append(f"at most {self.at_most:,} records")
        if self.change is not None:
            phrases.append(
                f"a number of records within {self.change} of the median of the last {self.runs()}"
            )
        return f"{self.table} has {' and '.join(phrases)}"

    def evaluate(self, scope: Scope) -> Iterator[Hit]:
        """Yield a hit for too few records, too many, or too large a change."""
        count = len(scope.table)
        self.remember(scope, {"records": count})
        which = " that satisfy the condition" if self.when else ""
        has = f"{self.table} has {count:,} records{which}"
        if self.at_least is not None and count < self.at_least:
            yield Hit((), "", count, f"{has}, fewer than {self.at_least:,}", "limit")
        if self.at_most is not None and count > self.at_most:
            yield Hit((), "", count, f"{has}, more than {self.at_most:,}", "limit")
        earlier = [Fraction(measured["records"]) for measured in self.past(scope)]
        if self.change is None or not earlier:
            return
        usual, change = exact_median(earlier), fraction(self.change)
        if abs(count - usual) > change * usual:
            message = f"{has}; the median of the last {self.over} runs is {plain(usual)}"
            if usual:
                away = abs(count - usual) / usual
                places = places_beside(away * 100, [change * 100], 1)
                message += f", {percent(away, places)} away"
            yield Hit((), "", count, message, "change")
