"""Reviewing in a real browser: by keys alone, without script, in parts, and beside others."""

import pytest
from playwright.async_api import Browser, Page, expect

from tests.end_to_end.acting import get
from tests.window.browsing import a_person
from tests.window.conftest import Shown

pytestmark = pytest.mark.asyncio(loop_scope="session")

ELEMENTS = 61
"""Elements of the sample."""


async def _states(shown: Shown) -> dict[str, int]:
    states: dict[str, int] = (await get(shown.stack, "/scans/catalogue/reviews"))["states"]
    return states


async def _press(page: Page, key: str, says: str) -> None:
    """Press a key, and wait for what a screen reader says then."""
    await page.keyboard.press(key)
    await expect(page.locator("#announce")).to_contain_text(says)


async def test_a_person_reviews_by_keys_alone(shown: Shown, browser: Browser) -> None:
    """One key an element, with what was done and what is left; undone by a key, too."""
    async with a_person(browser, shown.url, expected=["409"]) as page:
        await page.goto("/scans/catalogue/review?min_confidence=1")
        await page.evaluate("window.same = true")
        heading = page.locator("[data-first]")
        first = (await heading.inner_text()).split("\n")[0]
        await _press(page, "c", f"Confirmed {first}. {ELEMENTS - 1} left.")
        await expect(heading).to_be_focused()
        await _press(page, "x", f"Rejected {await _name(page)}. {ELEMENTS - 2} left.")
        await page.keyboard.press("4")
        await expect(page.get_by_role("radio", name="Public")).to_be_checked()
        await page.keyboard.press("1")
        await expect(page.get_by_role("button", name="Save my values")).to_be_visible()
        changed = await _name(page)
        await _press(page, "c", f"Changed {changed}. {ELEMENTS - 3} left.")
        await _press(page, "u", f"{ELEMENTS - 2} left.")
        assert await _name(page) == changed
        skipped = await _name(page)
        await page.keyboard.press("s")
        await expect(heading).not_to_contain_text(skipped)
        assert "min_confidence=1" in page.url  # the filter is kept
        assert await page.evaluate("window.same")  # without a load between them
        await page.keyboard.press("e")
        await expect(page.get_by_role("radio", checked=True).first).to_be_focused()

        # a letter in a text field is a letter, and keys can be switched off
        before = await _states(shown)
        await page.get_by_label("Why (may be empty)").press_sequentially("cxsu")
        await page.get_by_label("Keys:").uncheck()
        await page.keyboard.press("c")
        assert await _states(shown) == before == {"suggested": 59, "confirmed": 1, "rejected": 1}
        await page.get_by_label("Keys:").check()

        # somebody else is faster
        record = (await page.locator("form.labels").get_attribute("action") or "").split("/")[-1]
        element = await get(shown.stack, f"/scans/catalogue/elements/{record}")
        body = {"suggestion_id": element["suggestion"]["suggestion_id"]}
        path = f"/scans/catalogue/elements/{record}"
        assert (await shown.stack.call("POST", f"{path}/reject", body)).status_code == 200
        await _press(page, "c", "has rejected it meanwhile")
        await expect(page.get_by_role("alert").filter(has_text="meanwhile")).to_be_visible()
        await page.goto("/scans/catalogue/review?state=rejected")
        await expect(page.locator("table").last).to_contain_text("3 of 61")

        # an address alone decides nothing, whoever sent it
        found = await get(shown.stack, "/scans/catalogue/reviews")
        sent = f"act=a&verb=confirm&decided=0&passed=0&left={found['count']}&seen={found['seen']}"
        await page.goto(f"/scans/catalogue/review?{sent}")
        await expect(page.get_by_role("button", name="Go on")).to_be_visible()
        assert not await page.locator("[aria-disabled]").count()
        assert await _states(shown) == found["states"]


async def _name(page: Page) -> str:
    return (await page.locator("[data-first]").inner_text()).split("\n")[0]


async def test_all_that_match_are_decided_and_undone(shown: Shown, browser: Browser) -> None:
    """Without script as with it, one element and many."""
    async with a_person(browser, shown.url, script=False) as page:
        await page.goto("/scans/catalogue/review?information_security_classification=HRCI")
        name = await _name(page)
        await page.get_by_role("button", name="Confirm", exact=True).click()
        await expect(page.locator(".done")).to_contain_text(f"Confirmed {name}.")
        assert "information_security_classification=HRCI" in page.url
        await page.get_by_role("button", name="Undo").click()
        await expect(page.locator(".done")).to_contain_text("The decision is undone.")
        assert await _name(page) == name
    async with a_person(browser, shown.url) as page:
        left = (await _states(shown))["suggested"]
        await page.goto("/scans/catalogue/review")
        await page.get_by_label("Why (may be empty)").fill("as agreed")
        await page.get_by_role("button", name=f"Confirm all {left} that match").click()
        await expect(page.locator("#announce")).to_contain_text(f"Confirmed: {left}.")
        assert "suggested" not in await _states(shown)
        await page.keyboard.press("u")
        await expect(page.locator("#announce")).to_contain_text(f"Undone: {left}.")
        assert (await _states(shown))["suggested"] == left
