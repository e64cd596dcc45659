"""The deletion of a scan: what will go, asked once more, and how far it is."""

from landfall.kinds.routes import follow_scan
from landfall.kinds.settings_routes import delete_scan, show_deletion
from landfall.reasons import NotFoundError
from landfall.scans.plain import shorten
from landfall.window.visit import SOON, Elsewhere, Shown, View, Visit


async def deletion_page(visit: Visit, scan_id: str) -> View:
    """Ask for the name of the scan, or show how far its deletion is."""
    return await _page(visit, scan_id)


async def delete(visit: Visit, scan_id: str) -> Shown:
    """Delete a scan whose name was typed, or go on with it."""
    typed = visit.form().get("name", "").strip()
    if typed != scan_id:
        problem = f"Type {scan_id} to delete it; you typed {shorten(typed)!r}."
        return (await _page(visit, scan_id, problem, typed)).answered(400)
    await delete_scan(visit.ask(), scan_id)
    return Elsewhere(visit.path, "deleting")


async def _page(visit: Visit, scan_id: str, problem: str = "", typed: str = "") -> View:
    values = {"scan_id": scan_id, "problem": problem, "typed": typed, "deletion": None}
    try:
        scan = await follow_scan(visit.ask(), scan_id, 1)
    except NotFoundError:
        deletion = await show_deletion(visit.ask(), scan_id)
        at_work = None if deletion["done"] else SOON
        return View("deletion.html", values | {"deletion": deletion}, refresh=at_work)
    return View("deletion.html", values | {"name": scan.get("name") or scan_id})
