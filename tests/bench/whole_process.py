"""Commands in processes of their own, with the time and memory of each from start to end."""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from compileall import compile_dir
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra.local.processes import guarded_group

ROOT = Path(__file__).parents[2]
LAUNCHER = Path(__file__).with_name("launcher.py")


class FailedError(Exception):
    """A command ended with another status than 0; the message is the end of its output."""


@dataclass(frozen=True)
class ProcessUsage:
    """The resources that a process used, and its output."""

    seconds: float
    cpu: float
    """Seconds of all processors together."""
    peak: float
    """MB of 10^6 bytes, the most that was resident."""
    output: str


@cache
def _compiled() -> None:
    """Compile our modules to bytecode, as pip compiles those of others."""
    compile_dir(ROOT / "functions", quiet=1)


async def run(*command: str | Path) -> ProcessUsage:
    """Run a command. Raises `FailedError`."""
    _compiled()
    path = os.pathsep.join([str(ROOT / "functions"), str(ROOT)])
    with guarded_group() as group:
        launcher = await asyncio.create_subprocess_exec(
            sys.executable,
            str(LAUNCHER),
            *map(str, command),
            stdout=asyncio.subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": path, "NO_PROXY": "127.0.0.1"},
            process_group=group,
        )
        output, _ = await launcher.communicate()
    usage = json.loads(output)
    if usage.pop("status"):
        lines = str(usage["output"]).splitlines()
        raise FailedError("\n".join(lines[-3:]))
    return ProcessUsage(**usage)


def load(averages: Sequence[float]) -> str:
    """Return a note on how busy the machine was, itself included, at each of these moments."""
    shown = ", ".join(f"{average:.1f}" for average in averages)
    return f"Load average of a minute, on {os.cpu_count()} processors, round by round: {shown}."
