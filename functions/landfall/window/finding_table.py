"""The table of pages of findings: of the scan, of its rules, of two runs, and of a single one."""

from collections.abc import Sequence

from landfall.window.compare_page import compare_page
from landfall.window.finding_page import finding_page, ignore_finding, reopen_finding
from landfall.window.rules_page import rules_page
from landfall.window.scan_page import (
    findings_csv,
    findings_xlsx,
    ignore_findings,
    reopen_findings,
    undo_decision,
)
from landfall.window.visit import Screen

FINDING_PAGES: Sequence[Screen] = (
    Screen("GET", "/scans/{id}/rules", rules_page),
    Screen("GET", "/scans/{id}/compare", compare_page),
    Screen("GET", "/scans/{id}/findings.csv", findings_csv),
    Screen("GET", "/scans/{id}/findings.xlsx", findings_xlsx),
    Screen("POST", "/scans/{id}/findings/ignore", ignore_findings, role="reviewer"),
    Screen("POST", "/scans/{id}/findings/reopen", reopen_findings, role="reviewer"),
    Screen("POST", "/scans/{id}/decisions/{id}/undo", undo_decision, role="reviewer"),
    Screen("GET", "/scans/{id}/findings/{id}", finding_page),
    Screen("POST", "/scans/{id}/findings/{id}/ignore", ignore_finding, role="reviewer"),
    Screen("POST", "/scans/{id}/findings/{id}/reopen", reopen_finding, role="reviewer"),
)
