"""`forbidden`: a field has no value."""

from collections.abc import Iterator, Sequence
from typing import ClassVar, Literal

from landfall.airtable.cells import has_value
from landfall.airtable.values import display
from landfall.integrity.rules.rule import FieldRule, Hit, Scope


class Forbidden(FieldRule):
    """The field has no value, as `required` understands it; mostly used with `when`."""

    kind: Literal["forbidden"]

    example: ClassVar[str] = (
        "{id: left-on, kind: forbidden, table: Students, field: Left on,"
        " when: {field: Status, equals: Active}}"
    )

    def sentence(self) -> str:
        """Return the requirement in plain language."""
        return f"{self.field} has no value"

    def judged_fields(self) -> Sequence[Sequence[str]]:
        """Return none: a record without a value is as it should be."""
        return ()

    def evaluate(self, scope: Scope) -> Iterator[Hit]:
        """Yield the records with a value."""
        ids, column = scope.table.ids, scope.table.columns[self.field]
        for row, value in enumerate(column):
            if value is not None and has_value(value):
                message = f"{self.field} is {display(value)}, but should have no value"
                yield Hit((ids[row],), self.field, value, message)
