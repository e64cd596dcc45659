"""The routes of the api for the settings of a scan of any kind: its versions, checks and pauses."""

import difflib
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from landfall.api.request import Request, Route
from landfall.deadlines import Deadline
from landfall.kinds.pausing import pause, resume
from landfall.kinds.registry import ScanNotFoundError
from landfall.kinds.saves import (
    MAX_SAVES,
    NONE,
    content_of,
    count_of,
    save_of,
    saves_of,
    tag_of,
    taken,
    yaml_of,
)
from landfall.process.aside import aside
from landfall.reasons import BadRequestError, NotFoundError
from landfall.runs.deletion import Deletion
from landfall.store.documents import Document, Fields, UnreadableError

if TYPE_CHECKING:
    from landfall.scans.scan import Scan

SLOTS_SHOWN = 5
"""Next slots of a schedule in an answer."""

CHECK_SHARE = 0.5
"""Share of an invocation's budget in which a check tries rules; the rest is for reading."""

DELETE_SHARE = 0.3
"""Share of it in which a request to delete a scan removes documents; the next goes on."""

MAX_WHY = 500
"""Characters of the reason for a pause."""

MAX_DIFF_LINES = 4_000
"""Lines of a definition, above which no differences are shown: comparing takes the square."""

CONTEXT_LINES = 3
"""Lines that are shown around a difference."""


async def run_scan(request: Request, scan_id: str) -> Fields:
    """Start a run of the scan now, as `POST /runs` does; once for each `Idempotency-Key`.

    Raises `ScanNotFoundError`, `KeyReusedError`.
    """
    request.settings()
    head = await request.scans.head(scan_id)
    return {"run_id": await request.runs.start(head, request.by, "manual", key=request.key)}


async def pause_scan(request: Request, scan_id: str) -> Fields:
    """Pause the schedule of a scan: {"why": ...}, or {}; runs on their way go on.

    Raises `ScanNotFoundError`, `BadRequestError`.
    """
    why = request.settings("why").get("why", "")
    if not isinstance(why, str) or len(why) > MAX_WHY:
        raise BadRequestError(f"`why` must be text of at most {MAX_WHY} characters")
    runs = request.runs
    changed = await pause(runs.store, runs.clock, scan_id, request.by, why)
    return {"scan_id": scan_id, "paused": True, "changed": changed}


async def resume_scan(request: Request, scan_id: str) -> Fields:
    """Resume the schedule of a scan; the slots of the pause are not made up for.

    Raises `ScanNotFoundError`, `BadRequestError`.
    """
    request.settings()
    runs = request.runs
    changed = await resume(runs.store, runs.clock, scan_id, request.by)
    return {"scan_id": scan_id, "paused": False, "changed": changed}


async def check_scan(request: Request, scan_id: str) -> Fields:
    """Check a definition (JSON or YAML) as it would be saved, and try it on what was read last.

    Without a body, the current definition. Nothing is written, and no vendor is asked.

    Raises `DefinitionError`, `ScanChangedError`.
    """
    from landfall.kinds.explaining import try_and_explain
    from landfall.scans.yaml_text import MAX_YAML

    runs = request.runs
    deadline = Deadline.after(runs.ladder.step * CHECK_SHARE)
    (head,) = await runs.store.read(f"scans/{scan_id}")
    if head is None and not request.body:
        raise ScanNotFoundError(f"there is no scan {scan_id!r}; send its definition")
    if head is not None and request.match == NONE:
        raise taken(scan_id)
    running = await _text_of(request, head) if head else ""
    text = request.text(MAX_YAML) if request.body else running
    scan, phrase, slots = await planned(request, scan_id, text)
    return {
        "scan_id": scan_id,
        "kind": scan.kind,
        "schedule": phrase,
        "next_slots": slots,
        "differences": await differences(running, text),
        **await try_and_explain(scan, runs.store, deadline, runs.clock()),
    }


async def list_versions(request: Request, scan_id: str) -> Fields:
    """List the last saves of a scan, as many as `limit`: who, and when; the newest first."""
    limit = request.limit(MAX_SAVES)
    head = await request.scans.head(scan_id)
    saves = await saves_of(request.runs.store, head, limit)
    return {"scan_id": scan_id, "versions": [save.row() for save in saves]}


