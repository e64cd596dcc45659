"""`link`: what a field points to is there."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from landfall.integrity.base import FieldRule, Hit, Scope
from landfall.integrity.options import Name, Settings
from landfall.integrity.snapshot import Snapshot
from landfall.integrity.values import comparable, listed, one_or_all, values_of


class Target(Settings):
    """Where a link points to."""

    table: Name
    field: Name | None = Field(
        None,
        description="The field in which the value must occur. Without it, the link holds record "
        "ids, as Airtable's linked-record fields do.",
    )


class Link(FieldRule):
    """What the field points to is there: records by id, or a value in another table's field."""

    kind: Literal["link"]
    to: Target

    example: ClassVar[str] = (
        "{id: class-there, kind: link, table: Students, field: Class, to: {table: Classes}}"
    )

    def looks_at(self) -> Iterator[tuple[str, str]]:
        """(table, field) of what this kind looks at."""
        yield self.table, self.field
        if self.to.field:
            yield self.to.table, self.to.field

    def tables(self) -> list[str]:
        """The tables that the rule needs."""
        return list(dict.fromkeys([self.table, self.to.table]))

    def sentence(self) -> str:
        """What must be so, in plain language."""
        return f"{self.field} points to {self._where()}"

    def _where(self) -> str:
        return f"{self.to.table}.{self.to.field}" if self.to.field else self.to.table

    def evaluate(self, scope: Scope) -> Iterator[Hit]:
        """The records that point to what is not there."""
        ids, column = scope.table.ids, scope.table.columns[self.field]
        known = self._known(scope.snapshot)
        where = self._where()
        for row, value in enumerate(column):
            if value is None or (value.__class__ is str and value in known):
                continue
            missing = [item for item in values_of(value) if comparable(item) not in known]
            if missing:
                message = f"{self.field} points to {listed(missing)}, which is not in {where}"
                yield Hit((ids[row],), self.field, one_or_all(missing), message)

    def _known(self, snapshot: Snapshot) -> set[Any]:
        target = snapshot.tables[self.to.table]
        if self.to.field is None:
            return set(target.ids)
        return {
            comparable(item) for value in target.columns[self.to.field] for item in values_of(value)
        }
