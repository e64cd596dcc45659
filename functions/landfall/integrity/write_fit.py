"""Fit of `write_back` to the table of findings: it exists, and its fields take the findings.

Pure: from the scan and the schemas of both bases to a sentence for each misfit.
"""

from collections.abc import Collection, Iterator

from landfall.airtable.fields import Schema
from landfall.airtable.schema import TableSchema, named
from landfall.airtable.unknown_fields import unknown
from landfall.airtable.written_fields import Written, unfit
from landfall.integrity.findings.entry import STATES
from landfall.integrity.scan import IntegrityScan
from landfall.integrity.write_back import KEY, MOMENTS, NUMBERS, WriteBack
from landfall.scans.settings import SEVERITIES


def write_misfits(scan: IntegrityScan, own: Schema, target: Schema) -> Iterator[str]:
    """Yield a sentence for each misfit. `own` is the scan's base, `target` that of findings."""
    issues = scan.write_back
    if issues is None:
        return
    chosen = issues.fields.chosen()
    for message in unknown({issues.table: list(chosen.values())}, target):
        yield f"write_back: {message}"
    table = named(target.tables, issues.table)
    if table is None:
        return
    checked = [named(own.tables, name) for name in scan.tables]
    if scan.write_base == scan.base and table.id in [one.id for one in checked if one]:
        yield (
            f"write_back.table: {issues.table!r} is a table that the scan checks; give one that "
            "is for findings only"
        )
    yield from _field_misfits(scan, issues, table)


def _field_misfits(scan: IntegrityScan, issues: WriteBack, table: TableSchema) -> Iterator[str]:
    first: dict[str, str] = {}
    for name, chosen in issues.fields.chosen().items():
        field = named(table.fields, chosen)
        if field is None:
            continue
        place = f"write_back.fields.{name}: field {chosen!r}"
        other = first.setdefault(field.id, name)
        if other != name:
            yield f"{place}: it is also the field of `{other}`; use one for each"
        yield from (f"{place}: {why}" for why in unfit(field, name, *_written(scan, name)))


def _written(scan: IntegrityScan, name: str) -> tuple[Written, Collection[str]]:
    """Return the form of a finding's property, and its possible values, where there are few."""
    options: Collection[str] = {
        "severity": SEVERITIES,
        "state": STATES,
        "table": list(scan.tables),
        "rule_id": [rule.id for rule in scan.rules],
        "owner": list({rule.owner for rule in scan.rules if rule.owner}),
    }.get(name, ())
    forms: dict[str, Written] = {
        KEY: "key",
        **dict.fromkeys(NUMBERS, "number"),
        **dict.fromkeys(MOMENTS, "moment"),
    }
    return forms.get(name, "text"), options
