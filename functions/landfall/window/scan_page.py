"""A scan: where it stands, its runs, and of an integrity scan its findings, filtered, in pages."""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlencode

from landfall.api.downloads import Download
from landfall.classification.routes import reviews
from landfall.integrity.findings.entry import STATES
from landfall.integrity.findings.views import DecisionNotFoundError
from landfall.integrity.routes import (
    FILTERS,
    MAX_WHY_LENGTH,
    decision,
    findings_and_counts,
    ignore_all,
    reopen_all,
    scan_findings,
    undo,
)
from landfall.kinds.routes import follow_scan
from landfall.reasons import BadRequestError
from landfall.store.documents import Fields, both
from landfall.window.finding_rows import OPTIONS_BYTES, options_within, rows_within
from landfall.window.home_page import STRIP
from landfall.window.site_score import score_of
from landfall.window.standing import SEVERITIES, Standing, items_of, standing_of
from landfall.window.visit import LATER, SOON, Elsewhere, Shown, View, Visit

PAGE = 100
"""Findings on a page."""

CHOICES = ("rule", "table", "severity", "owner", "state")
"""Filters with a choice of values; the others are typed."""

FIXED = {"severity": SEVERITIES, "state": STATES}
"""Filters whose values are always the same."""

ORDER_WORDS = {
    "": "Worst first",
    "newest": "Newest first",
    "oldest": "Oldest first",
    "records": "Most records first",
}


async def scan_page(visit: Visit, scan_id: str) -> View:
    """Show a scan."""
    return await _page(visit, scan_id)


async def ignore_findings(visit: Visit, scan_id: str) -> Shown:
    """Ignore all findings that the filters of the address give, if they are as many as shown."""
    form = visit.form()
    body = {"why": form.get("why", ""), "until": form.get("until") or None, "count": _count(form)}
    try:
        decided = await ignore_all(visit.ask(filters_of(visit), body), scan_id)
    except BadRequestError as error:
        return await _page(visit, scan_id, form, str(error))
    return _decided(visit, scan_id, decided)


async def reopen_findings(visit: Visit, scan_id: str) -> Shown:
    """Reopen all findings that the filters of the address give, if they are as many as shown."""
    form = visit.form()
    try:
        asked = visit.ask(filters_of(visit), {"count": _count(form)})
        decided = await reopen_all(asked, scan_id)
    except BadRequestError as error:
        return await _page(visit, scan_id, form, str(error))
    return _decided(visit, scan_id, decided)


async def undo_decision(visit: Visit, scan_id: str, decision_id: str) -> Elsewhere:
    """Undo a decision about many findings."""
    undone = await undo(visit.ask(), scan_id, decision_id)
    did = "partly_undone" if undone["left"] else "undone"
    return Elsewhere(f"/scans/{scan_id}", did, filters_of(visit))


def _count(form: Mapping[str, str]) -> int | None:
    """Return the number of findings that the page of a form has shown."""
    count = form.get("count", "")
    return int(count) if re.fullmatch(r"[0-9]{1,9}", count) else None


def _decided(visit: Visit, scan_id: str, decided: Fields) -> Elsewhere:
    query = filters_of(visit)
    if decided["decision_id"]:
        query["decision"] = decided["decision_id"]
    return Elsewhere(f"/scans/{scan_id}", query=query)


async def _page(
    visit: Visit, scan_id: str, form: Mapping[str, str] | None = None, problem: str = ""
) -> View:
    head = (await visit.asked.scans.head(scan_id)).data
    filters = filters_of(visit)
    sort = visit.query.get("sort", "") if not problem else ""
    # beside each other: to find the runs takes the longest
    (scan, standing, result), (listed, (to_review, decided)) = await both(
        _standing(visit, scan_id),
        both(
            _findings(visit, scan_id, head, filters, sort),
            both(_reviews(visit, scan_id, head), _decision(visit, scan_id)),
        ),
    )
    listed = listed if standing.judged else None
    if listed and (its := result.get("findings_list")) and its["run_id"] != listed["list"]:
        # a run ended between the two
        listed = await _findings(visit, scan_id, head, filters, sort)
    choices = _choices(listed["counts"], filters) if listed else _Choices({}, {})
    path = f"/scans/{scan_id}"
    values = {
        "scan": scan,
        "one": standing,
        "strip_of": scan["runs"][::-1],
        "items": [one for one in items_of(standing, result) if one.state not in SEVERITIES],
        "filters": filters,
        "listed": listed,
        "site": score_of(standing, result.get("report")) if scan["kind"] == "site" else None,
        "reviews": to_review,
        "rows": rows_within(listed["findings"], path, choices.sent) if listed else [],
        "choices": choices.offered,
        "left_out": choices.left_out,
        "query": urlencode(filters),
        "sort": sort,
        "orders": ORDER_WORDS,
        "place": urlencode(filters | ({"sort": sort} if sort else {})),
        "decision": decided,
        "form": form or {},
        "problem": problem,
        "max_why": MAX_WHY_LENGTH,
    }
    refresh = SOON if standing.moving else LATER
    return View("scan.html", values, status=400 if problem else 200, refresh=refresh)


