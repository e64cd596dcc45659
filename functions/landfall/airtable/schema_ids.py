"""The ids of a base's tables and fields, which stay when a scan or the base names them anew."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class SchemaIds:
    """The ids of the tables and fields that a scan reads.

    A scan names them by their names or ids, so `tables` has the id of a table, and `fields` that of
    a field by its table's id, by either; `names` has the name in the base of each id.
    """

    tables: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)

    def table(self, name: str) -> str:
        """Return the id of a table; the name itself if the base does not have it."""
        return self.tables.get(name, name)

    def fields_of(self, table: str) -> Mapping[str, str]:
        """Return the ids of the fields of a table, by their names."""
        return self.fields.get(self.table(table), {})


NO_IDS = SchemaIds()
"""The ids of a base of which nothing is known."""
