"""Walk through the window as a person would: pictures of its pages, their sizes and times.

The samples run on a local stack: the school five times while its data changes, so that there is a
history; the catalogue and the clinic once. Prints a table of the pages: HTML in KiB, as it is and
compressed, milliseconds until its answer (the median of ten, over the loopback), and the scores
that Lighthouse gives it, in percent.
"""

import argparse
import asyncio
import base64
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from playwright.async_api import Browser, Page

from infra.local.command import SAMPLES
from infra.local.runner import save_scan
from infra.local.samples.catalogue import catalogue
from infra.local.samples.school.base import BASE_ID, school
from infra.local.scan_files import load_file
from infra.local.stack import Stack, StackOptions, running
from tests.end_to_end.acting import ended, get
from tests.window.browsing import a_browser, a_person, browser_path

TIMES = 10
"""Requests of a page that are timed."""

EDITS = (range(3, 9), range(6, 20), range(0, 4), range(15, 30))
"""Students who lose their e-mail address after each run but the last; the others have theirs."""

QUALITY = 75
"""Of the pictures, in percent."""

LOOKS = {"": (1280, False), "-phone": (360, False), "-dark": (1280, True)}
"""The end of a picture's name: width in pixels, dark or not."""

PICTURED = (
    "home",
    "scan",
    "finding",
    "rules",
    "compare",
    "run",
    "review",
    "report",
    "settings",
    "health",
)
"""Pages of which there are pictures."""

IN_EVERY_LOOK = ("home", "review")
"""Those that are pictured in every look, and not only in the first."""


@dataclass
class Tour:
    """All that was seen."""

    pages: Mapping[str, str]
    """Addresses by name, without the host."""
    pictures: dict[str, bytes] = field(default_factory=dict)
    """WebP by the name of its file."""
    lines: list[str] = field(default_factory=list)


async def _history(stack: Stack) -> Mapping[str, str]:
    """Run the samples; return the ids of their last runs by scan."""
    last = {}
    for sample in ("catalogue", "clinic", "school"):
        await save_scan(stack, load_file(SAMPLES / f"{sample}.yaml"))
        last[sample] = await _run(stack, sample)
    assert stack.airtable
    students = stack.airtable.records(BASE_ID, "Students")
    for without in EDITS:
        for number, student in enumerate(students):
            cells = {name: cell for name, cell in student["fields"].items() if name != "Email"}
            changed = {**student, "fields": cells} if number in without else student
            stack.airtable.put(BASE_ID, "Students", changed)
        last["school"] = await _run(stack, "school")
    return last


async def _run(stack: Stack, scan_id: str) -> str:
    answer = await stack.call("POST", "/runs", {"scan_id": scan_id})
    assert answer.status_code == 202, answer.text
    run_id = str(answer.json()["run_id"])
    run = await ended(stack, run_id, 120)
    assert run["status"] == "done", run
    return run_id


async def _pages(stack: Stack, last: Mapping[str, str]) -> Mapping[str, str]:
    found = await get(stack, "/scans/school/findings?limit=1")
    runs = (await get(stack, "/runs?scan_id=school"))["runs"]
    newest, before = runs[0]["run_id"], runs[1]["run_id"]
    return {
        "home": "/",
        "scan": "/scans/school",
        "finding": f"/scans/school/findings/{found['findings'][0]['finding_id']}",
        "rules": "/scans/school/rules",
        "compare": f"/scans/school/compare?from={before}&to={newest}",
        "run": f"/runs/{last['school']}",
        "review": "/scans/catalogue/review",
        "labels": "/scans/catalogue",
        "site": "/scans/clinic",
        "report": f"/runs/{last['clinic']}/report",
        "settings": "/scans/school/settings",
        "schedule": "/scans/school/schedule",
        "versions": "/scans/school/versions",
        "new": "/new",
        "runs": "/runs",
        "health": "/health",
    }


async def _picture(page: Page) -> bytes:
    """Return what the screen shows, as WebP, which playwright itself does not make."""
    session = await page.context.new_cdp_session(page)
    options = {"format": "webp", "quality": QUALITY}
    taken = await session.send("Page.captureScreenshot", options)
    return base64.b64decode(taken["data"])


async def _take_pictures(browser: Browser, window: str, tour: Tour) -> None:
    for suffix, (width, dark) in LOOKS.items():
        async with a_person(browser, window, width=width, dark=dark) as page:
            for name in IN_EVERY_LOOK if suffix else PICTURED:
                await page.goto(tour.pages[name])
                tour.pictures[f"{name}{suffix}.webp"] = await _picture(page)


async def _measure(browser: Browser, window: str, url: str) -> str:
    async with a_person(browser, window) as page:
        await page.goto(url)
        took = []
        for _ in range(TIMES):
            began = time.perf_counter()
            answer = await page.request.get(url)
            took.append(1000 * (time.perf_counter() - began))
            text = await answer.body()
    size, packed = len(text) / 1024, len(gzip.compress(text)) / 1024
    return f"{size:6.1f} KiB {packed:5.1f} KiB gzip {statistics.median(took):5.0f} ms"


def _judge(lighthouse: str, address: str) -> str:
    """Return Lighthouse's scores."""
    chromium = "--headless=new --no-sandbox --disable-dev-shm-usage"
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        given = (f"--output-path={file}", f"--chrome-flags={chromium}")
        subprocess.run(
            [lighthouse, address, "--quiet", "--output=json", "--preset=desktop", *given],
            check=True,
            env={**os.environ, "CHROME_PATH": browser_path()},
        )
        report = json.loads(file.read_text())
    scores = report["categories"].values()
    return ", ".join(f"{one['title']} {100 * one['score']:.0f}" for one in scores)


async def walk(*, pictures: bool, lighthouse: str | None) -> Tour:
    """Start the stack and see all pages; take pictures, and ask Lighthouse, if that is wanted."""
    bases = (school()[0], catalogue())
    options = StackOptions(bases, tick_seconds=None, window=True)
    async with running(options) as stack, a_browser() as browser:
        window = stack.addresses.window
        for name in ("scheduler", "watchdog"):
            await stack.tick(name)
        tour = Tour(await _pages(stack, await _history(stack)))
        if pictures:
            await _take_pictures(browser, window, tour)
        for name, url in tour.pages.items():
            line = f"{name:10} {await _measure(browser, window, url)}"
            if lighthouse:
                line += f"  {await asyncio.to_thread(_judge, lighthouse, f'{window}{url}')}"
            tour.lines.append(line)
    return tour


def main() -> None:
    """Read the arguments, walk, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.window.tour", description=__doc__)
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="write pictures there")
    parser.add_argument("--lighthouse", metavar="COMMAND", help="ask this Lighthouse for scores")
    asked = parser.parse_args()
    tour = asyncio.run(walk(pictures=bool(asked.pictures), lighthouse=asked.lighthouse))
    for name, picture in tour.pictures.items():
        asked.pictures.mkdir(parents=True, exist_ok=True)
        (asked.pictures / name).write_bytes(picture)
    sys.stdout.write("\n".join([*tour.lines, ""]))


if __name__ == "__main__":
    main()
