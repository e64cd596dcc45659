"""The results of a scan's last runs by rule, and the records of its tables: what pages draw.

They are a field of the ledger's head, so a page reads no run for them.
"""

import zlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

from landfall.integrity.findings.decided import plain_moment
from landfall.runs.documents import Verdict
from landfall.scans.settings import SEVERITIES

MAX_RUNS = 30
"""Runs whose results are retained."""

MAX_BYTES = 100_000
"""Bytes of the results, compressed: 30 runs of 300 rules whose numbers change take some 40 kB."""


class RuleResult(msgspec.Struct, frozen=True, array_like=True):
    """The result of a rule in a run: the most severe of its open findings, and their number."""

    state: Verdict | str
    findings: int


class RunResults(msgspec.Struct, frozen=True, array_like=True):
    """The results of a run: of its rules by their keys, and the records of its tables."""

    run_id: str
    created_at: datetime
    records: dict[str, int]
    rules: dict[str, RuleResult]


_results = msgspec.json.Decoder(list[RunResults])


def run_results(
    run_id: str,
    created_at: datetime,
    records: Mapping[str, int],
    rules: Sequence[Mapping[str, Any]],
) -> RunResults:
    """Return the results of a run, from the rules of its report."""
    results = {rule["key"]: RuleResult(_state(rule), rule["findings"]) for rule in rules}
    return RunResults(run_id, plain_moment(created_at), dict(records), results)


def _state(rule: Mapping[str, Any]) -> str:
    if rule["inconclusive"]:
        return "inconclusive"
    return next((it for it in reversed(SEVERITIES) if rule["by_severity"].get(it)), "healthy")


def with_results(packed: bytes, newest: RunResults) -> bytes:
    """Return the results after a run: the newest first, as many as there is room for."""
    runs = [newest, *(run for run in unpack_results(packed) if run.run_id != newest.run_id)]
    runs = runs[:MAX_RUNS]
    while runs and len(made := zlib.compress(msgspec.json.encode(runs))) > MAX_BYTES:
        runs = runs[: len(runs) * 3 // 4]
    return made if runs else b""


def unpack_results(packed: bytes) -> list[RunResults]:
    """Return the results given to `with_results`, the newest first."""
    return _results.decode(zlib.decompress(packed)) if packed else []
