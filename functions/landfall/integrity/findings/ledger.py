"""The findings of a scan over its runs: what is open, since when, and what became of the rest.

A ledger is all findings of a scan of a base that there are or were. A run hands in what its rules
came to; `merge` makes the next ledger of it:

    not there before ──> open ──> resolved ──> reopened ──> resolved ...
                          │  a person's decision
                          └──> ignored ──> resolved, or reopened when its time is over

Only a rule that was evaluated completely moves findings: of a rule that is inconclusive, or not in
the scan any more, everything stays as it is. What a finding and its rule share, such as how often
it was seen and when last, is kept once with the rule: a run that finds the same as the one before
changes no entry.

Pure: no input or output, and no clock.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from landfall.integrity.findings.entry import LIVE, Decision, Entry, Move, State, state_with
from landfall.integrity.findings.identity import (
    another,
    content_of,
    fingerprint,
    gained,
    keys_of,
    match,
)
from landfall.integrity.findings.rule_state import RuleState
from landfall.integrity.rules.evaluate import Finding, RuleReport
from landfall.integrity.rules.rule import BaseRule

KEPT_RESOLVED = timedelta(days=365)
"""For how long a finding is remembered after it was resolved."""

HISTORY = 50
"""Moves of a finding that are kept: its first, and the newest."""

PAST = 10
"""Runs of which a rule's own measurements are kept."""


@dataclass(frozen=True)
class Ledger:
    """All findings of a scan of a base. `number` counts the runs that have written it."""

    number: int = 0
    rules: Mapping[str, RuleState] = field(default_factory=dict)
    entries: tuple[Entry, ...] = ()

    def past(self, rules: Sequence[BaseRule]) -> dict[str, Sequence[Mapping[str, Any]]]:
        """What each of a scan's rules measured in earlier runs, the newest first; by its id."""
        keys = keys_of(self.rules, rules)
        return {id_: self.rules[key].past if key in self.rules else () for id_, key in keys.items()}


@dataclass(frozen=True)
class Merged:
    """The next ledger, and which of its entries a run has changed, by what became of them."""

    ledger: Ledger
    keys: Mapping[str, str]
    """The key of each rule of the run, by its id."""
    new: Sequence[Entry] = ()
    reopened: Sequence[Entry] = ()
    resolved: Sequence[Entry] = ()
    ignored: Sequence[Entry] = ()
    changed: Sequence[Entry] = ()
    """Still there, with other words, another severity or other records."""

    @property
    def all_changed(self) -> list[Entry]:
        """Every entry that is not what it was, in the order of the ledger."""
        lists = (self.new, self.reopened, self.resolved, self.ignored, self.changed)
        ids = {entry.id for entries in lists for entry in entries}
        return [entry for entry in self.ledger.entries if entry.id in ids]


def merge(
    ledger: Ledger,
    scope: str,
    reports: Sequence[RuleReport],
    decisions: Mapping[str, Decision],
    run_id: str,
    now: datetime,
) -> Merged:
    """The ledger after a run. `scope` tells the findings of this ledger from those of others."""
    keys = keys_of(ledger.rules, [report.rule for report in reports])
    rules = dict(ledger.rules)
    complete: dict[str, RuleReport] = {}
    for report in reports:
        key = keys[report.rule.id]
        rules[key] = _evaluated(rules.get(key), key, report, now)
        if not report.inconclusive:
            complete[key] = report
    merger = _Merger(scope, rules, decisions, run_id, now)
    before = defaultdict(list)
    for entry in ledger.entries:
        before[entry.rule_key].append(entry)
    for key in [*before, *(key for key in complete if key not in before)]:
        if key in complete:
            merger.rule(key, before.get(key, []), complete[key].findings)
        else:
            merger.left(before[key])
    return merger.merged(ledger.number + 1, keys)


