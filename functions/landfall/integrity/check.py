"""The check of a definition before it is saved: its rules, tried on what the last run has read."""

import time
from collections.abc import Iterator

from landfall.airtable.last_snapshot import LastSnapshot, read_last_snapshot, unread
from landfall.airtable.snapshot import Snapshot
from landfall.deadlines import Deadline
from landfall.integrity.report import why_inconclusive
from landfall.integrity.scan import IntegrityScan
from landfall.integrity.trial import RuleTrial, try_rule
from landfall.process.aside import aside
from landfall.store.documents import Fields, Store

OUT_OF_TIME = "there was no time left for it"


class _OutOfTimeError(Exception):
    """The time of the check is over."""


async def check_rules(scan: IntegrityScan, store: Store, deadline: Deadline) -> Fields:
    """Try the rules of a definition until the deadline; nothing is written.

    What the last run has not read is not judged: it had another definition.
    """
    last = await read_last_snapshot(store, scan, scan.created_of)
    if last is None:
        return {"against": None, "tables": [], "rules": [], "good": True}
    until = time.monotonic() + deadline.remaining()
    trials = await aside(lambda: list(_trials(scan, last, until)))
    return {
        "against": {"run_id": last.run_id, "read_at": last.read_at, "records": last.records},
        "tables": [
            {"table": name, "records": len(table), "complete": name not in last.incomplete}
            for name, table in last.tables.items()
        ],
        "rules": [trial.document() for trial in trials],
        "good": not any(trial.inconclusive for trial in trials),
    }


def _trials(scan: IntegrityScan, last: LastSnapshot, until: float) -> Iterator[RuleTrial]:
    def check() -> None:
        if time.monotonic() > until:
            raise _OutOfTimeError

    not_read, ids = unread(scan, last.fetched), last.fetched.ids
    snapshot = Snapshot(last.tables, last.read_at, scan.zone, ids, scan.region)
    for rule in scan.rules:
        complete = rule.table not in last.incomplete
        if why := why_inconclusive(rule, last.fetched.unresolved):
            yield RuleTrial(rule, complete, inconclusive=why)
            continue
        if why_inconclusive(rule, not_read):
            yield RuleTrial(rule, complete, unjudged="the last run did not read what it needs")
            continue
        try:
            check()
            yield try_rule(rule, snapshot, last.incomplete, check)
        except _OutOfTimeError:
            yield RuleTrial(rule, complete, unjudged=OUT_OF_TIME)
