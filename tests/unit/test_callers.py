"""Who is let in: real signed tokens, and everything that can be wrong with one."""

import asyncio
import base64
import json
import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from infra.local.issuer import CERTIFICATES_MAX_AGE, Issuer, serve_certificates
from infra.local.processes import free_port
from infra.local.wire.faults import Fault, FaultKind
from infra.local.wire.messages import WireRequest, WireResponse
from infra.local.wire.server import WireServer
from landfall.deadlines import LADDER
from landfall.entry.callers import (
    CLOCK_SKEW,
    DEFAULT_MAX_AGE,
    Callers,
    Certificates,
    CertificatesError,
    ForbiddenError,
    UnauthenticatedError,
    fetch_certificates,
)
from landfall.entry.own_service import SIGNATURE_REMOVED, CallerCheck, OwnService

EMAIL = "tasks@demo.iam.gserviceaccount.com"
AUDIENCE = "https://landfall.example"


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="module")
def stranger() -> Issuer:
    """Calls itself the same, and signs with another key."""
    return Issuer()


class Kept:
    """The issuer's certificates, counted each time they are asked for."""

    def __init__(self, issuer: Issuer, seconds: float = 3600) -> None:
        self.certificates = Certificates(issuer.certificates(), seconds)
        self.asked = 0
        self.broken = False

    async def __call__(self) -> Certificates:
        self.asked += 1
        await asyncio.sleep(0)
        if self.broken:
            raise CertificatesError("no answer")
        return self.certificates


def callers(kept: Kept, issuer: Issuer, cloud_run: CallerCheck | None = None) -> Callers:
    return Callers(
        issuer=issuer.name,
        audiences=[AUDIENCE, "people"],
        allowed=[EMAIL],
        certificates=kept,
        cloud_run=cloud_run,
    )


URLS = ("https://landfall-api-1.europe-west1.run.app", "https://landfall-api-x1-ew.a.run.app")


def check_that_is(on: bool) -> CallerCheck:
    """Cloud Run's check, switched on or off."""

    async def read() -> OwnService:
        return OwnService(on, URLS)

    return CallerCheck(read)


def unsigned(token: str) -> str:
    """The token as Cloud Run hands it on."""
    return f"{token.rpartition('.')[0]}.{SIGNATURE_REMOVED}"


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def tampered(token: str) -> str:
    head, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return f"{head}.{part(claims | {'email': 'boss@example.com'})}.{signature}"


async def test_a_valid_token_of_a_listed_caller_is_let_in(issuer):
    """The answer is the caller's e-mail address; the scheme's case does not matter."""
    door = callers(Kept(issuer), issuer)
    token = issuer.token(EMAIL, AUDIENCE)
    assert await door.check(f"Bearer {token}") == EMAIL
    assert await door.check(f"bearer {token}") == EMAIL


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "token"])
async def test_without_a_bearer_token_it_is_401_and_nobody_is_asked(issuer, header):
    """The issuer is not bothered for requests that bring nothing."""
    kept = Kept(issuer)
    with pytest.raises(UnauthenticatedError, match="send `Authorization: Bearer"):
        await callers(kept, issuer).check(header)
    with pytest.raises(UnauthenticatedError, match="send `Authorization: Bearer"):
        await callers(kept, issuer).check()
    assert kept.asked == 0


async def test_of_two_tokens_none_counts(issuer):
    """Cloud Run checks one of them; which one is its affair."""
    header = f"Bearer {issuer.token(EMAIL, AUDIENCE)}"
    with pytest.raises(UnauthenticatedError, match="send a single `Authorization` header"):
        await callers(Kept(issuer), issuer).check(header, header)


