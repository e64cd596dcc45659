"""Tables and fields that a scan names and its base lacks; the result of comparing the two."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from landfall.airtable.fields import Schema
from landfall.airtable.schema import named
from landfall.airtable.values import truncate
from landfall.scans.settings import suggest


class Remark(NamedTuple):
    """A sentence about a rule, or about `tables` or `write_back`."""

    rule_id: str | None
    message: str


@dataclass(frozen=True)
class Fit:
    """The misfits of a scan with its base, and remarks on what fits."""

    misfits: list[Remark]
    remarks: list[Remark]


def unknown(tables: Mapping[str, Sequence[str]], schema: Schema) -> Iterator[str]:
    """Yield a sentence for each table and field that the base lacks, with a suggestion."""
    for name, fields in tables.items():
        table = named(schema.tables, name)
        if table is None:
            there = [table.name for table in schema.tables]
            yield f"the base has no table {name!r}; {_fix(name, there)}"
            continue
        there = [field.name for field in table.fields]
        for field in fields:
            if named(table.fields, field) is None:
                yield f"table {name!r} has no field {field!r}; {_fix(field, there)}"


def _fix(name: str, there: Sequence[str]) -> str:
    """Return what may be meant by a name, of those there are."""
    cut = next((one for one in there if one.startswith(f"{name} #")), None)
    if cut:
        return f"put {cut!r} in quotes, because a comment begins at ' #'"
    return suggest(name, there, f"it has {truncate(', '.join(there))}")
