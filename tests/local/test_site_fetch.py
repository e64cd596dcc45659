"""The fetch step of a site scan over a local site: every page once, politely, whatever it does."""

import asyncio
import gzip
import zlib
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from infra.local.processes import free_port
from infra.local.samples.clinic import clinic
from infra.local.site.pages import HTML, Resource, page, plain, redirect, sitemap
from infra.local.site.server import LocalSite
from infra.local.wire.faults import Fault, FaultKind, FaultRule
from infra.local.wire.messages import WireResponse
from landfall.deadlines import Ladder
from landfall.reasons import Reason
from landfall.runs.claim import Claim
from landfall.runs.kind import Outcome
from landfall.site.page_store import RETENTION_DAYS
from landfall.store.documents import Query
from tests.fakes.sites import (
    a_site_scan,
    deliver_site,
    drive_site,
    report_of_site,
    site_clients,
    start_site,
)
from tests.fakes.world import START, World
from tests.waiting import until

SHORT = Ladder(step=2.5, item=1.2, request=1.0, connect=0.5)
"""A budget in which hanging pages end soon."""


def words(title: str, *links: str) -> Resource:
    """A page that says its title and links to these."""
    leads = "".join(f'<a href="{link}">{link}</a>' for link in links)
    return page(f"<title>{title}</title><h1>{title}</h1><p>About {title}</p>{leads}")


def small() -> dict[str, Resource]:
    """A site of three pages."""
    home = words("Home", "/book", "/prices")
    return {"/": home, "/book": words("Booking"), "/prices": words("Prices")}


async def captured(world: World, site: LocalSite, **changes) -> list[Outcome | Reason]:
    """The outcome of each task of a run of this site."""
    await start_site(world, a_site_scan(site, **changes))
    return await drive_site(world, site)


async def stops(world: World) -> dict[str, tuple[str, str]]:
    """The outcome of each path, with the reason."""
    cursor = (await world.step()).data["cursor"]
    return {
        f"{stop['role']} /{stop['url'].split('/', 3)[3]}": (stop["came"], stop["reason"])
        for stop in cursor["stops"]
    }


async def status_of(world: World) -> tuple[str, str | None]:
    """The run's status, and the reason of its error."""
    run = (await world.run()).data
    return run["status"], run["error"] and run["error"]["reason"]


async def test_a_site_is_looked_at(world):
    """The whole clinic, deep: what it is, once, and what is not to be fetched, never."""
    async with LocalSite(clinic()) as site:
        assert await captured(world, site) == ["finished", "finished"]
        assert [path for path in site.paths if path.startswith("/private")] == []
        asked = [path for path in site.paths if path not in ("/", "/gallery")]
        assert len(asked) == len(set(asked))
    seen = await stops(world)
    assert seen["page /gallery"] == ("missed", "site_unavailable")
    assert [came for came, _ in seen.values()].count("kept") == 3 + 9
    run = (await world.run()).data
    assert (run["counts"]["pages"], run["counts"]["pages_missed"]) == (9, 1)


async def test_a_quick_scan_is_the_home_page_twice(world):
    """As a desktop and as a phone, which say who they are."""
    async with LocalSite(clinic()) as site:
        await captured(world, site, mode="quick", contact="https://us.example/bot")
        assert site.paths == ["/robots.txt", "/", "/"]
        assert all("LandfallBot/1.0; https://us.example/bot" in agent for agent in site.user_agents)
        assert ["Mobile" in agent for agent in site.user_agents] == [False, False, True]


async def test_pages_are_stored_compressed_for_a_while(world):
    """With their evidence, and a lifetime."""
    async with LocalSite(small()) as site:
        await captured(world, site)
    pages = [found.data for found in await world.store.find(Query("runs/m-1/pages"))]
    home = next(found for found in pages if found["role"] == "home")
    assert b"About Home" in zlib.decompress(home["packed"][0])
    assert home["expires_at"] == START + timedelta(days=RETENTION_DAYS)
    assert len(pages) == 1 + 2 + 2


