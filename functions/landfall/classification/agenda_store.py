"""The stored agenda of a run: made by its first invocation for all that follow."""

from collections.abc import Mapping, Sequence

from landfall.classification.agenda import Agenda
from landfall.classification.ask_cursor import AskCursor, plan_path
from landfall.classification.element_groups import group_elements
from landfall.classification.element_store import StoredElement
from landfall.classification.elements import Element
from landfall.classification.reviews import SETTLED
from landfall.classification.scan import ClassificationScan
from landfall.runs.claim import Claim, gone
from landfall.runs.plan import ALL_ELEMENTS
from landfall.store.documents import Put


async def make_agenda(
    claim: Claim,
    scan: ClassificationScan,
    elements: Mapping[str, Element],
    kept: Mapping[str, StoredElement],
    asked_how: str,
) -> tuple[Agenda, AskCursor]:
    """Store the groups that a run asks about; return them, and the first cursor."""
    again = claim.run.regenerate
    due = [
        element
        for record_id, element in elements.items()
        if _is_due(kept.get(record_id), element, asked_how, again)
    ]
    groups = group_elements(due, scan.group_size, scan.labels)
    agenda = Agenda([[element.record_id for element in group] for group in groups])
    made = agenda.documents()
    cursor = AskCursor(plan=len(made), planned=len(due))
    path = claim.run.path
    writes = [Put(plan_path(path, number), fields) for number, fields in enumerate(made)]
    await claim.checkpoint(cursor, writes=writes)
    return agenda, cursor


async def load_agenda(claim: Claim, count: int) -> Agenda:
    """Read the agenda from so many documents of the run. Raises `StepError`."""
    paths = [plan_path(claim.run.path, number) for number in range(count)]
    found = await claim.engine.store.read(*paths) if paths else []
    present = [document for document in found if document]
    if len(present) != count:
        raise gone("a part of the list of elements to ask about")
    return Agenda.load(present)


def _is_due(
    kept: StoredElement | None, element: Element, asked_how: str, again: str | Sequence[str] | None
) -> bool:
    if kept and kept.classification.state in SETTLED:
        return False
    if again:
        return again == ALL_ELEMENTS or element.record_id in again
    if kept is None:
        return True
    # a run that read the element later may have ended already: its suggestion is newer
    later = kept.tracked.is_newer_than(element.fetched_at)
    return not (later or kept.tracked.has_suggestion_for(element.hash(asked_how)))
