"""The settings of every rule, and the input and output of its evaluation.

A kind of rule is one module: a model of its settings with a docstring, an example, a sentence in
plain language, and `evaluate`. `kinds` lists the kinds.
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
from landfall.airtable.values import display, truncate
from landfall.integrity.rules.conditions import Condition
from landfall.scans.settings import SEVERITIES, Id, Lazy, Name, Settings, Severity, got, shape


class CannotEvaluateError(Exception):
    """The rule cannot be evaluated; the message explains why. It becomes `inconclusive`."""


SAME = "same "
"""The beginning of a hit's key about a field that differs from another record's; its name follows.
A key that is the name of a field is about that field."""


class Hit(msgspec.Struct, frozen=True, gc=False):
    """A violation of a rule by these records together or, without any, by the table.

    `key` distinguishes two hits with the same records. A kind that judges each record by itself
    (`sample_support`) gives every hit of a record a different key; those of other kinds are
    numbered. `severity` and `table` are set if they differ from the rule's. With `table`, the
    message is also the hit's own.
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
    """The input of a rule's evaluation: the records that its `when` selects, and the others.

    `past` is what the rule `measured` in earlier runs, the newest first. `nothing` is the reason
    why it had nothing to judge, where only its evaluation can say that. `check` raises when the
    invocation's budget is used up; anything slower than a pass over the records calls it often.
    """

    table: Table
    snapshot: Snapshot
    past: Sequence[Mapping[str, Any]] = ()
    measured: Mapping[str, Any] | None = None
    nothing: str = ""
    check: Callable[[], None] = field(default=lambda: None)


def _threshold(value: Any) -> Any:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    if isinstance(value, str) and re.fullmatch(_SHARE, value):
        return value
    raise ValueError(f"must be {_THRESHOLD} {got(value)}")


_SHARE = r"(\d{1,2}(\.\d{1,3})?|100)\s?%"
_THRESHOLD = 'a whole number from 1, or a share such as "2.5%"'

Threshold = Annotated[
    int | str,
    BeforeValidator(_threshold),
    shape("integer", "string", minimum=1, pattern=f"^({_SHARE})$", says=_THRESHOLD),
]
"""A number of records, or a share of the records checked such as "2.5%"."""


class Thresholds(Settings):
    """The severity of all findings of a rule, by the number or share of records in them.

    Each record counts once, however many findings it is in, and each record of a group counts.
    Below every threshold it is `info`. Findings with a severity of their own (the levels of a
    `metric`, the possible ones of `duplicate`) keep it, and their records do not count. A finding
    about the table as a whole, which has no records (`volume`, `drift`, the newest date of
    `freshness`), has the worst severity that is given.
    """

    warning: Threshold | None = None
    critical: Threshold | None = None

    @model_validator(mode="after")
    def _one_at_least(self) -> "Thresholds":
        if self.warning is None and self.critical is None:
            raise ValueError("give `warning`, `critical` or both, such as `critical: 5%`")
        return self

    def severity(self, affected: int | None, records: int) -> Severity:
        """Return the worst severity whose threshold is reached by so many of the records.

        Without a number, a finding is about the table.
        """
        for severity in reversed(SEVERITIES):
            limit = getattr(self, severity, None)
            if limit is not None and (affected is None or affected >= _count(limit, records)):
                return severity
        return "info"


def _count(limit: int | str, records: int) -> Fraction | int:
    if isinstance(limit, int):
        return limit
    return Fraction(limit.rstrip("% ")) / 100 * records  # as a float, 7% of 100 is more than 7


SeveritySetting = Annotated[
    Annotated[Severity, Tag("(one)")] | Annotated[Thresholds, Tag("(by number)")],
    Discriminator(lambda value: "(one)" if isinstance(value, str) else "(by number)"),
]

SampleSupport = Literal["each", "some", "nothing"]
"""The validity of a rule's findings on a part of a table's records. `each`: they are those of all
records. `some`: they are valid, but there may be more. `nothing`: the rule needs all records."""

_PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


def _braces_match(text: str) -> str:
    if re.search(r"[{}]", _PLACEHOLDER.sub("", text)):
        raise ValueError("unmatched brace; put a field's name in braces, such as {Name}")
    return text


