"""The definition of an integrity scan."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from landfall.airtable.scan import RecordLimits
from landfall.integrity.rules.formats import Region
from landfall.integrity.rules.kinds import KINDS, Rule
from landfall.integrity.write_back import WriteBack
from landfall.scans.scan import Scan
from landfall.scans.setting_groups import Group
from landfall.scans.settings import BaseId, Misfit, Name, suggest

MAX_NAME_BYTES = 100_000
"""Bytes of the names of all tables, and of those that the rules name, each as often as it is named:
the report of a run and the head of a ledger, documents of 1 MiB, have them for each rule."""

Fields = Annotated[list[Name], Field(max_length=500)]
"""Fields of a table: Airtable has 500 in one at most."""


class IntegrityScan(Scan):
    """An integrity scan of an Airtable base: the fields to read, and the rules to check."""

    headings = ("base",)
    has_findings = True

    kind: Literal["integrity"]
    base: BaseId = Field(
        description="The base's id: the part of its web address that begins with `app`."
    )
    tables: dict[Name, Fields] = Field(
        min_length=1,
        max_length=1000,  # Airtable has no more in a base
        description="The fields of each table that the scan reads. Nothing else leaves Airtable, "
        "but with `record_names` the primary field.",
    )
    record_names: bool = Field(
        True,
        description="Show the name of each record in findings, which is its primary field. With "
        "`false`, that field is read only where `tables` lists it.",
    )
    region: Region | None = Field(
        None,
        description="The region of phone numbers that do not begin with `+`, such as US, for rules "
        "that do not name one.",
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
        names = {"tables": [*self.tables], "rules": [rule.table for rule in self.rules]}
        for place, named in names.items():
            size = sum(len(name.encode()) for name in named)
            if size > MAX_NAME_BYTES:
                yield Misfit(
                    (place,),
                    f"the names of its tables have {size:,} bytes, and at most {MAX_NAME_BYTES:,} "
                    "can be stored with a run; make several scans of it",
                )
        listed = {table: set(fields) for table, fields in self.tables.items()}
        for number, rule in enumerate(self.rules):
            for problem in self._unlisted(rule, listed):
                yield Misfit(("rules", number), problem)
        yield from self._unknown_to_word()
        issues = self.write_back
        if issues and issues.table in self.tables and self.write_base == self.base:
            yield Misfit(
                ("write_back", "table"),
                f"{issues.table!r} is a table that the scan checks; give one that is for findings "
                "only",
            )

    def _unknown_to_word(self) -> Iterator[Misfit]:
        """Yield each rule, table and owner that `notify` chooses and the scan does not have."""
        owners = {rule.owner for rule in self.rules} - {""}
        there = {"rules": {rule.id for rule in self.rules}, "tables": self.tables, "owners": owners}
        for number, one in enumerate(self.notify or ()):
            for name, known in there.items():
                for place, chosen in enumerate(getattr(one, name) or ()):
                    if chosen not in known:
                        fix = suggest(chosen, sorted(known), "correct it")
                        yield Misfit(
                            ("notify", number, name, place),
                            f"the scan has no such {name[:-1]} as {chosen!r}; {fix}",
                        )

    def _unlisted(self, rule: Rule, listed: Mapping[str, set[str]]) -> Iterator[str]:
        """Yield a sentence for each thing that the rule reads and `tables` lacks."""
        for table in rule.tables():
            if table not in listed:
                fix = suggest(table, self.tables, "add it there")
                yield f"table {table!r} is not in `tables`; {fix}"
        for table, field in rule.reads():
            if table in listed and field not in listed[table]:
                fix = suggest(field, self.tables[table], "add it there")
                yield f"field {field!r} is not in `tables.{table}`; {fix}"

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
