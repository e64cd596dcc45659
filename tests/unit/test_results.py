"""The results of rules over the last runs of their scan: how many are retained, and which."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from google.api_core.datetime_helpers import DatetimeWithNanoseconds

from landfall.integrity.findings import results
from landfall.integrity.findings.results import run_results, unpack_results, with_results

START = datetime(2026, 3, 2, 6, tzinfo=UTC)


def rule(key: str, state: str | None = None, count: int = 0, why: str | None = None) -> Any:
    by_severity = {state: count, "info": 1} if state else {}
    return {"key": key, "findings": count, "by_severity": by_severity, "inconclusive": why}


def test_a_rule_is_as_its_worst_finding() -> None:
    """One that could not be evaluated is not healthy."""
    rules = [
        rule("a", "critical", 2),
        rule("b", "warning", 1),
        rule("c", "info", 1),
        rule("d"),
        rule("e", why="no field"),
    ]
    (run,) = unpack_results(with_results(b"", run_results("m-1", START, {"People": 7}, rules)))
    states = ["critical", "warning", "info", "healthy", "inconclusive"]
    assert [run.rules[key].state for key in "abcde"] == states
    assert (run.rules["a"].findings, run.records) == (2, {"People": 7})


def test_the_newest_runs_are_retained() -> None:
    """Thirty, the newest first; one that is published twice is there once."""
    packed = b""
    for n in range(40):
        for _ in range(2):
            moment = DatetimeWithNanoseconds.from_rfc3339(f"{START + timedelta(n):%FT%TZ}")
            packed = with_results(packed, run_results(f"m-{n}", moment, {}, [rule("a")]))
    runs = unpack_results(packed)
    assert [run.run_id for run in runs] == [f"m-{n}" for n in range(39, 9, -1)]
    assert runs[0].created_at == START + timedelta(39)


def test_there_is_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of more rules, fewer runs are retained; of far too many, none."""
    monkeypatch.setattr(results, "MAX_BYTES", 5_000)
    random, packed = Random(1), b""
    for n in range(30):
        rules = [rule(f"r{m}", "warning", random.randrange(10**6)) for m in range(100)]
        packed = with_results(packed, run_results(f"m-{n}", START, {}, rules))
        assert len(packed) <= 5_000
        assert unpack_results(packed)[0].run_id == f"m-{n}"
    assert 3 < len(unpack_results(packed)) < 30
    rules = [rule(f"r{m}", "warning", random.randrange(10**9)) for m in range(5_000)]
    assert with_results(packed, run_results("m-30", START, {}, rules)) == b""
