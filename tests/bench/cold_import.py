"""Cold starts: the imports of a new process until it has answered its first request.

From the start of the process to the answer, Python's own start and the calls to the emulator
included, the end of the process excluded. The functions have the environment of their deployment:
Cloud Run has verified the caller's token. One case more verifies it in the function itself.
"""

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.local.issuer import ISSUER, Issuer, serve_certificates
from infra.local.processes import free_port, guarded_group
from landfall.entry.own_service import SIGNATURE_REMOVED
from landfall.process.config import CLOUD_RUN, FUNCTIONS
from tests.bench.databases import emulator
from tests.bench.figures import Cell, Sample, Table, maximum
from tests.fakes.cloud_run import own_cloud_run

ROOT = Path(__file__).parents[2]
CHILD = Path(__file__).with_name("first_request.py")


@dataclass(frozen=True)
class Size:
    """Starts of each case."""

    rounds: int


FULL = Size(9)
QUICK = Size(1)

VERIFYING = "verifying"
CASES = ("interpreter", "framework", "main", *FUNCTIONS, VERIFYING)
FLOOR = "framework"
"""The imports of Google's run time, which no function can avoid: the base of the ratios."""

TARGETS = {"scheduler": 2.5, "watchdog": 2.5, "fetch": 2.9, "score": 2.9, "api": 2.9}
"""Maximum of each function's processor time ÷ that of the framework alone."""

CHILD_SECONDS = 20.0
"""Seconds until a child must have ended; usually 1."""

AUDIENCE = "https://bench.local"
CALLER = "bench@landfall.local"

NAMES = {
    "interpreter": "bare interpreter",
    "framework": "import functions_framework.aio",
    "main": "functions/main.py loaded",
    VERIFYING: "first request of `api`, which verifies the token itself",
}

REMAINING = (
    "The imports that remain, in ms of processor time above the framework's 145: grpc 15, "
    "google.auth with cryptography 25, google.api_core with protobuf 15, requests 37, which "
    "google.api_core imports for its retries, google.cloud.firestore 55.",
    "Imported only when they are used: google.cloud.tasks_v2 (30 ms) for the first task; an HTTP "
    "client (30) for certificates, Airtable, a site or a model; pydantic and the definitions of a "
    "kind (75) for a step of a run or a schedule that is due.",
)


async def measure(size: Size = FULL) -> list[Table]:
    """Measure time and memory of each case, in alternating rounds."""
    issuer = Issuer()
    started: dict[str, list[dict[str, Any]]] = {case: [] for case in CASES}
    async with (
        emulator() as host,
        serve_certificates(issuer) as certificates,
        own_cloud_run() as cloud_run,
    ):
        environment = _environment(host, certificates) | cloud_run.environment
        token = issuer.token(CALLER, AUDIENCE)
        with guarded_group() as group:
            for case in ("fetch", "api"):  # byte code, and the emulator's compiler
                await _start(case, environment, token, group)
            for _ in range(size.rounds):
                for case in CASES:
                    started[case].append(await _start(case, environment, token, group))
    floor = Sample([it["cpu"] for it in started[FLOOR]], "s")
    rows = [_row(case, starts, floor) for case, starts in started.items()]
    columns = (
        *("process", "until", "processor", "÷ framework alone", "target", "peak MiB"),
        "heavy packages imported",
    )
    return [Table("Cold start: a process until its first answer", columns, rows, REMAINING)]


def _row(case: str, starts: list[dict[str, Any]], floor: Sample) -> list[Cell]:
    name = NAMES.get(case, f"first request of `{case}`")
    wall, cpu = (Sample([start[key] for start in starts], "s") for key in ("wall", "cpu"))
    ratio = cpu.median / floor.median
    target = maximum(TARGETS[case], ratio) if case in TARGETS else "-"
    peak = round(max(start["peak"] for start in starts))
    return [name, wall, cpu, ratio, target, peak, ", ".join(starts[-1]["heavy"]) or "none"]


async def _start(
    case: str, environment: Mapping[str, str], token: str, group: int
) -> dict[str, Any]:
    """Start a child; return its seconds until the answer, and what it printed."""
    if case == VERIFYING:
        case = "api"
    else:
        token = f"{token.rpartition('.')[0]}.{SIGNATURE_REMOVED}"
    started = time.time()
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(CHILD),
        case,
        stdout=asyncio.subprocess.PIPE,
        env={**environment, "BENCH_TOKEN": token},
        process_group=group,
    )
    async with asyncio.timeout(CHILD_SECONDS):
        output, _ = await child.communicate()
    if child.returncode:
        raise RuntimeError(f"{case} ended with status {child.returncode}: {output.decode()}")
    printed = json.loads(output.splitlines()[-1])  # the lines before are the function's log
    return {**printed, "wall": printed["moment"] - started}


def _environment(host: str, certificates: str) -> dict[str, str]:
    """Return the environment of a deployed function, and no path that a deployed one lacks."""
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
        "LANDFALL_TOKENS_CHECKED_BY": CLOUD_RUN,
        "LANDFALL_TOKEN_ISSUER": ISSUER,
        "LANDFALL_CERTIFICATES_URL": certificates,
    }
