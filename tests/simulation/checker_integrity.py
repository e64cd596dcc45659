"""Judges what integrity runs leave: the defects of what was read are found, wherever kept."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from landfall.airtable.snapshot import Table
from landfall.integrity.findings.entry import FindingEntry
from landfall.integrity.findings.lists import FindingsList, list_path
from landfall.integrity.findings.packing import unpack_entries
from landfall.integrity.findings.write_progress import AFTER_ALL
from landfall.runs.lifecycle import RunStatus
from landfall.store.documents import Document, Fields
from tests.fakes.memory_store import MemoryStore
from tests.simulation.base import PUPILS, SEVERITY, Found, SimulatedBase, defects
from tests.simulation.checker import Looks, blank, looked_at, of_tables, tables_of

WORST = ("healthy", "warning", "critical")
"""Verdicts of a complete run, the worst last."""


@dataclass(frozen=True)
class IntegrityChecker:
    """A `KindChecker`. `bases` are by id; `issues` are the rows that were written back to them."""

    bases: Mapping[str, SimulatedBase]
    issues: Mapping[str, Sequence[Fields]]
    looks: Looks = ()

    def of_done(self, memory: MemoryStore, run: Document) -> Iterator[str]:
        """As `KindChecker.of_done`."""
        yield from _of_result(memory, self.bases[run.data["base"]], run, self.looks)
        yield from _of_write_back(memory, run)

    def of_all(self, memory: MemoryStore) -> Iterator[str]:
        """As `KindChecker.of_all`."""
        yield from _of_ledgers(memory, self.looks)
        yield from _of_issues(memory, self.issues)


def _of_write_back(memory: MemoryStore, run: Document) -> Iterator[str]:
    """A run that says that it wrote everything back did so; one that did not says why."""
    due = run.data["counts"].get("findings_to_write", 0)
    if due == 0:
        return
    missing = due - run.data["counts"]["findings_written"]
    score = next(s for s in memory.all(f"{run.path}/steps") if s.id == "score")
    head = memory.get(f"scans/{run.data['scan_id']}/ledgers/{run.data['base']}")
    assert head is not None
    newest = head.data.get("number") == score.data["cursor"]["published"]
    if newest and not missing and head.data["written"]["before"] != AFTER_ALL:
        yield f"wrote {due} findings back, and its ledger has {head.data['written']}"
    if newest and missing and not run.data["warnings"]:
        yield f"left out {missing} of {due} findings without a word"


def _of_result(
    memory: MemoryStore, base: SimulatedBase, run: Document, looks: Looks
) -> Iterator[str]:
    read = tables_of(memory, run)
    unseen = blank(run, read, looks)
    yield from of_tables(read, base.tables, unseen)
    if unseen:
        yield from _of_empty_look(memory, run, read, unseen)
        return
    if strange := base.never_had(read[PUPILS]):
        yield f"holds other cells of {strange} than they ever had"
    where = FindingsList(**run.data["findings_list"])
    keys = {rule["key"] for rule in run.data["report"]["rules"]}
    found, there = _live(memory, where, keys), defects(read)
    if found != there:
        yield f"found {sorted(found)}, not {sorted(there)}"
    worst = max((SEVERITY[rule] for rule, _ in there), key=WORST.index, default="healthy")
    if (run.data["verdict"], run.data["complete"]) != (worst, True):
        yield f"is {run.data['verdict']}, complete: {run.data['complete']}, and not {worst}"
    total = sum(len(records) for records in base.tables.values())
    counts = run.data["counts"]
    if (counts["records"], counts["findings"]) != (total, there.total()):
        yield f"counts {counts}, with {total} records and {there.total()} findings"


def _of_empty_look(
    memory: MemoryStore, run: Document, read: Mapping[str, Table], unseen: Collection[str]
) -> Iterator[str]:
    """A rule that saw nothing is inconclusive, and resolves nothing; the others are as always."""
    where, judged = FindingsList(**run.data["findings_list"]), _judged(unseen)
    rules = {rule["rule_id"]: rule for rule in run.data["report"]["rules"]}
    sure = {id_ for id_, rule in rules.items() if rule["inconclusive"] is None}
    if sure - judged:
        yield f"is sure of {sure - judged}, and has seen no records of {unseen}"
    keys = {rules[id_]["key"] for id_ in sure}
    if (found := _live(memory, where, keys)) != (there := _of(defects(read), sure)):
        yield f"found {sorted(found)}, not {sorted(there)}"
    for id_ in rules.keys() - sure:
        if rules[id_]["resolved"]:
            yield f"resolved findings of {id_}, and has seen no records of {unseen}"
    if run.data["complete"] and judged != set(SEVERITY):
        yield f"is complete, and has seen no records of {unseen}"


def _judged(unseen: Collection[str]) -> set[str]:
    """Return the rules that have records to judge. A link to a table without any is broken."""
    return set() if PUPILS in unseen else set(SEVERITY)


def _of(found: Counter[Found], rules: Collection[str]) -> Counter[Found]:
    return Counter({one: number for one, number in found.items() if one[0] in rules})


def _live(memory: MemoryStore, where: FindingsList, keys: Collection[str]) -> Counter[Found]:
    """The findings on a list that are there, of these rules: rule and sorted records."""
    return Counter(
        (entry.finding.rule_id, entry.finding.records)
        for entry in _entries(memory, where)
        if entry.live and entry.rule_key in keys
    )


def _entries(memory: MemoryStore, where: FindingsList) -> list[FindingEntry]:
    stored = {d.path: d.data for d in memory.all(f"runs/{where.run_id}/results")}
    paths = [list_path(where.run_id, number) for number in range(where.documents)]
    return list(unpack_entries(piece for path in paths for piece in stored[path]["packed"]))


def _of_ledgers(memory: MemoryStore, looks: Looks) -> Iterator[str]:
    """What is known of a scan's findings, wherever it is kept, is of the run that looked last."""
    for head in _heads(memory):
        if "list" not in head.data:
            yield f"{head.path} has no list"
            continue
        entries = _entries(memory, FindingsList(**head.data["list"]))
        keys = [rule["key"] for rule in head.data["rules"]]
        live = _live(memory, FindingsList(**head.data["list"]), keys)
        if not _is_of_last_look(memory, head, live, looks):
            yield f"{head.path} lists other findings than were there at the last look"
        if head.data["followed"]:
            scan_id = head.data["scan_id"]
            own = [d for d in memory.all("findings") if d.data["scan_id"] == scan_id]
            states = {entry.id: entry.state for entry in entries if entry.documented}
            if {d.id: d.data["state"] for d in own} != states:
                yield f"{head.path} is not what the documents of its findings say"


