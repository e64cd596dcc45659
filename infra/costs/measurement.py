"""The measured use of runs, as the forecast reads it: also from runs that were printed before."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.costs.forecast import IDLE, Use, use_of
from landfall.scans.scan import Scan


class MeasureError(Exception):
    """There is nothing to forecast from; the message says what is missing."""


@dataclass(frozen=True)
class Measured:
    """The first run, one that found the base unchanged, and ticks that had nothing to do."""

    first: Use
    later: Use
    idle: Mapping[str, Use] = field(default_factory=lambda: IDLE)
    notes: Sequence[str] = ()


def read_runs(path: Path, scan: Scan) -> Measured:
    """Return what lines of `infra/local/run SCAN.yaml --json` report. Raises `MeasureError`."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        runs = [line["run"] for line in lines]
        done = [r for r in runs if r["scan_id"] == scan.id and r["status"] == "done"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MeasureError(
            f"{path} is not what `infra/local/run SCAN.yaml --json` prints: {error!r}"
        ) from None
    if not done:
        raise MeasureError(f"{path} has no run of scan {scan.id!r} that ended `done`")
    notes = ["Storage and deletes are not in a run's document, and left out."]
    if len(done) == 1:
        notes.append("Every run is taken to use what this one did, which may be a first one.")
    return Measured(use_of(done[0]["counts"]), use_of(done[-1]["counts"]), notes=notes)
