"""Public web pages: what is fetched, what never is, and every way in which a site fails."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiodns
import pytest

from infra.local.processes import free_port
from infra.local.wire.faults import Fault, FaultKind
from infra.local.wire.messages import WireRequest, WireResponse
from infra.local.wire.server import WireServer
from landfall.deadlines import Deadline
from landfall.reasons import Reason, StepError
from landfall.site import client as site_client
from landfall.site.client import MAX_PAGE_BYTES, MAX_REDIRECTS, WebReader
from landfall.site.page import Page
from tests.local.hostile import (
    BROKEN,
    ENDLESS,
    HANGING,
    LATE,
    NO_SUCH_NAME,
    SECONDS,
    answering,
    name_server,
)
from tests.local.leftovers import nothing_left

AGENT = "landfall-test/1"
HTML = {"Content-Type": "text/html; charset=utf-8"}
BODY = b"<html><title>A clinic</title></html>" * 5


@asynccontextmanager
async def reading(
    *allowed: str, resolver: aiodns.DNSResolver | None = None
) -> AsyncIterator[WebReader]:
    """A reader that may fetch from these URLs, wherever they are."""
    hosts = [url.removeprefix("http://").removesuffix("/") for url in allowed]
    reader = WebReader(hosts, resolver=resolver)
    try:
        yield reader
    finally:
        await reader.close()


async def fetched(reader: WebReader, url: str) -> Page:
    return await reader.fetch_page(url, Deadline.after(60), AGENT)


async def refusal(reader: WebReader, url: str, seconds: float = 60) -> StepError:
    """The error of a fetch, which must come in time."""
    deadline = Deadline.after(seconds)
    with pytest.raises(StepError) as caught:
        await reader.fetch_page(url, deadline, AGENT)
    assert deadline.remaining() > -LATE
    return caught.value


async def reason(response: WireResponse, seconds: float = 60) -> Reason:
    """The reason of the failure if a site answers like this; it leaves nothing behind."""
    async with nothing_left(), answering(response) as server, reading(server.url) as reader:
        return (await refusal(reader, server.url, seconds)).reason


async def test_a_page_says_all_about_its_answer():
    """And the request says who asks."""
    seen: list[WireRequest] = []

    async def handler(request: WireRequest) -> WireResponse:
        seen.append(request)
        return WireResponse(200, {**HTML, "X-Powered-By": "x"}, BODY)

    async with WireServer(handler) as server, reading(server.url) as reader:
        page = await fetched(reader, f"{server.url}/prices?all=1#top")
    assert (page.url, page.redirects) == (f"{server.url}/prices?all=1", ())
    assert (page.status, page.headers["x-powered-by"], page.body) == (200, "x", BODY)
    assert (page.address, page.wire_bytes) == ("127.0.0.1", len(BODY))
    assert 0 < page.seconds < 10
    assert seen[0].headers["user-agent"] == AGENT
    assert "text/html" in seen[0].headers["accept"]
    assert repr(BODY) not in repr(page)


async def test_a_header_that_was_sent_twice_has_two_lines():
    """Joined by commas, the first one's words would seem to go on."""
    headers = {**HTML, "X-Robots-Tag": "a: nofollow", "x-robots-tag": "noindex"}
    async with answering(WireResponse(200, headers, BODY)) as server, reading(server.url) as reader:
        page = await fetched(reader, server.url)
    assert page.headers["X-Robots-Tag"] == "a: nofollow\nnoindex"


async def test_redirects_are_followed_and_reported():
    """Absolute and relative, to the page at their end."""

    async def handler(request: WireRequest) -> WireResponse:
        onward = {"/": "/a", "/a": f"{server.url}/b/", "/b/": "c?d=1#e"}
        if request.path in onward:
            return WireResponse(302, {"Location": onward[request.path]})
        return WireResponse(200, HTML, request.target.encode())

    async with WireServer(handler) as server, reading(server.url) as reader:
        page = await fetched(reader, server.url)
    assert (page.url, page.body) == (f"{server.url}/b/c?d=1", b"/b/c?d=1")
    assert page.redirects == (server.url, f"{server.url}/a", f"{server.url}/b/")


async def test_a_page_that_leads_on_is_followed():
    """A stub of `/` with a refresh; every address is checked again, and counted."""
    stub = b"<meta http-equiv=refresh content='0; url=%s'>"
    onward = {"/": b"/en/", "/own": b"http://169.254.169.254/"} | {
        f"/{n}": b"/%d" % (n - 1) for n in range(1, 9)
    }

    async def handler(request: WireRequest) -> WireResponse:
        leads_to = onward.get(request.path)
        return WireResponse(200, HTML, stub % leads_to if leads_to else BODY)

    async with WireServer(handler) as server, reading(server.url) as reader:
        page = await fetched(reader, f"{server.url}/")
        assert (page.url, page.body) == (f"{server.url}/en/", BODY)
        assert page.redirects == (f"{server.url}/",)
        own = await refusal(reader, f"{server.url}/own")
        many = await refusal(reader, f"{server.url}/8")
    assert own.reason == Reason.SITE_FORBIDDEN_ADDRESS
    assert many.reason == Reason.SITE_TOO_MANY_REDIRECTS


