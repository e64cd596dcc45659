"""The local issuer's tokens pass and fail exactly as Google's own would."""

import asyncio
import time

import httpx
import pytest
import requests
from google.auth import exceptions, jwt
from google.auth.transport import requests as transport
from google.oauth2 import id_token

from infra.local.issuer import CERTIFICATES_MAX_AGE, ISSUER, Issuer, serve_certificates

EMAIL = "tasks@project.iam.gserviceaccount.com"
AUDIENCE = "https://fetch.example"


@pytest.fixture(scope="module")
def issuer():
    return Issuer()


def test_a_token_carries_the_claims_of_a_google_token(issuer):
    """Claims have the names and types that Google uses."""
    claims = jwt.decode(issuer.token(EMAIL, AUDIENCE), issuer.certificates(), audience=AUDIENCE)
    assert set(claims) == {"iss", "aud", "azp", "sub", "email", "email_verified", "iat", "exp"}
    assert (claims["iss"], claims["email"], claims["email_verified"]) == (ISSUER, EMAIL, True)
    assert claims["sub"].isdigit()
    assert len(claims["sub"]) == 21


def test_the_header_names_the_key(issuer):
    """A verifier picks the certificate by the header's kid."""
    header = jwt.decode_header(issuer.token(EMAIL, AUDIENCE))
    assert header["alg"] == "RS256"
    assert header["kid"] in issuer.certificates()


def test_a_token_for_somebody_else_fails(issuer):
    """A token is valid for one audience only."""
    token = issuer.token(EMAIL, "https://elsewhere.example")
    with pytest.raises(exceptions.InvalidValue, match="wrong audience"):
        jwt.decode(token, issuer.certificates(), audience=AUDIENCE)


def test_an_expired_token_fails(issuer):
    """A token is invalid after its lifetime, which is in seconds."""
    token = issuer.token(EMAIL, AUDIENCE, lifetime=-60)
    with pytest.raises(exceptions.InvalidValue, match="expired"):
        jwt.decode(token, issuer.certificates(), audience=AUDIENCE)


def test_a_token_of_another_issuer_fails(issuer):
    """Every issuer has its own key; a name alone signs nothing."""
    token = Issuer().token(EMAIL, AUDIENCE)
    with pytest.raises(exceptions.MalformedError):
        jwt.decode(token, issuer.certificates(), audience=AUDIENCE)


def test_a_changed_token_fails(issuer):
    """The signature covers the claims."""
    head, _, signature = issuer.token(EMAIL, AUDIENCE).split(".")
    _, claims, _ = issuer.token("else@project.iam.gserviceaccount.com", AUDIENCE).split(".")
    with pytest.raises(exceptions.MalformedError, match="signature"):
        jwt.decode(f"{head}.{claims}.{signature}", issuer.certificates())


def test_overrides_make_bad_claims(issuer):
    """A test can change a claim, or omit one with None."""
    token = issuer.token(EMAIL, AUDIENCE, email_verified=False, sub=None, iss="https://evil")
    claims = jwt.decode(token, verify=False)
    assert (claims["email_verified"], claims["iss"]) == (False, "https://evil")
    assert "sub" not in claims


def test_the_issuer_name_is_an_argument():
    """The stack can stand in for https://accounts.google.com."""
    claims = jwt.decode(Issuer("https://accounts.google.com").token(EMAIL, AUDIENCE), verify=False)
    assert claims["iss"] == "https://accounts.google.com"
    assert claims["exp"] - claims["iat"] == pytest.approx(3600, abs=1)
    assert claims["iat"] <= time.time()


async def test_googles_verifier_accepts_a_token_through_the_url(issuer):
    """`google.oauth2.id_token` works unchanged, with another certificate URL."""
    token = issuer.token(EMAIL, AUDIENCE)
    async with serve_certificates(issuer) as url:
        claims = await asyncio.to_thread(_verify, token, url)
    assert claims["email"] == EMAIL


def _verify(token, url):
    with requests.Session() as session:
        return id_token.verify_token(
            token, transport.Request(session), audience=AUDIENCE, certs_url=url
        )


async def test_the_certificates_may_be_cached(issuer):
    """The page is JSON, states how long it may be cached, and is the only page."""
    async with serve_certificates(issuer) as url, httpx.AsyncClient(trust_env=False) as client:
        page = await client.get(url)
        other = await client.get(url + "/more")
    assert page.json() == issuer.certificates()
    assert page.headers["cache-control"] == f"public, max-age={CERTIFICATES_MAX_AGE}"
    assert other.status_code == 404


async def test_the_server_leaves_nothing_behind(issuer):
    """Even with an open, silent connection, no task remains and the port is free."""
    async with serve_certificates(issuer) as url:
        port = httpx.URL(url).port
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await _ended(reader)
    writer.close()
    assert asyncio.all_tasks() == {asyncio.current_task()}
    with pytest.raises(OSError, match=r"refused|Connect"):
        await asyncio.open_connection("127.0.0.1", port)


async def _ended(reader):
    try:
        return await asyncio.wait_for(reader.read(), 5) == b""
    except ConnectionResetError:
        return True
