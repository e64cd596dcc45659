"""The routes of the api for what runs of an integrity scan have found over time."""

import re

from landfall.api.request import MAX_LIMIT, PAGES, Request, Route, check_kind
from landfall.integrity.findings.lists import ListMissingError
from landfall.integrity.findings.of_run import opened_of_run
from landfall.integrity.findings.run_comparison import CHANGES, compare
from landfall.integrity.routes import findings_of_scan
from landfall.reasons import BadRequestError
from landfall.runs.commit import RunNotFoundError
from landfall.runs.documents import Run
from landfall.scans.plain import shorten
from landfall.store.documents import Fields, both, together

_LATER = "choose a later run"


async def rules_of_scan(request: Request, scan_id: str) -> Fields:
    """Show the results of a scan's rules in its last 30 runs, with the records of each table.

    `results` of a rule are in the order of `runs`, the newest first; None where it was not there.
    """
    return {"scan_id": scan_id, **await (await findings_of_scan(request, scan_id)).results()}


async def compare_runs(request: Request, scan_id: str) -> Fields:
    """Compare two runs of a scan: `from` an earlier one `to` a later one, by id.

    `counts` has the numbers of findings that are `new`, `resolved`, `ignored` since, and `still`
    open; `findings` are those of one `change`, in pages. Rules that only one of them could check
    are not compared. Raises `BadRequestError`, also where what a run found is not there any more.
    """
    parameters = request.parameters
    change = parameters.get("change", "new")
    if change not in CHANGES:
        raise BadRequestError(f"`change` must be one of {', '.join(CHANGES)}")
    limit, token = request.limit(MAX_LIMIT), parameters.get("page_token", "0")
    if not re.fullmatch(r"[0-9]{1,9}", token):
        raise BadRequestError("`page_token` must be the `next_page_token` of an earlier answer")
    head, runs = await both(
        request.scans.head(scan_id),
        together(*(_compared(request, scan_id, name) for name in ("from", "to"))),
    )
    check_kind("integrity", head.data["kind"], scan_id)
    if not runs[0].created_at < runs[1].created_at:
        raise BadRequestError("`from` must be an earlier run than `to`; exchange them")
    if runs[0].base != runs[1].base:
        raise BadRequestError(f"{runs[0].id} and {runs[1].id} are of different bases")
    store = request.runs.store
    try:
        earlier, later = await together(*(opened_of_run(store, run) for run in runs))
        compared = await compare(earlier, later)
        findings = await compared.page(change, limit, int(token))
    except ListMissingError as error:
        raise BadRequestError(f"{error}: what was found is not there any more; {_LATER}") from None
    counts, end = compared.counts, int(token) + len(findings)
    return {
        "scan_id": scan_id,
        "from": _outline(runs[0]),
        "to": _outline(runs[1]),
        "not_compared": sorted(
            {
                rule["rule_id"]
                for side, other in ((earlier, later), (later, earlier))
                for key, rule in side.rules.items()
                if key not in other.rules
            }
        ),
        "counts": counts,
        "change": change,
        "findings": findings,
        "next_page_token": str(end) if end < counts[change] else None,
    }


async def _compared(request: Request, scan_id: str, name: str) -> Run:
    """Return the run that a parameter names. Raises `BadRequestError`."""
    run_id = request.parameters.get(name, "")
    if not run_id or "/" in run_id:
        raise BadRequestError("give `from` and `to`: the ids of two runs of this scan")
    try:
        run = await request.runs.get(run_id)
    except RunNotFoundError:
        raise BadRequestError(
            f"`{name}`: there is no run {shorten(run_id)!r}; runs expire with what they found "
            f"(after 400 days, unless it is set otherwise), so {_LATER}"
        ) from None
    if run.scan_id != scan_id:
        raise BadRequestError(f"`{name}`: run {run_id} is of scan {run.scan_id}, not {scan_id}")
    if not (run.report and run.findings_list):
        raise BadRequestError(
            f"`{name}`: run {run_id} has no findings, since its status is {run.status}; choose a "
            "run with a verdict"
        )
    return run


def _outline(run: Run) -> Fields:
    return {
        "run_id": run.id,
        "created_at": run.created_at,
        "verdict": run.verdict,
        "complete": run.complete,
    }


HISTORY_ROUTES = [
    Route("GET", "/scans/{id}/rules", 200, rules_of_scan),
    Route("GET", "/scans/{id}/compare", 200, compare_runs, ("from", "to", "change", *PAGES)),
]
