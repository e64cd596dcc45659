"""The stand-in for Identity-Aware Proxy: who is signed in, and what it passes on."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest

from infra.local.iap import LocalIap
from infra.local.wire.messages import WireRequest, WireResponse
from infra.local.wire.server import WireServer

PEOPLE = ["office@school.example", "steward@school.example"]
NAVIGATION = {"sec-fetch-mode": "navigate"}


async def _echo(request: WireRequest) -> WireResponse:
    return WireResponse.json(
        {"method": request.method, "target": request.target, "headers": dict(request.headers)}
        | {"body": request.body.decode()}
    )


@pytest.fixture
async def iap() -> AsyncIterator[LocalIap]:
    """A stand-in before a server that repeats what it gets."""
    async with WireServer(_echo) as window, LocalIap(window.url, PEOPLE) as proxy:
        yield proxy
        await proxy.close()


def _browser(iap: LocalIap, **cookies: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=iap.url, trust_env=False, cookies=cookies)


async def test_a_first_visit_signs_a_person_in(iap: LocalIap) -> None:
    """By two redirects, back to the address that was asked for."""
    async with _browser(iap) as browser:
        answer = await browser.get("/runs/x?a=1&b=%20", follow_redirects=True)
    seen = answer.json()
    assert seen["target"] == "/runs/x?a=1&b=%20"
    assert [one.status_code for one in answer.history] == [302, 302]
    assert seen["headers"]["x-goog-authenticated-user-email"].endswith(PEOPLE[0])
    assert seen["headers"]["x-goog-iap-jwt-assertion"].count(".") == 2


async def test_without_a_session_only_a_navigation_is_led_on(iap: LocalIap) -> None:
    """A page's own request and a form get 401; both say who has answered."""
    async with _browser(iap) as browser:
        navigation = await browser.get("/", headers=NAVIGATION)
        request = await browser.get("/", headers={"sec-fetch-mode": "cors"})
        form = await browser.post("/", headers=NAVIGATION)
    answers = (navigation, request, form)
    assert [answer.status_code for answer in answers] == [302, 401, 401]
    assert {answer.headers["x-goog-iap-generated-response"] for answer in answers} == {"true"}


async def test_a_session_ends(iap: LocalIap) -> None:
    """By the person, or by time; its cookie is worth nothing then."""
    async with _browser(iap) as browser:
        await browser.get("/", follow_redirects=True)
        iap.sign_everybody_out()
        assert (await browser.get("/", headers={"sec-fetch-mode": "cors"})).status_code == 401
        await browser.get("/", follow_redirects=True)
        await browser.get("/_gcp_iap/clear_login_cookie")
        assert (await browser.get("/", headers={"sec-fetch-mode": "cors"})).status_code == 401


async def test_who_is_not_on_the_list_does_not_get_in(iap: LocalIap) -> None:
    """403, and nothing is passed on; another person of the list gets in under their own name."""
    for person, status in (("stranger@elsewhere.example", 403), (PEOPLE[1], 200)):
        async with _browser(iap) as browser:
            url = f"/_gcp_iap/sign_in?as={person}&to=/"
            answer = await browser.get(url, follow_redirects=True)
            assert answer.status_code == status
            assert (person in answer.text) == (status == 200)


async def test_no_header_of_googles_comes_from_a_client(iap: LocalIap) -> None:
    """Neither a forged address nor an assertion of one's own."""
    forged = {
        "X-Goog-Authenticated-User-Email": "accounts.google.com:boss@school.example",
        "X-Goog-IAP-JWT-Assertion": iap.assertion("boss@school.example"),
        "X-Goog-Other": "1",
    }
    async with _browser(iap) as browser:
        answer = await browser.get("/", headers=forged, follow_redirects=True)
    headers = answer.json()["headers"]
    assert "boss" not in json.dumps(headers)
    assert "x-goog-other" not in headers


async def test_a_form_and_its_host_are_passed_on(iap: LocalIap) -> None:
    """The window compares the origin with the host that the person sees."""
    async with _browser(iap) as browser:
        await browser.get("/", follow_redirects=True)
        answer = await browser.post("/x", data={"why": "a & b"})
    seen = answer.json()
    assert (seen["method"], seen["body"]) == ("POST", "why=a+%26+b")
    assert f"http://{seen['headers']['host']}" == iap.url


async def test_the_sign_in_leads_to_no_other_site(iap: LocalIap) -> None:
    """Whatever its address asks for."""
    async with _browser(iap) as browser:
        for to in ("https://evil.example", "//evil.example", "", "\r\nX: y"):
            answer = await browser.get("/_gcp_iap/sign_in", params={"to": to})
            assert answer.headers["location"] == "/"


async def test_a_window_that_is_gone_is_a_bad_gateway() -> None:
    """502, in words."""
    async with LocalIap("http://127.0.0.1:9", PEOPLE) as proxy, _browser(proxy) as browser:
        answer = await browser.get("/", follow_redirects=True)
        assert answer.status_code == 502
        await proxy.close()
