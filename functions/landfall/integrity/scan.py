"""The definition of an integrity scan."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import Field

from landfall.airtable.scan import RecordLimits
from landfall.integrity.rules.kinds import KINDS, Rule
from landfall.integrity.write_back import WriteBack
from landfall.scans.scan import Scan
from landfall.scans.setting_groups import Group
from landfall.scans.settings import BaseId, Misfit, Name, suggest


class IntegrityScan(Scan):
    """An integrity scan of an Airtable base: the fields to read, and the rules to check."""

    headings = ("base",)

    kind: Literal["integrity"]
    base: BaseId = Field(
        description="The base's id: the part of its web address that begins with `app`."
    )
    tables: dict[Name, list[Name]] = Field(
        min_length=1,
        description="The fields of each table that the scan reads. Nothing else leaves Airtable, "
        "but with `record_names` the primary field.",
    )
    record_names: bool = Field(
        True,
        description="Show the name of each record in findings, which is its primary field. With "
        "`false`, that field is read only where `tables` lists it.",
    )
    rules: list[Rule] = Field(min_length=1, max_length=500)
    limits: RecordLimits = RecordLimits()
    write_back: WriteBack | None = Field(
        None, description="Write findings to a table of Airtable, one row each."
    )

    def misfits(self) -> Iterable[Misfit]:
        """Yield each duplicate rule id, each thing that rules read and `tables` lacks, and a table
        to write that is also checked."""
        ids = [rule.id for rule in self.rules]
        for number, rule_id in enumerate(ids):
            if rule_id in ids[:number]:
                yield Misfit(("rules", number, "id"), f"{rule_id!r} is used twice; rename one")
        for number, rule in enumerate(self.rules):
            yield from (Misfit(("rules", number), problem) for problem in self._unlisted(rule))
        issues = self.write_back
        if issues and issues.table in self.tables and self.write_base == self.base:
            yield Misfit(
                ("write_back", "table"),
                f"{issues.table!r} is a table that the scan checks; give one that is for findings "
                "only",
            )

    def _unlisted(self, rule: Rule) -> list[str]:
        """Return a sentence for each thing that the rule reads and `tables` lacks."""
        return [
            f"table {table!r} is not in `tables`; {suggest(table, self.tables, 'add it there')}"
            for table in rule.tables()
            if table not in self.tables
        ] + [
            f"field {field!r} is not in `tables.{table}`; "
            f"{suggest(field, self.tables[table], 'add it there')}"
            for table, field in rule.reads()
            if field not in self.tables.get(table, [field])
        ]

    @property
    def looked_up(self) -> set[str]:
        """Return the tables in which a rule looks up records."""
        return {name for rule in self.rules for name in rule.looks_up_in()}

    @property
    def created_of(self) -> set[str]:
        """Return the tables of which a rule needs the creation time of each record."""
        return {name for rule in self.rules for name in rule.created_of()}

    @property
    def write_base(self) -> str:
        """Return the base to which findings are written."""
        return (self.write_back and self.write_back.base) or self.base

    def heading(self) -> dict[str, Any]:
        """Return the fields of the scan's document."""
        return super().heading() | {"rules": len(self.rules)}

    @classmethod
    def root(cls, location: Sequence[Any]) -> tuple[Group, int]:
        """Return a rule's kind for a location in it, behind its number and its kind."""
        match location:
            case ["rules", _, str(kind), *_] if kind in KINDS:
                return KINDS[kind], 3
        return super().root(location)