async def test_progress_is_true(world, monkeypatch):
    """It says what it does, and goes from 10 to 60 per cent with the pages."""
    told = []
    checkpoint = Claim.checkpoint

    async def telling(self, cursor=None, run=None, writes=()):
        told.append((run["progress_step"], run["progress_pct"]))
        await checkpoint(self, cursor, run, writes)

    monkeypatch.setattr(Claim, "checkpoint", telling)
    async with LocalSite(small()) as site:
        await start_site(world, a_site_scan(site, max_pages=3))
        await deliver_site(world, world.queue.tasks[-1], site_clients(world, site))
    assert {step for step, _ in told} == {"capturing_pages"}
    # robots.txt, home, phone and sitemap, two pages: six of six
    assert sorted({percent for _, percent in told}) == [18, 26, 35, 43, 51, 59]
    assert (await world.run()).data["progress_pct"] == 60


async def test_requests_keep_the_pace_of_the_site(world):
    """The delay of robots.txt passes between the starts of any two."""
    pages = small() | {"/robots.txt": plain("User-agent: *\nCrawl-delay: 0.3")}
    async with LocalSite(pages) as site:
        await captured(world, site)
        gaps = [after - before for (before, _), (after, _) in pairwise(site.started)]
    assert len(gaps) >= 5
    assert min(gaps) > 0.29


async def test_slow_pages_are_waited_for_side_by_side(world):
    """The pace applies between starts: pages that take long do not add up."""
    async with LocalSite(small(), latency=0.6) as site:
        await captured(world, site)
        begun = [moment for moment, path in site.started if path in ("/book", "/prices")]
    assert begun[1] - begun[0] < 0.5


async def test_duplicates_are_folded(world):
    """By address, redirect, canonical address and content; another page takes the place."""
    pages = small() | {
        "/": words("Home", "/a", "/a/?utm_source=x", "/b", "/c", "/d", "/e"),
        "/a": words("A"),
        "/b": redirect("/a"),
        "/c": page('<link rel="canonical" href="/a"><title>C</title>'),
        "/d": words("A"),
        "/e": words("E"),
    }
    async with LocalSite(pages) as site:
        await captured(world, site, max_pages=3)
    came = {path: came for path, (came, _) in (await stops(world)).items()}
    assert came["page /a"] == came["page /e"] == "kept"
    assert [came[f"page /{name}"] for name in "bcd"] == ["folded"] * 3
    assert "page /a/" not in came


async def test_what_leads_away_is_not_of_the_site(world):
    """A link is not followed, and a redirect's page not stored."""
    async with LocalSite({"/": words("Other")}) as other:
        pages = small() | {
            "/": words("Home", f"{other.url}/", "/away"),
            "/away": redirect(f"{other.url}/"),
        }
        async with LocalSite(pages) as site:
            clients = site_clients(world, site, other)
            await start_site(world, a_site_scan(site))
            await deliver_site(world, world.queue.tasks[-1], clients)
        assert other.paths == ["/"]  # by the redirect, which no one can know before
    came = {path: came for path, (came, _) in (await stops(world)).items()}
    assert came["page /away"] == "folded"


async def test_a_page_that_is_gone_was_seen(world):
    """Nothing is missing then."""
    pages = small() | {"/": words("Home", "/book", "/prices", "/gone")}
    async with LocalSite(pages) as site:
        await captured(world, site)
        assert site.paths.count("/gone") == 1
    assert (await stops(world))["page /gone"] == ("gone", "")
    assert (await world.run()).data["counts"]["pages_missed"] == 0


async def test_robots_that_forbid_all(world):
    """The run ends with that reason and what to do, and no page was fetched."""
    async with LocalSite(small() | {"/robots.txt": plain("User-agent: *\nDisallow: /")}) as site:
        await captured(world, site)
        assert site.paths == ["/robots.txt"]
    assert await status_of(world) == ("error", "site_disallowed")
    assert "have LandfallBot allowed there" in (await world.run()).data["error"]["message"]


