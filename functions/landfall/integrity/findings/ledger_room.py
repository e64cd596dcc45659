"""Bounds of a ledger: its head is a document of 1 MiB, and a score step holds all its findings."""

import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import Any

import msgspec

from landfall.airtable.schema_ids import SchemaIds
from landfall.integrity.findings.entry import FindingEntry
from landfall.integrity.findings.rule_state import RuleState, keys_of
from landfall.integrity.rules.evaluate import MAX_FINDINGS, RuleReport

MAX_MEASUREMENTS = 10
"""Runs of which a rule's own measurements are retained."""

MAX_MEASURED_BYTES = 250_000
"""Bytes of the measurements of all rules, compressed."""

MAX_FORMER_BYTES = 100_000
"""Bytes of the rules that a scan no longer has. Those that were evaluated last are retained."""

TOO_MUCH_MEASURED = (
    "its values cannot be stored beside those of the other rules that compare runs: together they "
    f"have more than {MAX_MEASURED_BYTES:,} bytes, compressed; narrow it with `when`, or make "
    "several scans"
)
"""The reason why a rule is inconclusive for whose measurements there is no room."""

MAX_ENTRIES = 220_000
"""Findings of a ledger with those that are resolved, each by its `weight`. Of the resolved ones,
the last are retained. With them and the `MAX_FINDINGS` of a run, all with long texts, a score step
takes up to 940 of the 1,074 MB of its function."""

_STATE_BYTES = 150
"""Bytes of a rule's state beside its texts."""

_NEVER = datetime.min.replace(tzinfo=UTC)
_LATER = datetime.max.replace(tzinfo=UTC)

_Past = Sequence[Mapping[str, Any]]


def remembered(measured: Mapping[str, Any], past: _Past) -> tuple[Mapping[str, Any], ...]:
    """Return the measurements of a rule after a run, the newest first."""
    return (measured, *past)[:MAX_MEASUREMENTS]


def within_room(
    states: Mapping[str, RuleState],
    entries: Iterable[FindingEntry],
    reports: Sequence[RuleReport],
    ids: SchemaIds,
) -> list[RuleReport]:
    """Return the reports of the rules of a ledger with these states and entries.

    A rule whose measurements or findings do not fit beside the others is inconclusive.
    """
    keys = keys_of(states, [report.rule for report in reports], ids)
    return _found_within_room(keys, entries, _measured_within_room(keys, states, reports))


def _found_within_room(
    keys: Mapping[str, str], entries: Iterable[FindingEntry], reports: Sequence[RuleReport]
) -> list[RuleReport]:
    weights = Counter[str]()
    for entry in entries:
        if entry.state != "resolved":
            weights[entry.rule_key] += entry.finding.weight
    fitting = []
    for report in reports:
        key, weight = keys[report.rule.id], report.weight
        if report.inconclusive:
            fitting.append(report)
        elif weight > weights[key] and weights.total() - weights[key] + weight > MAX_FINDINGS:
            fitting.append(report.without_room())
        else:
            weights[key] = weight
            fitting.append(report)
    return fitting


def _measured_within_room(
    keys: Mapping[str, str], states: Mapping[str, RuleState], reports: Sequence[RuleReport]
) -> list[RuleReport]:
    past: dict[str, _Past] = {key: state.past for key, state in states.items()}
    after = past | {
        key: remembered(report.measured, past.get(key, ()))
        for report in reports
        if report.measured is not None and (key := keys[report.rule.id])
    }
    if _packed_bytes([*after.values()]) <= MAX_MEASURED_BYTES:
        return [*reports]
    sizes = {key: _packed_bytes(one) for key, one in past.items()}
    fitting = []
    for report in reports:
        key = keys[report.rule.id]
        before, size = sizes.get(key, 0), _packed_bytes(after.get(key, ()))
        if size > before and sum(sizes.values()) - before + size > MAX_MEASURED_BYTES:
            fitting.append(RuleReport(report.rule, (), TOO_MUCH_MEASURED, report.records))
        else:
            sizes[key] = size
            fitting.append(report)
    return fitting


def retained(rules: Mapping[str, RuleState], present: Set[str]) -> dict[str, RuleState]:
    """Return the states of the present rules, and of former ones as far as there is room."""
    room = MAX_FORMER_BYTES
    former = [state for key, state in rules.items() if key not in present]
    kept = {*present}
    for state in sorted(former, key=lambda it: it.evaluated_at or _NEVER, reverse=True):
        texts = (state.key, state.key, state.rule_id, state.table, state.owner, state.requirement)
        room -= _STATE_BYTES + sum(len(text.encode()) for text in texts)
        if room < 0:
            break
        kept.add(state.key)
    return {key: state for key, state in rules.items() if key in kept}


def retained_entries(entries: Sequence[FindingEntry]) -> tuple[FindingEntry, ...]:
    """Return the entries, in their order, without the resolved ones for which there is no room."""
    over = sum(entry.finding.weight for entry in entries) - MAX_ENTRIES
    if over <= 0:
        return tuple(entries)
    forgotten = set()
    for entry in sorted(entries, key=lambda it: it.resolved_at or _LATER):
        if over <= 0 or entry.resolved_at is None:
            break
        forgotten.add(entry.id)
        over -= entry.finding.weight
    return tuple(entry for entry in entries if entry.id not in forgotten)


def _packed_bytes(past: Sequence[Any]) -> int:
    return len(zlib.compress(msgspec.json.encode(past))) if past else 0