NOW = time.time()
INVALID: dict[str, str | Callable[[Issuer], str]] = {
    "garbage": "x" * 60,
    "two dots of garbage": "aaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbb.cccccccccccccccc",
    "not ASCII": "ä" * 40 + ".ö.ü",
    "a list for a header": f"{part(['RS256'] * 9)}.{part({})}.c2ln",
    "a list for claims": f"{part({'alg': 'RS256'})}.{part([1] * 30)}.c2ln",
    "nested without end": f"{'W1tb' * 12000}.{part({})}.c2ln",
    "no signature": f"{part({'alg': 'none'})}.{part({'email': EMAIL})}.",
    "a symmetric signature": (
        f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part({'email': EMAIL})}.c2ln"
    ),
    "claims changed": lambda good: tampered(good.token(EMAIL, AUDIENCE)),
    "cut off": lambda good: good.token(EMAIL, AUDIENCE)[:-9],
    "another's key": lambda _: Issuer().token(EMAIL, AUDIENCE),
    "expired": lambda good: good.token(EMAIL, AUDIENCE, lifetime=-CLOCK_SKEW - 60),
    "from the future": lambda good: good.token(EMAIL, AUDIENCE, iat=int(NOW + 7200)),
    "no expiry": lambda good: good.token(EMAIL, AUDIENCE, exp=None),
    "wrong audience": lambda good: good.token(EMAIL, "https://other.example"),
    "no audience": lambda good: good.token(EMAIL, AUDIENCE, aud=None),
    "several audiences": lambda good: good.token(EMAIL, AUDIENCE, aud=[AUDIENCE]),
    "wrong issuer": lambda good: good.token(EMAIL, AUDIENCE, iss="https://evil.example"),
    "no issuer": lambda good: good.token(EMAIL, AUDIENCE, iss=None),
    "unverified address": lambda good: good.token(EMAIL, AUDIENCE, email_verified=False),
    "not quite verified": lambda good: good.token(EMAIL, AUDIENCE, email_verified="true"),
    "nothing about verified": lambda good: good.token(EMAIL, AUDIENCE, email_verified=None),
    "no address": lambda good: good.token("", AUDIENCE),
}


@pytest.mark.parametrize("bad", INVALID.values(), ids=INVALID)
async def test_a_bad_token_is_401_and_never_quoted(issuer, bad):
    """The error says what is wrong, with no part of the token in it."""
    token = bad if isinstance(bad, str) else bad(issuer)
    with pytest.raises(UnauthenticatedError) as caught:
        await callers(Kept(issuer), issuer).check(f"Bearer {token}")
    said = str(caught.value)
    assert said.startswith("the token ")
    assert not [piece for piece in re.findall("[^.]{12}", token) if piece in said]
    assert len(said) < 200


async def test_any_audience_of_the_list_will_do(issuer):
    """Services name ours; people's tokens may come from a tool that names its own."""
    token = issuer.token(EMAIL, "people")
    assert await callers(Kept(issuer), issuer).check(f"Bearer {token}") == EMAIL


@pytest.mark.parametrize("path", ["", "/", "/runs"])
@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("on", [True, False])
async def test_a_token_for_a_url_of_the_function_will_do(issuer, url, path, on):
    """As Google's documents have it for service accounts, and with Cloud Scheduler's default."""
    door = callers(Kept(issuer), issuer, cloud_run=check_that_is(on))
    token = issuer.token(EMAIL, url + path)
    assert await door.check(f"Bearer {unsigned(token) if on else token}") == EMAIL


OTHERS = [
    *("https://landfall-api-1.europe-west1.run.app.evil.example", "landfall-api-x1-ew.a.run.app"),
    *("https://landfall-fetch-1.europe-west1.run.app", "http://landfall-api-x1-ew.a.run.app", ""),
    *("https://landfall-api-x1-ew.a.run.app:8080", "https://landfall-api-x1-ew.a.run.ap"),
]


@pytest.mark.parametrize("audience", OTHERS)
@pytest.mark.parametrize("on", [True, False])
async def test_a_token_for_another_url_will_not(issuer, audience, on):
    """Whoever got such a token could send it on to us; the message says which URL it is for."""
    door = callers(Kept(issuer), issuer, cloud_run=check_that_is(on))
    token = issuer.token(EMAIL, audience)
    with pytest.raises(UnauthenticatedError, match="wrong audience; make it for the URL"):
        await door.check(f"Bearer {unsigned(token) if on else token}")


async def test_a_token_without_an_address_says_how_to_make_one_with(issuer):
    """Some of Google's ways leave it out unless it is asked for."""
    token = issuer.token("", AUDIENCE, email_verified=None)
    with pytest.raises(UnauthenticatedError, match="--include-email"):
        await callers(Kept(issuer), issuer).check(f"Bearer {token}")


async def test_what_cloud_run_has_checked_is_read(issuer):
    """It takes the signature off; what the token says still counts, and no certificate is fetched.

    A token that still has its signature is verified as ever.
    """
    kept = Kept(issuer)
    door = callers(kept, issuer, cloud_run=check_that_is(on=True))
    token = issuer.token(EMAIL, AUDIENCE)
    assert await door.check(f"Bearer {unsigned(token)}") == EMAIL
    assert kept.asked == 0
    with pytest.raises(UnauthenticatedError):
        await door.check(f"Bearer {tampered(token)}")
    assert kept.asked == 1


