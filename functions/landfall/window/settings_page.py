"""The settings of a scan: its definition in an editor, tried and saved, its pause and its saves."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from landfall.kinds.definition import DefinitionError
from landfall.kinds.routes import follow_scan, save_scan
from landfall.kinds.saves import ScanChangedError
from landfall.kinds.settings_routes import (
    check_scan,
    current_definition,
    differences,
    list_versions,
    pause_scan,
    resume_scan,
    show_version,
)
from landfall.reasons import BadRequestError
from landfall.scans.yaml_text import MAX_YAML
from landfall.store.documents import Fields
from landfall.window.visit import Elsewhere, Shown, View, Visit

MAX_EDITOR_FORM = 4 * MAX_YAML
"""Bytes of a form with a definition, of which each character may take three, or six with UTF-8."""

SAVES_SHOWN = 5
"""Saves on the page of the settings; all of them have a page of their own."""


@dataclass(frozen=True)
class Trouble:
    """A problem of a definition: its line, where it is known, and the message."""

    line: int | None
    message: str


async def settings_page(visit: Visit, scan_id: str) -> View:
    """Show the settings of a scan."""
    return await _page(visit, scan_id)


async def save_settings(visit: Visit, scan_id: str) -> Shown:
    """Save a definition, or check it; one that does not fit is shown again, as it was typed."""
    form = visit.form(MAX_EDITOR_FORM)
    text, tag = form.get("definition", ""), form.get("etag", "")
    try:
        if form.get("act") == "check" and text.strip():  # nothing would be the running definition
            checked = await check_scan(visit.ask(text=text), scan_id)
            return await _page(visit, scan_id, text, tag, checked=checked)
        await save_scan(visit.ask(text=text, match=tag), scan_id)
    except ScanChangedError as error:
        theirs = (await current_definition(visit.ask(), scan_id))["text"]
        found = await differences(theirs, text)
        view = await _page(visit, scan_id, text, None, [Trouble(None, str(error))], None, found)
        return view.answered(error.status)
    except BadRequestError as error:
        return (await _page(visit, scan_id, text, tag, troubles_of(error, scan_id))).answered(400)
    return Elsewhere(visit.path, "saved")


async def pause_settings(visit: Visit, scan_id: str) -> Shown:
    """Pause a scan, with a reason for the others."""
    why = visit.form().get("why", "")
    try:
        did = await pause_scan(visit.ask(body={"why": why}), scan_id)
    except BadRequestError as error:
        return (await _page(visit, scan_id, pause_problem=str(error), why=why)).answered(400)
    return Elsewhere(settings_path(scan_id), "scan_paused" if did["changed"] else "paused_before")


async def resume_settings(visit: Visit, scan_id: str) -> Shown:
    """Resume a scan."""
    try:
        await resume_scan(visit.ask(), scan_id)
    except BadRequestError as error:
        return (await _page(visit, scan_id, pause_problem=str(error))).answered(400)
    return Elsewhere(settings_path(scan_id), "resumed")


async def versions_page(visit: Visit, scan_id: str) -> View:
    """Show the last saves of a scan."""
    listed = await list_versions(visit.ask(), scan_id)
    return View("versions.html", {"scan_id": scan_id, "versions": listed["versions"]})


async def version_page(
    visit: Visit, scan_id: str, save_id: str, troubles: Sequence[Trouble] = ()
) -> View:
    """Show a save, and how the current definition differs from it."""
    shown = await show_version(visit.ask(), scan_id, save_id)
    current = await current_definition(visit.ask(), scan_id)
    values = {"scan_id": scan_id, "save": shown, "etag": current["etag"], "troubles": troubles}
    return View("version.html", values)


async def restore_version(visit: Visit, scan_id: str, save_id: str) -> Shown:
    """Save the definition of an earlier save again, if nobody has saved another meanwhile."""
    shown = await show_version(visit.ask(), scan_id, save_id)
    tag = visit.form().get("etag", "")
    try:
        await save_scan(visit.ask(text=shown["text"], match=tag), scan_id)
    except (ScanChangedError, BadRequestError) as error:
        found = troubles_of(error, scan_id) if isinstance(error, BadRequestError) else ()
        # the lines are not those of an editor on this page
        troubles = [Trouble(None, one.message) for one in found] or [Trouble(None, str(error))]
        return (await version_page(visit, scan_id, save_id, troubles)).answered(error.status)
    return Elsewhere(settings_path(scan_id), "restored")


def troubles_of(error: BadRequestError, scan_id: str) -> list[Trouble]:
    """Return the problems of a definition, each with its line."""
    if not isinstance(error, DefinitionError):
        return [Trouble(None, str(error))]
    found = [line.removeprefix(f"scan {scan_id}: ") for line in str(error).splitlines()]
    lines = [re.search(r"\bline (\d{1,6})\b", message) for message in found]
    return [
        Trouble(int(line[1]) if line else None, message)
        for line, message in zip(lines, found, strict=True)
    ]


def settings_path(scan_id: str) -> str:
    """Return the address of the settings of a scan."""
    return f"/scans/{scan_id}/settings"


async def _page(
    visit: Visit,
    scan_id: str,
    typed: str | None = None,
    tag: str | None = None,
    troubles: Sequence[Trouble] = (),
    checked: Fields | None = None,
    theirs: Sequence[str] | None = None,
    pause_problem: str = "",
    why: str = "",
) -> View:
    scan = await follow_scan(visit.ask(), scan_id, 1)
    current = await current_definition(visit.ask(), scan_id)
    listed = await list_versions(visit.ask({"limit": str(SAVES_SHOWN)}), scan_id)
    text = current["text"] if typed is None else typed
    values = {
        "scan": scan,
        "name": scan.get("name") or scan_id,
        "text": text,
        "unsaved": text != current["text"],
        "etag": tag or current["etag"],
        "lines": text.count("\n") + 1,
        "editable": typed is not None or len(text) <= MAX_YAML,
        "troubles": troubles,
        "bad_lines": {trouble.line for trouble in troubles},
        "checked": checked,
        "theirs": theirs,
        "versions": listed["versions"],
        "pause_problem": pause_problem,
        "why": why,
    }
    return View("settings.html", values)