def _is_of_last_look(
    memory: MemoryStore, head: Document, live: Counter[Found], looks: Looks
) -> bool:
    """Return whether these findings were there for the run that looked last of those that are done.

    Or for one that looked later, and came to its end after that otherwise: it may have said so.
    Where a run has seen no records of a table, rules are judged one by one, by any look at theirs.
    """
    seen = [
        (at, run)
        for run in memory.all("runs")
        if run.data["scan_id"] == head.data["scan_id"]
        and memory.get(f"{run.path}/steps/score")
        and (at := looked_at(memory, run))
    ]
    reads = [(at, run, tables_of(memory, run)) for at, run in seen]
    unseen = {run.id: blank(run, read, looks) for _, run, read in reads}
    if not any(unseen.values()):
        done = [at for at, run in seen if run.data["status"] == RunStatus.DONE]
        return live in [defects(read) for at, _, read in reads if at >= max(done, default=at)]
    for rule in SEVERITY:
        sure = [(at, run, read) for at, run, read in reads if rule in _judged(unseen[run.id])]
        there = [_of(defects(read), {rule}) for _, _, read in sure]
        unsure = [(at, run) for at, run, _ in reads if rule not in _judged(unseen[run.id])]
        if not any(_has_the_word(at, run, unsure) for at, run, _ in sure):
            there.append(Counter())
        if _of(live, {rule}) not in there:
            return False
    return True


def _has_the_word(at: datetime, run: Document, others: Sequence[tuple[datetime, Document]]) -> bool:
    """Return whether a run is done, and none that looked later was done before it."""
    return run.data["status"] == RunStatus.DONE and not any(
        its_at > at
        and other.data["status"] == RunStatus.DONE
        and other.data["finished_at"] <= run.data["finished_at"]
        for its_at, other in others
    )


def _heads(memory: MemoryStore) -> list[Document]:
    scans = memory.all("scans")
    return [head for scan in scans for head in memory.all(f"{scan.path}/ledgers")]


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


def _of_issues(memory: MemoryStore, issues: Mapping[str, Sequence[Fields]]) -> Iterator[str]:
    """A row for each finding that a ledger says is written, in its last state; no other rows."""
    known: set[str] = set()
    tables = {base: {row["Fingerprint"]: row for row in rows} for base, rows in issues.items()}
    for base, rows in issues.items():
        if len(tables[base]) != len(rows):
            yield f"{base} has {len(rows)} rows of {len(tables[base])} findings"
    for head in _heads(memory):
        if "list" in head.data and head.data["written"]:
            known |= {e.id for e in _entries(memory, FindingsList(**head.data["list"]))}
            yield from not_written(memory, head, tables[head.id])
    strangers = {key for rows in tables.values() for key in rows} - known
    if strangers:
        yield f"the table has rows of {strangers}, which no ledger knows"
