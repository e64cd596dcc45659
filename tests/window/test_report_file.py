"""The report of a run as one file, opened from a disk: for everybody, on a screen and on paper."""

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from tests.window.browsing import WATCH, a_person, hindrances, overflow
from tests.window.conftest import Shown

pytestmark = pytest.mark.asyncio(loop_scope="session")

A4 = (595, 842)
"""Width and height of a page of A4, in points."""


def _note(page: Page, wrong: list[str], asked: list[str]) -> None:
    """Add what the page complains of, and the addresses that it asks for."""
    page.on("console", lambda message: wrong.append(message.text))
    page.on("request", lambda request: asked.append(request.url))


@pytest.mark.parametrize("run", ["gym", "found", "catalogue"])
async def test_a_file_is_for_everybody(
    shown: Shown, browser: Browser, tmp_path: Path, run: str
) -> None:
    """No finding of axe, nothing wider than the screen, no violation, no request; printed on A4."""
    file = tmp_path / "report.html"
    async with a_person(browser, shown.url) as person:
        await person.goto(shown.pages[f"run {run}"])
        await person.get_by_role("link", name="Report", exact=True).click()
        async with person.expect_download() as begun:
            await person.get_by_role("link", name="Save as one file").click()
        await (await begun.value).save_as(file)
    for width, dark in ((1280, False), (360, True)):
        context = await browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        page = await context.new_page()
        wrong: list[str] = []
        asked: list[str] = []
        _note(page, wrong, asked)
        await page.add_init_script(WATCH)
        await page.goto(file.as_uri())
        assert await page.locator("h1").count() == 1
        ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ground == ("rgb(14, 17, 22)" if dark else "rgb(247, 248, 250)")
        assert (await overflow(page), wrong, asked) == (0, [], [file.as_uri()])
        if dark:
            printed = await page.pdf(prefer_css_page_size=True)
            sizes = re.findall(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", printed)
            assert {(round(float(x)), round(float(y))) for x, y in sizes} == {A4}
        assert await hindrances(page) == []
        await context.close()