async def test_a_removed_signature_counts_only_behind_cloud_run(issuer):
    """Anybody can write that word."""
    token = unsigned(issuer.token(EMAIL, AUDIENCE))
    with pytest.raises(UnauthenticatedError):
        await callers(Kept(issuer), issuer).check(f"Bearer {token}")


async def test_a_removed_signature_counts_not_where_cloud_run_lets_everybody_in(issuer):
    """One click opens the service: then a token has to have its signature."""
    kept = Kept(issuer)
    door = callers(kept, issuer, cloud_run=check_that_is(on=False))
    token = issuer.token(EMAIL, AUDIENCE)
    with pytest.raises(UnauthenticatedError, match="Cloud Run does not check who calls"):
        await door.check(f"Bearer {unsigned(token)}")
    assert await door.check(f"Bearer {token}") == EMAIL


SAID_WRONG = {
    name: bad
    for name, bad in INVALID.items()
    if name not in ("claims changed", "cut off", "another's key", "from the future")
}


@pytest.mark.parametrize("bad", SAID_WRONG.values(), ids=SAID_WRONG)
async def test_what_cloud_run_has_checked_must_still_be_for_us(issuer, bad):
    """Everything but the signature is as wrong without one."""
    token = unsigned(bad if isinstance(bad, str) else bad(issuer))
    with pytest.raises(UnauthenticatedError) as caught:
        await callers(Kept(issuer), issuer, cloud_run=check_that_is(on=True)).check(
            f"Bearer {token}"
        )
    assert str(caught.value).startswith("the token ")


async def test_clocks_may_differ_a_little(issuer):
    """A token that ran out a moment ago on our clock is still one."""
    token = issuer.token(EMAIL, AUDIENCE, lifetime=-CLOCK_SKEW / 2)
    assert await callers(Kept(issuer), issuer).check(f"Bearer {token}") == EMAIL


async def test_a_valid_token_of_somebody_else_is_403(issuer):
    """Known, but not on the list of this function, although some look like one that is."""
    door = callers(Kept(issuer), issuer)
    for email in ("person@example.com", EMAIL.replace("k", "\u212a"), f"{EMAIL}.evil.example"):
        with pytest.raises(ForbiddenError, match="may not call this function"):
            await door.check(f"Bearer {issuer.token(email, AUDIENCE)}")


async def test_an_address_counts_in_any_letter_case(issuer):
    """As Google itself compares them, on the list and in the token."""
    token = issuer.token(EMAIL.upper(), AUDIENCE)
    assert await callers(Kept(issuer), issuer).check(f"Bearer {token}") == EMAIL.upper()


async def test_certificates_are_asked_for_once_while_they_last(issuer):
    """A burst of requests on a cold start asks once; so do those that follow."""
    kept = Kept(issuer)
    door = callers(kept, issuer)
    header = f"Bearer {issuer.token(EMAIL, AUDIENCE)}"
    assert await asyncio.gather(*(door.check(header) for _ in range(20))) == [EMAIL] * 20
    await door.check(header)
    assert kept.asked == 1


async def test_certificates_that_ran_out_are_asked_for_again(issuer, stranger):
    """A key that the issuer has withdrawn opens nothing any more."""
    kept = Kept(issuer, seconds=0)
    door = callers(kept, issuer)
    header = f"Bearer {issuer.token(EMAIL, AUDIENCE)}"
    await door.check(header)
    kept.certificates = Certificates(stranger.certificates(), 0)
    with pytest.raises(UnauthenticatedError):
        await door.check(header)
    assert kept.asked == 2


async def test_a_new_key_of_the_issuer_is_fetched_once(issuer, stranger, monkeypatch):
    """Its tokens are valid at once, though the certificates of before are cached for an hour."""
    kept = Kept(issuer)
    door = callers(kept, issuer)
    old, new = (f"Bearer {one.token(EMAIL, AUDIENCE)}" for one in (issuer, stranger))
    await door.check(old)
    kept.certificates = Certificates(issuer.certificates() | stranger.certificates(), 3600)
    with pytest.raises(UnauthenticatedError):
        await door.check(new)  # anybody can name a key: not so soon
    assert kept.asked == 1
    monkeypatch.setattr("landfall.entry.callers.UNKNOWN_KEY_PAUSE", 0.0)
    assert await door.check(new) == await door.check(old) == EMAIL
    assert kept.asked == 2


