"""A new scan, from an example of its kind or from nothing."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from landfall.kinds.definition import DefinitionError, load
from landfall.kinds.routes import save_scan
from landfall.kinds.saves import NONE, ScanChangedError
from landfall.kinds.settings_routes import check_scan
from landfall.process.aside import aside
from landfall.reasons import BadRequestError
from landfall.runs.deletion import BeingDeletedError
from landfall.store.documents import Fields
from landfall.window.settings_page import MAX_EDITOR_FORM, Trouble, settings_path, troubles_of
from landfall.window.visit import Elsewhere, Shown, View, Visit

STARTERS = Path(__file__).with_name("starters")


@cache
def starters() -> dict[str, str]:
    """Return an example of each kind of scan."""
    return {path.stem: path.read_text() for path in sorted(STARTERS.glob("*.yaml"))}


async def new_scan_page(visit: Visit) -> View:
    """Show an editor with the example that the address names."""
    chosen = visit.query.get("from", "")
    return _page(starters().get(chosen, ""), chosen)


async def create_scan(visit: Visit) -> Shown:
    """Save a scan that is not there yet, or try its definition; what does not fit comes back."""
    form = visit.form(MAX_EDITOR_FORM)
    text = form.get("definition", "")
    try:
        scan = await aside(lambda: load(text, "scan new"))
        if form.get("act") == "check":
            asked = visit.ask(text=text, match=NONE)
            return _page(text, checked=await check_scan(asked, scan.id))
        await save_scan(visit.ask(text=text, match=NONE), scan.id)
    except (BadRequestError, ScanChangedError, BeingDeletedError) as error:
        found = troubles_of(error, "new") if isinstance(error, DefinitionError) else ()
        return _page(text, troubles=found or [Trouble(None, str(error))]).answered(error.status)
    return Elsewhere(settings_path(scan.id), "created")


def _page(
    text: str,
    chosen: str = "",
    troubles: Sequence[Trouble] = (),
    checked: Fields | None = None,
) -> View:
    values = {
        "text": text,
        "lines": text.count("\n") + 1,
        "starters": list(starters()),
        "chosen": chosen,
        "troubles": troubles,
        "bad_lines": {trouble.line for trouble in troubles},
        "checked": checked,
    }
    return View("new_scan.html", values)