@pytest.mark.parametrize(("hops", "ends"), [(MAX_REDIRECTS, True), (MAX_REDIRECTS + 1, False)])
async def test_redirects_are_counted(hops, ends):
    """So many and no more."""

    async def handler(request: WireRequest) -> WireResponse:
        left = int(request.path[1:])
        return WireResponse(307, {"Location": f"/{left - 1}"}) if left else WireResponse(200, HTML)

    async with WireServer(handler) as server, reading(server.url) as reader:
        if ends:
            assert len((await fetched(reader, f"{server.url}/{hops}")).redirects) == hops
        else:
            error = await refusal(reader, f"{server.url}/{hops}")
            assert error.reason == Reason.SITE_TOO_MANY_REDIRECTS
            assert len(server.exchanges) == MAX_REDIRECTS + 1


async def test_a_redirect_for_ever_ends():
    """Long before the deadline."""
    loop = WireResponse(fault=Fault(FaultKind.REDIRECT_LOOP))
    assert await reason(loop) == Reason.SITE_TOO_MANY_REDIRECTS


async def test_the_body_of_a_redirect_is_not_waited_for():
    """Only its address counts."""

    async def handler(request: WireRequest) -> WireResponse:
        if request.path == "/":
            stalled = Fault(FaultKind.STALL_BODY)
            return WireResponse(302, {**HTML, "Location": "/there"}, BODY, stalled)
        return WireResponse(200, HTML, BODY)

    async with WireServer(handler) as server, reading(server.url) as reader:
        assert (await fetched(reader, server.url)).body == BODY


@pytest.mark.parametrize("status", [400, 403, 404, 410, 429, 500, 503])
@pytest.mark.parametrize(("headers", "body"), [(HTML, BODY), ({}, b"")])
async def test_an_error_is_a_page_too(status, headers, body):
    """Its status is evidence; its body is read when it is text."""
    async with (
        answering(WireResponse(status, headers, BODY)) as server,
        reading(server.url) as reader,
    ):
        page = await fetched(reader, server.url)
    assert (page.status, page.body) == (status, body)


READ = ["text/html", "TEXT/HTML ; charset=x", "application/xhtml+xml", "text/xml", "text/plain"]
NOT_READ = ["", "image/png", "application/pdf", "application/json", "video/mp4", "text/htmlx"]


@pytest.mark.parametrize("kind", READ)
async def test_text_is_read(kind):
    """HTML, XML and plain text: pages, sitemaps, robots.txt."""
    answer = WireResponse(200, {"Content-Type": kind}, BODY)
    async with answering(answer) as server, reading(server.url) as reader:
        assert (await fetched(reader, server.url)).body == BODY


@pytest.mark.parametrize("kind", NOT_READ)
async def test_nothing_but_text_is_read(kind):
    """A gigabyte of film is not fetched to find out."""
    flood = Fault(FaultKind.FLOOD, size=2**30)
    film = WireResponse(200, {"Content-Type": kind}, fault=flood)
    assert await reason(film) == Reason.SITE_NOT_HTML


@pytest.mark.parametrize("fault", HANGING.values(), ids=HANGING)
async def test_a_site_hangs_and_we_do_not(fault):
    """The fetch is over at its deadline, with the reason, and leaves nothing."""
    assert await reason(WireResponse(200, HTML, BODY, fault), SECONDS) == Reason.SITE_TIMEOUT


async def test_the_deadline_is_that_of_all_redirects_together():
    """Each hop is quick enough by itself."""

    async def handler(_: WireRequest) -> WireResponse:
        dripping = Fault(FaultKind.DRIP_HEADERS, interval=SECONDS / 150)
        return WireResponse(302, {"Location": "/"}, b"", dripping)

    async with nothing_left(), WireServer(handler) as server, reading(server.url) as reader:
        assert (await refusal(reader, server.url, SECONDS)).reason == Reason.SITE_TIMEOUT


@pytest.mark.parametrize("fault", BROKEN.values(), ids=BROKEN)
async def test_a_page_that_is_cut_is_none(fault):
    """Half of a page would be scored as if it were whole."""
    assert await reason(WireResponse(200, HTML, BODY, fault)) == Reason.SITE_MALFORMED


