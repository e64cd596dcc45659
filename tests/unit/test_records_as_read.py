"""The reports of scans of a base as people read them: the worst first, and bounded."""

import re
from datetime import UTC, datetime
from functools import partial
from typing import Any

from landfall.window.report_content import DETAILS, content_of
from landfall.window.report_file import MAX_FILE
from landfall.window.report_of_records import values_of_classification, values_of_integrity

RUN: dict[str, Any] = {
    "run_id": "m-1",
    "scan_id": "school",
    "status": "done",
    "verdict": "critical",
    "inconclusive": [],
    "finished_at": datetime(2026, 3, 2, tzinfo=UTC),
    "counts": {"records": 12_345, "findings": 3, "findings_new": 1, "findings_resolved": 0},
}


def a_rule(rule_id: str, severities: dict[str, int], **more: Any) -> dict[str, Any]:
    """Return a rule of a run's report, with findings of these severities and one sample."""
    severity = next(iter(severities), "info")
    sample = {
        "record": "rec1", "record_name": "Ada", "link": "https://airtable.com/app/tbl/rec1",
        "message": f"{rule_id} is broken", "severity": severity, "finding_id": "f",
    }  # fmt: skip
    return {
        "rule_id": rule_id, "name": "", "table": "People", "owner": "Office", "note": None,
        "findings": sum(severities.values()), "by_severity": severities, "inconclusive": None,
        "new": 0, "resolved": 0, "samples": [sample] if severities else [],
    } | more  # fmt: skip


def a_finding(rule_id: str, number: int, **more: Any) -> dict[str, Any]:
    return {
        "rule_id": rule_id, "severity": "warning", "message": f"Finding {number}",
        "records": [f"rec{number}"], "record_names": [f"Person {number}"], "record_count": 3,
        "links": [f"https://airtable.com/app/tbl/rec{number}"],
    } | more  # fmt: skip


def integrity(rules: list[Any], findings: Any = (), **run: Any) -> str:
    values = partial(values_of_integrity, RUN | run, {"rules": rules}, findings)
    return str(content_of("report_integrity.html", values))


def text_in(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_the_worst_rule_is_first_and_says_how_many_more() -> None:
    """One critical finding before fifty warnings; a rule beyond what was read shows a sample."""
    rules = [
        a_rule("warnings", {"warning": 50}),
        a_rule("good", {}),
        a_rule("worst", {"critical": 1, "info": 9}),
    ]
    text = text_in(integrity(rules, [a_finding("warnings", number) for number in range(40)]))
    assert text.index("worst 1 critical 9 info") < text.index("warnings 50 warning")
    assert "worst is broken Ada" in text
    assert "Finding 0 Person 0 and 2 more" in text
    shown = DETAILS[0].findings
    assert f"Finding {shown - 1} " in text
    assert f"Finding {shown} " not in text
    assert f"And {50 - shown} more findings." in text
    assert "1 rule found nothing." in text
    assert "Records read 12,345" in text


def test_what_was_not_checked_is_said() -> None:
    """And a base without findings is told from one that was not checked."""
    unsure = {"rule_id": "phone", "why": "table_missing: there is no table 'Phones'"}
    rules = [a_rule("phone", {}, inconclusive="no table"), a_rule("good", {})]
    text = text_in(integrity(rules, inconclusive=[unsure]))
    assert "What could not be checked phone" in text
    assert "1 rule found nothing." in text
    assert "Nothing is open" in text


def test_a_name_is_text_and_a_link_leads_to_the_web() -> None:
    """Whatever a cell or a definition says."""
    odd = a_finding(
        "a", 1, message="<b>x</b>", record_names=["<script>x</script>"], links=["javascript:x"]
    )
    html = integrity([a_rule("a", {"warning": 1}, name="<i>n</i>", owner="<u>o</u>")], [odd])
    for part in ("<b>", "<script", "<i>", "<u>", "javascript:"):
        assert part not in html
    assert "&lt;script&gt;x&lt;/script&gt;" in html


def test_the_largest_base_has_a_small_report() -> None:
    """500 rules with long names and messages, each with findings: cut, and it says so."""
    long = "名" * 400
    rules = [a_rule(f"r{n}", {"critical": 9}, name=long, owner=long) for n in range(500)]
    findings = [a_finding(f"r{n}", n, message=long, record_names=[long]) for n in range(500)]
    html = integrity(rules, findings)
    assert len(html.encode()) <= MAX_FILE
    assert "This report is shortened" in html
    assert "more rules with findings." in html


CLASSIFIED: dict[str, Any] = {
    "coverage": {"with_values": 4, "of": 5},
    "labels": {"risk_level": {"low": 1, "high": 3, "none": 0}, "criticality": {"vital": 4}},
    "flags": {"pii_flag": 2},
    "low_confidence": {
        "count": 9,
        "elements": [
            {
                "record_id": "rec1",
                "name": "<b>Phone</b>",
                "link": "https://airtable.com/app/tbl/rec1",
                "confidence": 40,
                "rationale": "unclear",
            }
        ],
    },
    "changes": {
        "changed": 1,
        "elements": [
            {
                "record_id": "rec2",
                "name": "Mail",
                "link": "javascript:x",
                "difference": {"risk_level": {"before": "low", "now": "high"}},
            }
        ],
    },
    "models": ["gpt-6"],
}


def classified(report: dict[str, Any], **run: Any) -> str:
    values = partial(values_of_classification, RUN | run, report)
    return str(content_of("report_classification.html", values))


def test_labels_are_counted_by_output() -> None:
    """The most frequent first, with their shares; and the elements to look at."""
    html = classified(CLASSIFIED, counts={"elements": 5, "classified": 4, "failed": 1})
    text = text_in(html)
    assert "Risk level Label Elements Share high 3 75 % low 1 25 % none 0 0 %" in text
    assert "Marks Label Elements Share Pii flag 2 50 %" in text
    assert "&lt;b&gt;Phone&lt;/b&gt; 40 % sure: unclear And 8 more elements." in text
    assert "Mail Risk level: low → high" in text
    assert "javascript:" not in html
    assert "Elements 5 Classified now 4 Without an answer 1" in text
    assert "Suggested by gpt-6." in text


def test_a_classification_that_asked_nothing_has_a_report() -> None:
    """It says why."""
    nothing = {"what": "nothing_asked", "why": "the table has no field 'Name'"}
    text = text_in(classified({}, inconclusive=[nothing], counts={"elements": 0}))
    assert "Nothing asked : the table has no field" in text
    assert "No element has a label yet." in text
