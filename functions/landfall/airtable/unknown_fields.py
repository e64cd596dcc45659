"""Tables and fields that a scan names and its base lacks; the result of comparing the two."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from landfall.airtable.fields import Schema
from landfall.airtable.schema import named
from landfall.airtable.values import cut
from landfall.scans.settings import suggest


class Remark(NamedTuple):
    """A sentence about a rule, or about `tables`."""

    rule_id: str | None
    message: str


@dataclass(frozen=True)
class Fit:
    """What does not fit, and what does but is worth knowing."""

    misfits: list[Remark]
    remarks: list[Remark]


def unknown(tables: Mapping[str, Sequence[str]], schema: Schema) -> Iterator[str]:
    """What of these tables and fields the base does not have, and what was probably meant."""
    for name, fields in tables.items():
        table = named(schema.tables, name)
        if table is None:
            there = [table.name for table in schema.tables]
            fix = suggest(name, there, f"it has {cut(', '.join(there))}")
            yield f"the base has no table {name!r}; {fix}"
            continue
        there = [field.name for field in table.fields]
        for field in fields:
            if named(table.fields, field) is None:
                fix = suggest(field, there, f"it has {cut(', '.join(there))}")
                yield f"table {name!r} has no field {field!r}; {fix}"