async def test_an_unknown_key_costs_the_others_nothing(issuer, monkeypatch):
    """One fetch a minute at most; where it fails, the certificates of before stay."""
    kept = Kept(issuer)
    door = callers(kept, issuer)
    good, forged = (f"Bearer {one.token(EMAIL, AUDIENCE)}" for one in (issuer, Issuer()))
    await door.check(good)
    kept.broken = True
    monkeypatch.setattr("landfall.entry.callers.UNKNOWN_KEY_PAUSE", 0.0)
    with pytest.raises(UnauthenticatedError):
        await door.check(forged)
    assert kept.asked == 2
    monkeypatch.setattr("landfall.entry.callers.UNKNOWN_KEY_PAUSE", 3600.0)
    for _ in range(3):
        with pytest.raises(UnauthenticatedError):
            await door.check(forged)
    assert await door.check(good) == EMAIL
    assert kept.asked == 2


async def test_without_certificates_nobody_is_let_in(issuer):
    """It is not the caller's fault (500, not 401), and the next request asks again."""
    kept = Kept(issuer)
    kept.broken = True
    door = callers(kept, issuer)
    header = f"Bearer {issuer.token(EMAIL, AUDIENCE)}"
    with pytest.raises(CertificatesError):
        await door.check(header)
    kept.broken = False
    assert await door.check(header) == EMAIL


async def test_certificates_say_how_long_they_last(issuer):
    """From the issuer over HTTP: the certificates, and the max-age of the answer."""
    async with serve_certificates(issuer) as url:
        certificates = await fetch_certificates(url)
    assert certificates == Certificates(issuer.certificates(), CERTIFICATES_MAX_AGE)


@pytest.fixture
async def answering() -> AsyncIterator[tuple[WireServer, list[WireResponse]]]:
    """A server, and the answers that it gives, in order."""
    answers: list[WireResponse] = []

    async def handler(_: WireRequest) -> WireResponse:
        return answers.pop(0)

    async with WireServer(handler) as server:
        yield server, answers


async def test_certificates_without_an_age_are_kept_for_a_while(issuer, answering):
    """No header, or one without max-age: `DEFAULT_MAX_AGE` seconds."""
    server, answers = answering
    plain = WireResponse.json(issuer.certificates())
    answers += [plain, replace(plain, headers={"Cache-Control": "no-transform"})]
    kept = [(await fetch_certificates(server.url)).max_age for _ in range(2)]
    assert kept == [DEFAULT_MAX_AGE] * 2


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("0", 0), ("86399", 86_399), ("31536000", 86_400), ("9" * 400, 86_400), ("9" * 5000, 86_400)],
)
async def test_certificates_are_kept_for_a_day_at_most(issuer, answering, said, seconds):
    """A key that was withdrawn would else be valid for as long as an answer has once said."""
    server, answers = answering
    plain = WireResponse.json(issuer.certificates())
    answers.append(replace(plain, headers={"Cache-Control": f"public, max-age={said}"}))
    assert (await fetch_certificates(server.url)).max_age == seconds


UNUSABLE = {
    "500": WireResponse.json({"error": "down"}, 500),
    "500 that looks right": WireResponse.json({"key": "pem"}, 500),
    "a redirect": WireResponse(302, {"Location": "/"}),
    "not JSON": WireResponse(200, {}, b"<html>"),
    "a list": WireResponse.json(["pem"]),
    "cut off": WireResponse.json({"key": "pem" * 100}, fault=Fault(FaultKind.CUT_BODY)),
    "reset": WireResponse(fault=Fault(FaultKind.RESET)),
}


@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE)
async def test_an_answer_without_certificates_is_an_error(answering, answer):
    """Nothing but a complete 200 with a JSON object is taken for certificates."""
    server, answers = answering
    answers.append(answer)
    with pytest.raises(CertificatesError, match=r"^the token issuer's certificates: "):
        await fetch_certificates(server.url)


async def test_an_issuer_that_is_not_there_is_an_error():
    """Nobody listens."""
    with pytest.raises(CertificatesError):
        await fetch_certificates(f"http://127.0.0.1:{free_port()}/certs")


@pytest.mark.slow
@pytest.mark.parametrize("kind", [FaultKind.SILENT, FaultKind.DRIP_BODY, FaultKind.DRIP_HEADERS])
async def test_an_issuer_that_hangs_is_an_error_at_the_deadline(answering, monkeypatch, kind):
    """The requests that wait for certificates are answered in time."""
    monkeypatch.setattr("landfall.entry.callers.LADDER", replace(LADDER, connect=0.6))
    server, answers = answering
    answers.append(WireResponse.json({"key": "pem" * 100}, fault=Fault(kind)))
    started = asyncio.get_running_loop().time()
    with pytest.raises(CertificatesError):
        await fetch_certificates(server.url)
    assert 0.5 < asyncio.get_running_loop().time() - started < 2.5
