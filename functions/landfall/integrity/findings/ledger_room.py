"""Bounds of what the head of a ledger has of its rules: it is a document of 1 MiB."""

import zlib
from collections.abc import Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import Any

import msgspec

from landfall.airtable.schema_ids import SchemaIds
from landfall.integrity.findings.rule_state import RuleState, keys_of
from landfall.integrity.rules.evaluate import RuleReport

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

_STATE_BYTES = 150
"""Bytes of a rule's state beside its texts."""

_NEVER = datetime.min.replace(tzinfo=UTC)

_Past = Sequence[Mapping[str, Any]]


def remembered(measured: Mapping[str, Any], past: _Past) -> tuple[Mapping[str, Any], ...]:
    """Return the measurements of a rule after a run, the newest first."""
    return (measured, *past)[:MAX_MEASUREMENTS]


def within_room(
    states: Mapping[str, RuleState], reports: Sequence[RuleReport], ids: SchemaIds
) -> list[RuleReport]:
    """Return the reports; one whose measurements do not fit beside the others is inconclusive."""
    keys = keys_of(states, [report.rule for report in reports], ids)
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


def _packed_bytes(past: Sequence[Any]) -> int:
    return len(zlib.compress(msgspec.json.encode(past))) if past else 0
