"""Every page in a real browser: for everybody, at every width, light and dark, without script."""

import re

import pytest
from playwright.async_api import Browser

from tests.window.browsing import a_person, hindrances, overflow
from tests.window.conftest import Shown

pytestmark = pytest.mark.asyncio(loop_scope="session")

NARROW, WIDE = 360, 1280


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (NARROW, True)])
async def test_every_page_is_for_everybody(
    shown: Shown, browser: Browser, width: int, dark: bool
) -> None:
    """No finding of axe, nothing wider than the screen, one heading, a title, no violation."""
    wrong: dict[str, object] = {}
    async with a_person(browser, shown.url, width=width, dark=dark) as page:
        for name, url in shown.pages.items():
            await page.goto(url)
            faults = await hindrances(page)
            if wider := await overflow(page):
                faults.append(f"{wider} px wider than its window")
            if await page.locator("h1").count() != 1:
                faults.append("not one heading")
            if faults:
                wrong[name] = faults
    assert wrong == {}


async def test_every_page_fits_with_text_of_twice_the_size(shown: Shown, browser: Browser) -> None:
    """Nothing is cut off or overlaps the edge."""
    async with a_person(browser, shown.url, width=WIDE // 2) as page:
        wider = {}
        for name, url in shown.pages.items():
            await page.goto(url)
            await page.evaluate("document.documentElement.style.fontSize = '200%'")
            wider[name] = await overflow(page)
    assert wider == dict.fromkeys(shown.pages, 0)


async def test_every_page_can_be_read_without_script(shown: Shown, browser: Browser) -> None:
    """The same text, with its times in UTC."""
    async with (
        a_person(browser, shown.url, script=False) as plain,
        a_person(browser, shown.url) as scripted,
    ):
        for name, url in shown.pages.items():
            texts = []
            for page in (plain, scripted):
                await page.goto(url)
                for time in await page.locator("time").all_text_contents():
                    assert ("UTC" in time) == (page is plain), (name, time)
                text = await page.locator("h1").inner_text()
                texts.append(text)
            assert texts[0] == texts[1]
            assert await plain.locator("#trouble").is_hidden()


async def test_times_are_in_the_readers_zone(shown: Shown, browser: Browser) -> None:
    """Near ones from now, and each whole one where the pointer rests."""
    async with a_person(browser, shown.url) as page:
        await page.goto("/")
        assert "Asia/Tokyo" in await page.locator("footer").inner_text()
        time = page.locator("time").first
        assert re.search(r"ago|now|yesterday", await time.inner_text())
        assert "GMT+9" in (await time.get_attribute("title") or "")


async def test_all_of_it_is_reached_by_keyboard(shown: Shown, browser: Browser) -> None:
    """From the way past the navigation to the last button, and the focus is seen."""
    async with a_person(browser, shown.url) as page:
        await page.goto("/")
        await page.keyboard.press("Tab")
        assert await page.evaluate("document.activeElement.className") == "skip"
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.id") == "main"
        await page.goto("/")
        elements = await page.locator("a, button").count()
        reached = set()
        for _ in range(elements):
            await page.keyboard.press("Tab")
            outline, name = await page.evaluate(
                "[getComputedStyle(document.activeElement).outlineStyle,"
                " document.activeElement.outerHTML]"
            )
            assert outline != "none", name
            reached.add(name)
        assert "Run now" in str(reached)


async def test_what_is_not_there_is_a_page_in_words(shown: Shown, browser: Browser) -> None:
    """With a way back."""
    async with a_person(browser, shown.url, expected=["404", "400"]) as page:
        for url in ("/nothing", "/runs/none", "/scans/none", "/scans/people/findings/none"):
            answer = await page.goto(url)
            assert answer
            assert answer.status == 404
            assert await page.locator("h1").inner_text() == "There is no such page"
            assert await page.get_by_role("link", name="Go to the scans").count() == 1
            assert await hindrances(page) == []


async def test_home_is_told_to_who_does_not_see_it(shown: Shown, browser: Browser) -> None:
    """The outline of the page for a screen reader."""
    async with a_person(browser, shown.url) as page:
        await page.goto("/")
        outline = await page.locator("body").aria_snapshot()
    for line in (
        '- link "Skip to the content"',
        "- banner:",
        '- navigation "Main":',
        "- main:",
        '- heading "Scans" [level=1]',
        '- region "Correct first":',
        '- region "All scans":',
        "- contentinfo:",
    ):
        assert line in outline, outline