async def show_version(request: Request, scan_id: str, save_id: str) -> Fields:
    """Show a save with its definition, and how the current one differs from it.

    Raises `ScanNotFoundError`, `NotFoundError`.
    """
    head = await request.scans.head(scan_id)
    save = await save_of(request.runs.store, head, save_id)
    text = await aside(lambda: yaml_of(save.text))
    return save.row() | {
        "definition": await aside(lambda: content_of(save.text)),
        "text": text,
        "differences": await differences(text, await _text_of(request, head)),
    }


async def delete_scan(request: Request, scan_id: str) -> Fields:
    """Delete a scan with all its runs and findings; repeat it until the answer is `done`.

    Raises `NotFoundError`.
    """
    request.settings()
    runs = request.runs
    deletion = Deletion(runs, scan_id, request.by)
    await deletion.begin()
    await deletion.go_on(Deadline.after(runs.ladder.step * DELETE_SHARE))
    return await deletion.show()


async def show_deletion(request: Request, scan_id: str) -> Fields:
    """Show how far the deletion of a scan is. Raises `NotFoundError`."""
    return await Deletion(request.runs, scan_id, request.by).show()


ROUTES = [
    Route("DELETE", "/scans/{id}", 200, delete_scan, role="admin"),
    Route("GET", "/scans/{id}/deletion", 200, show_deletion),
    Route("POST", "/scans/{id}/run", 202, run_scan, role="reviewer"),
    Route("POST", "/scans/{id}/pause", 200, pause_scan, role="editor"),
    Route("POST", "/scans/{id}/resume", 200, resume_scan, role="editor"),
    Route("POST", "/scans/{id}/check", 200, check_scan, role="editor"),
    Route("GET", "/scans/{id}/versions", 200, list_versions, ("limit",)),
    Route("GET", "/scans/{id}/versions/{id}", 200, show_version),
]


async def current_definition(request: Request, scan_id: str) -> Fields:
    """Return the `text` of a scan's definition, in YAML unless it is too long, and its `etag`.

    Raises `ScanNotFoundError`.
    """
    head = await request.scans.head(scan_id)
    return {"etag": tag_of(head), "text": await _text_of(request, head)}


async def planned(
    request: Request, scan_id: str, text: str
) -> tuple["Scan", str, Sequence[datetime]]:
    """Return a definition as it would be saved, its schedule in words, and its next slots.

    Raises `DefinitionError`.
    """
    from landfall.kinds.definition import load
    from landfall.scans.schedule_phrase import describe_schedule, next_slots

    scan = await aside(lambda: load(text, f"scan {scan_id}"))
    if scan.id != scan_id:
        raise BadRequestError(
            f"`id` is {scan.id!r} in the body and {scan_id!r} in the path; a scan keeps its id, so "
            "write that one, or make a new scan"
        )
    slots = next_slots(scan.schedule, request.runs.clock(), SLOTS_SHOWN)
    return scan, describe_schedule(scan.schedule, slots), slots


async def _text_of(request: Request, head: Document) -> str:
    if number := count_of(head):
        # without the save that somebody has edited or removed, the version has it
        with suppress(NotFoundError, UnreadableError):
            save = await save_of(request.runs.store, head, str(number))
            if save.version == head.data["version"]:  # else an earlier Landfall has saved it since
                return await aside(lambda: yaml_of(save.text))
    (schedule,) = await request.runs.store.read(f"schedules/{head.id}")
    return await request.scans.text(head.id, head.data["version"], schedule)


async def differences(old: str, new: str) -> Sequence[str] | None:
    """Return the lines that differ, each with its sign, between some that do not.

    None where the texts are too long to compare.
    """
    before, after = old.splitlines(), new.splitlines()
    if max(len(before), len(after)) > MAX_DIFF_LINES:
        return None

    def compare() -> list[str]:
        lines = difflib.unified_diff(before, after, lineterm="", n=CONTEXT_LINES)
        return list(lines)[2:]  # after the names of files

    return await aside(compare)