class BaseRule(Settings):
    """The settings and methods of every kind of rule."""

    kind: str
    id: Id = Field(
        description="Identifies the rule in the history of its findings. `name` is for display."
    )
    name: str = Field("", max_length=200, description="A name for display.")
    table: Name = Field(description="The table whose records are checked, as named in `tables`.")
    when: Annotated[Condition | None, Lazy()] = Field(
        None, description="Check only records for which this holds."
    )
    severity: SeveritySetting = Field(
        "warning",
        description="The severity of a finding; or the number or share of records in findings from "
        "which all findings have it: {warning: 10, critical: 5%}.",
    )
    message: Annotated[str, AfterValidator(_braces_match)] = Field(
        "",
        max_length=500,
        description="The sentence of a finding, with fields in braces: '{Name} has no class'.",
    )
    owner: str = Field(
        "", max_length=200, description="The person or team that fixes its findings."
    )
    allow_empty: bool = Field(
        False,
        description="It is normal that there is nothing to check: an empty table, a `when` that "
        "holds for no record, no value in the field. Without it the rule is then inconclusive; "
        "with it, a note in the run's report says so.",
    )

    example: ClassVar[str]
    """YAML of a rule of this kind, which the reference shows and the tests run."""

    def looks_at(self) -> Iterator[tuple[str, str]]:
        """Return the (table, field) pairs that the rule checks."""
        raise NotImplementedError

    def sentence(self) -> str:
        """Return the requirement in plain language."""
        raise NotImplementedError

    def evaluate(self, scope: Scope) -> Iterable[Hit]:
        """Return the violations. Raises `CannotEvaluateError`."""
        raise NotImplementedError

    def judged_fields(self) -> Sequence[Sequence[str]]:
        """Return lists of fields: a record is judged if each field of a list has what is judged.

        Without any, every record is judged.
        """
        return ()

    def judges(self, cell: Any) -> bool:
        """Return whether a cell with a value or an error is judged."""
        return cell is not None

    def nothing_judged(self, scope: Scope) -> str:
        """Return why a rule that found nothing had nothing to judge; empty if it had something."""
        table, fields = scope.table, self.judged_fields()
        if not len(scope.snapshot.tables[self.table]):
            return f"table {self.table!r} has no records"
        if self.when and not len(table):
            return f"no record of {self.table!r} satisfies `when`: {self.when.sentence()}"
        if fields and not any(self._judges_any(table, names) for names in fields):
            names = " or ".join(" + ".join(map(repr, some)) for some in fields)
            return f"no record that {self.id} checks has a value in {names}"
        return scope.nothing

    def is_emptied(self, table: Table) -> bool:
        """Return whether there are records, and none has the values in which they could break it.

        An error is no proof that there is no value, though some kinds judge none.
        """
        fields = self.judged_fields()
        return bool(fields and len(table)) and not any(
            None not in row for some in fields for row in _rows(table, some)
        )

    def _judges_any(self, table: Table, fields: Sequence[str]) -> bool:
        """Return whether the rule judges a record by these fields."""
        return any(None not in row and all(map(self.judges, row)) for row in _rows(table, fields))

    def misfits(self, _schema: Schema) -> Iterator[str]:
        """Yield a sentence for each part that cannot fit the base's fields, all of which exist.

        `when` is handled for every kind.
        """
        return iter(())

    def remarks(self, _schema: Schema) -> Iterator[str]:
        """Yield a sentence for each fact that is worth knowing before the rule runs."""
        return iter(())

    def sample_support(self) -> SampleSupport:
        """Return the validity of findings on a part of the table's records."""
        return "nothing"

    def looks_up_in(self) -> list[str]:
        """Return the tables of which the rule needs every record to judge one record."""
        return self.tables()[1:]

    def created_of(self) -> Iterable[str]:
        """Return the tables of which the rule needs the creation time of each record."""
        return ()

    def reads(self) -> list[tuple[str, str]]:
        """Return the (table, field) pairs that the rule needs."""
        own = [*(self.when.reads() if self.when else ()), *self.fields_of_message]
        return list(dict.fromkeys([*self.looks_at(), *((self.table, field) for field in own)]))

    def tables(self) -> list[str]:
        """Return the tables that the rule needs."""
        return list(dict.fromkeys([self.table, *(table for table, _ in self.looks_at())]))

    @property
    def requirement(self) -> str:
        """Return the sentence with the records to which it applies."""
        sentence = self.sentence()
        return f"where {self.when.sentence()}: {sentence}" if self.when else sentence

    @property
    def fields_of_message(self) -> list[str]:
        """Return the fields that the message shows."""
        return _PLACEHOLDER.findall(self.message)

    def selected(self, snapshot: Snapshot) -> Table:
        """Return the records that the rule checks."""
        table = snapshot.tables[self.table]
        if self.when is None:
            return table
        return table.select(self.when.holds(table, range(len(table)), snapshot.calendar))

    def render_message(self, table: Table, row: int) -> str:
        """Return the rule's own message for a record."""

        def value(match: re.Match[str]) -> str:
            cell = table.columns[match[1]][row]
            return cell if isinstance(cell, str) else display(cell)

        return truncate(_PLACEHOLDER.sub(value, self.message))


def _rows(table: Table, fields: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Return the contents of these fields, record by record."""
    return zip(*(table.columns[field] for field in fields), strict=True)


class FieldRule(BaseRule):
    """A rule about one field."""

    field: Name = Field(description="The field to check.")

    def sample_support(self) -> SampleSupport:
        """Return `each`: every record is judged by itself."""
        return "each"

    def judged_fields(self) -> Sequence[Sequence[str]]:
        """Return the field: a record without a value in it is skipped."""
        return [[self.field]]

    def looks_at(self) -> Iterator[tuple[str, str]]:
        """Return the (table, field) pairs that the rule checks."""
        yield self.table, self.field
