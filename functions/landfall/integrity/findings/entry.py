"""A finding over the runs of its scan: its state, its history, and people's decisions about it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import msgspec

from landfall.integrity.rules.evaluate import Finding
from landfall.store.documents import Fields

State = Literal["open", "reopened", "ignored", "resolved"]

STATES: tuple[State, ...] = get_args(State)

LIVE: tuple[State, ...] = ("open", "reopened")
"""States that count for the verdict."""


class Move(msgspec.Struct, frozen=True, gc=False):
    """A finding's move to a state: the time, the run or person, and the reason.

    A person's decision counts from the moment at which it was made, and may end at `until`.
    """

    at: datetime
    state: State
    by: str
    why: str = ""
    until: datetime | None = None


class FindingEntry(msgspec.Struct, frozen=True, gc=False):
    """A finding over time.

    `id` is the fingerprint of its first records and remains when a group gains or loses some.
    `opened` is the number of the rule's evaluation that last opened it, and `seen_before` the
    number of evaluations that found it earlier. `documented`: it has a document of its own.
    """

    id: str
    rule_key: str
    finding: Finding
    state: State
    opened: int
    seen_before: int
    first_seen: datetime
    resolved_at: datetime | None
    history: tuple[Move, ...]
    documented: bool = False

    @property
    def live(self) -> bool:
        """Return whether the finding is open, for the first time or again."""
        return self.state in LIVE

    def occurrences(self, evaluations: int) -> int:
        """Return the number of evaluations that found it, of all evaluations of its rule."""
        return self.seen_before + (0 if self.state == "resolved" else evaluations - self.opened + 1)

    def last_seen(self, evaluated_at: datetime | None) -> datetime | None:
        """Return when it was last found; while it is live, at the rule's last evaluation."""
        return self.resolved_at or evaluated_at


@dataclass(frozen=True)
class Decision:
    """A person's decision about a finding; `until` is the end of ignoring it, if there is one."""

    at: datetime
    state: Literal["ignored", "open"]
    by: str
    why: str = ""
    until: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Return whether the decision has expired."""
        return self.until is not None and self.until <= now


def state_with(entry: FindingEntry, decision: Decision | None, now: datetime) -> State:
    """Return the state of a finding that still exists, after a person's decision."""
    return state_after(entry.state, entry.history[-1].at, decision, now)


def is_moved(entry: FindingEntry, decision: Decision, state: State) -> bool:
    """Return whether a decision with this state moves a finding, if only to another reason."""
    is_newer = decision.at > entry.history[-1].at
    return state != entry.state or (decision.state == state == "ignored" and is_newer)


def state_after(
    state: State, moved_at: datetime | None, decision: Decision | None, now: datetime
) -> State:
    """Return the state after a person's decision of a finding that moved to `state` at `moved_at`,
    or, with None, before any decision that is given."""
    if decision is None or state == "resolved":
        return state
    if decision.is_over(now):
        return "reopened" if state == "ignored" else state
    if moved_at and decision.at < moved_at:  # it has moved since
        return state
    if decision.state == "ignored":
        return "ignored"
    return "reopened" if state == "ignored" else state


def finding_fields(
    entry: FindingEntry, rule: Mapping[str, Any], records_most: int | None = None
) -> Fields:
    """Return a finding for people. `rule` has the `rule_id`, `evaluations` and `evaluated_at` of
    its rule, and unless an older Landfall stored it, `owner` and `requirement`; at most
    `records_most` records are listed."""
    finding = entry.finding
    return {
        "finding_id": entry.id,
        "rule_id": rule["rule_id"],
        "requirement": rule.get("requirement", ""),
        "owner": rule.get("owner", ""),
        "table": finding.table,
        "records": list(finding.records[:records_most]),
        "record_names": list(finding.names[:records_most]),
        "record_count": finding.record_count,
        "field": finding.field,
        "value": finding.value,
        "severity": finding.severity,
        "message": finding.message,
        "state": entry.state,
        "decision": msgspec.structs.asdict(entry.history[-1]) if entry.state == "ignored" else None,
        "first_seen": entry.first_seen,
        "last_seen": entry.last_seen(rule["evaluated_at"]),
        "occurrences": entry.occurrences(rule["evaluations"]),
    }
