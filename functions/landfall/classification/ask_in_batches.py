"""The batches of a classification, which are asked before the rest is asked one by one."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from landfall.classification.ask_cursor import AskCursor
from landfall.classification.scan import ClassificationScan
from landfall.deadlines import Deadline
from landfall.llm.batch_step import Batching, OpenBatches, stop_batches
from landfall.llm.questions import Question
from landfall.runs.claim import Claim
from landfall.runs.documents import Run, RunFields, Step
from landfall.runs.kind import Again
from landfall.store.documents import Fields


async def wait_for_batches(
    claim: Claim,
    scan: ClassificationScan,
    open_batches: OpenBatches,
    cursor: AskCursor,
    questions: Sequence[Question[Any]],
    deadline: Deadline,
) -> tuple[AskCursor, Again | None]:
    """Advance the batches; return the cursor, and None once they have ended."""
    batching = Batching(claim, scan.model, open_batches, cursor.batches)

    async def keep(parts: Sequence[Fields]) -> None:
        nonlocal cursor
        cursor = replace(cursor, batches=tuple(parts))
        await claim.checkpoint(cursor)

    delay = await batching.run(questions, deadline, keep) if questions else None
    if delay is None:
        return cursor, None
    percent = claim.progress.at(batching.answered / len(questions))
    run: RunFields = {"progress_step": "waiting_for_batch", "progress_pct": percent}
    return cursor, Again(delay, waiting=True, run=run)


async def stop_asking(
    run: Run, step: Step, scan: ClassificationScan, open_batches: OpenBatches, deadline: Deadline
) -> None:
    """Stop the batches that a run left at the model API when it ended. Raises `StepError`."""
    batches = AskCursor.load(step.cursor).batches
    await stop_batches(run.id, batches, scan.model, open_batches, deadline)
