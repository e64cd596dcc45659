"""The measured use of runs, as the forecast reads it: also from the output of earlier runs."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.costs.forecast import IDLE_TICKS, ResourceUse, use_of_run
from landfall.scans.scan import Scan


class MeasureError(Exception):
    """There are no runs to forecast from; the message says what is missing."""


@dataclass(frozen=True)
class Measurement:
    """Use of the first run, of a run that found the base unchanged, and of idle ticks."""

    first: ResourceUse
    later: ResourceUse
    idle: Mapping[str, ResourceUse] = field(default_factory=lambda: IDLE_TICKS)
    notes: Sequence[str] = ()


def read_runs(path: Path, scan: Scan) -> Measurement:
    """Read lines that `infra/local/run SCAN.yaml --json` printed. Raises `MeasureError`."""
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
    notes = ["Not included: storage and deletes, which the document of a run does not have."]
    if len(done) == 1:
        notes.append("Every run is assumed to use as much as this one, which may be a first one.")
    return Measurement(use_of_run(done[0]["counts"]), use_of_run(done[-1]["counts"]), notes=notes)