@pytest.mark.parametrize("fault", ENDLESS.values(), ids=ENDLESS)
async def test_a_page_without_end_is_too_large(fault):
    """Packed or not, it is read to the limit and no further."""
    assert await reason(WireResponse(200, HTML, fault=fault)) == Reason.SITE_TOO_LARGE


@pytest.mark.parametrize("fault", ENDLESS.values(), ids=ENDLESS)
async def test_the_first_bytes_are_read_of_anything(fault):
    """Of whatever type and length; the rest is left unread."""
    film = WireResponse(200, {"Content-Type": "video/mp4"}, fault=fault)
    async with nothing_left(), answering(film) as server, reading(server.url) as reader:
        page = await reader.fetch_page(server.url, Deadline.after(60), AGENT, 1_000)
    assert len(page.body) == 1_000


async def test_a_large_page_is_read():
    """Up to the limit."""
    answer = WireResponse(200, HTML, b"x" * MAX_PAGE_BYTES)
    async with answering(answer) as server, reading(server.url) as reader:
        assert (await fetched(reader, server.url)).wire_bytes == MAX_PAGE_BYTES


async def test_a_reset_is_no_site():
    """Nothing had been answered."""
    reset = WireResponse(fault=Fault(FaultKind.RESET))
    assert await reason(reset) == Reason.SITE_UNREACHABLE


async def test_nobody_listens():
    """Refused at once."""
    url = f"http://127.0.0.1:{free_port()}"
    async with reading(url) as reader:
        assert (await refusal(reader, url)).reason == Reason.SITE_UNREACHABLE


async def test_a_name_that_takes_long_to_resolve():
    """The fetch is over at its deadline, and nothing of it goes on."""
    async with (
        nothing_left(),
        name_server(lambda *_: None) as resolver,
        reading(resolver=resolver) as reader,
    ):
        error = await refusal(reader, "http://slow.example/", SECONDS)
    assert error.reason == Reason.SITE_TIMEOUT


NAMES = {
    "metadata.google.internal": ["169.254.169.254"],
    "private.example": ["10.1.2.3"],
    "mixed.example": ["93.184.215.14", "127.0.0.1"],
    "six.example": ["::1"],
    "mapped.example": ["::ffff:10.0.0.1"],
    "both.example": ["93.184.215.14", "fd00::1"],
    "nat64.example": ["64:ff9b::a00:1"],
    "6to4.example": ["2002:a00:1::"],
    "xn--mnchen-3ya.example": ["192.168.0.1"],
    "clinic.example": ["127.0.0.1"],
}

HOSTILE = [
    "",
    "site.example",
    "//127.0.0.1/",
    "http:127.0.0.1",
    "http:///etc/passwd",
    "file:///etc/passwd",
    "ftp://site.example/",
    "gopher://127.0.0.1:6379/_INFO",
    "data:text/html,x",
    "javascript:alert(1)",
    "http://127.0.0.1/",
    "http://127.8.9.10/",
    "http://0.0.0.0/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://100.64.0.1/",
    "http://100.100.100.200/",
    "http://168.63.129.16/",
    "http://192.0.0.192/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://[::]/",
    "http://[::1]/",
    "http://[::127.0.0.1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[::ffff:8.8.8.8]/",
    "http://[64:ff9b::169.254.169.254]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/",
    "http://[fd00:ec2::254]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[2606:4700::1111%25eth0]/",
    "http://[ff02::1]/",
    "http://0/",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://134744072/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0x08.0x08.0x08.0x08/",
    "http://0177.0.0.1/",
    "http://010.8.8.8/",
    "http://017700000001/",
    "http://127.0.0.1./",
    "http://8.8.8.8./",
    "http://127.0.0.1.5/",
    "http://127。0。0。1/",
    "http://①②⑦.⓪.⓪.①/",
    "http://%31%32%37.0.0.1/",
    "http://127%2e0%2e0%2e1/",
    "http://localhost/",
    "http://LOCALHOST/",
    "http://localhost./",
    "http://a.localhost/",
    "http://metadata/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://private.example/",
    "http://private.example./",
    "http://mixed.example/",
    "http://six.example/",
    "http://mapped.example/",
    "http://both.example/",
    "http://nat64.example/",
    "https://6to4.example/",
    "http://münchen.example/",
    "http://ⓟrivate.example/",
    "http://pri\u00advate.example/",
    "http://xn--/",
    "http://site..example/",
    f"http://{'a' * 64}.example/",
    f"http://{'a.' * 130}example/",
    "http://site.example@127.0.0.1/",
    "http://user:password@site.example/",
    "http://127.0.0.1\\@site.example/",
    "http://site.example\\@127.0.0.1/",
    "http://127.0.0.1\\.site.example/",
    "http://site.example:22/",
    "http://site.example:0/",
    "http://site.example:8080/",
    "http://site.example:6379/",
    "http://site.example:65616/",
    "http://site.example:-1/",
    "http://site.example:80:80/",
    "http://[::1",
    "http://site example/",
    "http://site.example\t/",
    "http://site.example/\r\nHost: x",
    "http://\ud800.example/",
]


