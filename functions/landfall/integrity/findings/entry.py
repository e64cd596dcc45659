"""A finding over the runs of its scan: its state, its history, and what people decide about it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

from landfall.integrity.rules.evaluate import Finding

State = Literal["open", "reopened", "ignored", "resolved"]

STATES: tuple[State, ...] = get_args(State)

LIVE: tuple[State, ...] = ("open", "reopened")
"""What counts for the verdict."""


@dataclass(frozen=True)
class Move:
    """A finding came into a state: when, in which run or by whom, and why.

    What a person said counts from the moment on at which it was said.
    """

    at: datetime
    state: State
    by: str
    why: str = ""


@dataclass(frozen=True)
class Entry:
    """A finding over time.

    `id` is the fingerprint of its first records and stays when a group gains or loses some.
    `opened` is the number of the rule's evaluation at which it last came up, and `seen_before` in
    how many it was seen in earlier spells. `documented`: it has a document of its own.
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
        """Whether it is open, for the first time or again."""
        return self.state in LIVE

    def occurrences(self, evaluations: int) -> int:
        """In how many evaluations of its rule it was found, of which there were so many."""
        return self.seen_before + (0 if self.state == "resolved" else evaluations - self.opened + 1)

    def last_seen(self, evaluated_at: datetime | None) -> datetime | None:
        """When it was last found; while it is there, at the rule's last evaluation."""
        return self.resolved_at or evaluated_at


@dataclass(frozen=True)
class Decision:
    """What a person said of a finding; `until` is the end of an ignoring, if it has one."""

    at: datetime
    state: Literal["ignored", "open"]
    by: str
    why: str = ""
    until: datetime | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether it was for a time that has passed."""
        return self.until is not None and self.until <= now


def state_with(entry: Entry, decision: Decision | None, now: datetime) -> State:
    """The state of a finding that is there, once what a person said of it counts."""
    if decision is None or entry.state == "resolved":
        return entry.state
    if decision.is_over(now):
        return "reopened" if entry.state == "ignored" else entry.state
    if decision.at < entry.history[-1].at:  # it has moved since
        return entry.state
    if decision.state == "ignored":
        return "ignored"
    return "reopened" if entry.state == "ignored" else entry.state
