"""Every act in a real browser, with and without script, and when something comes between."""

import asyncio

import pytest
from playwright.async_api import Browser, Page, expect

from tests.end_to_end.acting import ended, save, scan, start
from tests.waiting import until
from tests.window.browsing import a_person
from tests.window.conftest import BASE, Shown

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCRIPT = pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])


async def _run_in_motion(shown: Shown, scan_id: str) -> str:
    """Start a run that does not end, since nobody delivers its task; return its id."""
    await shown.stack.stop_tasks()
    try:
        return await start(shown.stack, scan(BASE, scan_id))
    finally:
        await shown.stack.restart_tasks()


@SCRIPT
async def test_a_run_is_started(shown: Shown, browser: Browser, script: bool) -> None:
    """From home: the page of the new run says so."""
    await save(shown.stack, scan(BASE, f"act-{script}".lower(), name=f"Start {script}"))
    async with a_person(browser, shown.url, script=script) as page:
        await page.goto("/")
        row = page.locator(".scans li", has_text=f"Start {script}")
        await row.get_by_role("button", name="Run now").click()
        await page.wait_for_url("**/runs/**")
        await expect(page.locator(".done")).to_have_text("The run has been started.")
        run_id = page.url.rpartition("/")[2].partition("?")[0]
        await ended(shown.stack, run_id)
        await page.reload()
        await page.get_by_role("button", name="Run again").click()
        await page.wait_for_url(lambda url: "/runs/" in url and run_id not in url)


@SCRIPT
async def test_a_run_is_cancelled(shown: Shown, browser: Browser, script: bool) -> None:
    """It says who did it."""
    run_id = await _run_in_motion(shown, f"cancel-{script}".lower())
    async with a_person(browser, shown.url, script=script) as page:
        await page.goto(f"/runs/{run_id}")
        await page.get_by_role("button", name="Cancel the run").click()
        await expect(page.locator(".done")).to_have_text("The run has been cancelled.")
        await expect(page.locator("main")).to_contain_text("cancelled by developer@landfall.local")


@SCRIPT
async def test_a_finding_is_ignored_and_reopened(
    shown: Shown, browser: Browser, script: bool
) -> None:
    """A date in the past is refused with what was typed; a good one is taken."""
    async with a_person(browser, shown.url, script=script, expected=["400"]) as page:
        await page.goto(shown.pages["finding"])
        await page.get_by_label("Why may it stay").fill("They have <no> address & never will")
        await page.get_by_label("Until").fill("2001-01-01")
        await page.get_by_role("button", name="Ignore this finding").click()
        await expect(page.get_by_role("alert").filter(has_text="future").first).to_be_visible()
        why = page.get_by_label("Why may it stay")
        await expect(why).to_have_value("They have <no> address & never will")
        await page.get_by_label("Until").fill("2100-01-01")
        await page.get_by_role("button", name="Ignore this finding").click()
        await expect(page.locator(".done")).to_have_text("The finding is ignored now.")
        await expect(page.locator("main")).to_contain_text("They have <no> address & never will")
        await page.get_by_role("button", name="Reopen").click()
        await expect(page.locator(".done")).to_have_text("The finding is open again.")


@SCRIPT
async def test_findings_are_filtered_by_an_address(
    shown: Shown, browser: Browser, script: bool
) -> None:
    """The address keeps the filter, also when a person goes away and comes back."""
    async with a_person(browser, shown.url, script=script) as page:
        await page.goto(shown.pages["scan"])
        await page.get_by_label("State").select_option("resolved")
        await page.get_by_role("button", name="Filter").click()
        assert "state=resolved" in page.url
        await expect(page.locator("main")).to_contain_text("No finding matches these filters.")
        await page.goto("/")
        await page.go_back()
        await expect(page.get_by_label("State")).to_have_value("resolved")


async def test_a_page_shows_by_itself_what_happens(shown: Shown, browser: Browser) -> None:
    """Without being loaded again, and without a request while nobody looks."""
    await save(shown.stack, scan(BASE, "live", name="Live one"))
    async with a_person(browser, shown.url) as page:
        run_id = await start(shown.stack, scan(BASE, "live", name="Live one"))
        await page.goto(f"/runs/{run_id}")
        await page.evaluate("window.same = true")
        await expect(page.locator("h1")).to_contain_text("Warning")
        assert await page.evaluate("window.same")
        await expect(page.locator("#announce")).not_to_be_empty()
        await page.goto("/")
        await page.evaluate(
            "Object.defineProperty(document, 'hidden', {value: true, configurable: true});"
            "document.dispatchEvent(new Event('visibilitychange'))"
        )
        asked: list[tuple[str, str]] = []
        # the browser may still load the icon by itself, which is no look of the page
        page.on("request", lambda it: asked.append((it.resource_type, it.url)))
        await page.evaluate("document.querySelector('main').dataset.refresh = '0.1'")
        await asyncio.sleep(0.5)
        assert [url for kind, url in asked if kind == "fetch"] == []


