"""Assertions of Identity-Aware Proxy: only a whole one, for this window, names a person."""

import base64
import json
import time
from typing import Any

import pytest
from google.auth import crypt, jwt

from infra.local.iap import AUDIENCE, LocalIap
from infra.local.issuer import Issuer
from landfall.entry.callers import Certificates, UnauthenticatedError, Visitors

PERSON = "office@school.example"


@pytest.fixture
async def iap():
    proxy = LocalIap("http://127.0.0.1:9", [PERSON])
    yield proxy
    await proxy.close()


def visitors_of(iap: LocalIap, **more: str) -> Visitors:
    async def keys() -> Certificates:
        return Certificates(iap.public_keys() | more, 60.0)

    return Visitors(audience=AUDIENCE, keys=keys)


async def test_a_whole_assertion_names_its_person(iap):
    """The address that IAP has verified."""
    assert await visitors_of(iap).check(iap.assertion(PERSON)) == PERSON


def without_signature(algorithm: str) -> str:
    claims = {"iss": "https://cloud.google.com/iap", "aud": AUDIENCE, "email": PERSON}
    parts = [{"alg": algorithm, "typ": "JWT", "kid": "k"}, claims | {"iat": 0, "exp": 2**33}]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([*encoded, ""])


BAD: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "/projects/1/locations/x/services/other"},
    "another issuer": {"iss": "https://accounts.google.com"},
    "expired": {"iat": int(time.time()) - 9_000, "exp": int(time.time()) - 8_000},
    "not yet valid": {"iat": int(time.time()) + 9_000, "exp": int(time.time()) + 9_900},
    "no address": {"email": None},
    "an empty address": {"email": ""},
    "a list of addresses": {"email": [PERSON]},
}


@pytest.mark.parametrize("claims", BAD.values(), ids=BAD)
async def test_an_assertion_with_a_wrong_claim_names_nobody(iap, claims):
    """Each claim alone is enough."""
    with pytest.raises(UnauthenticatedError):
        await visitors_of(iap).check(iap.assertion(PERSON, **claims))


@pytest.mark.parametrize("text", ["", "a", "a.b.c", "....", "\u00e9", without_signature("none")])
async def test_what_is_no_assertion_names_nobody(iap, text):
    """Nothing, garbage, and an assertion that nobody has signed."""
    with pytest.raises(UnauthenticatedError):
        await visitors_of(iap, k="").check(text)


async def test_one_assertion_names_a_person(iap):
    """None names nobody, and of two nobody knows which one IAP has written."""
    assertion = iap.assertion(PERSON)
    for assertions in ((), (assertion, assertion), (assertion, "")):
        with pytest.raises(UnauthenticatedError, match="one assertion"):
            await visitors_of(iap).check(*assertions)


async def test_another_signature_names_nobody(iap):
    """That of another proxy, under its own name of a key or under ours."""
    other = LocalIap("http://127.0.0.1:9", [PERSON])
    assertion = other.assertion(PERSON)
    (key_id,) = other.public_keys()
    (ours,) = iap.public_keys().values()
    for visitors in (visitors_of(iap), visitors_of(iap, **{key_id: ours})):
        with pytest.raises(UnauthenticatedError):
            await visitors.check(assertion)
    await other.close()


async def test_a_secret_is_no_key(iap):
    """HS256 with the public key as its secret, and RS256 with a certificate, are refused."""
    ((key_id, public),) = iap.public_keys().items()
    issuer = Issuer("https://cloud.google.com/iap")
    signed = issuer.token(PERSON, AUDIENCE)
    with pytest.raises(UnauthenticatedError, match="wrong algorithm"):
        await visitors_of(iap, **issuer.certificates()).check(signed)
    claims = {"iss": "https://cloud.google.com/iap", "aud": AUDIENCE, "email": PERSON}

    class Shared(crypt.Signer):
        key_id = None

        def sign(self, message):
            import hashlib
            import hmac

            return hmac.new(public.encode(), message, hashlib.sha256).digest()

    now = int(time.time())
    shared = jwt.encode(
        Shared(), claims | {"iat": now, "exp": now + 60}, {"alg": "HS256", "kid": key_id}
    )
    with pytest.raises(UnauthenticatedError):
        await visitors_of(iap).check(shared.decode())


async def test_a_refusal_does_not_show_the_assertion(iap):
    """Whoever reads the log or the answer cannot use it."""
    assertion = iap.assertion(PERSON, aud="/projects/1/locations/x/services/other")
    with pytest.raises(UnauthenticatedError) as error:
        await visitors_of(iap).check(assertion)
    assert assertion.split(".")[1] not in str(error.value)
