"""`required`: a field has a value."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from landfall.integrity.base import FieldRule, Hit, Scope


class Required(FieldRule):
    """The field has a value. 0 and false are values; blank text and an empty list are not."""

    kind: Literal["required"]

    example: ClassVar[str] = "{id: email, kind: required, table: Students, field: Email}"

    def sentence(self) -> str:
        """What must be so, in plain language."""
        return f"{self.field} has a value"

    def evaluate(self, scope: Scope) -> Iterator[Hit]:
        """The records without one."""
        ids, column = scope.table.ids, scope.table.columns[self.field]
        message = f"{self.field} has no value"
        for row in missing(column):
            yield Hit((ids[row],), self.field, column[row], message)


def missing(column: list[Any]) -> list[int]:
    """Where there is no value. The same as `has_value`, without a call for each."""
    return [
        row
        for row, value in enumerate(column)
        if value is None
        or (value.__class__ is str and (not value or value.isspace()))
        or (not value and value.__class__ in (list, dict))
    ]
