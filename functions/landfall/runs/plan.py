"""The plan of a run: its id, its deadline, and its origin."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from landfall.runs.documents import RunFields
from landfall.store.documents import Document
from landfall.store.shape import fitting

ALL_ELEMENTS = "all"
"""The `regenerate` of a run that asks about all elements again; other runs have record ids."""


@dataclass(frozen=True)
class _Head:
    """The fields of a scan's document that a run is made from."""

    version: str
    kind: str
    deadline_seconds: float
    base: str | None = None
    url: str | None = None
    last_records: int | None = None
    notify: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class RunPlan:
    """The values that a run is created with; `fields` describe its origin."""

    run_id: str
    deadline_seconds: float
    fields: RunFields

    @property
    def of_schedule(self) -> str:
        """Return the schedule and the slot that start the run; empty where a caller does."""
        slot = self.fields.get("slot")
        if slot is None:
            return ""
        return f"schedule {self.fields['schedule_id']}, slot {slot.astimezone(UTC).isoformat()}"


def plan_run(run_id: str, head: Document, trigger: str, slot: datetime | None = None) -> RunPlan:
    """Plan a run of the scan's current version. Raises `UnreadableError`."""
    fitting(_Head, head.path, head.data, "save the scan again")
    fields: RunFields = {
        "run_id": run_id,
        "scan_id": head.id,
        "scan_version": head.data["version"],
        "kind": head.data["kind"],
        "trigger": trigger,
        "slot": slot,
        "schedule_id": head.id if slot else None,
        "expected_records": head.data.get("last_records"),
    }
    if "base" in head.data:
        fields["base"] = head.data["base"]
    if "url" in head.data:
        fields["url"] = head.data["url"]
    if head.data.get("notify"):
        fields["notify"] = head.data["notify"]
    return RunPlan(run_id, head.data["deadline_seconds"], fields)