async def test_robots_of_where_the_home_page_is_count(world):
    """A redirect leads to another host, whose rules forbid what ours allow."""
    forbidding = {"/": words("Home"), "/robots.txt": plain("User-agent: LandfallBot\nDisallow: /")}
    async with LocalSite(forbidding) as there, LocalSite({"/": redirect(f"{there.url}/")}) as site:
        await start_site(world, a_site_scan(site))
        await deliver_site(world, world.queue.tasks[-1], site_clients(world, site, there))
        assert there.paths == ["/", "/robots.txt"]
    assert await status_of(world) == ("error", "site_disallowed")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 451])
async def test_without_robots_all_is_allowed(world, status):
    """RFC 9309: an answer of 4xx, whatever it says, means that there are no rules."""
    forbidding = WireResponse(status, HTML, b"User-agent: *\nDisallow: /")
    async with LocalSite(small() | {"/robots.txt": Resource(forbidding)}) as site:
        await captured(world, site)
    assert await status_of(world) == ("done", None)


FORBIDDING = b"User-agent: *\nDisallow: /\n"
FLOOD = Fault(FaultKind.FLOOD, size=2**30)


@pytest.mark.parametrize(
    "answer",
    [
        WireResponse(200, {}, FORBIDDING),
        WireResponse(200, {"Content-Type": ""}, FORBIDDING),
        WireResponse(200, {"Content-Type": "application/octet-stream"}, FORBIDDING),
        WireResponse(200, {"Content-Type": "image/png"}, FORBIDDING),
        WireResponse(200, {"Content-Type": "text/plain"}, FORBIDDING.decode().encode("utf-16")),
        WireResponse(200, HTML, b"<html><pre>" + FORBIDDING + b"</pre>"),
        WireResponse(200, {}, FORBIDDING + b"# long\n" * 10**6),
        WireResponse(203, {}, FORBIDDING),
    ],
)  # fmt: skip
async def test_robots_are_followed_however_they_are_served(world, answer):
    """Without a type, of an odd one, encoded, in HTML, or longer than a page may be."""
    async with LocalSite(small() | {"/robots.txt": Resource(answer)}) as site:
        await captured(world, site)
        assert site.paths == ["/robots.txt"]
    assert await status_of(world) == ("error", "site_disallowed")


async def test_robots_without_end_are_read_to_their_limit(world):
    """What comes first is followed, and the rest not waited for."""
    endless = WireResponse(200, {"Content-Type": "video/mp4"}, fault=FLOOD)
    async with LocalSite(small() | {"/robots.txt": Resource(endless)}) as site:
        await captured(world, site)
    assert await status_of(world) == ("done", None)


async def test_robots_are_followed_along_redirects(world):
    """Five of them, also to another path."""
    hops = {f"/{n}": redirect(f"/{n + 1}") for n in range(1, 5)}
    pages = small() | hops | {"/robots.txt": redirect("/1"), "/5": plain(FORBIDDING.decode())}
    async with LocalSite(pages) as site:
        await captured(world, site)
    assert await status_of(world) == ("error", "site_disallowed")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (redirect("/robots.txt"), "site_too_many_redirects"),
        (redirect("http://169.254.169.254/"), "site_forbidden_address"),
        (Resource(WireResponse(304)), "site_rejected"),
        (Resource(WireResponse(302, HTML, b"no Location")), "site_rejected"),
    ],
    ids=["loop", "into our network", "not modified", "to nowhere"],
)
async def test_robots_that_cannot_be_read_allow_nothing(world, answer, reason):
    """Only 4xx means that there are no rules."""
    async with LocalSite(small() | {"/robots.txt": answer}) as site:
        await captured(world, site)
        assert set(site.paths) == {"/robots.txt"}
    assert await status_of(world) == ("error", reason)


async def test_robots_of_a_busy_site_are_waited_for(world):
    """429 is a matter of time: it is no answer of `no rules`."""
    fault = Fault(FaultKind.STATUS, status=429, headers={"Retry-After": "7"})
    forbidding = small() | {"/robots.txt": plain(FORBIDDING.decode())}
    async with LocalSite(forbidding, faults=[FaultRule(fault, path="/robots.txt")]) as site:
        assert await captured(world, site) == ["site_rate_limited", "site_disallowed"]
        assert site.paths == ["/robots.txt"] * 2


