"""`allowed_values`: a value is on the list."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from landfall.airtable.fields import Schema, choices, value_misfits
from landfall.airtable.values import comparable, display_list, one_or_all, unknown_items
from landfall.integrity.rules.rule import FieldRule, Hit, Scope
from landfall.scans.settings import Plain


class AllowedValues(FieldRule):
    """The field's value, or each value of a list, is one of these. No value is no finding."""

    kind: Literal["allowed_values"]
    values: list[Plain] = Field(min_length=1, max_length=1000)

    example: ClassVar[str] = (
        "{id: status, kind: allowed_values, table: Students, field: Status,"
        " values: [Active, Graduated, Withdrawn]}"
    )

    def sentence(self) -> str:
        """Return the requirement in plain language."""
        return f"{self.field} is one of {display_list(self.values)}"

    def misfits(self, schema: Schema) -> Iterator[str]:
        """Yield a sentence for values that the field can never have."""
        yield from value_misfits(schema.field(self.table, self.field), "values", self.values)

    def remarks(self, schema: Schema) -> Iterator[str]:
        """Yield a sentence about options of a select that are not allowed."""
        options = choices(schema.field(self.table, self.field)) or []
        reported = [option for option in options if option not in self.values]
        if reported:
            names = display_list(reported)
            yield f"{self.field!r} also has the options {names}, which this rule reports"

    def evaluate(self, scope: Scope) -> Iterator[Hit]:
        """Yield the records with other values."""
        ids = scope.table.ids
        allowed = {comparable(value) for value in self.values}

        def describe(items: list[Any]) -> tuple[Any, str]:
            message = (
                f"{self.field} is {display_list(items)}, which is not among the allowed values"
            )
            return one_or_all(items), message

        for row, (value, message) in unknown_items(scope.table, self.field, allowed, describe):
            yield Hit((ids[row],), self.field, value, message)