async def _look_often(page: Page) -> None:
    """Let an open page look again ten times a second, so that a test need not wait."""
    await page.evaluate(
        "document.querySelector('main').dataset.refresh = '0.1'; dispatchEvent(new Event('online'))"
    )


NOTE_LOOKS = """
window.looks = [];
const fetching = window.fetch;
window.fetch = (...given) => { window.looks.push(performance.now()); return fetching(...given); };
"""


async def test_a_page_survives_that_nobody_answers(shown: Shown, browser: Browser) -> None:
    """No network, a server that cannot: it says so, slows down, and goes on when it is back."""
    noise = ["Failed to load resource", "net::ERR"]
    async with a_person(browser, shown.url, expected=noise) as page:
        for failure in ("network", "503"):
            await page.goto("/")
            await page.evaluate(NOTE_LOOKS)

            async def fail(route, failure=failure):
                if failure == "network":
                    await route.abort()
                else:
                    await route.fulfill(status=503, body="no")

            await page.route("**/*", fail)
            await _look_often(page)
            await expect(page.locator("#trouble")).to_contain_text("cannot be reached")

            async def five_looks() -> list[float] | None:
                looks: list[float] = await page.evaluate("window.looks")
                return looks if len(looks) >= 5 else None

            looks = await until(five_looks, 60)
            assert looks[4] - looks[3] >= 800 - 5  # 0.1 s, twice as long after each failure
            await page.unroute("**/*", fail)
            await _look_often(page)
            await expect(page.locator("#trouble")).to_be_hidden()


async def test_a_page_survives_the_end_of_a_session(shown: Shown, browser: Browser) -> None:
    """It says so with a way to sign in, keeps what was typed, and can send it afterwards."""
    async with a_person(browser, shown.url, expected=["401"]) as page:
        await page.goto("/")
        shown.stack.iap.sign_everybody_out()
        await _look_often(page)
        await expect(page.locator("#trouble")).to_contain_text("You are signed out.")
        await page.get_by_role("link", name="Sign in again").click()
        await expect(page.locator("#trouble")).to_be_hidden()
        await page.goto(shown.pages["finding"])
        await page.get_by_label("Why may it stay").fill("typed before")
        shown.stack.iap.sign_everybody_out()
        await page.get_by_role("button", name="Ignore this finding").click()
        await expect(page.locator("#trouble")).to_contain_text("What you typed is still here")
        await expect(page.get_by_label("Why may it stay")).to_have_value("typed before")


async def test_typed_text_survives_a_lost_network(shown: Shown, browser: Browser) -> None:
    """A form that was not sent can be sent again."""
    async with a_person(browser, shown.url, expected=["net::ERR"]) as page:
        await page.goto(shown.pages["finding"])
        await page.get_by_label("Why may it stay").fill("for good")
        await page.route("**/ignore", lambda route: route.abort())
        button = page.get_by_role("button", name="Ignore this finding")
        await button.click()
        await expect(page.locator("#trouble")).to_contain_text("Nothing was sent")
        await page.unroute("**/ignore")
        await button.click()
        await expect(page.locator(".done")).to_be_visible()
        await page.get_by_role("button", name="Reopen").click()
        await expect(page.locator(".done")).to_have_text("The finding is open again.")


async def test_a_deploy_in_between_is_not_a_loop(shown: Shown, browser: Browser) -> None:
    """A page of another version is taken over, and not loaded again and again."""
    async with a_person(browser, shown.url) as page:
        await page.goto("/")
        await page.evaluate("document.documentElement.dataset.build = 'older'; window.same = true")
        loads: list[str] = []
        page.on("framenavigated", lambda frame: loads.append(frame.url))
        await _look_often(page)
        await asyncio.sleep(1.0)
        assert loads == []
        assert await page.evaluate("window.same")


async def test_a_page_of_another_site_cannot_act(shown: Shown, browser: Browser) -> None:
    """A form of a foreign page is refused, although the browser sends the person's cookie."""
    await save(shown.stack, scan(BASE, "foreign"))
    form = f'<form method="post" action="{shown.url}/scans/foreign/run"><button>Win</button></form>'
    async with a_person(browser, shown.url, expected=["403", "401"]) as page:
        await page.goto("/")
        await page.route(
            "http://evil.example/", lambda route: route.fulfill(body=form, content_type="text/html")
        )
        await page.goto("http://evil.example/")
        await page.get_by_role("button").click()
        await page.wait_for_url(f"{shown.url}/**")

    async def runs() -> bool:
        answer = await shown.stack.call("GET", "/runs?scan_id=foreign")
        assert answer.json()["runs"] == []
        return True

    await until(runs, 5)