async def _decision(visit: Visit, scan_id: str) -> Fields | None:
    """Return the decision about many findings that the address names, unless it is undone."""
    if not (known := visit.query.get("decision")):
        return None
    try:
        return await decision(visit.ask(), scan_id, known)
    except DecisionNotFoundError:
        return None


async def scan_pulse(visit: Visit, scan_id: str) -> str:
    """Return what changes with the scan and its newest run; people's decisions show in a minute."""
    scan = await follow_scan(visit.ask(), scan_id, 1)
    minute = int(visit.now.timestamp()) // 60
    runs = [(run["run_id"], run.get("updated_at")) for run in scan["runs"]]
    schedule = (scan["schedule"] or {}).get("updated_at")
    return repr((scan.get("updated_at"), schedule, runs, minute))


async def _standing(visit: Visit, scan_id: str) -> tuple[Fields, Standing, Fields]:
    """Return a scan, where it stands, and its last run with a verdict; nothing if it has none."""
    scan = await follow_scan(visit.ask(), scan_id, STRIP)
    standing = standing_of(scan, visit.now)
    if standing.judged is None:
        return scan, standing, {}
    run = await visit.asked.runs.get(standing.judged["run_id"])
    return scan, standing, run.document.data


async def _findings(
    visit: Visit, scan_id: str, head: Fields, filters: Mapping[str, str], sort: str
) -> Fields | None:
    """Return a page of the findings with their counts; None where there never are any."""
    if head["kind"] != "integrity":
        return None
    asked = {**filters, "limit": str(PAGE)} | ({"sort": sort} if sort else {})
    if token := visit.query.get("page_token"):
        asked["page_token"] = token
    return await findings_and_counts(visit.ask(asked), scan_id, head["base"])


async def _reviews(visit: Visit, scan_id: str, head: Fields) -> Fields | None:
    """Return what there is to review; None where the kind of scan has no suggestions."""
    if head["kind"] != "classification":
        return None
    return await reviews(visit.ask(), scan_id)


class _Choices(NamedTuple):
    """The values that the filters of a page offer, with their numbers; those without room, too."""

    offered: dict[str, list[tuple[str, int]]]
    left_out: dict[str, int]
    sent: int = 0
    """Bytes of those that come from findings."""


def _choices(counts: Mapping[str, Mapping[str, int]], filters: Mapping[str, str]) -> _Choices:
    """Return the values of each filter, those with the most findings first, and a chosen one."""
    found = _Choices({name: [] for name in CHOICES}, {})
    free = [name for name in CHOICES if name not in FIXED]
    sent = 0
    for left, name in zip(range(len(free), 0, -1), reversed(free), strict=True):
        most = sorted(counts[name].items(), key=lambda one: (-one[1], one[0]))
        chosen = filters.get(name, "")
        first = [(chosen, counts[name].get(chosen, 0))] if chosen else []
        values = first + [one for one in most if one[0] and one[0] != chosen]
        found.offered[name], its = options_within(values, (OPTIONS_BYTES - sent) // left)
        sent += its
        if more := len(values) - len(found.offered[name]):
            found.left_out[name] = more
    for name, fixed in FIXED.items():
        found.offered[name] = [(value, counts[name].get(value, 0)) for value in fixed]
    return found._replace(sent=sent)


async def findings_csv(visit: Visit, scan_id: str) -> Download:
    """Return the findings that the filters choose, as a file for any spreadsheet."""
    return await _file(visit, scan_id, "csv")


async def findings_xlsx(visit: Visit, scan_id: str) -> Download:
    """Return the findings that the filters choose, as a workbook."""
    return await _file(visit, scan_id, "xlsx")


async def _file(visit: Visit, scan_id: str, form: str) -> Download:
    file = await scan_findings(visit.ask({**filters_of(visit), "format": form}), scan_id)
    assert isinstance(file, Download)
    return file


def filters_of(visit: Visit) -> dict[str, str]:
    """Return the filters of an address; an empty one is none."""
    return {name: visit.query[name] for name in FILTERS if visit.query.get(name)}
