"""What a campaign left in the logs and in the history of the runs, as figures."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from landfall.deadlines import Ladder
from tests.chaos.zombies import Attempt
from tests.fakes.memory_store import MemoryStore

_TELLING = {"bug", "declined", "fenced", "attempt failed", "out of time", "store unavailable"}

NEVER = float("inf")


def telling_lines(logs: Iterable[Path]) -> Iterator[Mapping[str, Any]]:
    """The lines of functions' logs that tell of faults."""
    for log in logs:
        for text in log.read_text(errors="replace").splitlines():
            # a line that a SIGKILL has cut short is no JSON
            with contextlib.suppress(ValueError, TypeError, KeyError):
                line = json.loads(text)
                if line["message"] in _TELLING:
                    yield line


def fenced(lines: Iterable[Mapping[str, Any]]) -> set[Attempt]:
    """The attempts that tried to write and were refused."""
    return {
        Attempt(line["run_id"], line["step_id"], line["attempt"])
        for line in lines
        if line["message"] == "fenced"
    }


def recoveries(
    memory: MemoryStore, kills: Sequence[tuple[str, datetime]], ladder: Ladder
) -> dict[str, list[float]]:
    """Seconds from a SIGKILL to the next claim of each step that it interrupted, by kind of scan;
    `NEVER` where the run ended first.

    A step that a kill did not reach moves on within its budget; one that it did reach stands still
    until it is stale, which is longer.
    """
    moved_on = timedelta(seconds=ladder.stale - ladder.step - 1)
    found: dict[str, list[float]] = {}
    for name in ("fetch", "score"):
        moments = [at for killed, at in kills if killed == name]
        for run in memory.all("runs"):
            of_kind = found.setdefault(run.data["kind"], [])
            of_kind += _recovered(_moves(memory, run.path, name), moments, moved_on)
    return found


def _moves(memory: MemoryStore, run: str, step: str) -> list[tuple[datetime, str]]:
    """(when, to what status) of each move of a step."""
    events = [event.data for event in memory.all(f"{run}/events") if event.data["step"] == step]
    return [(event["updated_at"], event["to"]) for event in events]


def _recovered(
    moves: Sequence[tuple[datetime, str]], kills: Sequence[datetime], moved_on: timedelta
) -> Iterator[float]:
    """For each claim that a kill interrupted, the first if there were several."""
    for number, (claimed, to) in enumerate(moves):
        following = moves[number + 1 :]
        ended = following[0][0] if following else datetime.max.replace(tzinfo=UTC)
        struck = [at for at in kills if claimed < at < ended - moved_on]
        if to == "running" and struck:
            again = [when for when, to in following if to == "running"]
            yield (again[0] - struck[0]).total_seconds() if again else NEVER
