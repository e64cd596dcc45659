"""The end of an integrity scan's score step, and of the run where nothing is to be written back."""

from collections.abc import Sequence

from landfall import logs
from landfall.integrity.score_cursor import ScoreCursor, WorkList
from landfall.runs.claim import Claim
from landfall.runs.documents import RunFields
from landfall.runs.kind import Outcome
from landfall.store.documents import Write


async def end(
    claim: Claim,
    cursor: ScoreCursor,
    run: RunFields | None = None,
    writes: Sequence[Write] = (),
) -> Outcome:
    """End the step, with these fields of the run and further writes."""
    ended: RunFields = run or {}
    if cursor.work:
        ended["progress_step"] = "scored"
        handover = WorkList(cursor.work, cursor.published).store()
        await claim.finish_step("write", ended, handover=handover, cursor=cursor, writes=writes)
    else:
        await claim.finish_run(ended, cursor=cursor, writes=writes)
    logs.info("scored", verdict=claim.run.verdict, complete=claim.run.complete, **claim.run.counts)
    return Outcome.FINISHED
