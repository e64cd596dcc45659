"""A finding: its records and history, and a person's decision to ignore or to reopen it."""

from collections.abc import Mapping

from landfall.integrity.routes import MAX_WHY_LENGTH, finding, ignore, reopen
from landfall.reasons import BadRequestError
from landfall.window.visit import Elsewhere, Shown, View, Visit

MAX_RECORDS = 100
"""Records of a finding that its page shows."""


async def finding_page(visit: Visit, scan_id: str, finding_id: str) -> View:
    """Show a finding."""
    return await _page(visit, scan_id, finding_id)


async def ignore_finding(visit: Visit, scan_id: str, finding_id: str) -> Shown:
    """Ignore a finding; a form that does not fit is shown again, with what was typed."""
    form = visit.form()
    body = {"why": form.get("why", ""), "until": form.get("until") or None}
    try:
        await ignore(visit.ask(body=body), scan_id, finding_id)
    except BadRequestError as error:
        return await _page(visit, scan_id, finding_id, form, str(error))
    return Elsewhere(_path(scan_id, finding_id), "ignored")


async def reopen_finding(visit: Visit, scan_id: str, finding_id: str) -> Elsewhere:
    """Stop ignoring a finding."""
    await reopen(visit.ask(), scan_id, finding_id)
    return Elsewhere(_path(scan_id, finding_id), "reopened")


def _path(scan_id: str, finding_id: str) -> str:
    return f"/scans/{scan_id}/findings/{finding_id}"


async def _page(
    visit: Visit,
    scan_id: str,
    finding_id: str,
    form: Mapping[str, str] | None = None,
    problem: str = "",
) -> View:
    found = await finding(visit.ask(), scan_id, finding_id)
    records = list(zip(found["records"], found["record_names"], strict=False))[:MAX_RECORDS]
    links = found["links"]
    table_link = links[0].removesuffix(found["records"][0]) if links else ""
    values = {
        "scan_id": scan_id,
        "finding": found,
        "records": [(record, name, f"{table_link}{record}") for record, name in records],
        "more": found["record_count"] - len(records),
        "form": form or {},
        "problem": problem,
        "max_why": MAX_WHY_LENGTH,
    }
    return View("finding.html", values, status=400 if problem else 200)
