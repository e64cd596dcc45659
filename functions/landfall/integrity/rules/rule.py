"""What every rule has: its settings, and what its evaluation is given and gives.

A kind of rule is one module: a model of its settings with a docstring, an example, a sentence for
people, and `evaluate`. `rules` lists the kinds.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from landfall.airtable.fields import Schema
from landfall.airtable.snapshot import Snapshot, Table
from landfall.airtable.values import cut, shown
from landfall.integrity.rules.conditions import Condition
from landfall.scans.settings import SEVERITIES, Id, Lazy, Name, Settings, Severity, it_is


class CannotEvaluateError(Exception):
    """A rule cannot say what is so; the message says why. It becomes `inconclusive`."""


class Hit(msgspec.Struct, frozen=True, gc=False):
    """What a rule found wrong, about these records together or, without any, about the table.

    `key` tells two hits about the same records apart. A kind that tells of each record by itself
    (`on_a_sample`) gives every hit of a record another key; those of other kinds are numbered.
    `severity` and `table` are given where they are not the rule's own. With `table`, the message is
    the hit's own too.
    """

    records: tuple[str, ...]
    field: str
    value: Any
    message: str
    key: str = ""
    severity: Severity | None = None
    table: str | None = None


@dataclass
class Scope:
    """What a rule's evaluation is given: the records that its `when` selects, and the others.

    `past` is what the rule `measured` in earlier runs, the newest first. `check` raises when the
    invocation's budget is over; whoever takes longer than a pass over the records calls it often.
    """

    table: Table
    snapshot: Snapshot
    past: Sequence[Mapping[str, Any]] = ()
    measured: Mapping[str, Any] | None = None
    check: Callable[[], None] = field(default=lambda: None)


def _limit(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str) and re.fullmatch(r"(\d{1,2}(\.\d{1,3})?|100)\s?%", value):
        return value
    raise ValueError(f'must be a whole number from 1, or a share such as "2.5%" {it_is(value)}')


Limit = Annotated[int | str, BeforeValidator(_limit)]
"""A number of records, or a share of those that were looked at such as "2.5%"."""


class Thresholds(Settings):
    """How bad the findings of a rule are, by their number or share; `info` below all of them."""

    warning: Limit | None = None
    critical: Limit | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> "Thresholds":
        if self.warning is None and self.critical is None:
            raise ValueError("give `warning`, `critical` or both, such as `critical: 5%`")
        return self

    def severity(self, hits: int, records: int) -> Severity:
        """The worst whose threshold is reached."""
        for severity in reversed(SEVERITIES):
            limit = getattr(self, severity, None)
            if limit is not None and hits >= _count(limit, records):
                return severity
        return "info"


def _count(limit: int | str, records: int) -> Fraction | int:
    if isinstance(limit, int):
        return limit
    return Fraction(limit.rstrip("% ")) / 100 * records  # as a float, 7% of 100 is more than 7


OneOrByNumber = Annotated[
    Annotated[Severity, Tag("(one)")] | Annotated[Thresholds, Tag("(by number)")],
    Discriminator(lambda value: "(one)" if isinstance(value, str) else "(by number)"),
]

OnASample = Literal["each", "some", "nothing"]
"""What a part of a table's records tells of a rule. `each`: which of them are findings, as all of
the records would. `some`: what is found is so, but there may be more. `nothing`: it takes all."""

_PLACE = re.compile(r"\{([^{}]+)\}")


def _braces_match(text: str) -> str:
    if re.search(r"[{}]", _PLACE.sub("", text)):
        raise ValueError("a brace stands alone; put a field's name in braces, such as {Name}")
    return text


class BaseRule(Settings):
    """What every kind of rule has."""

    kind: str
    id: Id = Field(
        description="Names the rule; findings keep their history under it. `name` is for display."
    )
    name: str = Field("", max_length=200, description="For people.")
    table: Name = Field(description="The table whose records are checked, as named in `tables`.")
    when: Annotated[Condition | None, Lazy()] = Field(
        None, description="Look only at records for which this holds."
    )
    severity: OneOrByNumber = Field(
        "warning",
        description="How bad a finding is; or from which number or share of the records on they "
        "all are: {warning: 10, critical: 5%}.",
    )
    message: Annotated[str, AfterValidator(_braces_match)] = Field(
        "",
        max_length=500,
        description="The sentence of a finding, with fields in braces: '{Name} has no class'.",
    )
    owner: str = Field("", max_length=200, description="Who mends what it finds.")

    example: ClassVar[str]
    """YAML of a rule of this kind, as the reference shows it and the tests run it."""

    def looks_at(self) -> Iterator[tuple[str, str]]:
        """(table, field) of what this kind looks at."""
        raise NotImplementedError

    def sentence(self) -> str:
        """What must be so, in plain language."""
        raise NotImplementedError

    def evaluate(self, scope: Scope) -> Iterable[Hit]:
        """What is wrong. Raises `CannotEvaluateError`."""
        raise NotImplementedError

    def misfits(self, _schema: Schema) -> Iterator[str]:
        """What of this rule cannot fit the base's fields, all of which are there: a sentence each.

        `when` is seen to for every kind.
        """
        return iter(())

    def remarks(self, _schema: Schema) -> Iterator[str]:
        """What fits and is still worth knowing before the rule runs."""
        return iter(())

    def on_a_sample(self) -> OnASample:
        """What a part of the table's records tells."""
        return "nothing"

    def looks_up_in(self) -> list[str]:
        """The tables of which it takes every record to tell whether one record is a finding."""
        return self.tables()[1:]

    def created_of(self) -> Iterable[str]:
        """The tables of which it takes when each record was made."""
        return ()

    def reads(self) -> list[tuple[str, str]]:
        """(table, field) of everything that the rule needs."""
        own = [*(self.when.reads() if self.when else ()), *self.fields_of_message]
        return list(dict.fromkeys([*self.looks_at(), *((self.table, field) for field in own)]))

    def tables(self) -> list[str]:
        """The tables that the rule needs."""
        return list(dict.fromkeys([self.table, *(table for table, _ in self.looks_at())]))

    @property
    def fields_of_message(self) -> list[str]:
        """The fields that the message shows."""
        return _PLACE.findall(self.message)

    def selected(self, snapshot: Snapshot) -> Table:
        """The records that the rule looks at."""
        table = snapshot.tables[self.table]
        if self.when is None:
            return table
        return table.select(self.when.holds(table, range(len(table)), snapshot.calendar))

    def told(self, table: Table, row: int) -> str:
        """The rule's own message for a record."""

        def value(match: re.Match[str]) -> str:
            cell = table.columns[match[1]][row]
            return cell if isinstance(cell, str) else shown(cell)

        return cut(_PLACE.sub(value, self.message))


class FieldRule(BaseRule):
    """A rule about one field."""

    field: Name = Field(description="The field that is checked.")

    def on_a_sample(self) -> OnASample:
        """A record tells by itself."""
        return "each"

    def looks_at(self) -> Iterator[tuple[str, str]]:
        """(table, field) of what this kind looks at."""
        yield self.table, self.field
