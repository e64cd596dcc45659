"""`allowed_values`: a value is on the list."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from landfall.airtable.fields import Schema, choices, never
from landfall.airtable.values import comparable, listed, one_or_all, others
from landfall.integrity.rules.rule import FieldRule, Hit, Scope
from landfall.scans.settings import Plain


class AllowedValues(FieldRule):
    """The field's value, or each value of a list, is one of these. A missing value is no
    finding."""

    kind: Literal["allowed_values"]
    values: list[Plain] = Field(min_length=1, max_length=1000)

    example: ClassVar[str] = (
        "{id: status, kind: allowed_values, table: Students, field: Status,"
        " values: [Active, Graduated, Withdrawn]}"
    )

    def sentence(self) -> str:
        """What must be so, in plain language."""
        return f"{self.field} is one of {listed(self.values)}"

    def misfits(self, schema: Schema) -> Iterator[str]:
        """Values that the field can never have."""
        yield from never(schema.field(self.table, self.field), "values", self.values)

    def remarks(self, schema: Schema) -> Iterator[str]:
        """The options of a select that are not allowed."""
        options = choices(schema.field(self.table, self.field)) or []
        others = [option for option in options if option not in self.values]
        if others:
            yield f"{self.field!r} also has the options {listed(others)}, which this rule reports"

    def evaluate(self, scope: Scope) -> Iterator[Hit]:
        """The records with other values."""
        ids = scope.table.ids
        allowed = {comparable(value) for value in self.values}

        def say(items: list[Any]) -> tuple[Any, str]:
            message = f"{self.field} is {listed(items)}, which is not among the allowed values"
            return one_or_all(items), message

        for row, (value, message) in others(scope.table, self.field, allowed, say):
            yield Hit((ids[row],), self.field, value, message)
