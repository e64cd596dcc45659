"""A real browser in front of a running window, and what must hold of every page in it."""

import json
import os
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright, expect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
"""Commands that start a browser of this family, on Debian and elsewhere."""

MISSING = (
    "there is no browser: install it with `sudo apt-get install --no-install-recommends chromium`, "
    "or set CHROMIUM to the path of a Chromium or Chrome"
)

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
"""Rules of axe that are tried."""

PATIENCE = 60_000
"""Milliseconds for what a page shows, on a machine that does much else."""

expect.set_options(timeout=PATIENCE)

WATCH = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`));
"""


class BrowserMissingError(Exception):
    """The message says how to install one."""


def browser_path() -> str:
    """Return the path of the browser. Raises `BrowserMissingError`."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None or not Path(found).exists():
        raise BrowserMissingError(MISSING)
    return found


@asynccontextmanager
async def a_browser() -> AsyncIterator[Browser]:
    """Start the browser."""
    path = browser_path()
    async with async_playwright() as playwright:
        # --no-sandbox: it may be root's, and sees nothing but our own pages
        options = ["--no-sandbox", "--disable-dev-shm-usage"]
        browser = await playwright.chromium.launch(executable_path=path, args=options)
        yield browser
        await browser.close()


@asynccontextmanager
async def a_person(
    browser: Browser,
    window: str,
    *,
    script: bool = True,
    width: int = 1280,
    dark: bool = False,
    expected: Sequence[str] = (),
) -> AsyncIterator[Page]:
    """Open the window as a person; at the end, nothing may have gone wrong in the browser.

    `expected` are parts of messages of the console that the test provokes.
    """
    context = await browser.new_context(
        base_url=window,
        java_script_enabled=script,
        viewport={"width": width, "height": 900},
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        locale="en-GB",
        timezone_id="Asia/Tokyo",
    )
    context.set_default_timeout(PATIENCE)
    page = await context.new_page()
    wrong: list[str] = []

    def heard(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            wrong.append(message.text)

    page.on("console", heard)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    if script:
        await page.add_init_script(WATCH)
    yield page
    await context.close()
    unexpected = [text for text in wrong if not any(part in text for part in expected)]
    assert unexpected == [], unexpected


@cache
def _axe() -> str:
    package = find_spec("axe_playwright_python")
    assert package
    assert package.origin
    return (Path(package.origin).parent / "axe.min.js").read_text()


async def hindrances(page: Page) -> list[str]:
    """Return what axe finds wrong with a page: the rule, and the elements."""
    await page.evaluate(_axe())  # a script tag would break the policy
    only = json.dumps({"runOnly": RULES, "resultTypes": ["violations"]})
    found: Any = await page.evaluate(f"axe.run(document, {only})")
    return [
        f"{one['id']}: {one['help']}: {[node['html'][:150] for node in one['nodes'][:3]]}"
        for one in found["violations"]
    ]


async def overflow(page: Page) -> int:
    """Return by how many pixels a page is wider than its window."""
    width: int = await page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return width
