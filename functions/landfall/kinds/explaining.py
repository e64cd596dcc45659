"""Any definition in plain sentences: the part that depends on no kind.

The package of a kind has the sentences in its module `explain`.
"""

from collections.abc import Mapping
from datetime import datetime
from importlib import import_module
from typing import Any

from landfall.deadlines import Deadline
from landfall.kinds.table import KINDS, PACKAGES
from landfall.process.aside import aside
from landfall.runs.documents import run_path
from landfall.scans.explanation import KnownSource, ScanInWords, runs_a_month
from landfall.scans.scan import Scan
from landfall.store.documents import Fields, Store


def explain(scan: Scan, known: KnownSource, now: datetime) -> dict[str, Any]:
    """Return the sentences about a scan: `checks`, `costs` and `unseen`."""
    runs = runs_a_month(scan.schedule, now)
    words: ScanInWords = import_module(f"{PACKAGES[scan.kind]}.explain").explain(scan, known, runs)
    return words.document()


async def try_and_explain(scan: Scan, store: Store, deadline: Deadline, now: datetime) -> Fields:
    """Try a definition on what the last run has read, and explain it by what that run cost."""
    tried: Fields = await KINDS[scan.kind].check(scan, store, deadline)
    known = await _known(store, tried["against"])
    return {"explained": await aside(lambda: explain(scan, known, now)), **tried}


async def _known(store: Store, against: Mapping[str, Any] | None) -> KnownSource:
    (run,) = await store.read(run_path(against["run_id"])) if against else (None,)
    counts: Fields = run.data["counts"] if run else {}
    return KnownSource(counts.get("records"), counts.get("firestore_writes"))
