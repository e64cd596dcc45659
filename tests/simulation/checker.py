"""Judges by what is left in the store: what must hold whatever went wrong.

The same checker judges simulations and campaigns on a real stack.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from landfall.documents import Document, Fields
from landfall.fetching import Cursor
from landfall.integrity.ledger import Entry
from landfall.integrity.packing import unpack_entries
from landfall.ledgers import FindingsList, list_path
from landfall.lifecycle import (
    RUN_ENDED,
    RUN_MOVES,
    STEP_ENDED,
    STEP_MOVES,
    RunStatus,
    StepStatus,
)
from landfall.reasons import Reason
from landfall.records import whole_tables
from landfall.write_back import ALL
from tests.fakes.memory_store import MemoryStore
from tests.simulation.base import SimulatedBase

AFTER_WATCH = timedelta(seconds=5)

_NEVER = {
    Reason.INTERNAL_ERROR,
    Reason.PAGES_MISSING,
    Reason.FINDINGS_MISSING,
    Reason.BASE_REJECTED,
}

Found = tuple[str, tuple[str, ...]]
"""Rule and sorted record ids."""


@dataclass(frozen=True)
class Judged:
    """What is judged: the documents, and what is known of how they came about.

    `watches` are the begin and end of each tick of the watchdog that left nothing undone. `calm`
    says that nothing was made to go wrong. `issues` are the rows that were written back, by base.
    """

    memory: MemoryStore
    bases: Mapping[str, SimulatedBase]
    watches: Sequence[tuple[datetime, datetime]]
    calm: bool
    issues: Mapping[str, Sequence[Fields]]


def violations(judged: Judged) -> list[str]:
    """Everything that is not as it must be; empty when all is well."""
    found = [
        f"{run.id}: {what}" for run in judged.memory.all("runs") for what in _of_run(judged, run)
    ]
    return [*found, *of_schedules(judged), *_of_ledgers(judged), *_of_issues(judged)]


def _of_run(judged: Judged, run: Document) -> Iterator[str]:
    status = RunStatus(run.data["status"])
    if status not in RUN_ENDED:
        yield f"has not ended: {status}, {run.data['progress_step']}"
        return
    yield from of_lifecycle(judged, run)
    if status == RunStatus.DONE:
        yield from _of_result(judged, run)
        yield from _of_warnings(judged, run)


def of_lifecycle(judged: Judged, run: Document) -> Iterator[str]:
    """What must hold of a run that has ended, whatever its kind."""
    yield from _of_history(judged, run)
    yield from _of_costs(judged, run)
    yield from _of_zombies(judged, run)
    yield from _of_bound(judged, run)
    if run.data["status"] != RunStatus.DONE:
        yield from _of_error(judged, run)
    for step in judged.memory.all(f"{run.path}/steps"):
        if step.data["status"] not in STEP_ENDED:
            yield f"has ended, and its step {step.id} is {step.data['status']}"


def _of_error(judged: Judged, run: Document) -> Iterator[str]:
    reason = (run.data["error"] or {}).get("reason")
    if reason not in set(Reason):
        yield f"ended {run.data['status']} without a reason: {run.data['error']}"
    elif reason in _NEVER:
        yield f"ended with {reason}, for which there is no cause here: {run.data['error']}"
    elif reason != Reason.CANCELLED and judged.calm:
        yield f"ended with {reason}, and nothing had gone wrong"
    steps = {step.id for step in judged.memory.all(f"{run.path}/steps")}
    if "write" in steps and run.data["status"] != RunStatus.CANCELLED:
        yield f"ended {run.data['status']} for want of a write-back"


def _of_warnings(judged: Judged, run: Document) -> Iterator[str]:
    """A run that says that it wrote everything back did so; one that did not says why."""
    for warning in run.data["warnings"]:
        if warning["reason"] in _NEVER or warning["reason"] not in set(Reason) or judged.calm:
            yield f"warns of what has no cause here: {warning}"
    due = run.data["counts"].get("findings_to_write", 0)
    if due == 0:
        return
    missing = due - run.data["counts"]["findings_written"]
    score = next(s for s in judged.memory.all(f"{run.path}/steps") if s.id == "score")
    head = judged.memory.get(f"scans/{run.data['scan_id']}/ledgers/{run.data['base']}")
    assert head is not None
    newest = head.data.get("number") == score.data["cursor"]["published"]
    if newest and not missing and head.data["written"]["before"] != ALL:
        yield f"wrote {due} findings back, and its ledger has {head.data['written']}"
    if newest and missing and not run.data["warnings"]:
        yield f"left out {missing} of {due} findings without a word"


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


def _of_result(judged: Judged, run: Document) -> Iterator[str]:
    memory, base = judged.memory, judged.bases[run.data["base"]]
    fetched = next(step for step in memory.all(f"{run.path}/steps") if step.id == "fetch")
    cursor = Cursor.load(fetched.data["cursor"])
    assert cursor is not None
    pages = [page.data for page in memory.all(f"{run.path}/pages")]
    listings = {name: table.listing for name, table in cursor.tables.items()}
    tables = whole_tables(pages, listings, dict.fromkeys(listings, ()))
    for name, records in base.tables.items():
        if Counter(tables[name].ids) != Counter(r["id"] for r in records):
            yield f"holds {len(tables[name])} records of {name}, which has {len(records)}"
    where = FindingsList(**run.data["findings_list"])
    keys = {rule["key"] for rule in run.data["report"]["rules"]}
    found = _live(judged, where, keys)
    if found != Counter(base.findings):
        yield f"found {sorted(found)}, not {sorted(base.findings)}"
    total = sum(len(records) for records in base.tables.values())
    counts = run.data["counts"]
    if (counts["records"], counts["findings"]) != (total, len(base.findings)):
        yield f"counts {counts}, with {total} records and {len(base.findings)} findings"


def _live(judged: Judged, where: FindingsList, keys: Collection[str]) -> Counter[Found]:
    """The findings on a list that are there, of these rules: rule and sorted records."""
    return Counter(
        (entry.finding.rule_id, entry.finding.records)
        for entry in _entries(judged.memory, where)
        if entry.live and entry.rule_key in keys
    )


def _entries(memory: MemoryStore, where: FindingsList) -> list[Entry]:
    stored = {d.path: d.data for d in memory.all(f"runs/{where.run_id}/results")}
    paths = [list_path(where.run_id, number) for number in range(where.documents)]
    return list(unpack_entries(piece for path in paths for piece in stored[path]["packed"]))


def _of_ledgers(judged: Judged) -> Iterator[str]:
    """What is known of a scan's findings, wherever it is kept, is what the base has."""
    for head in _heads(judged):
        if "list" not in head.data:
            yield f"{head.path} has no list"
            continue
        base = judged.bases[head.id]
        entries = _entries(judged.memory, FindingsList(**head.data["list"]))
        keys = [rule["key"] for rule in head.data["rules"]]
        if _live(judged, FindingsList(**head.data["list"]), keys) != Counter(base.findings):
            yield f"{head.path} lists other findings than the base has"
        if head.data["followed"]:
            scan_id = head.data["scan_id"]
            own = [d for d in judged.memory.all("findings") if d.data["scan_id"] == scan_id]
            states = {entry.id: entry.state for entry in entries if entry.documented}
            if {d.id: d.data["state"] for d in own} != states:
                yield f"{head.path} is not what the documents of its findings say"


