"""`required`: a field has a value."""

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from landfall.airtable.cells import has_value
from landfall.airtable.fields import Schema, holds
from landfall.airtable.values import display
from landfall.integrity.rules.rule import BaseRule, Hit, SampleSupport, Scope
from landfall.scans.settings import Name


class Required(BaseRule):
    """The field has a value, or at least one of several fields has. 0 is one; blank text, an empty
    list, an unchecked checkbox and an error of a formula are [none](#cells)."""

    kind: Literal["required"]
    field: Name | None = Field(None, description="The field to check; or give `any_of`.")
    any_of: list[Name] | None = Field(
        None,
        min_length=1,
        max_length=10,
        description="At least one of these fields must have a value.",
    )

    example: ClassVar[str] = "{id: email, kind: required, table: Students, field: Email}"

    @model_validator(mode="after")
    def _one_of_the_two(self) -> Self:
        if (self.field is None) == (self.any_of is None):
            raise ValueError("give either `field` or `any_of`")
        return self

    @property
    def _fields(self) -> list[str]:
        return [self.field] if self.field else self.any_of or []

    def looks_at(self) -> Iterator[tuple[str, str]]:
        """Return the (table, field) pairs that the rule checks."""
        return ((self.table, field) for field in self._fields)

    def sentence(self) -> str:
        """Return the requirement in plain language."""
        return f"{' or '.join(self._fields)} has a value"

    def sample_support(self) -> SampleSupport:
        """Return `each`: every record is judged by itself."""
        return "each"

    def remarks(self, schema: Schema) -> Iterator[str]:
        """Yield a sentence about a checkbox, which has no value while it is unchecked."""
        for table, field in self.looks_at():
            if holds(schema.field(table, field)) == "booleans":
                yield f"{field!r} is a checkbox: an unchecked one has no value, which is a finding"

    def evaluate(self, scope: Scope) -> Iterator[Hit]:
        """Yield the records without a value."""
        table = scope.table
        first = self._fields[0]
        column, *others = (table.columns[field] for field in self._fields)
        fields = " or ".join(self._fields)
        message = (
            f"none of {', '.join(self._fields)} has a value" if others else f"{fields} has no value"
        )
        for row in table.where(first, missing):
            if not any(has_value(other[row]) for other in others):
                cell = column[row]
                because = f": {display(cell)}" if cell else ""
                yield Hit((table.ids[row],), fields, cell, message + because)


def missing(cells: Sequence[Any]) -> list[int]:
    """Return the places without a value. Equivalent to `has_value`, without a call for most."""
    return [
        place
        for place, cell in enumerate(cells)
        if cell is None or (cell.__class__ in _MAYBE_NO_VALUE and not has_value(cell))
    ]


_MAYBE_NO_VALUE = {bool, list, dict}
"""Classes of contents that may be no value."""
