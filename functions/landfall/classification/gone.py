"""Marks on the elements whose records are gone from the table."""

from collections.abc import Collection, Mapping
from datetime import datetime

from landfall import logs
from landfall.classification.element_store import ElementStore, StoredElement
from landfall.classification.tracked_element import TrackedElement
from landfall.runs.claim import Claim
from landfall.store.commit_size import groups
from landfall.store.documents import ConflictError


async def mark_gone(
    claim: Claim,
    catalogue: ElementStore,
    present: Collection[str],
    kept: Mapping[str, StoredElement],
    since: datetime,
) -> None:
    """Mark the elements without a record, and unmark those that have one again.

    `present` are the ids of the records, which were read from `since` on.
    """
    now, writes = claim.engine.clock(), []
    for record_id, one in kept.items():
        gone = is_gone(one.tracked, present, since)
        if gone != (one.tracked.gone_at is not None):
            entry = one.tracked.with_gone_at(now if gone else None)
            writes.append(one.write(catalogue.path_of(record_id), entry))
    for some in groups(writes):
        try:
            await claim.checkpoint(writes=some)
        except ConflictError:
            logs.warning("elements not marked", elements=len(some))  # the next run marks them


def is_gone(tracked: TrackedElement, present: Collection[str], since: datetime) -> bool:
    """Return whether an element has no record, given those that were read from `since` on."""
    if not present or (tracked.record_id not in present and tracked.is_newer_than(since)):
        return (
            tracked.gone_at is not None
        )  # no record at all may be a fault; a later run has seen it
    return tracked.record_id not in present
