"""The report of a run as one file, to send and to print: no script, and nothing from elsewhere."""

import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from markupsafe import Markup

from landfall.api.downloads import Download
from landfall.api.request import Request, Route
from landfall.integrity.routes import run_findings
from landfall.kinds.routes import show_run
from landfall.reasons import NotFoundError
from landfall.site.routes import report as site_report
from landfall.store.documents import Fields
from landfall.window.assets import assets
from landfall.window.rendering import render
from landfall.window.report_content import content_of, text_of
from landfall.window.report_of_records import values_of_classification, values_of_integrity
from landfall.window.report_of_site import values_of_site
from landfall.window.standing import state_of
from landfall.window.wording import KINDS

FINDINGS = 500
"""Findings that are read for the report of an integrity scan: the most severe."""

MAX_FILE = 300_000
"""Bytes of a file; `MAX_CONTENT` leaves room for the style."""

MAX_TITLE = 100
"""Characters of the name of a site or scan."""

POLICY = "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'"
"""The content security policy of a file: its own style, and nothing else."""


@dataclass(frozen=True)
class WrittenReport:
    """The report of a run; its `content` is None where the run has none (yet)."""

    run: Fields
    title: str
    about: str
    content: Markup | None

    @property
    def values(self) -> dict[str, Any]:
        """The values that the page and the file show."""
        return {**vars(self), "state": state_of(self.run)}

    @property
    def name(self) -> str:
        """The name of the file."""
        return f"{self.run['scan_id']}-{self.run['finished_at']:%Y-%m-%d}-report.html"


async def report(request: Request, run_id: str) -> Fields | Download:
    """Show the whole report of a run of a site; `format=html` is one file, for every kind.

    Raises `RunNotFoundError`, and `NotFoundError` where a run has no report.
    """
    if request.form("json", "html") == "html":
        return file_of(await written(request, run_id))
    return await site_report(request, run_id)


ROUTES = [Route("GET", "/runs/{id}/report", 200, report, ("format",))]


async def written(request: Request, run_id: str) -> WrittenReport:
    """Return the report of a run, of any kind. Raises `RunNotFoundError`."""
    run: Fields = {"finished_at": None} | await show_run(request, run_id)
    if not run["verdict"]:
        return WrittenReport(run, run["scan_id"], "", None)
    if run["kind"] == "site":
        return await _of_site(request, run)
    title, about = await _name(request, run["scan_id"]), KINDS[run["kind"]]
    report = run.get("report") or {}
    if run["kind"] == "integrity":
        found = await run_findings(replace(request, parameters={"limit": str(FINDINGS)}), run_id)
        assert isinstance(found, Mapping)
        values = partial(values_of_integrity, run, report, found["findings"])
    else:
        values = partial(values_of_classification, run, report)
    return WrittenReport(run, title, about, content_of(f"report_{run['kind']}.html", values))


async def _of_site(request: Request, run: Fields) -> WrittenReport:
    whole = (await site_report(request, run["run_id"]))["report"]
    if whole is None:
        return WrittenReport(run, run["scan_id"], "", None)
    values = partial(values_of_site, run, whole)
    about = "Check of the whole web site" if whole["mode"] == "deep" else "Check of the home page"
    title = text_of(whole["site"], MAX_TITLE)
    return WrittenReport(run, title, about, content_of("report_site.html", values))


async def _name(request: Request, scan_id: str) -> str:
    """Return the name of a scan, or its id where it has none, or was deleted since."""
    try:
        head = await request.scans.head(scan_id)
    except NotFoundError:
        return scan_id
    return text_of(head.data.get("name") or scan_id, MAX_TITLE)


def file_of(report: WrittenReport) -> Download:
    """Return a report as one file. Raises `NotFoundError` where the run has none."""
    if report.content is None:
        raise NotFoundError(
            f"run {report.run['run_id']} has no report: its status is {report.run['status']}"
        )
    style = re.sub(r"/\*.*?\*/\s*", "", assets()["window.css"].content.decode(), flags=re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    values = {
        **report.values,
        "style": Markup(style),  # noqa: S704 - our own
        "policy": POLICY.format(digest),
    }
    html = render("report_file.html", values)
    return Download.text(html, report.name, "text/html; charset=utf-8")
