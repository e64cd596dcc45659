"""All that a report about a run needs, as text: no cell of a record, no key, no token."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console

from infra.client.places import Place
from infra.client.tables import print_table

MOVES = 200
"""Newest moves that are shown."""

LEFT_OUT = {"counts", "error", "warnings", "inconclusive", "findings_list", "report"}
"""Parts of a run that are shown in another way, or say nothing to a reader."""


def print_debug(found: Mapping[str, Any], place: Place, console: Console) -> None:
    """Print what the api knows of a run."""
    run = found["run"]
    _print(console, f"place: {place.name}, {place.api}")
    for name, value in sorted(run.items()):
        if name not in LEFT_OUT and value is not None:
            _print(console, f"{name}: {value}")
    for name, value in sorted((run.get("counts") or {}).items()):
        _print(console, f"counts.{name}: {value}")
    if run.get("error"):
        _print_error(console, "error", run["error"])
    for name in ("warnings", "inconclusive"):
        for one in run.get(name) or ():
            _print(console, f"{name}: {one}")
    for step in found["steps"]:
        state = f"{step['status']}, attempt {step['attempt']}, retries {step['retries']}"
        _print(console, f"\nstep {step['step_id']}: {state}")
        if step.get("last_error"):
            _print_error(console, "last_error", step["last_error"])
    pages = found["pages"]
    _print(console, f"\nstored: {pages['records']} records in {pages['documents']} pages\n")
    events = sorted(found["events"], key=lambda it: str(it["updated_at"]))[-MOVES:]
    rows = [
        (
            str(it["updated_at"]),
            str(it["step"] or "run"),
            f"{it['from'] or 'made'} -> {it['to']}",
            str(it["updated_by"]),
        )
        for it in events
    ]
    print_table(console, ("moment", "step", "move", "by"), rows)


def _print_error(console: Console, name: str, error: Mapping[str, Any]) -> None:
    for key, value in error.items():
        text = str(value).rstrip().replace("\n", "\n    ")
        _print(console, f"{name}.{key}: {text}")


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)
