"""The pages of integrity scans in a real browser, with and without script."""

import pytest
from playwright.async_api import Browser, expect

from tests.window.browsing import a_person
from tests.window.conftest import Shown
from tests.window.test_acts import SCRIPT

pytestmark = pytest.mark.asyncio(loop_scope="session")


@SCRIPT
async def test_all_that_match_are_ignored_and_it_is_undone(
    shown: Shown, browser: Browser, script: bool
) -> None:
    """With the number, a reason, and the filters kept in the address."""
    async with a_person(browser, shown.url, script=script, expected=["400"]) as page:
        await page.goto(f"{shown.pages['scan']}?rule=email&severity=warning")
        number = (await page.locator("[data-count]").inner_text()).partition(" ")[0]
        await page.get_by_text(f"Ignore all {number}").click()
        await page.get_by_label("Why may they stay").fill("A <test> & more")
        await page.get_by_label("Until").fill("2001-01-01")
        await page.get_by_role("button", name=f"Ignore {number} findings").click()
        await expect(page.get_by_role("alert").filter(has_text="future").first).to_be_visible()
        await expect(page.get_by_label("Why may they stay")).to_have_value("A <test> & more")
        await page.get_by_label("Until").fill("2100-01-01")
        await page.get_by_role("button", name=f"Ignore {number} findings").click()
        await expect(page.locator(".done")).to_contain_text(f"{number} findings are ignored, by")
        assert "rule=email&severity=warning&decision=" in page.url
        await page.get_by_role("button", name="Undo").click()
        await expect(page.locator(".done")).to_have_text("The decision is undone.")
        await expect(page.locator("[data-count]")).to_contain_text(f"{number} findings with these")