def _heads(judged: Judged) -> list[Document]:
    scans = judged.memory.all("scans")
    return [head for scan in scans for head in judged.memory.all(f"{scan.path}/ledgers")]


def not_written(memory: MemoryStore, head: Document, rows: Mapping[str, Fields]) -> Iterator[str]:
    """What a ledger says is in a table, and is not, or not in its last state."""
    written = head.data.get("written")
    if "list" not in head.data or written is None:
        return
    entries = _entries(memory, FindingsList(**head.data["list"]))
    there = {e.id: e.state for e in entries if e.id < written["before"]}
    rows_there = {key: rows[key]["State"] if key in rows else None for key in there}
    if rows_there != there:
        yield f"{head.path} says that {there} are written, and the table has {rows_there}"


def _of_issues(judged: Judged) -> Iterator[str]:
    """A row for each finding that a ledger says is written, in its last state; no other rows."""
    known: set[str] = set()
    tables = {
        base: {row["Fingerprint"]: row for row in rows} for base, rows in judged.issues.items()
    }
    for base, rows in judged.issues.items():
        if len(tables[base]) != len(rows):
            yield f"{base} has {len(rows)} rows of {len(tables[base])} findings"
    for head in _heads(judged):
        if "list" in head.data and head.data["written"]:
            known |= {e.id for e in _entries(judged.memory, FindingsList(**head.data["list"]))}
            yield from not_written(judged.memory, head, tables[head.id])
    strangers = {key for rows in tables.values() for key in rows} - known
    if strangers:
        yield f"the table has rows of {strangers}, which no ledger knows"


def of_schedules(judged: Judged) -> Iterator[str]:
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
