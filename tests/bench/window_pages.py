"""Pages of the window over a long history, on the emulator: time, documents read, and size.

The time is that of the function, in this process: use cases, template and compression, without the
network. Beside each page stands another way to the same: the api's answer in JSON, or reading all.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from random import Random
from typing import Any

from msgspec import structs

from landfall.airtable.links import Origin
from landfall.api.request import Request
from landfall.integrity.findings.entry import LIVE, FindingEntry
from landfall.integrity.findings.ledger_store import LedgerStore
from landfall.integrity.findings.lists import FindingsList, all_entries
from landfall.integrity.findings.results import run_results, with_results
from landfall.integrity.findings.shown import listed_finding
from landfall.integrity.routes import finding, scan_findings
from landfall.kinds.routes import LISTED_FIELDS, debug_run, list_runs
from landfall.runs.lifecycle import RunStatus
from landfall.store.commit_size import MAX_COMMIT_WRITES
from landfall.store.documents import Fields, Put, Query, Write
from landfall.store.firestore import FirestoreStore
from landfall.store.metering import metering
from tests.bench.benchmark import check_same
from tests.bench.databases import database, emulator
from tests.bench.figures import Cell, Table, maximum, percentile
from tests.fakes.ledgers import BASE, RULES, SEVERITY, entries, store_ledger
from tests.fakes.windows import html_of, visit
from tests.fakes.world import START, World

MAX_MS = 100
"""Milliseconds in which 95 of 100 answers are there."""

MOVES = 100
"""Moves of the run whose page is shown."""


@dataclass(frozen=True)
class Size:
    """Findings of each of two lists, runs in the history, and requests for each page."""

    findings: int
    runs: int
    rounds: int


FULL = Size(findings=50_000, runs=5_000, rounds=20)
QUICK = Size(findings=1_200, runs=40, rounds=2)

Way = Callable[[], Awaitable[object]]


async def measure(size: Size = FULL) -> list[Table]:
    """Measure each page beside another way. Raises `MismatchError` where answers differ."""
    async with emulator(), database() as client:
        world = World(FirestoreStore(client))
        lists = await _history(world, size)
        first = await _first_finding(world)
        pages: Mapping[str, tuple[str, str, Way]] = {
            "Home": ("/", "500 runs are read", lambda: _many_runs(world)),
            "Runs": ("/runs", "the api's JSON", lambda: _asked(world, list_runs)),
            "Run": ("/runs/m-2", "the api's JSON of all", lambda: _asked(world, debug_run, "m-2")),
            "Scan": ("/scans/people", "every finding is read", lambda: _page_of_all(world, lists)),
            "Scan, filtered": (
                "/scans/people?rule=place&severity=info&owner=Mr+Jones",
                "the api's JSON",
                lambda: _asked(
                    world, scan_findings, "people", rule="place", severity="info", limit="100"
                ),
            ),
            "Rules and charts": (
                "/scans/people/rules",
                "30 whole runs are read",
                lambda: _whole_runs(world),
            ),
            "Two runs compared": (
                "/scans/people/compare?from=m-1&to=m-2",
                "both lists are read",
                lambda: _both_lists(world, lists),
            ),
            "Finding": (
                f"/scans/people/findings/{first}",
                "the api's JSON",
                lambda: _asked(world, finding, "people", first),
            ),
            "Health": ("/health", "-", _nothing),
        }
        rows = [
            await _row(world, size, what, url, beside, other)
            for what, (url, beside, other) in pages.items()
        ]
        await _check(world, lists)
    columns = ("page", "p95 (ms)", "target", "documents", "KiB of HTML", "beside", "its p95 (ms)")
    title = f"Pages of the window, {size.findings:,} findings and {size.runs:,} runs"
    notes = [
        "documents: read for a page as billed, however long the history is",
        "the time is that of the function with a warm process, and the emulator's own",
    ]
    return [Table(title, columns, rows, notes)]


async def _row(
    world: World, size: Size, what: str, url: str, beside: str, other: Way
) -> list[Cell]:
    with metering() as account:
        answer = await visit(world, url)
    assert answer.status_code == 200, html_of(answer)
    ours = percentile(await _times(lambda: visit(world, url), size.rounds), 0.95)
    rounds = size.rounds if "JSON" in beside else min(size.rounds, 5)
    theirs: Cell = "-"
    if other is not _nothing:
        theirs = percentile(await _times(other, rounds), 0.95)
    kib = len(html_of(answer).encode()) / 1024
    return [what, ours, maximum(MAX_MS, ours, " ms"), account.reads, kib, beside, theirs]


async def _times(way: Way, rounds: int) -> list[float]:
    """Return milliseconds, after a first one to warm up."""
    times = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        await way()
        times.append(1000 * (time.perf_counter() - started))
    return times[1:]


async def _nothing() -> None:
    """Do nothing: there is no other way."""


async def _asked(world: World, use_case: Any, *ids: str, **parameters: str) -> str:
    """Return the api's answer as JSON."""
    request = Request("ada@school.example", parameters, b"", world.runs, world.registry)
    return json.dumps(await use_case(request, *ids), default=str)


async def _many_runs(world: World) -> object:
    newest = Query("runs", order=("created_at", "desc"), limit=500, fields=LISTED_FIELDS)
    return await world.store.find(newest)


