"""What the documents say of an installation: the last ticks, and who has written them."""

from datetime import UTC, datetime

from infra.cloud.reading import Documents
from infra.cloud.verdicts import Said, one_of
from landfall.deadlines import TICK_MISSING
from landfall.store.versions import DOCUMENT_KINDS, VERSION_FIELD

TICKERS = ("scheduler", "watchdog")


def ticks(documents: Documents) -> Said:
    """Whether both ticked lately."""
    problems = []
    for name in TICKERS:
        mark = documents.read(f"system/{name}")
        last = mark.get("last_tick_at") if mark else None
        age = (datetime.now(UTC) - last).total_seconds() if last else None
        if age is None:
            problems.append(f"the {name} never ticked")
        elif age > TICK_MISSING:
            problems.append(f"the {name} ticked {age:.0f} s ago")
    mend = "see the checks of jobs, functions and callers, and the function's log"
    return one_of(problems, mend, f"both within {TICK_MISSING:g} s")


def versions(documents: Documents) -> Said:
    """Whether a newer Landfall has written here. Of the collections at the top, which every run
    writes to."""
    problems = []
    for collection, kind in DOCUMENT_KINDS.items():
        if "/" not in collection:
            found = documents.newer(collection, VERSION_FIELD, kind.version)
            problems += [f"{found} is newer than schema version {kind.version}"] if found else []
    mend = "deploy the Landfall that has written them; this one leaves such documents alone"
    return one_of(problems, mend, "written by this version or an older one")
