"""The report of a run: its verdict, its counts, and an entry for each rule."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from landfall.airtable.links import Origin
from landfall.airtable.values import truncate
from landfall.integrity.findings.entry import FindingEntry
from landfall.integrity.findings.ledger import MergedLedger
from landfall.integrity.findings.rule_state import RuleState
from landfall.integrity.news import news_of
from landfall.integrity.rules.evaluate import RuleReport
from landfall.integrity.rules.rule import BaseRule
from landfall.integrity.scan import IntegrityScan
from landfall.runs.documents import Verdict
from landfall.runs.report import RunReport, verdict_of, within_room
from landfall.scans.settings import SEVERITIES
from landfall.store.documents import Fields

MAX_RULES_SAMPLED = 100
"""Rules up to which a run's report has all of its details, if they fit into the run's document."""


@dataclass(frozen=True)
class _Details:
    """The details of each rule in a report: `samples` of its findings, and the characters of each
    `text` and of each reason (`why`)."""

    samples: int
    text: int
    why: int


DETAILS = (_Details(3, 400, 1000), _Details(1, 60, 1000), _Details(0, 40, 100), _Details(0, 10, 30))
"""From the most to the fewest: a report has the first that fit. Samples are the most severe
findings, and new ones first among them; a finding has all of its message."""


def why_inconclusive(rule: BaseRule, unresolved: Sequence[Mapping[str, str | None]]) -> str:
    """Return what the rule reads and the base does not have; empty where it has all."""
    missing = {(item["table"], item["field"]) for item in unresolved}
    for table in rule.tables():
        if (table, None) in missing:
            return f"the base has no table {table!r}"
    for table, field in rule.reads():
        if (table, field) in missing:
            return f"table {table!r} has no field {field!r}"
    return ""


def worst_of(findings: Mapping[str, int]) -> Verdict:
    """Return the verdict on these findings, whose number is given by severity."""
    if findings.get("critical"):
        return "critical"
    return "warning" if findings.get("warning") else "healthy"


def run_report(
    origin: Origin,
    merged: MergedLedger,
    reports: Sequence[RuleReport],
    handover: Fields | None = None,
) -> RunReport:
    """Return the report of a run, from its rules' reports and the ledger after them.

    It has as many details as fit into the run's document, beside the handover to its step.
    """
    details = DETAILS if len(reports) <= MAX_RULES_SAMPLED else DETAILS[1:]
    return within_room(partial(_report, origin, merged, reports), details, handover)


def report_with_news(
    scan: IntegrityScan,
    origin: Origin,
    merged: MergedLedger,
    before: Sequence[FindingEntry] | None,
    reports: Sequence[RuleReport],
    handover: Fields | None,
) -> RunReport:
    """Return the report of a run, with its news for the channels of its scan.

    `before` are the findings of earlier runs; None where a later run has published already.
    """
    news = [] if before is None else news_of(scan, origin, merged, before)
    beside: Fields = {**(handover or {}), "news": news}
    report = run_report(origin, merged, reports, beside)
    return replace(report, fields=report.fields | ({"news": news} if news else {}))


def _report(
    origin: Origin, merged: MergedLedger, reports: Sequence[RuleReport], details: _Details
) -> RunReport:
    by_rule = _by_rule(merged, reports)
    news = {
        name: {entry.id for entry in entries}
        for name, entries in (
            ("new", merged.new),
            ("reopened", merged.reopened),
            ("resolved", merged.resolved),
        )
    }
    still: dict[str, Counter[str]] = {}
    for id_ in (report.rule.id for report in reports if report.inconclusive):
        still[id_] = _by_severity(by_rule[id_])
        by_rule[id_] = [entry for entry in by_rule[id_] if entry.id in news["resolved"]]
    found = [entry for entries in by_rule.values() for entry in entries if entry.live]
    severities = _by_severity(found)
    inconclusive = [
        {"rule_id": report.rule.id, "why": truncate(report.inconclusive, details.why)}
        | ({"still_open": dict(still[report.rule.id])} if still[report.rule.id] else {})
        for report in reports
        if report.inconclusive
    ]
    evaluated = len(reports) - len(inconclusive)
    rules = [
        _rule(
            origin,
            report,
            merged.ledger.rules[merged.keys[report.rule.id]],
            by_rule.get(report.rule.id, ()),
            news,
            details,
        )
        for report in reports
    ]
    counts = {
        "rules_evaluated": evaluated,
        "rules_inconclusive": len(inconclusive),
        "findings": len(found),
        "findings_by_severity": dict(severities),
        "findings_new": len(news["new"]),
        "findings_reopened": len(news["reopened"]),
        "findings_resolved": len(news["resolved"]),
        "findings_ignored": sum(rule["ignored"] for rule in rules),
    }
    tables = Counter(entry.finding.table for entry in found)
    fields = {
        "rules": rules,
        "tables": [
            {"table": table, "id": id_, "findings": tables[table]}
            for table, id_ in origin.tables.items()
        ],
    }
    worst = worst_of(sum(still.values(), severities))
    return RunReport(verdict_of(worst, inconclusive), counts, inconclusive, fields)


def _by_rule(merged: MergedLedger, reports: Sequence[RuleReport]) -> dict[str, list[FindingEntry]]:
    """Return the entries of each rule of the run, by the rule's id."""
    entries: dict[str, list[FindingEntry]] = defaultdict(list)
    for entry in merged.ledger.entries:
        entries[entry.rule_key].append(entry)
    return {report.rule.id: entries[merged.keys[report.rule.id]] for report in reports}


def _by_severity(entries: Iterable[FindingEntry]) -> Counter[str]:
    return Counter(entry.finding.severity for entry in entries if entry.live)


def _rule(
    origin: Origin,
    report: RuleReport,
    state: RuleState,
    entries: Sequence[FindingEntry],
    news: Mapping[str, set[str]],
    details: _Details,
) -> Fields:
    rule, most = report.rule, details.text
    live = [entry for entry in entries if entry.live]
    count = {name: sum(entry.id in ids for entry in entries) for name, ids in news.items()}
    worst_first = sorted(
        live,
        key=lambda entry: (-SEVERITIES.index(entry.finding.severity), entry.id not in news["new"]),
    )
    severities = _by_severity(live)
    return {
        "rule_id": rule.id,
        "key": state.key,
        "evaluations": state.evaluations,
        "evaluated_at": state.evaluated_at,
        "name": truncate(rule.name, most),
        "kind": rule.kind,
        "table": rule.table,
        "owner": truncate(rule.owner, most),
        "records": report.records,
        "findings": len(live),
        "by_severity": dict(severities),
        **count,
        "still_open": len(live) - count["new"] - count["reopened"],
        "ignored": sum(entry.state == "ignored" for entry in entries),
        "since": min((entry.history[-1].at for entry in live), default=None),
        "inconclusive": truncate(report.inconclusive, details.why) or None,
        "note": truncate(report.note, details.why) or None,
        "samples": [_sample(origin, entry, most) for entry in worst_first[: details.samples]],
    }


def _sample(origin: Origin, entry: FindingEntry, most: int) -> Fields:
    finding = entry.finding
    record = finding.records[0] if finding.records else None
    return {
        "finding_id": entry.id,
        "message": truncate(finding.message, most),
        "severity": finding.severity,
        "record": record,
        "record_name": truncate(finding.names[0], most) if finding.names else "",
        "link": origin.link(finding.table, record) if record else None,
    }