async def _whole_runs(world: World) -> object:
    return await world.store.find(Query("runs", order=("created_at", "desc"), limit=30))


async def _page_of_all(world: World, lists: Sequence[FindingsList]) -> list[Fields]:
    found = await all_entries(world.store, lists[1])
    wanted = [entry for entry in found if entry.state in LIVE][:100]
    return [listed_finding(it, vars(RULES[it.rule_key]), Origin(BASE, {})) for it in wanted]


async def _both_lists(world: World, lists: Sequence[FindingsList]) -> dict[str, int]:
    before, now = [await all_entries(world.store, one) for one in lists]
    was, is_now = ({it.id for it in some if it.state in LIVE} for some in (before, now))
    ignored = {it.id for it in now if it.state == "ignored"}
    return {
        "new": len(is_now - was),
        "resolved": len(was - is_now - ignored),
        "ignored": len((was - is_now) & ignored),
        "still": len(was & is_now),
    }


async def _check(world: World, lists: Sequence[FindingsList]) -> None:
    """Check that both ways of comparing agree. Raises `MismatchError`."""
    from landfall.integrity.history_routes import compare_runs

    request = Request("ada", {"from": "m-1", "to": "m-2"}, b"", world.runs, world.registry)
    compared = await compare_runs(request, "people")
    check_same("both lists", await _both_lists(world, lists), compared["counts"])


async def _first_finding(world: World) -> str:
    listed = json.loads(await _asked(world, scan_findings, "people", limit="1"))
    return str(listed["findings"][0]["finding_id"])


async def _history(world: World, size: Size) -> list[FindingsList]:
    """Store a scan with two lists of findings, and runs of years; return the lists."""
    rules = [
        {"id": it.rule_id, "kind": "required", "table": it.table, "field": "Name"}
        for it in RULES.values()
    ]
    tables = {"People": ["Name"], "Rooms": ["Name"]}
    await world.start(await world.save(base=BASE, tables=tables, rules=rules), "m-1")
    run = (await world.run("m-1")).data
    random = Random(1)
    before = entries(size.findings, random)
    moved = {it.id for it in random.sample(before, size.findings // 50)}
    now = [structs.replace(it, state="resolved") if it.id in moved else it for it in before]
    now[: size.findings // 100] = entries(size.findings // 100, random)
    lists = [
        await store_ledger(world.store, some, run_id)
        for run_id, some in (("m-1", before), ("m-2", now))
    ]
    rules_now, rules_before = _rules(now), _rules(before)
    runs: list[Write] = [
        Put(f"runs/m-{2 - n}", _ended(run, n, rules_now, lists[n == 0])) for n in range(size.runs)
    ]
    moves = [Put(f"runs/m-2/events/{n:06d}", _move(run, n)) for n in range(min(MOVES, size.runs))]
    for start in range(0, len(runs), MAX_COMMIT_WRITES):
        await world.store.commit(runs[start : start + MAX_COMMIT_WRITES])
    await world.store.commit(moves)
    packed = b""
    for n in range(30):
        result = run_results(f"m-{n}", START, {"People": n, "Rooms": 9}, rules_before)
        packed = with_results(packed, result)
    (head,) = await world.store.read(LedgerStore(world.store, "people", BASE).path)
    assert head
    await world.store.commit([Put(head.path, head.data | {"results": packed})])
    return lists


def _rules(some: Sequence[FindingEntry]) -> list[Fields]:
    """Return the rules of a report: the numbers are those of a list, its texts as long as usual."""
    found = {
        key: sum(it.rule_key == key and it.state in LIVE for it in some[:1000]) for key in RULES
    }
    return [
        {
            "rule_id": rule.rule_id,
            "key": key,
            "name": f"Every one has an {rule.rule_id}",
            "table": rule.table,
            "owner": rule.owner,
            "records": 900,
            "findings": found[key],
            "by_severity": {SEVERITY[rule.rule_id]: found[key]},
            **dict.fromkeys(("new", "resolved", "reopened", "ignored", "still_open"), 1),
            "evaluations": 3,
            "evaluated_at": START,
            "inconclusive": None,
            "samples": [{"message": f"{rule.rule_id} has no value"}],
        }
        for key, rule in RULES.items()
    ]


def _ended(run: Fields, number: int, rules: Sequence[Fields], where: FindingsList) -> Fields:
    """Return a run that ended so many hours ago."""
    moment = START - timedelta(hours=number)
    severities = {name: 7 for name in ("critical", "warning", "info")}
    return run | {
        "run_id": f"m-{2 - number}",
        "status": RunStatus.DONE,
        "verdict": "critical",
        "complete": True,
        "created_at": moment,
        "finished_at": moment + timedelta(seconds=40),
        "moves": MOVES,
        "counts": run["counts"] | {"findings": 21, "findings_by_severity": severities},
        "inconclusive": [],
        "report": {"rules": rules, "tables": [{"table": "People", "id": "tbl1"}]},
        "findings_list": asdict(where),
    }


def _move(run: Fields, number: int) -> Fields:
    states = ("queued", "running")
    moved = {"step": "fetch", "from": states[number % 2], "to": states[1 - number % 2]}
    moment = START + timedelta(seconds=number / 10)
    return moved | {"run_id": run["run_id"], "updated_at": moment, "updated_by": "fetch-1"}
