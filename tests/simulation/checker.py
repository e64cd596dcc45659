"""Judges by what is left in the store: what must hold whatever went wrong.

The same checker judges simulations and campaigns on a real stack.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Protocol

from landfall.airtable.fetch_cursor import FetchCursor
from landfall.airtable.protocols import Record
from landfall.airtable.records import whole_tables
from landfall.airtable.snapshot import Table
from landfall.reasons import Reason
from landfall.runs.lifecycle import (
    RUN_ENDED,
    RUN_MOVES,
    STEP_ENDED,
    STEP_MOVES,
    RunStatus,
    StepStatus,
)
from landfall.store.documents import Document
from tests.fakes.memory_store import MemoryStore

AFTER_WATCH = timedelta(seconds=5)

NEVER = {
    Reason.INTERNAL_ERROR,
    Reason.PAGES_MISSING,
    Reason.FINDINGS_MISSING,
    Reason.BASE_REJECTED,
}
"""Reasons for which there is no cause in a simulation or a campaign."""


class KindChecker(Protocol):
    """What must hold of the runs of one kind of scan, besides what must hold of all."""

    def of_done(self, memory: MemoryStore, run: Document) -> Iterator[str]:
        """What is wrong with a run that says it is done."""
        ...

    def of_all(self, memory: MemoryStore) -> Iterator[str]:
        """What is wrong with what outlives runs."""
        ...


@dataclass(frozen=True)
class Judged:
    """What is judged: the documents, and what is known of how they came about.

    `watches` are the begin and end of each tick of the watchdog that left nothing undone. `calm`
    says that nothing was made to go wrong. `checkers` are by the kind of scan.
    """

    memory: MemoryStore
    checkers: Mapping[str, KindChecker]
    watches: Sequence[tuple[datetime, datetime]]
    calm: bool


def violations(judged: Judged) -> list[str]:
    """Everything that is not as it must be; empty when all is well."""
    found = [
        f"{run.id}: {what}" for run in judged.memory.all("runs") for what in _of_run(judged, run)
    ]
    of_kinds = [what for one in judged.checkers.values() for what in one.of_all(judged.memory)]
    return [*found, *_of_schedules(judged), *of_kinds]


def _of_run(judged: Judged, run: Document) -> Iterator[str]:
    status = RunStatus(run.data["status"])
    if status not in RUN_ENDED:
        yield f"has not ended: {status}, {run.data['progress_step']}"
        return
    yield from _of_history(judged, run)
    yield from _of_costs(judged, run)
    yield from _of_zombies(judged, run)
    yield from _of_bound(judged, run)
    if status == RunStatus.DONE:
        yield from _of_warnings(judged, run)
        yield from judged.checkers[run.data["kind"]].of_done(judged.memory, run)
    else:
        yield from _of_error(judged, run)
    for step in judged.memory.all(f"{run.path}/steps"):
        if step.data["status"] not in STEP_ENDED:
            yield f"has ended, and its step {step.id} is {step.data['status']}"


def _of_error(judged: Judged, run: Document) -> Iterator[str]:
    reason = (run.data["error"] or {}).get("reason")
    if reason not in set(Reason):
        yield f"ended {run.data['status']} without a reason: {run.data['error']}"
    elif reason in NEVER:
        yield f"ended with {reason}, for which there is no cause here: {run.data['error']}"
    elif reason != Reason.CANCELLED and judged.calm:
        yield f"ended with {reason}, and nothing had gone wrong"
    steps = {step.id for step in judged.memory.all(f"{run.path}/steps")}
    if "write" in steps and run.data["status"] != RunStatus.CANCELLED:
        yield f"ended {run.data['status']} for want of a write-back"


def _of_warnings(judged: Judged, run: Document) -> Iterator[str]:
    for warning in run.data["warnings"]:
        if warning["reason"] in NEVER or warning["reason"] not in set(Reason) or judged.calm:
            yield f"warns of what has no cause here: {warning}"


def _of_bound(judged: Judged, run: Document) -> Iterator[str]:
    watched = [end for begin, end in judged.watches if begin >= run.data["deadline_at"]]
    if watched and run.data["finished_at"] > watched[0] + AFTER_WATCH:
        yield f"ended {run.data['finished_at']}, after a watchdog had passed its deadline"


def _of_history(judged: Judged, run: Document) -> Iterator[str]:
    """The events, one after the other, lead from nothing to what the documents say."""
    events = judged.memory.all(f"{run.path}/events")
    if [event.id for event in events] != [f"{n:06d}" for n in range(1, len(events) + 1)]:
        yield "its events have a gap"
    status: str | None = None
    steps: dict[str, str] = {}
    for event in events:
        step, old, new = event.data["step"], event.data["from"], event.data["to"]
        if step is None:
            if old != status or (old and new not in RUN_MOVES[RunStatus(old)]):
                yield f"went from {status} by a move from {old} to {new}"
            status = new
        else:
            if old != steps.get(step, "queued") or new not in STEP_MOVES[StepStatus(old)]:
                yield f"step {step} was {steps.get(step)} and moved from {old} to {new}"
            steps[step] = new
    if status != run.data["status"]:
        yield f"says {run.data['status']}, and its history {status}"


def _of_costs(judged: Judged, run: Document) -> Iterator[str]:
    """Tasks are counted once, as the steps have them; every document was a write that counts."""
    counts = run.data["counts"]
    parts = ("steps", "events", "pages", "results")
    made = {part: judged.memory.all(f"{run.path}/{part}") for part in parts}
    tasks = sum(step.data["dispatch"] for step in made["steps"])
    if counts["tasks"] != tasks:
        yield f"counts {counts['tasks']} tasks where its steps asked for {tasks}"
    if counts["firestore_writes"] < 1 + sum(map(len, made.values())):
        yield f"counts {counts['firestore_writes']} writes and has more documents"


def _of_zombies(judged: Judged, run: Document) -> Iterator[str]:
    """Nobody writes after another has claimed the step: by the order of writes, not by a clock."""
    events = [event.data for event in judged.memory.all(f"{run.path}/events")]
    claims = [e["updated_by"] for e in events if e["step"] and e["to"] == StepStatus.RUNNING]
    if len(set(claims)) != len(claims):
        yield f"a worker claimed twice: {claims}"
    movers = [event["updated_by"] for event in events if event["updated_by"] in claims]
    writers = [page.data.get("updated_by") for page in judged.memory.all(f"{run.path}/pages")]
    if not set(writers) <= set(claims):
        yield f"pages were written without a claim: by {set(writers) - set(claims)}"
        return
    for what, workers in (("moved", movers), ("wrote pages", writers)):
        for before, by in pairwise(workers):
            if claims.index(by) < claims.index(before):
                yield f"{by} {what} after {before}, who had claimed the step later"


def _of_schedules(judged: Judged) -> Iterator[str]:
    runs = judged.memory.all("runs")
    for schedule in judged.memory.all("schedules"):
        own = [run for run in runs if run.data["schedule_id"] == schedule.id]
        if len(own) != schedule.data["runs_started"]:
            yield f"{schedule.id} counts {schedule.data['runs_started']} runs and made {len(own)}"
        if len({run.data["slot"] for run in own}) != len(own):
            yield f"{schedule.id} made two runs for one slot"
        if schedule.data["max_runs"] and len(own) > schedule.data["max_runs"]:
            yield f"{schedule.id} made {len(own)} runs of {schedule.data['max_runs']}"
        if schedule.data["next_run_at"] is not None:
            yield f"{schedule.id} never came to its end"


def of_verdict(run: Document) -> Iterator[str]:
    """A complete run lacks nothing; one that lacks something is critical, or inconclusive."""
    verdict, complete, lacking = (run.data[it] for it in ("verdict", "complete", "inconclusive"))
    if complete != (not lacking) or any(not one["why"] for one in lacking):
        yield f"is complete: {complete}, and lacks {lacking}"
    if complete == (verdict == "inconclusive") or (not complete and verdict in MILD):
        yield f"is {verdict}, complete: {complete}"


MILD = ("healthy", "warning")


def tables_of(memory: MemoryStore, run: Document) -> Mapping[str, Table]:
    """The tables that a run of a base has read, from its pages."""
    fetched = memory.get(f"{run.path}/steps/fetch")
    assert fetched is not None
    cursor = FetchCursor.load(fetched.data["cursor"])
    assert cursor is not None
    pages = [page.data for page in memory.all(f"{run.path}/pages")]
    listings = {name: table.listing for name, table in cursor.tables.items()}
    fields = {name: table.fields for name, table in cursor.tables.items()}
    return whole_tables(pages, listings, fields)


def looked_at(memory: MemoryStore, run: Document) -> datetime | None:
    """When a run kept the first page of what it looked at; None when it kept none."""
    first = memory.get(f"{run.path}/pages/000000")
    return first.data["updated_at"] if first else None


Looks = Collection[tuple[str, str]]
"""Runs and tables of which a base has said, for once, that there are no records."""


def blank(run: Document, read: Mapping[str, Table], looks: Looks) -> set[str]:
    """Return the tables of which a run has seen no records, because the base said so for once."""
    return {name for name, table in read.items() if not len(table) and (run.id, name) in looks}


def of_tables(
    read: Mapping[str, Table], there: Mapping[str, Sequence[Record]], but: Collection[str] = ()
) -> Iterator[str]:
    """Each record of a base was read once, but those of some tables."""
    for name, records in there.items():
        if name in but:
            continue
        if Counter(read[name].ids) != Counter(record["id"] for record in records):
            yield f"holds {len(read[name])} records of {name}, which has {len(records)}"