@asynccontextmanager
async def internet() -> AsyncIterator[aiodns.DNSResolver]:
    """A name server that knows `NAMES`; what is asked of all others ends as unreachable."""

    def lookup(name: str, version: int) -> list[str] | int:
        if name not in NAMES:
            return NO_SUCH_NAME
        return [address for address in NAMES[name] if (":" in address) == (version == 6)]

    async with name_server(lookup) as resolver:
        yield resolver


async def test_hostile_addresses_are_not_fetched():
    """Whatever points into our own network, or can be read in two ways."""
    async with nothing_left(), internet() as resolver, reading(resolver=resolver) as reader:
        reasons = {url: (await refusal(reader, url)).reason for url in HOSTILE}
    assert {url: r for url, r in reasons.items() if r != Reason.SITE_FORBIDDEN_ADDRESS} == {}
    assert len(reasons) >= 40


@pytest.mark.parametrize(
    "target",
    [
        "http://169.254.169.254/latest/",
        "//10.0.0.1/",
        "http://private.example/",
        "http://[::ffff:127.0.0.1]/",
        "file:///etc/passwd",
        "http://127.0.0.1:1/",
        "http://user@site.example/",
        "http://[",
        "http://xn--/",
    ],
)
async def test_where_a_redirect_leads_is_checked_again(target):
    """Nobody is asked there; not even who was allowed for another port."""
    redirect = WireResponse(302, {"Location": target})
    async with (
        answering(redirect) as server,
        internet() as resolver,
        reading(server.url, resolver=resolver) as reader,
    ):
        error = await refusal(reader, server.url)
        assert error.reason == Reason.SITE_FORBIDDEN_ADDRESS
        assert len(server.exchanges) == 1


async def test_a_name_that_is_bound_anew_between_two_hops(monkeypatch):
    """First it is public, then it is ours: each hop asks once, and goes where that answer says."""
    asked: list[str] = []

    def lookup(name: str, version: int) -> list[str]:
        if version == 6:
            return []
        asked.append(name)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    redirect = WireResponse(302, {"Location": "/next"})
    async with answering(redirect) as server, name_server(lookup) as resolver:
        # this machine plays the internet, at one of its addresses
        port = int(server.url.rsplit(":", 1)[1])
        monkeypatch.setattr(site_client, "PORTS", {"http": port})
        monkeypatch.setattr(site_client, "is_public", lambda address: address == "127.0.0.1")
        async with reading(resolver=resolver) as reader:
            error = await refusal(reader, f"http://rebind.example:{port}/")
            assert error.reason == Reason.SITE_FORBIDDEN_ADDRESS
            assert "127.0.0.2" in error.message
            assert [exchange.path for exchange in server.exchanges] == ["/"]
    assert asked == ["rebind.example"] * 2


@pytest.mark.parametrize(
    "url",
    [
        "http://site.example/",
        "https://SITE.example/",
        "http://site.example:443/",
        "https://a_b.site.example:80/x?y#z",
        "http://münchen.example/",
        "http://xn--mnchen-3ya.example/",
        "http://site.xn--p1ai/",
    ],
)
async def test_ordinary_addresses_are_asked_for(url):
    """As far as the name server, which does not know these."""
    async with (
        name_server(lambda *_: NO_SUCH_NAME) as resolver,
        reading(resolver=resolver) as reader,
    ):
        assert (await refusal(reader, url)).reason == Reason.SITE_UNREACHABLE


async def test_an_allowed_port_allows_no_other():
    """The list names one port of one host, in one spelling."""
    async with (
        answering(WireResponse(200, HTML)) as server,
        answering(WireResponse(200, HTML)) as other,
    ):
        async with reading(server.url) as reader:
            await fetched(reader, server.url)
            for url in (other.url, server.url.replace("127.0.0.1", "127.0.0.2")):
                assert (await refusal(reader, url)).reason == Reason.SITE_FORBIDDEN_ADDRESS
        assert not other.exchanges


async def test_what_was_allowed_as_a_name_may_be_anywhere():
    """Stand-ins with names of their own."""
    async with answering(WireResponse(200, HTML, BODY)) as server, internet() as resolver:
        url = f"http://clinic.example:{server.url.rsplit(':', 1)[1]}"
        async with reading(url, resolver=resolver) as reader:
            assert (await fetched(reader, url)).body == BODY
