"""Fit of a classification to its base: the fields that it reads exist, and those that it writes
accept its values.

Pure: from the scan and the base's schema to one sentence for each misfit.
"""

from collections.abc import Iterator

from landfall.airtable.fields import Schema
from landfall.airtable.schema import FieldSchema, named
from landfall.airtable.unknown_fields import unknown
from landfall.airtable.written_fields import Written, unfit
from landfall.classification.answer import FLAGS
from landfall.classification.reviews import SETTLED
from landfall.classification.scan import ClassificationScan


def misfits(scan: ClassificationScan, schema: Schema) -> Iterator[str]:
    """Yield a sentence for each misfit."""
    chosen = scan.write_back.fields.chosen() if scan.write_back else {}
    yield from unknown({scan.table: [*scan.tables[scan.table], *chosen.values()]}, schema)
    table = named(schema.tables, scan.table)
    for output, name in chosen.items():
        field = named(table.fields, name) if table else None
        if field:
            yield from (f"field {name!r}: {why}" for why in _field_misfits(scan, output, field))


def _field_misfits(scan: ClassificationScan, output: str, field: FieldSchema) -> Iterator[str]:
    """Yield the reasons for which an output cannot be written to a field."""
    written: Written = "text"
    if output in FLAGS:
        written = "flag"
    elif output == "confidence":
        written = "number"
    yield from unfit(field, output, written, _labels(scan, output))


def _labels(scan: ClassificationScan, output: str) -> tuple[str, ...]:
    """Return the possible values of an output, where there is a fixed choice."""
    if output == "state":
        write_back = scan.write_back
        suggested = ["suggested"] if write_back and write_back.when == "always" else []
        return (*sorted(SETTLED), *suggested)
    return scan.labels.choices().get(output, ())
