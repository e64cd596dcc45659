"""The report of a run, of any kind of scan, as the page and the file show it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from markupsafe import Markup

from landfall.api.request import Request
from landfall.integrity.routes import run_findings
from landfall.kinds.routes import show_run
from landfall.process.aside import aside
from landfall.reasons import NotFoundError
from landfall.site.routes import report as site_report
from landfall.store.documents import Fields
from landfall.window.report_content import content_of, text_of
from landfall.window.report_of_records import values_of_classification, values_of_integrity
from landfall.window.report_of_site import values_of_site
from landfall.window.standing import state_of
from landfall.window.wording import KINDS

FINDINGS = 500
"""Findings that are read for the report of an integrity scan: the most severe."""

MAX_TITLE = 100
"""Characters of the name of a site or scan."""


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
    content = await aside(partial(content_of, f"report_{run['kind']}.html", values))
    return WrittenReport(run, title, about, content)


async def _of_site(request: Request, run: Fields) -> WrittenReport:
    whole = (await site_report(request, run["run_id"]))["report"]
    if whole is None:
        return WrittenReport(run, run["scan_id"], "", None)
    values = partial(values_of_site, run, whole)
    about = "Check of the whole web site" if whole["mode"] == "deep" else "Check of the home page"
    title = text_of(whole["site"], MAX_TITLE)
    content = await aside(partial(content_of, "report_site.html", values))
    return WrittenReport(run, title, about, content)


async def _name(request: Request, scan_id: str) -> str:
    """Return the name of a scan, or its id where it has none, or was deleted since."""
    try:
        head = await request.scans.head(scan_id)
    except NotFoundError:
        return scan_id
    return text_of(head.data.get("name") or scan_id, MAX_TITLE)
