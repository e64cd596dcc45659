"""A scan: where it stands, its runs, and of an integrity scan its findings, filtered, in pages."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from landfall.integrity.findings.entry import STATES
from landfall.integrity.routes import scan_findings
from landfall.kinds.routes import follow_scan
from landfall.store.documents import Fields
from landfall.window.home_page import STRIP
from landfall.window.standing import SEVERITIES, items_of, standing_of
from landfall.window.visit import LATER, SOON, View, Visit

PAGE = 100
"""Findings on a page."""

FILTERS = ("rule", "table", "severity", "state")
"""Filters of the findings, as the address keeps them."""


async def scan_page(visit: Visit, scan_id: str) -> View:
    """Show a scan."""
    scan = await follow_scan(visit.ask(), scan_id, STRIP)
    standing = standing_of(scan, visit.now)
    judged = standing.judged
    result: Fields = {}
    if judged:
        result = (await visit.asked.runs.get(judged["run_id"])).document.data
    filters = {name: visit.query[name] for name in FILTERS if visit.query.get(name)}
    values = {
        "scan": scan,
        "one": standing,
        "strip_of": scan["runs"][::-1],
        "items": [one for one in items_of(standing, result) if one.state not in SEVERITIES],
        "filters": filters,
        "listed": await _findings(visit, scan, filters) if judged else None,
        "choices": _choices(result.get("report") or {}),
        "address": _address(visit.path, filters),
    }
    return View("scan.html", values, refresh=SOON if standing.moving else LATER)


async def _findings(visit: Visit, scan: Fields, filters: Mapping[str, str]) -> Any:
    """Return a page of the findings; None where the kind of scan has none."""
    if scan["kind"] != "integrity":
        return None
    asked = {**filters, "limit": str(PAGE)}
    if token := visit.query.get("page_token"):
        asked["page_token"] = token
    return await scan_findings(visit.ask(asked), scan["scan_id"])


def _choices(report: Fields) -> dict[str, list[str]]:
    """Return the values of each filter, from the report of the last result."""
    rules = report.get("rules", ())
    return {
        "rule": sorted({rule["rule_id"] for rule in rules}),
        "table": sorted({rule["table"] for rule in rules}),
        "severity": list(SEVERITIES),
        "state": list(STATES),
    }


def _address(path: str, filters: Mapping[str, str]) -> str:
    """Return the address of the page with its filters, to which a further parameter is added."""
    return f"{path}?{urlencode(filters)}{'&' if filters else ''}"