async def test_robots_that_fail_are_waited_for(world):
    """An answer of 5xx is no permission; the step is retried."""
    fault = Fault(FaultKind.STATUS, status=503)
    async with LocalSite(small(), faults=[FaultRule(fault, path="/robots.txt", times=2)]) as site:
        outcomes = await captured(world, site)
    assert outcomes == ["site_unavailable", "site_unavailable", "finished", "finished"]


CHALLENGE = b"<title>Just a moment...</title><script>window._cf_chl_opt={}</script>"
SHELL = b"<title>Care</title><div id=root></div><script src=/main.js></script>"

HOME_FAILS = [
    (Resource(WireResponse(200, HTML, CHALLENGE)), "site_challenged"),
    (Resource(WireResponse(403, HTML, CHALLENGE)), "site_challenged"),
    (Resource(WireResponse(503, HTML, CHALLENGE)), "site_challenged"),
    (page("<h1>We value your privacy</h1><p>Cookies?<button>Accept"), "site_walled"),
    (page("<title>Welcome to nginx!</title>"), "site_placeholder"),
    (page(SHELL.decode()), "site_no_content"),
    (page("<title>Page not found</title><p>Sorry"), "site_rejected"),
    (Resource(WireResponse(404, HTML)), "site_rejected"),
    (Resource(WireResponse(403, HTML)), "site_rejected"),
    (Resource(WireResponse(200, {"Content-Type": "application/pdf"})), "site_not_html"),
    (redirect("/"), "site_too_many_redirects"),
    (redirect("http://169.254.169.254/latest/"), "site_forbidden_address"),
]


@pytest.mark.parametrize(("home", "reason"), HOME_FAILS)
async def test_without_a_home_page_there_is_no_score(world, home, reason):
    """The run ends in error, with the reason."""
    async with LocalSite({"/": home}) as site:
        await captured(world, site)
    assert await status_of(world) == ("error", reason)
    assert (await world.run()).data["verdict"] is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (WireResponse(200, HTML, CHALLENGE), "site_challenged"),
        (WireResponse(403, HTML, CHALLENGE), "site_challenged"),
        (WireResponse(200, HTML, SHELL), "site_no_content"),
    ],
)
async def test_what_came_in_place_of_a_page_is_not_observed(world, answer, reason):
    """Neither as a phone nor below the home page: no score is made of it, and no verdict."""
    pages = small() | {
        "/": replace(words("Home", "/book", "/prices"), mobile=answer),
        "/prices": Resource(answer),
    }
    async with LocalSite(pages) as site:
        await captured(world, site)
        assert site.paths.count("/prices") == 1, "asking again does not help"
    seen = await stops(world)
    assert seen["mobile /"] == seen["page /prices"] == ("missed", reason)
    assert (await report_of_site(world))["scores"]["mobile_experience"] is None
    assert (await world.run()).data["verdict"] == "inconclusive"


async def test_a_page_that_says_not_found_is_gone(world):
    """As if it had answered 404."""
    pages = small() | {"/prices": page("<title>404 Not Found</title><h1>Oh no</h1>")}
    async with LocalSite(pages) as site:
        await captured(world, site)
    assert (await stops(world))["page /prices"] == ("gone", "")


async def test_a_challenge_in_place_of_robots_allows_nothing(world):
    """What the rules are is not known."""
    async with LocalSite(
        small() | {"/robots.txt": Resource(WireResponse(200, HTML, CHALLENGE))}
    ) as site:
        await captured(world, site)
        assert site.paths == ["/robots.txt"]
    assert await status_of(world) == ("error", "site_challenged")


async def test_a_site_that_is_not_there_ends_unreachable(world):
    """After ten attempts, each later than the one before."""
    url = f"http://127.0.0.1:{free_port()}"
    await start_site(world, a_site_scan(f"{url}/"))
    outcomes = await drive_site(world, url)
    assert set(outcomes) == {"site_unreachable"}
    assert await status_of(world) == ("error", "site_unreachable")


