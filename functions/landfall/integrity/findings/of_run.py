"""The findings of a run, as it left them."""

from landfall.airtable.links import Origin
from landfall.integrity.findings.ledger_store import LedgerStore
from landfall.integrity.findings.lists import NO_LIST, FindingsList, open_list
from landfall.integrity.findings.rule_state import RuleState
from landfall.integrity.findings.run_comparison import Compared
from landfall.integrity.findings.shown import Listing
from landfall.runs.documents import Run
from landfall.store.documents import Fields, Store, both


async def listing_of_run(store: Store, run: Run) -> Listing:
    """Return the findings of the rules that a run has evaluated, as it left them."""
    opened = await opened_of_run(store, run)
    return Listing(opened.opened, opened.rules, opened.origin)


async def opened_of_run(store: Store, run: Run) -> Compared:
    """Return the list of a run's findings, and the rules that it has evaluated."""
    if not (run.report and run.base and run.findings_list):  # it has not ended
        return Compared(await open_list(store, NO_LIST), {}, Origin("", {}))
    stored, opened = await both(
        LedgerStore(store, run.scan_id, run.base).load_head(),
        open_list(store, FindingsList(**run.findings_list)),
    )
    known = stored.ledger.rules
    rules = {
        rule["key"]: _with_texts(rule, known.get(rule["key"]))
        for rule in run.report["rules"]
        if not rule["inconclusive"]
    }
    return Compared(opened, rules, _origin(run.base, run.report))


def _with_texts(rule: Fields, state: RuleState | None) -> Fields:
    """Return a rule of a report with its texts: a report has no long ones."""
    if state is None or not state.requirement:
        return rule
    return rule | {"owner": state.owner, "requirement": state.requirement}


def _origin(base: str, report: Fields) -> Origin:
    tables = {table["table"]: table["id"] for table in report["tables"]}
    return Origin(base, tables)
