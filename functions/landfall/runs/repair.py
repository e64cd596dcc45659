"""The end of a run whose documents somebody has edited, so that they cannot be read.

Nothing can move such a run: no worker, and not the watchdog, which must not guess what a status or
a deadline was meant to be. To end it, no more need be known than that it has not ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from landfall import logs
from landfall.runs.changes import State, moves_of, writes_of
from landfall.runs.commit import MAX_COMMIT_TRIES, Engine, RunNotFoundError
from landfall.runs.documents import Run, Step, Stored, run_path
from landfall.runs.lifecycle import RUN_ENDED, RunStatus
from landfall.runs.transitions import ended
from landfall.store.conflicts import until_committed
from landfall.store.documents import Document, Fields, Query, Write
from landfall.store.shape import repaired


async def end_repaired(
    engine: Engine, run_id: str, status: RunStatus, error: Fields, by: str
) -> bool:
    """End a run, and replace what cannot be read of it; return False when it had ended before.

    Raises `RunNotFoundError`.
    """
    path = run_path(run_id)

    async def attempt() -> bool:
        (run,) = await engine.store.read(path)
        if run is None:
            raise RunNotFoundError(f"there is no run {run_id!r}")
        steps = await engine.store.find(Query(f"{path}/steps"))
        events = await engine.store.find(Query(f"{path}/events", fields=("step",)))
        now = engine.clock()
        writes = ended_and_repaired(run, steps, events, status, error, by, now)
        if writes:
            await engine.store.commit(writes)
            logs.error("repaired", run_id=run_id, by=by)
        return bool(writes)

    return await until_committed(attempt, tries=MAX_COMMIT_TRIES, what=path)


def ended_and_repaired(
    run: Document,
    steps: Sequence[Document],
    events: Sequence[Document],
    status: RunStatus,
    error: Fields,
    by: str,
    now: datetime,
) -> list[Write]:
    """Return the writes that end a run, of all its steps and events; none where it has ended. Pure.

    Fields that cannot be read are replaced: by nothing, zero, or the present time.
    """
    if run.data.get("status") in RUN_ENDED:
        return []
    # the events are numbered, and each is created once
    moves = max((int(event.id) for event in events), default=0)
    repairs = {run.path: _repairs(Run, run, now) | {"moves": moves}}
    repairs |= {step.path: _repairs(Step, step, now) for step in steps}
    state = State.load(_with(run, repairs), [_with(step, repairs) for step in steps])
    lost = sorted({name for fields in repairs.values() for name in fields} - {"moves"})
    if lost:
        error = error | {"message": f"{error['message']}; could not be read: {', '.join(lost)}"}
    change = ended(state, status, error)
    run_fields: Any = {**repairs[run.path], **change.run}
    step_fields: dict[str, Any] = {
        step.id: {**repairs[step.path], **change.steps.get(step.id, {})} for step in steps
    }
    changed = {id_: fields for id_, fields in step_fields.items() if fields}
    change = replace(change, run=run_fields, steps=changed)
    return writes_of(state, change, moves_of(state, change), by, now)


def _repairs(form: type[Stored], document: Document, now: datetime) -> Fields:
    repairs = repaired(form, document.data, now)
    counts = document.data.get("counts")
    if isinstance(counts, Mapping) and (lost := [n for n, it in counts.items() if not _counts(it)]):
        repairs["counts"] = {**counts, **dict.fromkeys(lost, 0)}
    return repairs


def _counts(value: Any) -> bool:
    return isinstance(value, int | float | Mapping)


def _with(document: Document, repairs: Mapping[str, Fields]) -> Document:
    return replace(document, data=document.data | repairs[document.path])