class _Merger:
    def __init__(
        self,
        scope: str,
        rules: Mapping[str, RuleState],
        decisions: Mapping[str, Decision],
        run_id: str,
        now: datetime,
    ) -> None:
        self._scope = scope
        self._rules = rules
        self._decisions = decisions
        self._run_id = run_id
        self._now = now
        self._entries: list[Entry] = []
        self._lists: dict[str, list[Entry]] = defaultdict(list)

    def rule(self, key: str, before: Sequence[Entry], findings: Sequence[Finding]) -> None:
        """Move the findings of a rule that was evaluated completely."""
        matched = match(before, findings)
        for entry in before:
            finding = matched.get(entry.id)
            self._keep(entry, self._found(entry, finding) if finding else self._gone(entry))
        known = {id(finding) for finding in matched.values()}
        taken = {entry.id for entry in before}
        for finding in findings:
            if id(finding) not in known:
                self._add(key, finding, taken)

    def left(self, before: Sequence[Entry]) -> None:
        """Nothing is known of this rule's findings but what people say."""
        for entry in before:
            self._keep(entry, self._decided(entry))

    def merged(self, number: int, keys: Mapping[str, str]) -> Merged:
        """What has come of it."""
        old = self._now - KEPT_RESOLVED
        entries = (e for e in self._entries if not (e.resolved_at and e.resolved_at < old))
        return Merged(Ledger(number, self._rules, tuple(entries)), keys, **self._lists)

    def _keep(self, before: Entry, entry: Entry) -> None:
        self._entries.append(entry)
        if entry.state != before.state:
            which = "reopened" if entry.state in LIVE else entry.state
            self._lists[which].append(entry)
        elif entry is not before and entry != before:
            self._lists["changed"].append(entry)

    def _add(self, key: str, finding: Finding, taken: set[str]) -> None:
        entry_id = fingerprint(self._scope, key, finding)
        while entry_id in taken:  # a group that left this id behind when its records changed
            entry_id = another(entry_id)
        taken.add(entry_id)
        number = self._rules[key].evaluations
        opened = Move(self._now, "open", self._run_id)
        entry = Entry(entry_id, key, finding, "open", number, 0, self._now, None, (opened,), False)
        self._entries.append(entry)
        self._lists["new"].append(entry)

    def _found(self, entry: Entry, finding: Finding) -> Entry:
        more = 0
        if finding != entry.finding:
            more = gained(entry.finding, finding)
            entry = replace(entry, finding=finding)
        entry = self._decided(entry)
        if entry.state == "resolved":
            number = self._rules[entry.rule_key].evaluations
            entry = replace(entry, opened=number, resolved_at=None)
            return self._moved(entry, "reopened", "it is there again")
        if entry.state == "ignored" and more:
            return self._moved(entry, "reopened", f"{more} records more than were ignored")
        return entry

    def _gone(self, entry: Entry) -> Entry:
        if entry.state == "resolved":
            return entry
        state = self._rules[entry.rule_key]
        spell = state.evaluations - entry.opened  # this evaluation has not found it
        entry = replace(entry, seen_before=entry.seen_before + spell, resolved_at=self._now)
        return self._moved(entry, "resolved", "")

    def _decided(self, entry: Entry) -> Entry:
        """What people have said since the last move."""
        decision = self._decisions.get(entry.id)
        state = state_with(entry, decision, self._now)
        if decision is None or state == entry.state:
            return entry
        if decision.until and decision.is_over(self._now):
            why = f"it was to be ignored until {decision.until}"
            return self._moved(entry, state, why, at=decision.until)
        # at its own moment: what people said after it, while this run went on, is still to count
        return self._moved(entry, state, decision.why, decision.by, decision.at)

    def _moved(
        self, entry: Entry, state: State, why: str, by: str = "", at: datetime | None = None
    ) -> Entry:
        history = (*entry.history, Move(at or self._now, state, by or self._run_id, why))
        if len(history) > HISTORY:
            history = (history[0], *history[-HISTORY + 1 :])
        return replace(entry, state=state, history=history)


def _evaluated(state: RuleState | None, key: str, report: RuleReport, now: datetime) -> RuleState:
    rule, content = report.rule, content_of(report.rule)
    state = state or RuleState(key, rule.id, rule.table, content)
    past = state.past if state.content == content else ()
    state = replace(state, rule_id=rule.id, content=content, past=past)
    if report.inconclusive:
        return state
    if report.measured is not None:
        past = (report.measured, *past)[:PAST]
    return replace(state, evaluations=state.evaluations + 1, evaluated_at=now, past=past)
