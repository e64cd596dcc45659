"""The findings that people see, and their decisions about them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain, zip_longest
from typing import Any

from landfall.airtable.links import Origin
from landfall.api.downloads import Download
from landfall.integrity.findings.entry import Decision, FindingEntry, finding_fields, state_with
from landfall.integrity.findings.ledger_store import FindingsList, LedgerStore, StoredLedger
from landfall.integrity.findings.rule_state import RuleState
from landfall.reasons import NotFoundError
from landfall.runs.commit import Clock
from landfall.runs.documents import Run
from landfall.store.documents import Fields, Store

FILTERS = ("rule", "table", "severity", "state")
"""Parameters that filter a list of findings. Without `state`, it has those that exist now."""

COLUMNS = (
    "finding_id", "rule_id", "requirement", "owner", "severity", "state", "table", "record",
    "record_name", "record_count", "field", "value", "message", "first_seen", "last_seen",
    "occurrences", "ignored_why", "ignored_by", "ignored_until", "link",
)  # fmt: skip
"""Columns of a CSV file of findings, with a row for each of their records."""


class FindingNotFoundError(NotFoundError):
    """This scan has no such finding."""


def download(findings: Sequence[Fields], form: str, name: str) -> Download:
    """Return findings as a "csv" or "json" file."""
    if form == "json":
        return Download.json(findings, name)
    return Download.csv(chain.from_iterable(map(rows_of, findings)), COLUMNS, name)


async def findings_of_run(store: Store, run: Run, wanted: Mapping[str, str]) -> list[Fields]:
    """Return the findings of the rules that a run has evaluated, as it left them."""
    if not (run.report and run.base and run.findings_list):  # it has not ended
        return []
    ledgers = LedgerStore(store, run.scan_id, run.base)
    entries = await ledgers.entries(FindingsList(**run.findings_list))
    known = (await ledgers.load_head()).ledger.rules
    rules = {
        rule["key"]: _with_texts(rule, known.get(rule["key"]))
        for rule in run.report["rules"]
        if not rule["inconclusive"]
    }
    origin = _origin(run.base, run.report)
    found = [_shown(e, rules[e.rule_key], origin) for e in entries if e.rule_key in rules]
    return [finding for finding in found if _is_wanted(finding, wanted)]


def _with_texts(rule: Fields, state: RuleState | None) -> Fields:
    """Return a rule of a report with its texts: a report has no long ones."""
    if state is None or not state.requirement:
        return rule
    return rule | {"owner": state.owner, "requirement": state.requirement}


class ScanFindings:
    """The current findings of a scan, after its last run and people's decisions."""

    def __init__(self, store: Store, clock: Clock, scan_id: str, base: str) -> None:
        self._store = store
        self._clock = clock
        self._ledgers = LedgerStore(store, scan_id, base)

    async def listed(self, wanted: Mapping[str, str]) -> list[Fields]:
        """Return the findings that match the filters."""
        stored = await self._ledgers.load()
        decisions = await self._ledgers.decisions()
        found = [self._current(stored, entry, decisions) for entry in stored.ledger.entries]
        return [finding for finding in found if _is_wanted(finding, wanted)]

    async def one(self, finding_id: str) -> Fields:
        """Return a finding with its history. Raises `FindingNotFoundError`."""
        stored, entry = await self._find(finding_id)
        return self._with_history(stored, entry, await self._ledgers.decisions())

    async def decide(self, finding_id: str, decision: Decision) -> Fields:
        """Store a person's decision about a finding, which the next run applies.

        Raises `FindingNotFoundError`, and `ValueError` if it has been resolved.
        """
        stored, entry = await self._find(finding_id)
        if entry.state == "resolved":
            raise ValueError("the finding is resolved, so there is nothing to decide")
        await self._store.commit([self._ledgers.decision(finding_id, decision)])
        return self._with_history(stored, entry, {finding_id: decision})

    async def _find(self, finding_id: str) -> tuple[StoredLedger, FindingEntry]:
        stored = await self._ledgers.load()
        for entry in stored.ledger.entries:
            if entry.id == finding_id:
                return stored, entry
        raise FindingNotFoundError(f"this scan has no finding {finding_id!r}")

    def _with_history(
        self, stored: StoredLedger, entry: FindingEntry, decisions: Mapping[str, Decision]
    ) -> Fields:
        history = [asdict(move) for move in entry.history]
        return self._current(stored, entry, decisions) | {"history": history}

    def _current(
        self, stored: StoredLedger, entry: FindingEntry, decisions: Mapping[str, Decision]
    ) -> Fields:
        finding = stored_finding(stored, entry)
        decision = decisions.get(entry.id)
        state_now = state_with(entry, decision, self._clock())
        in_force = decision and decision.state == "ignored" and state_now == "ignored"
        if decision and (in_force or state_now != entry.state):
            finding |= {"state": state_now, "decision": asdict(decision)}
        return finding


def stored_finding(stored: StoredLedger, entry: FindingEntry) -> Fields:
    """Return a finding from the ledger."""
    return _shown(entry, vars(stored.ledger.rules[entry.rule_key]), stored.origin)


def rows_of(finding: Fields) -> Iterator[Fields]:
    """Yield for each record of a finding, or once where it has none, a value for each column."""
    decision = finding["decision"]
    ignored = decision if decision and decision["state"] == "ignored" else {}
    row = finding | {f"ignored_{name}": ignored.get(name) for name in ("why", "by", "until")}
    records = finding["records"]
    table_link = finding["links"][0].removesuffix(records[0]) if records else ""
    for record, name in zip_longest(records or [""], finding["record_names"], fillvalue=""):
        yield row | {"record": record, "record_name": name, "link": f"{table_link}{record}"}


def _origin(base: str, report: Fields) -> Origin:
    tables = {table["table"]: table["id"] for table in report["tables"]}
    return Origin(base, tables)


def _shown(entry: FindingEntry, rule: Mapping[str, Any], origin: Origin) -> Fields:
    finding = entry.finding
    links = [origin.link(finding.table, record) for record in finding.records[:MAX_LINKS]]
    return finding_fields(entry, rule) | {"links": links}


MAX_LINKS = 10
"""Records of a finding that are linked to."""


def _is_wanted(finding: Fields, wanted: Mapping[str, str]) -> bool:
    state = wanted.get("state")
    if state is None and finding["state"] in ("ignored", "resolved"):
        return False
    keys = {"rule": "rule_id"}
    return all(finding[keys.get(name, name)] == value for name, value in wanted.items())
