"""Cold starts: what a new process imports until it has answered its first request.

From the start of the process to the answer, Python's own start and the calls to the emulator
included; the end of the process is not.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.local.issuer import ISSUER, Issuer, serve_certificates
from infra.local.processes import free_port, guarded_group
from landfall.process.config import FUNCTIONS
from tests.bench.figures import Cell, Sample, Table
from tests.bench.ground import emulator

ROOT = Path(__file__).parents[2]
CHILD = Path(__file__).with_name("first_request.py")

ROUNDS = 5
CASES = ("interpreter", "framework", "main", *FUNCTIONS)
FLOOR = "framework"
"""What Google's run time imports in any case, and what the ratios are to."""

CHILD_SECONDS = 20.0
"""A cold start usually takes 1 s."""

AUDIENCE = "https://bench.local"
CALLER = "bench@landfall.local"

NAMES = {
    "interpreter": "bare interpreter",
    "framework": "import functions_framework.aio",
    "main": "functions/main.py loaded",
}


async def measure() -> list[Table]:
    """Seconds and memory of each case, in alternating rounds."""
    issuer = Issuer()
    seconds: dict[str, list[float]] = {case: [] for case in CASES}
    last: dict[str, dict[str, Any]] = {}
    async with emulator() as host, serve_certificates(issuer) as certificates:
        environment = _environment(host, certificates, issuer)
        with guarded_group() as group:
            for case in ("fetch", "api"):  # byte code, and the emulator's compiler
                await _start(case, environment, group)
            for _ in range(ROUNDS):
                for case in CASES:
                    took, last[case] = await _start(case, environment, group)
                    seconds[case].append(took)
    floor = Sample(seconds[FLOOR], "s")
    rows = [_row(case, Sample(seconds[case], "s"), floor, last[case]) for case in CASES]
    columns = ("process", "until", "÷ framework alone", "peak MiB", "heavy packages imported")
    return [Table("Cold start: a process until its first answer", columns, rows)]


def _row(case: str, took: Sample, floor: Sample, told: Mapping[str, Any]) -> list[Cell]:
    name = NAMES.get(case, f"first request of `{case}`")
    heavy = ", ".join(told["heavy"]) or "none"
    return [name, took, took.median / floor.median, round(told["peak"]), heavy]


async def _start(
    case: str, environment: Mapping[str, str], group: int
) -> tuple[float, dict[str, Any]]:
    """Seconds until the process was through, and what it told."""
    started = time.time()
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(CHILD),
        case,
        stdout=asyncio.subprocess.PIPE,
        env=dict(environment),
        process_group=group,
    )
    async with asyncio.timeout(CHILD_SECONDS):
        output, _ = await child.communicate()
    if child.returncode:
        raise RuntimeError(f"{case} ended with status {child.returncode}: {output.decode()}")
    told = json.loads(output.splitlines()[-1])  # the lines before are the function's log
    return told["through"] - started, told


def _environment(host: str, certificates: str, issuer: Issuer) -> dict[str, str]:
    """What a function is deployed with, and no path that a deployed one does not have."""
    return {
        "PATH": os.environ["PATH"],
        "NO_PROXY": "127.0.0.1",
        "FUNCTION_SOURCE": str(ROOT / "functions/main.py"),
        "GOOGLE_CLOUD_PROJECT": "bench-cold",
        "FIRESTORE_EMULATOR_HOST": host,
        "CLOUD_TASKS_EMULATOR_HOST": f"127.0.0.1:{free_port()}",  # nothing is enqueued
        "AIRTABLE_API_KEY": "patBench000000000.stand-in",
        "LANDFALL_QUEUE": "projects/bench-cold/locations/local/queues/landfall",
        "LANDFALL_FETCH_URL": "http://127.0.0.1/fetch",
        "LANDFALL_SCORE_URL": "http://127.0.0.1/score",
        "LANDFALL_TASKS_ACCOUNT": CALLER,
        "LANDFALL_AUDIENCE": AUDIENCE,
        "LANDFALL_CALLERS": CALLER,
        "LANDFALL_TOKEN_ISSUER": ISSUER,
        "LANDFALL_CERTIFICATES_URL": certificates,
        "BENCH_TOKEN": issuer.token(CALLER, AUDIENCE),
    }
