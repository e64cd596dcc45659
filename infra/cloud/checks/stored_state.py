"""Checks of stored documents: the last ticks, and the schema versions."""

from datetime import UTC, datetime

from infra.cloud.checks.check import CheckResult, wrong_if
from infra.cloud.checks.document_reader import DocumentReader
from infra.cloud.resources.delivery import TICK_FUNCTIONS
from landfall.deadlines import TICK_MISSING
from landfall.store.versions import DOCUMENT_KINDS, VERSION_FIELD


def ticks(documents: DocumentReader) -> CheckResult:
    """Check that the scheduler and the watchdog ticked recently."""
    problems = []
    for name in TICK_FUNCTIONS:
        mark = documents.read(f"system/{name}")
        last = mark.get("last_tick_at") if mark else None
        age = (datetime.now(UTC) - last).total_seconds() if isinstance(last, datetime) else None
        if last and age is None:
            problems.append(f"system/{name} cannot be read; the next tick writes it anew")
        elif age is None:
            problems.append(f"the {name} never ticked")
        elif age > TICK_MISSING:
            problems.append(f"the {name} ticked {age:.0f} s ago")
    fix = "see the checks of jobs, functions and callers, and the log of the function"
    return wrong_if(problems, fix, f"both within {TICK_MISSING:g} s")


def versions(documents: DocumentReader) -> CheckResult:
    """Check that no newer version of Landfall has written here.

    Only top-level collections are queried; every run writes to them.
    """
    problems = []
    for collection, kind in DOCUMENT_KINDS.items():
        if "/" not in collection:
            found = documents.newer(collection, VERSION_FIELD, kind.version)
            problems += [f"{found} is newer than schema version {kind.version}"] if found else []
    fix = "deploy the version of Landfall that wrote them; this one leaves such documents alone"
    return wrong_if(problems, fix, "written by this version or an older one")
