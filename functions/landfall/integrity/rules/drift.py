"""`drift`: the values of a field are distributed as in earlier runs."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from landfall.airtable.cells import values_of
from landfall.airtable.values import comparable, truncate
from landfall.integrity.rules.past import PERCENT, HistoryRule, Percent, exact_median, fraction
from landfall.integrity.rules.required import missing
from landfall.integrity.rules.rounding import (
    in_percent,
    percent,
    places_apart,
    places_beside,
    plain,
    side,
)
from landfall.integrity.rules.rule import CannotEvaluateError, Hit, Scope
from landfall.integrity.rules.shares import (
    FALSE,
    TRUE,
    labels_in,
    labels_of,
    name_of_value,
    shares_in,
)
from landfall.scans.settings import Name, got, shape

MAX_CATEGORIES = 100
"""Different values of a field with categories: they are stored with every run."""

MAX_CATEGORY_LENGTH = 200
"""Characters of a category, as JSON."""


def _amount(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, str) and PERCENT.fullmatch(value):
        return value
    raise ValueError(f"must be {_WHOLE_OR_SHARE} {got(value)}")


_WHOLE_OR_SHARE = 'a whole number, or a share such as "2.5%"'

Amount = Annotated[
    int | str,
    BeforeValidator(_amount),
    shape(
        "integer",
        "string",
        minimum=0,
        pattern=f"^({PERCENT.pattern})$",
        says=_WHOLE_OR_SHARE,
    ),
]


class Drift(HistoryRule):
    """The values of a field are distributed as they should be, or as in earlier runs.

    `measure` selects the quantity, always of the records for which `when` holds:

    - `no_value`: the share of records without a value. Limits are shares such as 5%; `change` is in
      percentage points: from 10% to 15% is 5%.
    - `distinct`: the number of different values, counting each item of a list. Limits are whole
      numbers; `change` is a share of the median.
    - `shares`: for each value, the share of records that have it. It has no limits; `change` is in
      percentage points, and each value that changed by more is a finding. The share of a value is
      0% in runs without it. At most 100 different values of 200 characters each are supported. A
      rule is inconclusive where its values do not fit beside those of the scan's other rules: all
      of them have 250 kB, compressed, for their last ten runs.

    The limits apply from the first run. `change` is compared with the median of the last `over`
    runs in which this rule was evaluated and measured the same. Until there are that many, it finds
    nothing, as the rule's sentence states. Shares of no records at all are inconclusive.
    """

    kind: Literal["drift"]
    field: Name = Field(description="The field whose values are measured.")
    measure: Literal["no_value", "distinct", "shares"]
    at_least: Amount | None = None
    at_most: Amount | None = None
    change: Percent | None = Field(
        None,
        description="The maximum distance from the median of earlier runs: percentage points for "
        "shares, and a share of the median for a number.",
    )

    example: ClassVar[str] = (
        "{id: mix, kind: drift, table: Students, field: Status, measure: shares, change: 10%}"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        limits = {
            name: limit
            for name in ("at_least", "at_most")
            if (limit := getattr(self, name)) is not None
        }
        if not limits and self.change is None:
            raise ValueError("give `change`, such as `change: 10%`, or a limit")
        for name, limit in limits.items():
            if self.measure == "shares":
                raise ValueError(f"{name}: `shares` has no limits; give `change`")
            wants_share = self.measure == "no_value"
            if isinstance(limit, str) != wants_share:
                form = 'a share such as "5%"' if wants_share else "a whole number"
                raise ValueError(f"{name}: for `{self.measure}` it must be {form} {got(limit)}")
        if len(limits) == 2 and _exact_limit(limits["at_least"]) > _exact_limit(limits["at_most"]):
            raise ValueError("at_least: must not be above `at_most`")
        return self

    def looks_at(self) -> Iterator[tuple[str, str]]:
        """Return the (table, field) pairs that the rule checks."""
        yield self.table, self.field

    def measures(self, name: Callable[[str], str]) -> tuple[Any, ...]:
        """Return the identity of the measurement."""
        return name(self.field), self.measure

    def sentence(self) -> str:
        """Return the requirement in plain language."""
        phrases = []
        if self.at_least is not None:
            phrases.append(f"at least {self.at_least}")
        if self.at_most is not None:
            phrases.append(f"at most {self.at_most}")
        if self.change is not None:
            of = "" if self.measure == "distinct" else " points"
            phrases.append(f"within {self.change}{of} of the median of the last {self.runs()}")
        return f"{self._label()} is {' and '.join(phrases)}"

    def _label(self) -> str:
        return {
            "no_value": f"the share of {self.table} without {self.field}",
            "distinct": f"the number of different values of {self.field}",
            "shares": f"the share of each value of {self.field}",
        }[self.measure]

    def evaluate(self, scope: Scope) -> Iterator[Hit]:
        """Return a hit for each limit passed, and for each change that is too large."""
        column = scope.table.columns[self.field]
        if self.measure == "shares":
            return self._shares(scope, column)
        if self.measure == "distinct":
            now = Fraction(len(_count_values(column)))
            self.remember(scope, {"distinct": int(now)})
            earlier = [Fraction(measured["distinct"]) for measured in self.past(scope)]
        else:
            _require_records(column)
            counts = {"missing": len(missing(column)), "records": len(column)}
            now = _share(counts)
            self.remember(scope, counts)
            earlier = [_share(measured) for measured in self.past(scope)]
        return self._number(now, earlier)

    def _number(self, now: Fraction, earlier: list[Fraction]) -> Iterator[Hit]:
        share = self.measure == "no_value"
        for limit, beyond, word in ((self.at_least, -1, "less"), (self.at_most, 1, "more")):
            if limit is not None and side(now, bound := _exact_limit(limit)) == beyond:
                places = places_beside(now * 100, [bound * 100], 1)
                yield self._hit(now, places, f", {word} than {limit}", "limit")
        if self.change is None or not earlier:
            return
        usual = exact_median(earlier)
        allowed = fraction(self.change) * (1 if share else usual)
        if abs(now - usual) > allowed:
            places = places_apart(now * 100, usual * 100, allowed * 100, 1)
            was = percent(usual, places) if share else plain(usual)
            rest = f"; the median of the last {self.over} runs is {was}"
            yield self._hit(now, places, rest, "change")

    def _hit(self, now: Fraction, places: int, rest: str, key: str) -> Hit:
        """Return a finding about the number; a share is in percent, with so many places."""
        share = self.measure == "no_value"
        is_ = f"{self._label()} is {percent(now, places) if share else plain(now)}"
        value = in_percent(now, places) if share else int(now)
        return Hit((), self.field, value, is_ + rest, key)

    def _shares(self, scope: Scope, column: list[Any]) -> Iterator[Hit]:
        _require_records(column)
        counts = self._categories(column)
        labels = labels_of(column)
        listed = [
            {"value": value, "count": count} | ({"label": labels[value]} if value in labels else {})
            for value, count in sorted(counts.items())
        ]
        self.remember(scope, {"records": len(column), "shares": listed})
        past = self.past(scope)
        if self.change is None or not past:
            return
        earlier = [shares_in(measured) for measured in past]
        if all(value.__class__ is bool for value in column):  # a checkbox
            for run in earlier:  # an old one without the unchecked
                run.setdefault(FALSE, 1 - run.get(TRUE, Fraction(0)))
        for measured in past:
            labels = labels_in(measured) | labels
        allowed = fraction(self.change)
        for value in sorted({*counts, *(value for run in earlier for value in run)}):
            now = Fraction(counts.get(value, 0), len(column))
            usual = exact_median([run.get(value, Fraction(0)) for run in earlier])
            if abs(now - usual) > allowed:
                places = places_apart(now * 100, usual * 100, allowed * 100, 1)
                shown = labels.get(value) or truncate(value)
                message = (
                    f"{percent(now, places)} of {self.table} have {shown} as {self.field}; "
                    f"the median of the last {self.over} runs is {percent(usual, places)}"
                )
                yield Hit((), self.field, in_percent(now, places), message, f"value {value}")

    def _categories(self, column: list[Any]) -> Mapping[str, int]:
        """Return the number of records with each value, by the value's JSON."""
        counts = _count_values(column)
        if len(counts) > MAX_CATEGORIES:
            raise CannotEvaluateError(
                f"{self.field} has {len(counts):,} different values; `shares` supports "
                f"at most {MAX_CATEGORIES}"
            )
        named = {name_of_value(value): count for value, count in counts.items()}
        if any(len(name) > MAX_CATEGORY_LENGTH for name in named):
            raise CannotEvaluateError(
                f"{self.field} has values of more than {MAX_CATEGORY_LENGTH} characters; "
                "`shares` is for categories"
            )
        return named


def _exact_limit(limit: int | str) -> Fraction:
    return fraction(limit) if isinstance(limit, str) else Fraction(limit)


def _require_records(column: list[Any]) -> None:
    if not column:
        raise CannotEvaluateError("there are no records to compute a share of")


def _count_values(column: list[Any]) -> Counter[Any]:
    """Return the number of records with each value or list item, by its `comparable`."""
    counts: Counter[Any] = Counter(value for value in column if value.__class__ is str)
    for value in column:
        if value is not None and value.__class__ is not str:
            counts.update({comparable(item) for item in values_of(value)})
    return counts


def _share(measured: Mapping[str, Any]) -> Fraction:
    return Fraction(measured["missing"], measured["records"])
