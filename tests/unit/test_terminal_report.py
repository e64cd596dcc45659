"""The report of a run in a terminal: what it says is what the run says, whole at 80 columns."""

import io
from typing import Any

import pytest
from rich.text import Text

from infra.local.finished_run import FinishedRun
from infra.local.report.reports import print_report
from infra.local.terminal import Entry, PlainConsole, make_console, print_entry

LONG = "Presence is Absent in the last 30 days: 40.0% of 25, at least 25%, as nobody expected it"


def a_rule(rule_id: str, severities: dict[str, int], **more: Any) -> dict[str, Any]:
    """Return a rule of a run's report, with findings of these severities."""
    sample = {"record": "rec9pO5HHVCXllhHE", "record_name": "S-2026-0242", "message": LONG}
    count = sum(severities.values())
    return {
        "rule_id": rule_id, "table": "Students", "owner": "", "findings": count, "note": None,
        "by_severity": severities, "inconclusive": None, "new": count, "reopened": 0, "resolved": 0,
        "samples": [sample] if count else [],
    } | more  # fmt: skip


def printed(width: int, rules: list[dict[str, Any]], **more: Any) -> str:
    """Return the report of an integrity run with these rules."""
    document = {
        "run_id": "m-1", "scan_id": "school", "kind": "integrity", "status": "done",
        "verdict": "critical", "complete": True, "inconclusive": [], "warnings": [], "counts": {},
        "report": {"rules": rules},
    } | more  # fmt: skip
    out = io.StringIO()
    print_report(FinishedRun(document, None), PlainConsole(file=out, width=width))
    return out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize(
    ("severities", "shown"),
    [
        ({"critical": 1, "warning": 5, "info": 9}, "1 critical, 5 warning, 9 info"),
        ({"info": 15}, "15 info"),
        ({"warning": 2, "info": 1}, "2 warning, 1 info"),
    ],
)
def test_each_severity_has_its_own_number(severities, shown, width):
    """Fifteen findings of which one is critical are no 15 critical ones."""
    text = printed(width, [a_rule("absence-rate-term", severities)])
    assert f"  absence-rate-term  {shown}\n" in text


def test_the_worst_rule_is_first():
    """By the number of its critical findings, then of its warnings, then of the others."""
    rules = [
        a_rule("info", {"info": 99}),
        a_rule("one", {"critical": 1, "info": 9}),
        a_rule("warnings", {"warning": 50}),
        a_rule("two", {"critical": 2}),
        a_rule("more", {"critical": 1, "warning": 1}),
    ]
    lines = printed(200, rules).splitlines()
    heads = [line.split()[0] for line in lines if line.startswith("  ") and line[2] != " "]
    assert heads == ["two", "more", "one", "warnings", "info"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_message_is_cut(width):
    """It is wrapped; no line is wider than the terminal."""
    text = printed(width, [a_rule("a" * 50, {"critical": 1}, owner="The registrar's office")])
    assert " ".join(f"rec9pO5HHVCXllhHE S-2026-0242: {LONG}".split()) in " ".join(text.split())
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text


def test_what_was_not_evaluated_is_beside_the_verdict():
    """A critical finding hides no rule that was left out, nor is it hidden by one."""
    why = "table 'Pets' has no field 'Owner'"
    text = printed(
        80,
        [a_rule("rate", {"critical": 1}), a_rule("pet", {}, inconclusive=why), a_rule("ok", {})],
        complete=False,
        inconclusive=[{"rule_id": "pet", "why": why, "still_open": {"critical": 2}}],
    )
    assert "done, critical (not complete): " in text
    assert "not evaluated  pet: table 'Pets' has no field 'Owner'; still open from earlier" in text
    assert "runs: 2 critical" in text
    assert "no findings  ok\n" in text


def test_a_rule_with_nothing_to_check_says_so():
    """It is not among those without findings."""
    text = printed(80, [a_rule("pet", {}, note="table 'Pets' has no records")], verdict="healthy")
    assert "nothing to check  pet: table 'Pets' has no records\n" in text
    assert "no findings" not in text


def test_a_score_is_one_line():
    """An entry without a text beside its head has no empty line after it."""
    out = io.StringIO()
    print_entry(PlainConsole(file=out, width=80), Entry(Text("  booking_path  8.0  ####")))
    assert out.getvalue() == "  booking_path  8.0  ####\n"


@pytest.mark.parametrize("control", ["\x1b[2J", "\x9b2J", "\x07", "\x1b]0;title\x07", "\u202e"])
def test_no_text_controls_the_terminal(control):
    """Names of records, titles of a web site and words of a model are those of strangers."""
    rule = a_rule("rate", {"critical": 1}, owner=control)
    rule["samples"][0] |= {"message": control, "record_name": control}
    text = printed(80, [rule], warnings=[{"what": control, "reason": "x", "message": control}])
    assert text.replace("\n", "").isprintable()


@pytest.mark.parametrize(
    ("columns", "width"),
    [("80", 80), ("", 120), ("0", 120), ("9" * 12, 120), ("wide", 120), (None, 120)],
)
def test_output_that_is_no_terminal_is_as_wide_as_it_is_told(monkeypatch, columns, width):
    """By `COLUMNS`, as other programs; a log has room."""
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns is not None:
        monkeypatch.setenv("COLUMNS", columns)
    assert make_console(as_lines=False).width == width
