"""The report of a run as one file, to send and to print: no script, and nothing from elsewhere."""

import base64
import hashlib
import re

from markupsafe import Markup

from landfall.api.downloads import Download
from landfall.api.request import Request, Route
from landfall.reasons import NotFoundError
from landfall.site.routes import report as site_report
from landfall.store.documents import Fields
from landfall.window.assets import assets
from landfall.window.rendering import render
from landfall.window.written_report import WrittenReport, written

MAX_FILE = 300_000
"""Bytes of a file; `MAX_CONTENT` leaves room for the style."""

POLICY = "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'"
"""The content security policy of a file: its own style, and nothing else."""


async def report(request: Request, run_id: str) -> Fields | Download:
    """Show the whole report of a run of a site; `format=html` is one file, for every kind.

    Raises `RunNotFoundError`, and `NotFoundError` where a run has no report.
    """
    if request.form("json", "html") == "html":
        return file_of(await written(request, run_id))
    return await site_report(request, run_id)


ROUTES = [Route("GET", "/runs/{id}/report", 200, report, ("format",))]


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
