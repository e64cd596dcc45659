"""The report of a run as a page, and as one file to send and to print."""

from landfall.api.downloads import Download
from landfall.runs.lifecycle import RUN_LIVE
from landfall.window.report_file import file_of
from landfall.window.visit import SOON, View, Visit
from landfall.window.written_report import written


async def report_page(visit: Visit, run_id: str) -> View:
    """Show the report of a run."""
    found = await written(visit.ask(), run_id)
    moving = found.run["status"] in RUN_LIVE
    return View("report.html", {**found.values, "moving": moving}, refresh=SOON if moving else None)


async def report_file(visit: Visit, run_id: str) -> Download:
    """Give the report of a run as one file."""
    return file_of(await written(visit.ask(), run_id))