FAULTS = {
    "silent": (Fault(FaultKind.SILENT), "site_timeout"),
    "headers drip": (Fault(FaultKind.DRIP_HEADERS), "site_timeout"),
    "body drips": (Fault(FaultKind.DRIP_BODY), "site_timeout"),
    "body stalls": (Fault(FaultKind.STALL_BODY), "site_timeout"),
    "body is cut": (Fault(FaultKind.CUT_BODY), "site_malformed"),
    "reset": (Fault(FaultKind.RESET), "site_unreachable"),
    "flood": (Fault(FaultKind.FLOOD, size=2**30), "site_too_large"),
    "bomb": (Fault(FaultKind.FLOOD, size=2**30, gzip=True), "site_too_large"),
    "redirects": (Fault(FaultKind.REDIRECT_LOOP), "site_too_many_redirects"),
    "500": (Fault(FaultKind.STATUS, status=500), "site_unavailable"),
    "403": (Fault(FaultKind.STATUS, status=403), "site_rejected"),
}


@pytest.mark.parametrize(("fault", "reason"), FAULTS.values(), ids=FAULTS)
async def test_a_page_that_fails_is_missing_with_its_reason(fault, reason):
    """The others are all there; what was asked and not seen makes the run inconclusive."""
    world = World(ladder=SHORT)
    rule = FaultRule(fault, path="/prices", times=None)
    async with LocalSite(small(), faults=[rule]) as site:
        outcomes = await captured(world, site)
    assert outcomes[-2:] == ["finished", "finished"]
    seen = await stops(world)
    assert (seen["page /prices"], seen["page /book"]) == (("missed", reason), ("kept", ""))
    run = (await world.run()).data
    assert (run["status"], run["verdict"]) == ("done", "inconclusive")
    assert any("/prices" in one["what"] and reason in one["why"] for one in run["inconclusive"])


@pytest.mark.parametrize("fault", [Fault(FaultKind.CUT_BODY), Fault(FaultKind.STATUS, status=500)])
async def test_a_page_that_fails_once_is_asked_again(world, fault):
    """Nothing is missing then."""
    async with LocalSite(small(), faults=[FaultRule(fault, path="/prices")]) as site:
        await captured(world, site)
        assert site.paths.count("/prices") == 2
    assert (await stops(world))["page /prices"] == ("kept", "")


async def test_a_phone_that_gets_nothing_costs_no_points(world):
    """Its dimension has no score, and the run says why it is inconclusive."""
    pages = small() | {"/": replace(words("Home"), mobile=WireResponse(500, HTML))}
    async with LocalSite(pages) as site:
        await captured(world, site, mode="quick")
    report = await report_of_site(world)
    assert report["scores"]["mobile_experience"] is None
    assert report["total_score_60"] is not None
    run = (await world.run()).data
    assert (run["complete"], run["inconclusive"][0]["what"]) == (False, "mobile_experience")


async def test_a_site_that_asks_to_wait_is_waited_for(world):
    """429 with Retry-After: a task of its own after that time, and no request before."""
    fault = Fault(FaultKind.STATUS, status=429, headers={"Retry-After": "77"})
    async with LocalSite(small(), faults=[FaultRule(fault, path="/prices")]) as site:
        await start_site(world, a_site_scan(site))
        before = world.clock.now
        outcome = await deliver_site(world, world.queue.tasks[-1], site_clients(world, site))
        assert (outcome, (await world.step()).data["retries"]) == ("waiting", 0)
        assert world.queue.tasks[-1].at - before == timedelta(seconds=77)
        host = site.url.removeprefix("http://")
        (hold,) = await world.store.read(f"sites/{host}")
        assert hold
        assert hold.data["not_before"] - before == timedelta(seconds=77)
        assert (await drive_site(world, site))[-2:] == ["finished", "finished"]
    assert (await stops(world))["page /prices"] == ("kept", "")


