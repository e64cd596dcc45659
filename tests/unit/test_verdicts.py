"""The verdict of a run: the worst that is certain, and whether everything was evaluated."""

from datetime import UTC, datetime
from itertools import product
from typing import Any, get_args

import pytest

from landfall.airtable.links import Origin
from landfall.integrity.findings.entry import Decision
from landfall.integrity.findings.ledger import Ledger, MergedLedger, merge
from landfall.integrity.report import run_report, worst_of
from landfall.integrity.rules.evaluate import Finding, RuleReport
from landfall.integrity.rules.required import Required
from landfall.runs.documents import Verdict
from landfall.runs.report import RunReport, verdict_of

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
LACKING = [{"what": "something", "why": "it was not there"}]


@pytest.mark.parametrize(
    ("findings", "worst"),
    [
        ({}, "healthy"),
        ({"info": 3}, "healthy"),
        ({"warning": 1}, "warning"),
        ({"info": 1, "warning": 2}, "warning"),
        ({"critical": 1}, "critical"),
        ({"info": 1, "warning": 2, "critical": 1}, "critical"),
        ({"critical": 0, "warning": 0}, "healthy"),
    ],
)
def test_the_worst_is_that_of_the_findings(findings, worst):
    """Info does not change it."""
    assert worst_of(findings) == worst


@pytest.mark.parametrize("worst", get_args(Verdict))
def test_what_was_not_evaluated_may_be_worse_than_all_but_critical(worst):
    """A critical finding stands; of anything milder nobody knows whether it is the worst."""
    assert verdict_of(worst, []) == worst
    assert verdict_of(worst, LACKING) == ("critical" if worst == "critical" else "inconclusive")


@pytest.mark.parametrize("lacking", [[], LACKING])
def test_a_run_says_both(lacking):
    """The verdict, and whether it is about everything."""
    fields = RunReport(verdict_of("critical", lacking), {}, lacking, {}).run_fields(50)
    assert fields == {
        "progress_pct": 50,
        "counts": {},
        "verdict": "critical",
        "complete": not lacking,
        "inconclusive": lacking,
        "report": {},
    }
    assert fields["inconclusive"] == lacking


def rule(name: str) -> Required:
    return Required(id=name, kind="required", table="T", field=name)


def found(name: str, severity: Any) -> RuleReport:
    finding = Finding(name, "T", ("rec1",), name, "", severity, f"{name} has no value")
    return RuleReport(rule(name), [finding], records=1)


def lost(name: str) -> RuleReport:
    return RuleReport(rule(name), inconclusive=f"table 'T' has no field {name!r}")


def after(*runs: list[RuleReport], decisions: Any = None) -> RunReport:
    """Return the report of the last of these runs."""
    ledger, merged = Ledger(), MergedLedger(Ledger(), {})
    for reports in runs:
        merged = merge(ledger, "scan/base", reports, decisions or {}, "run", NOW)
        ledger = merged.ledger
    return run_report(Origin("app", {"T": "tbl"}), merged, runs[-1])


SEVERITIES = ("info", "warning", "critical")


@pytest.mark.parametrize(("one", "other"), list(product(SEVERITIES, SEVERITIES)))
def test_the_verdict_of_a_whole_run_is_its_worst(one, other):
    """Two rules, each with a finding."""
    report = after([found("a", one), found("b", other)])
    worst = max(one, other, key=SEVERITIES.index)
    assert report.verdict == {"info": "healthy"}.get(worst, worst)
    assert report.inconclusive == []


@pytest.mark.parametrize(
    ("severity", "verdict"),
    [("info", "inconclusive"), ("warning", "inconclusive"), ("critical", "critical")],
)
def test_a_rule_that_was_not_evaluated_hides_no_critical_finding_of_another(severity, verdict):
    """Its reason is beside the verdict."""
    report = after([found("a", severity), lost("b")])
    assert report.verdict == verdict
    assert report.inconclusive == [{"rule_id": "b", "why": "table 'T' has no field 'b'"}]


@pytest.mark.parametrize(
    ("severity", "verdict"),
    [("info", "inconclusive"), ("warning", "inconclusive"), ("critical", "critical")],
)
def test_an_open_finding_of_a_rule_that_was_not_evaluated_counts(severity, verdict):
    """The field is gone, and nothing says that its record is well by now."""
    report = after([found("a", severity)], [lost("a")])
    assert report.verdict == verdict
    (why,) = report.inconclusive
    assert (why["rule_id"], why["still_open"]) == ("a", {severity: 1})
    assert (report.counts["findings"], report.fields["rules"][0]["findings"]) == (0, 0)


def test_an_ignored_finding_of_a_rule_that_was_not_evaluated_does_not_count():
    """A person has decided so."""
    (first,) = merge(Ledger(), "scan/base", [found("a", "critical")], {}, "run", NOW).new
    ignored = {first.id: Decision(NOW, "ignored", "ada@example.org", "a test")}
    report = after([found("a", "critical")], [lost("a")], decisions=ignored)
    assert report.verdict == "inconclusive"
    assert "still_open" not in report.inconclusive[0]


def test_findings_of_a_rule_that_left_the_scan_do_not_count():
    """The scan no longer asks for it."""
    assert after([found("a", "critical")], [lost("b")]).verdict == "inconclusive"
