"""The settings of a scan in a real browser, with and without script, and without a network."""

from typing import Any

import pytest
from playwright.async_api import Browser, expect

from tests.end_to_end.acting import get, save, scan
from tests.window.browsing import a_person, hindrances
from tests.window.conftest import BASE, Shown

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_a_scan_is_changed_by_its_pages(shown: Shown, browser: Browser, script: bool) -> None:
    """Corrected at its line, tried, saved, scheduled, paused and resumed, and restored."""
    scan_id = f"settings-{script}".lower()
    await save(shown.stack, scan(BASE, scan_id))
    url = f"/scans/{scan_id}/settings"
    async with a_person(browser, shown.url, script=script, expected=["400"]) as page:
        await page.goto(url)
        editor = page.get_by_label("Definition, in YAML")
        text = await editor.input_value()
        await editor.fill(text + "regoin: DE\n")
        await page.get_by_role("button", name="Save", exact=True).click()
        place = page.get_by_role("link", name="there is no such setting; did you mean 'region'?")
        await expect(place).to_be_visible()
        await expect(editor).to_have_value(text + "regoin: DE\n")
        if script:
            assert await hindrances(page) == []
            await place.click()
            chosen = "document.getSelection().toString()"
            await page.wait_for_function(f"{chosen} === 'regoin: DE'")
        await editor.fill(text + "region: DE\n")
        await page.get_by_role("button", name="Try it").click()
        await expect(page.locator("ins")).to_have_text("+region: DE")
        await expect(page.locator("main")).to_contain_text("Not saved yet.")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.locator(".done")).to_contain_text("The definition is saved")

        await page.get_by_role("link", name="Change the schedule").click()
        await page.get_by_label("When").select_option("weekly")
        await page.get_by_label("Sunday").check()
        await page.get_by_label("Times of day").fill("02:30")
        await page.get_by_label("Time zone").fill("Europe/Berlin")
        if script:
            await expect(page.get_by_label("Minutes between")).to_be_hidden()
        await page.get_by_role("button", name="Show the next runs").click()
        await expect(page.locator(".slots li")).to_have_count(5)
        await expect(page.get_by_label("Sunday")).to_be_checked()
        await page.get_by_role("button", name="Save").click()
        await expect(page.locator(".done")).to_have_text("The schedule is saved.")

        await page.get_by_label("Why?").fill("holidays")
        await page.get_by_role("button", name="Pause").click()
        await expect(page.locator("main")).to_contain_text("“holidays”")
        await page.get_by_role("button", name="Resume").click()
        await expect(page.locator(".done")).to_contain_text("runs by itself again")

        await page.get_by_role("link", name="Version 1").click()
        await expect(page.locator("ins").first).to_be_visible()
        await page.get_by_role("button", name="Restore this version").click()
        await expect(page.locator(".done")).to_contain_text("saved again")
        await expect(page.get_by_label("Definition, in YAML")).to_have_value(text)
    listed: Any = await get(shown.stack, f"/scans/{scan_id}/versions")
    assert [one["by"] for one in listed["versions"]][:3] == ["developer@landfall.local"] * 3


async def test_what_is_typed_survives_a_lost_network(shown: Shown, browser: Browser) -> None:
    """It says so, can be sent again, and is not left by mistake; lines are numbered meanwhile."""
    await save(shown.stack, scan(BASE, "offline"))
    async with a_person(browser, shown.url, expected=["net::ERR"]) as page:
        await page.goto("/scans/offline/settings")
        editor = page.get_by_label("Definition, in YAML")
        text = await editor.input_value()
        await editor.fill(text + "# one\n# two\n")
        lines = (text + "# one\n# two\n").count("\n") + 1
        assert (await page.locator(".editor pre").inner_text()).endswith(f"\n{lines}")
        await page.route("**/settings", lambda route: route.abort())
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.locator("#trouble")).to_contain_text("Nothing was sent")
        await expect(editor).to_have_value(text + "# one\n# two\n")
        await page.unroute("**/settings")
        asked: list[str] = []

        async def stay(dialog: Any) -> None:
            asked.append(dialog.type)
            await dialog.dismiss()

        page.on("dialog", stay)
        await page.get_by_role("link", name="Health").click(no_wait_after=True)
        await expect(editor).to_have_value(text + "# one\n# two\n")
        await page.get_by_role("button", name="Save", exact=True).click()
        await expect(page.locator(".done")).to_contain_text("The definition is saved")
        assert asked == ["beforeunload"]


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_a_scan_is_deleted(shown: Shown, browser: Browser, script: bool) -> None:
    """The page says how far it is, and the scan is not listed any more."""
    scan_id = f"delete-{script}".lower()
    await save(shown.stack, scan(BASE, scan_id))
    async with a_person(browser, shown.url, script=script) as page:
        await page.goto(f"/scans/{scan_id}/settings")
        await page.get_by_role("link", name="Delete this scan").click()
        await page.get_by_label(f"Type {scan_id} to confirm").fill(scan_id)
        await page.get_by_role("button", name="Delete").click()
        await expect(page.locator("h1")).to_contain_text("Being deleted")
        await page.get_by_role("link", name="All scans").click()
        await expect(page.locator("main")).not_to_contain_text(scan_id)
