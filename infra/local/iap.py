"""A stand-in for Identity-Aware Proxy (IAP), in front of the window.

It signs the same assertions as IAP (ES256, the same claims), with a key that is generated for it,
serves the public half as IAP does, answers 302 or 401 without a session, and lets no `x-goog-`
header of a client pass. A person is signed in at the first visit, as one of `people`.

Not modelled: Google's sign-in (nobody is asked for a password), the end of a session by time, and
the policies of groups and domains. `/_gcp_iap/clear_login_cookie` ends a session, as IAP's does.
"""

import secrets
import time
from collections.abc import Sequence
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote, urlencode

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from google.auth import crypt, jwt

from infra.local.wire.messages import WireRequest, WireResponse
from infra.local.wire.stand_in import StandIn
from landfall.entry.callers import IAP_ISSUER

AUDIENCE = "/projects/100000000000/locations/local/services/landfall-window"
KEYS_PATH = "/iap/verify/public_key"
SIGN_IN_PATH = "/_gcp_iap/sign_in"
SIGN_OUT_PATH = "/_gcp_iap/clear_login_cookie"
COOKIE = "GCP_IAP_STAND_IN"

ASSERTION_SECONDS = 600
"""Lifetime of an assertion, as of IAP's."""

HOP_HEADERS = {"connection", "content-length", "transfer-encoding", "keep-alive"}
"""Headers of one connection, which a proxy does not pass on."""


class LocalIap(StandIn):
    """The stand-in, for a window at `target`. Who asks for no session is `people[0]`."""

    def __init__(self, target: str, people: Sequence[str]) -> None:
        super().__init__(latency=0.0, faults=())
        self.people = list(people)
        self._target = target
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._key_id = secrets.token_hex(8)
        self._signer = crypt.ES256Signer(self._key, key_id=self._key_id)
        self._sessions: dict[str, str] = {}
        self._client = httpx.AsyncClient(
            timeout=60.0, limits=httpx.Limits(max_keepalive_connections=0), trust_env=False
        )

    @property
    def keys_url(self) -> str:
        """The address of the public keys."""
        return f"{self.url}{KEYS_PATH}"

    def assertion(self, person: str, /, **overrides: object) -> str:
        """Return a signed assertion; `overrides` replace claims, for tests; None omits one."""
        now = int(time.time())
        claims = {
            "iss": IAP_ISSUER,
            "aud": AUDIENCE,
            "sub": f"accounts.google.com:{person}",
            "email": person,
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
        } | overrides
        claims = {name: value for name, value in claims.items() if value is not None}
        token: bytes = jwt.encode(self._signer, claims)  # type: ignore[no-untyped-call]  # as above
        return token.decode()

    def public_keys(self) -> dict[str, str]:
        """Return `{key id: PEM}`, the JSON of IAP's address of keys."""
        public = self._key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return {self._key_id: public.decode()}

    def sign_everybody_out(self) -> None:
        """End every session, as after its time."""
        self._sessions.clear()

    async def _handle(self, request: WireRequest) -> WireResponse:
        if request.path == KEYS_PATH:
            return WireResponse.json(self.public_keys())
        if request.path == SIGN_IN_PATH:
            return self._signed_in(request)
        if request.path == SIGN_OUT_PATH:
            self._sessions.pop(_cookie(request), None)
            headers = {"Set-Cookie": f"{COOKIE}=; Path=/; Max-Age=0", "Content-Type": "text/plain"}
            return WireResponse(200, headers, b"You are signed out.")
        person = self._sessions.get(_cookie(request))
        if person is None:
            return _without_session(request)
        if person not in self.people:
            return WireResponse(403, {"Content-Type": "text/plain"}, b"You don't have access")
        return await self._passed_on(request, person)

    def _signed_in(self, request: WireRequest) -> WireResponse:
        """Begin a session, and lead back; `as` chooses another person."""
        session = secrets.token_urlsafe(24)
        self._sessions[session] = request.query.get("as", self.people)[0]
        to = request.query.get("to", ["/"])[0]
        to = to if to.startswith("/") and not to.startswith("//") else "/"
        headers = {
            "Location": quote(to, safe="/?&=%:,;+~.-_"),
            "Set-Cookie": f"{COOKIE}={session}; Path=/; HttpOnly; SameSite=Lax",
        }
        return WireResponse(302, headers)

    async def _passed_on(self, request: WireRequest, person: str) -> WireResponse:
        headers = {
            name: value
            for name, value in request.headers.items()
            if name not in HOP_HEADERS and not name.startswith("x-goog-")
        }
        headers["x-goog-iap-jwt-assertion"] = self.assertion(person)
        headers["x-goog-authenticated-user-email"] = f"accounts.google.com:{person}"
        answer = self._client.build_request(
            request.method, self._target + request.target, headers=headers, content=request.body
        )
        try:
            response = await self._client.send(answer, stream=True)
            body = b"".join([part async for part in response.aiter_raw()])
            await response.aclose()
        except httpx.HTTPError:
            text = b"The window does not answer. Try again in 30 seconds."
            return WireResponse(502, {"Content-Type": "text/plain"}, text)
        passed = {n: v for n, v in response.headers.items() if n not in HOP_HEADERS}
        return WireResponse(response.status_code, passed, body)

    async def close(self) -> None:
        """Close the connections to the window."""
        await self._client.aclose()


def _cookie(request: WireRequest) -> str:
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


def _without_session(request: WireRequest) -> WireResponse:
    """Send a person who opens a page to the sign-in, and refuse anything else, as IAP does."""
    generated = {"x-goog-iap-generated-response": "true"}
    mode = request.headers.get("sec-fetch-mode")
    if request.method == "GET" and mode in (None, "navigate"):
        to = urlencode({"to": request.target})
        return WireResponse(302, {**generated, "Location": f"{SIGN_IN_PATH}?{to}"})
    return WireResponse(401, {**generated, "Content-Type": "text/plain"}, b"Not signed in")
