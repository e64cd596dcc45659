"""The data elements that a run fetched."""

from collections.abc import Mapping
from dataclasses import dataclass

from landfall.airtable.fetched import Fetched, read_tables
from landfall.classification.elements import Element, elements_of
from landfall.classification.scan import ClassificationScan
from landfall.runs.claim import Claim


@dataclass(frozen=True)
class ElementsRead:
    """The elements by record id; none where the base lacks a field (`missing` says which)."""

    elements: Mapping[str, Element]
    records: int
    missing: str = ""


async def read_elements(claim: Claim, scan: ClassificationScan) -> ElementsRead:
    """Read the elements from the pages of the run. Raises `StepError`."""
    fetched = Fetched.load((await claim.handover()).fields)
    missing = [item["field"] or item["table"] for item in fetched.unresolved]
    if missing:
        why = f"the base does not have {', '.join(map(repr, missing))}; nothing was asked"
        return ElementsRead({}, fetched.records, why)
    tables = await read_tables(claim.engine.store, claim.run.path, fetched)
    name = scan.table
    origin = fetched.origin(scan.base)
    fields = scan.mapping.fields()
    found = elements_of(tables[name], fields, lambda record: origin.link(name, record))
    elements = {element.record_id: element for element in found}
    return ElementsRead(elements, fetched.records)
