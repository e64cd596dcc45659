"""Pages of a long list of findings: requests at once to the api in a process of its own.

Beside it stands the way that reads the whole list for a page, in a process for one request.
"""

import asyncio
import os
import re
import sys
import time
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from google.cloud.firestore import AsyncClient

from infra.local.stack import Stack, StackOptions, running
from landfall.store.firestore import FirestoreStore
from landfall.store.versioned import VersionedStore
from tests.bench.benchmark import check_same
from tests.bench.figures import Cell, Sample, Table, maximum, percentile
from tests.bench.whole_process import run
from tests.fakes.ledgers import BASE, entries, store_ledger


@dataclass(frozen=True)
class Size:
    """Findings of the list, requests at once (the concurrency of the deployed api), and rounds."""

    findings: int
    together: int
    rounds: int


FULL = Size(findings=200_000, together=20, rounds=5)
QUICK = Size(findings=3_000, together=4, rounds=1)

MAX_MIB = 256
MAX_SECONDS = 0.5

ASKED: Mapping[str, str] = {
    "the definition, for comparison": "",
    "the first 10": "limit=10",
    "10, far behind": "limit=10&page_token={far}",
    "100 of a rule and severity": "limit=100&rule=place&severity=info",
    "100 that are ignored": "limit=100&state=ignored",
    "a finding": "/{id}",
    "the whole as CSV": "format=csv",
}

SCAN = {
    "id": "people",
    "kind": "integrity",
    "base": BASE,
    "tables": {"People": ["Email"]},
    "rules": [{"id": "email", "kind": "required", "table": "People", "field": "Email"}],
}


async def measure(size: Size = FULL) -> list[Table]:
    """Measure the time of answers and the memory of the api, with so many requests at once."""
    async with running(StackOptions(tick_seconds=None)) as stack:
        answer = await stack.call("PUT", "/scans/people", SCAN)
        answer.raise_for_status()
        with _emulator(stack):
            client = AsyncClient(project=stack.addresses.project)
            found = entries(size.findings, Random(1))
            where = await store_ledger(VersionedStore(FirestoreStore(client)), found)
            rows = [
                await _row(what, query.format(far=size.findings // 2, id=found[0].id), stack, size)
                for what, query in ASKED.items()
            ]
            first = (await _ask(stack, ASKED["the first 10"])).json()
            whole = await run(
                *(sys.executable, "-m", "tests.bench.whole_list"),
                *(stack.addresses.project, where.run_id, str(where.documents)),
            )
    seconds, ids = whole.output.split(maxsplit=1)
    check_same("the whole list", ids.split(), [it["finding_id"] for it in first["findings"]])
    alone = Sample([float(seconds)], "s")
    rows.append(
        [
            "the first 10, from the whole list, one request",
            alone,
            "-",
            "-",
            1000 * whole.cpu,
            whole.peak,
        ]
    )
    columns = (
        *("request", "time", "p95 (s)", "target", "processor (ms)"),
        "peak MiB of the process so far",
    )
    title = f"Pages of {size.findings:,} findings, {size.together} requests at once"
    return [Table(title, columns, rows)]


async def _row(what: str, query: str, stack: Stack, size: Size) -> list[Cell]:
    is_file = "format" in query
    pid = _worker(stack)
    times = []
    cpu, asked = _cpu(pid), 0
    for _ in range(1 if is_file else size.rounds + 1):
        together = 2 if is_file else size.together
        asked += together
        times.append(await asyncio.gather(*(_seconds(stack, query) for _ in range(together))))
    warm = [seconds for some in times[-size.rounds :] for seconds in some]
    p95 = percentile(warm, 0.95)
    target = "-" if is_file else maximum(MAX_SECONDS, p95, " s")
    each = (_cpu(pid) - cpu) / asked
    return [what, Sample(warm, "s"), p95, target, 1000 * each, _peak(pid)]


async def _seconds(stack: Stack, query: str) -> float:
    started = time.perf_counter()
    await _ask(stack, query)
    return time.perf_counter() - started


async def _ask(stack: Stack, query: str) -> Any:
    between = "" if query.startswith("/") else "?"
    path = f"/findings{between}{query}" if query else ""
    answer = await stack.call("GET", f"/scans/people{path}")
    answer.raise_for_status()
    return answer


def _worker(stack: Stack) -> int:
    """Return the process that answers: the one that the framework has started, if it has."""
    pid = stack.processes["api"].pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return int(children[-1]) if children else pid


def _cpu(pid: int) -> float:
    """Return the seconds of processor that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _peak(pid: int) -> float:
    """Return MiB, the most that was resident in a process until now."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    assert match
    return int(match[1]) / 1024


@contextmanager
def _emulator(stack: Stack) -> Any:
    os.environ["FIRESTORE_EMULATOR_HOST"] = stack.addresses.firestore
    try:
        yield
    finally:
        del os.environ["FIRESTORE_EMULATOR_HOST"]
