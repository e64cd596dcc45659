"""The use case of the api for the reports of site scans; its route has a file of them, too."""

from landfall.api.request import Request, check_kind
from landfall.site.packing import REPORT_ID, unpacked
from landfall.store.documents import Fields


async def report(request: Request, run_id: str) -> Fields:
    """Show the whole report of a run. Raises `RunNotFoundError`."""
    run = await request.runs.get(run_id)
    check_kind("site", run.kind, run_id)
    (found,) = await request.runs.store.read(f"{run.path}/results/{REPORT_ID}")
    return {
        "run_id": run_id,
        "status": run.status,
        "verdict": run.verdict,
        "complete": run.complete,
        "inconclusive": run.inconclusive,
        "report": unpacked(found) if found else None,
    }
