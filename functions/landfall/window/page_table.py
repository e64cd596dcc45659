"""The table of pages: a row is a method, a path, what shows it, and its pulse."""

from collections.abc import Sequence

from landfall.window.deletion_page import delete, deletion_page
from landfall.window.finding_table import FINDING_PAGES
from landfall.window.health_page import health_page, stop_pause, words_page
from landfall.window.home_page import home, home_pulse
from landfall.window.new_scan_page import create_scan, new_scan_page
from landfall.window.report_page import report_file, report_page
from landfall.window.review_page import decide, decide_all, review_page
from landfall.window.run_page import cancel, run_page, run_pulse, start
from landfall.window.runs_page import runs_page
from landfall.window.scan_page import scan_page, scan_pulse
from landfall.window.schedule_page import save_schedule, schedule_page
from landfall.window.settings_page import (
    pause_settings,
    restore_version,
    resume_settings,
    save_settings,
    settings_page,
    version_page,
    versions_page,
)
from landfall.window.visit import Screen

PAGES: Sequence[Screen] = (
    Screen("GET", "/", home, home_pulse),
    Screen("GET", "/runs", runs_page),
    Screen("GET", "/runs/{id}", run_page, run_pulse),
    Screen("GET", "/runs/{id}/report", report_page),
    Screen("GET", "/runs/{id}/report.html", report_file),
    Screen("POST", "/runs/{id}/cancel", cancel, role="reviewer"),
    Screen("POST", "/scans/{id}/run", start, role="reviewer"),
    Screen("GET", "/scans/{id}", scan_page, scan_pulse),
    *FINDING_PAGES,
    Screen("GET", "/scans/{id}/settings", settings_page),
    Screen("POST", "/scans/{id}/settings", save_settings, role="editor"),
    Screen("POST", "/scans/{id}/pause", pause_settings, role="editor"),
    Screen("POST", "/scans/{id}/resume", resume_settings, role="editor"),
    Screen("GET", "/scans/{id}/schedule", schedule_page),
    Screen("POST", "/scans/{id}/schedule", save_schedule, role="editor"),
    Screen("GET", "/scans/{id}/versions", versions_page),
    Screen("GET", "/scans/{id}/versions/{id}", version_page),
    Screen("POST", "/scans/{id}/versions/{id}/restore", restore_version, role="editor"),
    Screen("GET", "/scans/{id}/delete", deletion_page, role="admin"),
    Screen("POST", "/scans/{id}/delete", delete, role="admin"),
    Screen("GET", "/scans/{id}/review", review_page),
    Screen("POST", "/scans/{id}/review", decide_all, role="reviewer"),
    Screen("POST", "/scans/{id}/review/{id}", decide, role="reviewer"),
    Screen("GET", "/new", new_scan_page, role="editor"),
    Screen("POST", "/new", create_scan, role="editor"),
    Screen("GET", "/health", health_page),
    Screen("POST", "/pauses/{id}/end", stop_pause, role="editor"),
    Screen("GET", "/words", words_page),
)
