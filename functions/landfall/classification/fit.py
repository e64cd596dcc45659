"""Whether a classification fits its base: what it reads is there, and what it fills in can be.

Pure: from the scan and the base's schema to what does not fit, a sentence each.
"""

from collections.abc import Iterator

from landfall.airtable.fields import Holds, Schema, choices, computed, holds, shown_type
from landfall.airtable.schema import FieldSchema, named
from landfall.airtable.unknown_fields import unknown
from landfall.airtable.values import cut
from landfall.classification.answer import FLAGS
from landfall.classification.reviews import SETTLED
from landfall.classification.scan import ClassificationScan


def misfits(scan: ClassificationScan, schema: Schema) -> Iterator[str]:
    """What does not fit the base."""
    chosen = scan.write_back.fields.chosen() if scan.write_back else {}
    yield from unknown({scan.table: [*scan.tables[scan.table], *chosen.values()]}, schema)
    table = named(schema.tables, scan.table)
    for output, name in chosen.items():
        field = named(table.fields, name) if table else None
        if field:
            yield from (f"field {name!r}: {why}" for why in _unfit(scan, output, field))


def _unfit(scan: ClassificationScan, output: str, field: FieldSchema) -> Iterator[str]:
    """Why an output cannot be filled into a field."""
    if computed(field):
        yield f"it is a {shown_type(field)}, which nobody can fill in"
        return
    wanted: Holds = "text"
    if output in FLAGS:
        wanted = "ticks"
    elif output == "confidence":
        wanted = "numbers"
    if holds(field) not in (None, wanted):
        yield f"it is a {shown_type(field)}, and {output} is {_SAYS[wanted]}"
    known = choices(field)
    lacking = [label for label in _labels(scan, output) if known is not None and label not in known]
    if lacking:
        yield f"it has no option {cut(', '.join(lacking))}; add it, or use a text field"


_SAYS: dict[Holds, str] = {
    "text": "text: a text field or a single select",
    "ticks": "yes or no: a checkbox",
    "numbers": "a number",
}


def _labels(scan: ClassificationScan, output: str) -> tuple[str, ...]:
    """The values that an output may have, where they are known."""
    if output == "state":
        fill = scan.write_back
        return (*sorted(SETTLED), *(["suggested"] if fill and fill.when == "always" else []))
    return scan.labels.choices().get(output, ())
