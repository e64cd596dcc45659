"""Links to the records of a base."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """A base, and the id of each table by its name."""

    base: str
    tables: Mapping[str, str]

    def link(self, table: str, record: str) -> str:
        """Return the address of a record in Airtable."""
        return f"https://airtable.com/{self.base}/{self.tables.get(table, table)}/{record}"
