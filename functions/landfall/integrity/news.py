"""The news of a run for each channel that its scan tells: which findings are new, rose or went.

A channel is for some rules, tables, owners or severities. What it is for is decided here, where all
findings are known; the end of the run, in a later invocation perhaps, sends what is stored.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from landfall.airtable.links import Origin
from landfall.airtable.values import truncate
from landfall.integrity.findings.entry import FindingEntry
from landfall.integrity.findings.ledger import MergedLedger
from landfall.integrity.rules.rule import BaseRule
from landfall.integrity.scan import IntegrityScan
from landfall.scans.notify import Notify
from landfall.scans.settings import SEVERITIES
from landfall.store.documents import Fields

MAX_SHOWN = 10
"""Findings of a message; it has the number of the others, and a link to them."""

MAX_TEXT = 100
"""Characters of the name of a rule or record in a message."""


def news_of(
    scan: IntegrityScan, origin: Origin, merged: MergedLedger, before: Iterable[FindingEntry]
) -> list[Fields]:
    """Return the news for each channel of the scan. `before` are the findings of earlier runs.

    It has the numbers by severity of what is `new`, `reopened`, `worse` and `mended`, of all that
    is `open`, and the worst of the first three. It has no value of a cell, but names of records.
    """
    if not scan.notify:
        return []
    rules = {merged.keys[rule.id]: rule for rule in scan.rules if rule.id in merged.keys}
    news: Mapping[str, Sequence[FindingEntry]] = {
        "new": [entry for entry in merged.new if entry.live],
        "reopened": [entry for entry in merged.reopened if entry.live],
        "worse": _worse(merged, before),
        "mended": merged.resolved,
    }
    live = [entry for entry in merged.ledger.entries if entry.live]
    return [_for(one, rules, news, live, origin) for one in scan.notify]


def _for(
    one: Notify,
    rules: Mapping[str, BaseRule],
    news: Mapping[str, Sequence[FindingEntry]],
    live: Sequence[FindingEntry],
    origin: Origin,
) -> Fields:
    chosen = {name: [it for it in its if _is_for(one, it, rules)] for name, its in news.items()}
    heard = [(name, it) for name in ("new", "reopened", "worse") for it in chosen[name]]
    heard = [(name, it) for name, it in heard if name in one.when]
    worst = sorted(heard, key=lambda pair: -SEVERITIES.index(pair[1].finding.severity))
    return {
        "channel": one.channel,
        **{name: _by_severity(its) for name, its in chosen.items()},
        "open": _by_severity(it for it in live if _is_for(one, it, rules)),
        "findings": [_finding(name, it, rules, origin) for name, it in worst[:MAX_SHOWN]],
        "more": max(0, len(worst) - MAX_SHOWN),
    }


def _is_for(one: Notify, entry: FindingEntry, rules: Mapping[str, BaseRule]) -> bool:
    rule, finding = rules.get(entry.rule_key), entry.finding
    if rule is None:  # of a rule that the scan has no more
        return False
    if SEVERITIES.index(finding.severity) < SEVERITIES.index(one.min_severity):
        return False
    wanted = ((one.rules, rule.id), (one.tables, finding.table), (one.owners, rule.owner))
    return all(some is None or its in some for some, its in wanted)


def _worse(merged: MergedLedger, before: Iterable[FindingEntry]) -> list[FindingEntry]:
    """Return the findings whose severity has risen."""
    if not merged.changed:
        return []
    was = {entry.id: SEVERITIES.index(entry.finding.severity) for entry in before}
    return [
        entry
        for entry in merged.changed
        if entry.live and SEVERITIES.index(entry.finding.severity) > was.get(entry.id, 99)
    ]


def _by_severity(entries: Iterable[FindingEntry]) -> Fields:
    return dict(Counter(entry.finding.severity for entry in entries))


def _finding(
    event: str, entry: FindingEntry, rules: Mapping[str, BaseRule], origin: Origin
) -> Fields:
    finding, rule = entry.finding, rules[entry.rule_key]
    record = finding.records[0] if finding.records else None
    return {
        "event": event,
        "finding_id": entry.id,
        "severity": finding.severity,
        "rule_id": rule.id,
        "rule": truncate(rule.name or rule.id, MAX_TEXT),
        "owner": truncate(rule.owner, MAX_TEXT),
        "table": truncate(finding.table, MAX_TEXT),
        "records": finding.record_count,
        "record_name": truncate(finding.names[0], MAX_TEXT) if finding.names else "",
        "link": origin.link(finding.table, record) if record else None,
    }
