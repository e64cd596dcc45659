"""The findings of a scan over its runs: those that are open, since when, and the fate of the rest.

A ledger has all present and past findings of a scan of a base. A run hands in the reports of its
rules; `merge` makes the next ledger:

    not there before ──> open ──> resolved ──> reopened ──> resolved ...
                          │  a person's decision
                          └──> ignored ──> resolved, or reopened when its time is over

Only a rule that was evaluated completely moves findings: those of a rule that is inconclusive, or
no longer in the scan, stay as they are. One exception: where no record has a value any more that
the rule judges, its findings about records are resolved. Where there is no room for all rules that
are no longer in the scan, those that were evaluated longest ago are forgotten with their findings.
Facts shared by a rule's findings, such as the number and time of its evaluations, are stored once,
with the rule: an unchanged rescan changes no entry.

Pure: no input or output, and no clock.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from msgspec import structs

from landfall.airtable.schema_ids import NO_IDS, SchemaIds
from landfall.integrity.findings.entry import (
    Decision,
    FindingEntry,
    Move,
    State,
    is_moved,
    state_with,
)
from landfall.integrity.findings.identity import fingerprint, match, next_id, records_gained
from landfall.integrity.findings.ledger_room import remembered, retained, retained_entries
from landfall.integrity.findings.results import run_results, with_results
from landfall.integrity.findings.rule_state import RuleState, content_of, keys_of, texts_of
from landfall.integrity.rules.evaluate import Finding, RuleReport
from landfall.integrity.rules.rule import BaseRule

RESOLVED_RETENTION = timedelta(days=365)
"""Time for which a resolved finding is retained."""

MAX_MOVES = 50
"""Moves of a finding that are retained: its first, and the newest."""


@dataclass(frozen=True)
class Ledger:
    """All findings of a scan of a base. `number` counts the runs that have written it.

    `results` are those of its rules in its last runs, packed (`results.py`).
    """

    number: int = 0
    rules: Mapping[str, RuleState] = field(default_factory=dict)
    entries: tuple[FindingEntry, ...] = ()
    results: bytes = b""

    def past(
        self, rules: Sequence[BaseRule], ids: SchemaIds
    ) -> dict[str, Sequence[Mapping[str, Any]]]:
        """Return the measurements of each of a scan's rules, the newest first; by the rule's id."""
        keys = keys_of(self.rules, rules, ids)
        return {id_: self.rules[key].past if key in self.rules else () for id_, key in keys.items()}

    def results_after(
        self,
        run_id: str,
        created_at: datetime,
        records: Mapping[str, int],
        rules: Sequence[Mapping[str, Any]],
    ) -> bytes:
        """Return the results after a run, from the rules of its report."""
        return with_results(self.results, run_results(run_id, created_at, records, rules))


@dataclass(frozen=True)
class MergedLedger:
    """The next ledger, and the entries that a run has changed, by what became of them."""

    ledger: Ledger
    keys: Mapping[str, str]
    """The key of each rule of the run, by its id."""
    new: Sequence[FindingEntry] = ()
    reopened: Sequence[FindingEntry] = ()
    resolved: Sequence[FindingEntry] = ()
    ignored: Sequence[FindingEntry] = ()
    changed: Sequence[FindingEntry] = ()
    """Entries that are still found, with another text, severity, owner or other records."""
    renamed: Sequence[FindingEntry] = ()
    """Entries that are still found, with other names of their records and nothing else."""

    @property
    def all_changed(self) -> list[FindingEntry]:
        """Return every changed entry, in the order of the ledger."""
        lists = (self.new, self.reopened, self.resolved, self.ignored, self.changed, self.renamed)
        ids = {entry.id for entries in lists for entry in entries}
        return [entry for entry in self.ledger.entries if entry.id in ids]


def merge(
    ledger: Ledger,
    scope: str,
    reports: Sequence[RuleReport],
    decisions: Mapping[str, Decision],
    run_id: str,
    now: datetime,
    ids: SchemaIds = NO_IDS,
) -> MergedLedger:
    """Return the ledger after a run. `scope` distinguishes its findings from those of other
    ledgers; `ids` are those of the base, by which tables and fields are known."""
    keys = keys_of(ledger.rules, [report.rule for report in reports], ids)
    rules = dict(ledger.rules)
    complete: dict[str, RuleReport] = {}
    emptied = {keys[report.rule.id] for report in reports if report.emptied}
    owners = {key: state.owner for key, state in ledger.rules.items()}
    for report in reports:
        key = keys[report.rule.id]
        rules[key] = _evaluated(rules.get(key), key, report, now, ids)
        if not report.inconclusive:
            complete[key] = report
    rules = retained(rules, {*keys.values()})
    merger = _Merger(scope, rules, decisions, run_id, now)
    before = defaultdict(list)
    for entry in ledger.entries:
        before[entry.rule_key].append(entry)
    for key in [*before, *(key for key in complete if key not in before)]:
        if key not in rules:  # of a rule that the scan has not had for long
            continue
        if key in complete:
            owner = owners.get(key, "")
            fields = ids.fields_of(complete[key].rule.table)
            merger.rule(key, before.get(key, []), complete[key].findings, owner, fields)
        else:
            merger.left(before[key], emptied=key in emptied)
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
        self._entries: list[FindingEntry] = []
        self._lists: dict[str, list[FindingEntry]] = defaultdict(list)

    def rule(
        self,
        key: str,
        before: Sequence[FindingEntry],
        findings: Sequence[Finding],
        owner: str,
        fields: Mapping[str, str],
    ) -> None:
        """Move the findings of a rule that was evaluated completely, and had this owner.

        `fields` are the ids of its table's fields.
        """
        matched = match(before, findings, fields)
        handed_over = owner != self._rules[key].owner
        for entry in before:
            finding = matched.get(entry.id)
            now = self._found(entry, finding) if finding else self._gone(entry)
            self._keep(entry, now, handed_over=handed_over and now.state != "resolved")
        known = {id(finding) for finding in matched.values()}
        taken = {entry.id for entry in before}
        for finding in findings:
            if id(finding) not in known:
                self._add(key, finding, taken)

    def left(self, before: Sequence[FindingEntry], *, emptied: bool) -> None:
        """Apply people's decisions to the findings of a rule that was not evaluated.

        Those about records are gone where these have no value any more that it judges.
        """
        for entry in before:
            gone = emptied and entry.finding.records
            self._keep(entry, self._gone(entry, 1) if gone else self._decided(entry))

    def merged(self, number: int, keys: Mapping[str, str]) -> MergedLedger:
        """Return the merged ledger."""
        old = self._now - RESOLVED_RETENTION
        young = [e for e in self._entries if not (e.resolved_at and e.resolved_at < old)]
        ledger = Ledger(number, self._rules, retained_entries(young))
        return MergedLedger(ledger, keys, **self._lists)

    def _keep(
        self, before: FindingEntry, entry: FindingEntry, *, handed_over: bool = False
    ) -> None:
        self._entries.append(entry)
        if entry.state != before.state:
            self._lists[entry.state].append(entry)
        elif handed_over or (entry is not before and entry != before):
            renamed = not handed_over and entry == _with_names(before, entry.finding.names)
            self._lists["renamed" if renamed else "changed"].append(entry)

    def _add(self, key: str, finding: Finding, taken: set[str]) -> None:
        entry_id = fingerprint(self._scope, key, finding)
        while entry_id in taken:  # taken by a group whose records have changed since
            entry_id = next_id(entry_id)
        taken.add(entry_id)
        number = self._rules[key].evaluations
        opened = Move(self._now, "open", self._run_id)
        entry = FindingEntry(
            entry_id, key, finding, "open", number, 0, self._now, None, (opened,), False
        )
        self._entries.append(entry)
        self._lists["new"].append(entry)

    def _found(self, entry: FindingEntry, finding: Finding) -> FindingEntry:
        more = 0
        if finding != entry.finding:
            more = records_gained(entry.finding, finding)
            entry = structs.replace(entry, finding=finding)
        entry = self._decided(entry)
        if entry.state == "resolved":
            number = self._rules[entry.rule_key].evaluations
            entry = structs.replace(entry, opened=number, resolved_at=None)
            return self._moved(entry, "reopened", "found again")
        if entry.state == "ignored" and more:
            return self._moved(entry, "reopened", f"{more} more records than when it was ignored")
        return entry

    def _gone(self, entry: FindingEntry, found_last: int = 0) -> FindingEntry:
        """Return the entry as resolved; `found_last` is 1 if the rule's last evaluation found it,
        and 0 if that is the one which has not."""
        if entry.state == "resolved":
            return entry
        state = self._rules[entry.rule_key]
        spell = state.evaluations - entry.opened + found_last
        entry = structs.replace(entry, seen_before=entry.seen_before + spell, resolved_at=self._now)
        return self._moved(entry, "resolved", "")

    def _decided(self, entry: FindingEntry) -> FindingEntry:
        """Return the entry after a decision since its last move."""
        decision = self._decisions.get(entry.id)
        state = state_with(entry, decision, self._now)
        if decision is None or not is_moved(entry, decision, state):
            return entry
        if decision.until and decision.is_over(self._now):
            why = f"the decision to ignore it expired on {decision.until}"
            return self._moved(entry, state, why, at=decision.until)
        # at its own time: a later decision, made during this run, still has to be applied
        until = decision.until if state == "ignored" else None
        return self._moved(entry, state, decision.why, decision.by, decision.at, until)

    def _moved(
        self,
        entry: FindingEntry,
        state: State,
        why: str,
        by: str = "",
        at: datetime | None = None,
        until: datetime | None = None,
    ) -> FindingEntry:
        history = (*entry.history, Move(at or self._now, state, by or self._run_id, why, until))
        if len(history) > MAX_MOVES:
            history = (history[0], *history[-MAX_MOVES + 1 :])
        return structs.replace(entry, state=state, history=history)


def _with_names(entry: FindingEntry, names: tuple[str, ...]) -> FindingEntry:
    return structs.replace(entry, finding=structs.replace(entry.finding, names=names))


def _evaluated(
    state: RuleState | None, key: str, report: RuleReport, now: datetime, ids: SchemaIds
) -> RuleState:
    rule, content = report.rule, content_of(report.rule)
    state = state or RuleState(key, rule.id, rule.table, content)
    table_id = ids.tables.get(rule.table, state.table_id)
    state = replace(state, rule_id=rule.id, table=rule.table, content=content, table_id=table_id)
    if report.inconclusive:
        return state
    state, past = replace(state, **texts_of(rule)), state.past
    if report.measured is not None:
        past = remembered(report.measured, past)
    return replace(state, evaluations=state.evaluations + 1, evaluated_at=now, past=past)
