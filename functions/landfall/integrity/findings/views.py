"""What people see of findings, and what they say of them."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from landfall.airtable.links import Origin
from landfall.api.downloads import Download
from landfall.integrity.findings.entry import Decision, Entry, state_with
from landfall.integrity.findings.ledger_store import FindingsList, Kept, Ledgers
from landfall.integrity.findings.shown import shown
from landfall.reasons import NotFoundError
from landfall.runs.commit import Clock
from landfall.runs.documents import Run
from landfall.store.documents import Fields, Store

FILTERS = ("rule", "table", "severity", "state")
"""Parameters that narrow a list of findings. Without `state` it is those that are there now."""

COLUMNS = (
    "finding_id", "rule_id", "severity", "state", "table", "record", "record_count", "field",
    "value", "message", "first_seen", "last_seen", "occurrences", "link",
)  # fmt: skip
"""What a CSV file has of a finding. `record` and `link` are of the first of its records."""


class FindingNotFoundError(NotFoundError):
    """There is no such finding of this scan."""


def download(findings: Sequence[Fields], form: str, name: str) -> Download:
    """Findings as a "csv" or "json" file."""
    if form == "json":
        return Download.json(findings, name)
    return Download.csv(map(flat, findings), COLUMNS, name)


async def findings_of_run(store: Store, run: Run, wanted: Mapping[str, str]) -> list[Fields]:
    """The findings of the rules that a run has evaluated, as it left them."""
    if not (run.report and run.base and run.findings_list):  # it did not come to an end
        return []
    ledgers = Ledgers(store, run.scan_id, run.base)
    entries = await ledgers.entries(FindingsList(**run.findings_list))
    rules = {rule["key"]: rule for rule in run.report["rules"] if not rule["inconclusive"]}
    origin = _origin(run.base, run.report)
    found = [_shown(e, rules[e.rule_key], origin) for e in entries if e.rule_key in rules]
    return [finding for finding in found if _is_wanted(finding, wanted)]


class ScanFindings:
    """The findings of a scan as they are now, after its last run and with what people said."""

    def __init__(self, store: Store, clock: Clock, scan_id: str, base: str) -> None:
        self._store = store
        self._clock = clock
        self._ledgers = Ledgers(store, scan_id, base)

    async def listed(self, wanted: Mapping[str, str]) -> list[Fields]:
        """Those that are wanted."""
        kept = await self._ledgers.load()
        decisions = await self._ledgers.decisions()
        found = [self._now(kept, entry, decisions) for entry in kept.ledger.entries]
        return [finding for finding in found if _is_wanted(finding, wanted)]

    async def one(self, finding_id: str) -> Fields:
        """One with its history. Raises `FindingNotFoundError`."""
        kept, entry = await self._find(finding_id)
        return self._whole(kept, entry, await self._ledgers.decisions())

    async def decide(self, finding_id: str, decision: Decision) -> Fields:
        """Keep what a person says of a finding; the next run takes it up.

        Raises `FindingNotFoundError`, and `ValueError` when it has been resolved.
        """
        kept, entry = await self._find(finding_id)
        if entry.state == "resolved":
            raise ValueError("the finding is resolved: nothing is to be said of it")
        await self._store.commit([self._ledgers.decision(finding_id, decision)])
        return self._whole(kept, entry, {finding_id: decision})

    async def _find(self, finding_id: str) -> tuple[Kept, Entry]:
        kept = await self._ledgers.load()
        for entry in kept.ledger.entries:
            if entry.id == finding_id:
                return kept, entry
        raise FindingNotFoundError(f"this scan has no finding {finding_id!r}")

    def _whole(self, kept: Kept, entry: Entry, decisions: Mapping[str, Decision]) -> Fields:
        history = [asdict(move) for move in entry.history]
        return self._now(kept, entry, decisions) | {"history": history}

    def _now(self, kept: Kept, entry: Entry, decisions: Mapping[str, Decision]) -> Fields:
        finding = kept_finding(kept, entry)
        decision = decisions.get(entry.id)
        state_now = state_with(entry, decision, self._clock())
        in_force = decision and decision.state == "ignored" and state_now == "ignored"
        if decision and (in_force or state_now != entry.state):
            finding |= {"state": state_now, "decision": asdict(decision)}
        return finding


def kept_finding(kept: Kept, entry: Entry) -> Fields:
    """A finding as the ledger has it."""
    return _shown(entry, vars(kept.ledger.rules[entry.rule_key]), kept.origin)


def flat(finding: Fields) -> Fields:
    """A finding with a value for each of `COLUMNS`."""
    return finding | {
        "record": next(iter(finding["records"]), ""),
        "link": next(iter(finding["links"]), ""),
    }


def _origin(base: str, report: Fields) -> Origin:
    tables = {table["table"]: table["id"] for table in report["tables"]}
    return Origin(base, tables)


def _shown(entry: Entry, rule: Mapping[str, Any], origin: Origin) -> Fields:
    finding = entry.finding
    links = [origin.link(finding.table, record) for record in finding.records[:LINKS]]
    return shown(entry, rule) | {"links": links}


LINKS = 10
"""Records of a finding that are linked to."""


def _is_wanted(finding: Fields, wanted: Mapping[str, str]) -> bool:
    state = wanted.get("state")
    if state is None and finding["state"] in ("ignored", "resolved"):
        return False
    keys = {"rule": "rule_id"}
    return all(finding[keys.get(name, name)] == value for name, value in wanted.items())
