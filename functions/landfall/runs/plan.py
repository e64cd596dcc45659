"""What a run is made from."""

from dataclasses import dataclass
from datetime import datetime

from landfall.store.documents import Document, Fields

WHERE = ("base", "url")
"""What says where a scan looks; each kind has one of these."""

ALL_ELEMENTS = "all"
"""What a run's `regenerate` says when it is to ask again about all; else it has the records."""


@dataclass(frozen=True)
class RunPlan:
    """What a run is made from; `fields` are those that say where it comes from."""

    run_id: str
    deadline_seconds: float
    fields: Fields


def plan_run(run_id: str, head: Document, trigger: str, slot: datetime | None = None) -> RunPlan:
    """A run of the scan as it is now."""
    fields = {
        "run_id": run_id,
        "scan_id": head.id,
        "scan_version": head.data["version"],
        "kind": head.data["kind"],
        "trigger": trigger,
        "slot": slot,
        "schedule_id": head.id if slot else None,
        "expected_records": head.data.get("last_records"),
    }
    fields |= {name: head.data[name] for name in WHERE if name in head.data}
    return RunPlan(run_id, head.data["deadline_seconds"], fields)