async def test_a_budget_that_ends_is_gone_on_from():
    """Several invocations look at each page once, and keep what robots.txt asks for."""
    # shorter than the crawl, but long enough for each page on a busy machine
    world = World(ladder=Ladder(step=5.0, item=3.0, request=2.5, connect=0.5))
    names = [f"/page-{number}" for number in range(9)]
    pages = {"/": words("Home", *names), "/robots.txt": plain("User-agent: *\nDisallow: /page-8")}
    pages |= {name: words(name) for name in names}
    async with LocalSite(pages, latency=0.4) as site:
        outcomes = await captured(world, site, max_pages=9, delay_seconds=0.5)
        assert len(site.paths) == len(set(site.paths)) + 1  # the home page, as a phone too
    assert outcomes.count(Outcome.CONTINUED) >= 1
    assert outcomes[-2:] == ["finished", "finished"]
    assert (await world.run()).data["counts"]["pages"] == 9


async def test_one_run_at_a_time_looks_at_a_site(world):
    """Another waits; the politeness is the site's, not the run's."""
    async with LocalSite(small()) as site:
        scan = a_site_scan(site)
        first = await start_site(world, scan, "m-1")
        second = await start_site(world, scan, "m-2")
        clients = site_clients(world, site)
        waiting = asyncio.create_task(deliver_site(world, first, clients))
        await until(lambda: asyncio.sleep(0, bool(site.started)), seconds=10, every=0.01)
        assert await deliver_site(world, second, clients) == "waiting"
        assert await waiting == "finished"
    assert (await world.run("m-2")).data["progress_step"] == "waiting_for_site"


async def test_sitemaps_name_pages_that_nobody_links_to(world):
    """Also by an index; those of other sites, and entity bombs, are none."""
    pages = small() | {
        "/robots.txt": plain("Sitemap: {site}/index.xml\nSitemap: https://b.example/x.xml"),
        "/index.xml": Resource(
            WireResponse(
                200,
                {"Content-Type": "application/xml"},
                b"<sitemapindex><sitemap><loc>{site}/bomb.xml</loc></sitemap>"
                b"<sitemap><loc>{site}/more.xml</loc></sitemap></sitemapindex>",
            )
        ),
        "/bomb.xml": Resource(
            WireResponse(
                200, {"Content-Type": "application/xml"}, b'<!DOCTYPE x [<!ENTITY a "a">]><x/>'
            )
        ),
        "/more.xml": sitemap("/hidden-prices", "/book"),
        "/hidden-prices": words("Hidden"),
    }
    async with LocalSite(pages) as site:
        await captured(world, site)
    seen = await stops(world)
    assert seen["page /hidden-prices"] == ("kept", "")
    assert seen["sitemap /bomb.xml"] == ("gone", "")


@pytest.mark.parametrize("kind", ["application/gzip", "application/octet-stream", "text/plain", ""])
async def test_sitemaps_are_read_of_any_type(world, kind):
    """Compressed, a list, of any length; one that is no address is passed over."""
    urls = b"{site}/hidden\n" if kind == "text/plain" else b"/hidden\nhttp://x/"
    body = urls + b"\n# long" * 10**6
    listed = (
        body
        if kind == "text/plain"
        else gzip.compress(b"<urlset><url><loc>/hidden</loc></url></urlset>")
    )
    pages = small() | {
        "/robots.txt": plain("Sitemap: http://[\nSitemap: /map.gz"),
        "/map.gz": Resource(WireResponse(200, {"Content-Type": kind} if kind else {}, listed)),
        "/hidden": words("Hidden"),
    }
    async with LocalSite(pages) as site:
        await captured(world, site)
    assert (await stops(world))["page /hidden"] == ("kept", "")


async def test_a_huge_page_is_judged_by_its_beginning(world):
    """4 MB of noise: the part that fits is stored, and the run ends as it should."""
    noise = "".join(f"<p>{number * 7919 % 104729:x}</p>" for number in range(300_000))
    async with LocalSite(small() | {"/prices": page(f"<title>Prices</title>{noise}")}) as site:
        assert (await captured(world, site))[-1] == "finished"
    assert (await stops(world))["page /prices"] == ("kept", "")
