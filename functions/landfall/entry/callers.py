"""Authentication of callers: a token of a known issuer, for our audience, of a listed caller.

Google's services and people send an OpenID Connect token (`Authorization: Bearer ...`). Where
Cloud Run requires one, it verifies the token and removes the signature before it forwards the
request: then the claims are checked here, as long as Cloud Run does check (`own_service`).
Everywhere else the signature is verified here, too.

People reach the window through Identity-Aware Proxy (IAP), which signs an assertion of its own for
each request. Its list of people is a policy of the service, so the window has none.
"""

import asyncio
import contextlib
import json
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from google.auth import exceptions as google_errors
from google.auth import jwt

from landfall.deadlines import LADDER, Deadline
from landfall.entry.own_service import SIGNATURE_REMOVED, CallerCheck
from landfall.reasons import LandfallError

CLOCK_SKEW = 10
"""Seconds by which the clocks of issuer and function may differ."""

DEFAULT_MAX_AGE = 300.0
"""Seconds for which certificates are cached when their response has no max-age."""

MAX_AGE = 86_400.0
"""Seconds for which certificates are cached at most: a key that was withdrawn is valid no longer
than a day, whatever max-age says."""

UNKNOWN_KEY_PAUSE = 60.0
"""Seconds after a fetch in which an unknown key does not cause another: anybody can name one."""

SEND_FRESH = "send a fresh one, of `gcloud auth print-identity-token`"
"""The fix for a token that has expired or is another's."""

SEND_OURS = (
    "make it for the URL of this function, or for people by `gcloud auth print-identity-token`"
)
"""The fix for a token that is for somebody else."""

SEND_EMAIL = "make it with `--include-email`, `includeEmail` or `format=full`"
"""The fix for a token of a service account, by gcloud, IAM's API or the metadata server."""


class UnauthenticatedError(LandfallError):
    """The token is missing or not valid. The message gives the reason, not the token."""

    status = 401
    code = "unauthenticated"


class ForbiddenError(LandfallError):
    """The token is valid, but the list of this function lacks its owner."""

    status = 403
    code = "forbidden"


class CertificatesError(LandfallError):
    """The issuer's certificates are not available: no token can be verified."""

    code = "certificates_unavailable"
    answer = "callers cannot be checked now"


IAP_ISSUER = "https://cloud.google.com/iap"

IAP_CLOCK_SKEW = 30
"""Seconds by which the clocks of IAP and the window may differ, as IAP documents it."""

# RecursionError: JSON of excessive depth
_INVALID = (ValueError, TypeError, KeyError, RecursionError, google_errors.GoogleAuthError)


@dataclass(frozen=True)
class Certificates:
    """An issuer's certificates by key id, which may be cached for `max_age` seconds."""

    by_key: Mapping[str, str]
    max_age: float


async def fetch_certificates(url: str) -> Certificates:
    """Fetch {key id: PEM certificate}. Raises `CertificatesError`."""
    # an HTTP client takes 30 ms of a cold start; Cloud Run's own check makes it unnecessary
    from landfall.net.errors import ExchangeError
    from landfall.net.http import HttpClient

    http = HttpClient()
    try:
        answer = await http.send("GET", url, deadline=Deadline.after(LADDER.connect))
        by_key = json.loads(answer.content)
    except (ExchangeError, ValueError) as error:
        raise CertificatesError(f"the token issuer's certificates: {error}") from error
    finally:
        await http.close()
    if answer.status_code != 200 or not isinstance(by_key, dict):
        raise CertificatesError(f"the token issuer's certificates: status {answer.status_code}")
    max_age = re.search(r"max-age=(\d+)", answer.headers.get("cache-control", ""))
    return Certificates(by_key, min(float(max_age[1]), MAX_AGE) if max_age else DEFAULT_MAX_AGE)


class CachedCertificates:
    """An issuer's certificates; those of a new key are fetched before the others expire."""

    def __init__(self, fetch: Callable[[], Awaitable[Certificates]]) -> None:
        self._fetch = fetch
        self._cached: Certificates | None = None
        self._cached_at = 0.0
        self._lock = asyncio.Lock()

    async def by_key(self, key_id: str) -> Mapping[str, str]:
        """Return {key id: PEM}, with this key if the issuer has it.

        Raises `CertificatesError` where there are none that are valid.
        """
        async with self._lock:
            now = asyncio.get_running_loop().time()
            age = now - self._cached_at
            if self._cached is None or age >= self._cached.max_age:
                self._cached, self._cached_at = await self._fetch(), now
            elif key_id not in self._cached.by_key and age >= UNKNOWN_KEY_PAUSE:
                self._cached_at = now
                with contextlib.suppress(CertificatesError):
                    self._cached = await self._fetch()
            return self._cached.by_key


class Callers:
    """The callers of a function: each sends a valid token and is on the list.

    `cloud_run`: Cloud Run's check of tokens, where it has one; without it, every token is verified.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audiences: Collection[str],
        allowed: Collection[str],
        certificates: Callable[[], Awaitable[Certificates]],
        cloud_run: CallerCheck | None = None,
    ) -> None:
        self._issuer = issuer
        self._audiences = list(audiences)
        self._cloud_run = cloud_run
        self._allowed = frozenset(_plain(one) for one in allowed)
        self._certificates = CachedCertificates(certificates)

    async def check(self, *authorizations: str) -> str:
        """Return the e-mail address of the caller who sent these headers: one, with a token.

        Raises `UnauthenticatedError`, `ForbiddenError`, `CertificatesError`, `OwnServiceError`.
        """
        if len(authorizations) > 1:  # one was checked, and nobody knows which
            raise UnauthenticatedError("send a single `Authorization` header")
        scheme, _, token = "".join(authorizations).partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise UnauthenticatedError("send `Authorization: Bearer <OpenID Connect token>`")
        if self._cloud_run is not None and token.endswith(f".{SIGNATURE_REMOVED}"):
            if not await self._cloud_run.is_on():
                raise UnauthenticatedError(
                    "the token has no signature, and Cloud Run does not check who calls this "
                    "function: run infra/deploy"
                )
            claims = self._read(token)
        else:
            claims = self._verified(token, await self._certificates.by_key(_key_id(token)))
        if not await self._is_for_us(claims.get("aud")):
            raise UnauthenticatedError(f"the token is not valid: wrong audience; {SEND_OURS}")
        if claims.get("iss") != self._issuer:
            raise UnauthenticatedError("the token is not valid: wrong issuer")
        email = claims.get("email")
        if not email or claims.get("email_verified") is not True:
            raise UnauthenticatedError(f"the token has no verified e-mail address; {SEND_EMAIL}")
        if not isinstance(email, str) or _plain(email) not in self._allowed:
            raise ForbiddenError(f"{email} may not call this function")
        return str(email)

    def _read(self, token: str) -> Mapping[str, object]:
        try:
            claims: Mapping[str, object] = jwt.decode(token, verify=False)  # type: ignore[no-untyped-call]
            expired = float(str(claims["exp"])) + CLOCK_SKEW < time.time()
        except _INVALID:
            raise UnauthenticatedError("the token is not valid") from None
        if expired:
            raise UnauthenticatedError(f"the token is not valid: it has expired; {SEND_FRESH}")
        return claims

    async def _is_for_us(self, audience: object) -> bool:
        if audience in self._audiences:
            return True
        if self._cloud_run is None or not isinstance(audience, str):
            return False
        return await self._cloud_run.is_own(audience)

    def _verified(self, token: str, certificates: Mapping[str, str]) -> Mapping[str, object]:
        try:
            claims: Mapping[str, object] = jwt.decode(  # type: ignore[no-untyped-call]
                token,
                certs=certificates,
                clock_skew_in_seconds=CLOCK_SKEW,
            )
        except _INVALID as error:
            # the library quotes the token in some of its messages
            why = str(error).replace(token, "...").split(":")[0]
            raise UnauthenticatedError(f"the token is not valid: {why}; {SEND_FRESH}") from None
        return claims


class Visitors:
    """The people whom IAP lets in: each request has its assertion, for our audience.

    `audience` names the window as IAP does: /projects/NUMBER/locations/REGION/services/SERVICE.
    """

    def __init__(self, *, audience: str, keys: Callable[[], Awaitable[Certificates]]) -> None:
        self._audience = audience
        self._keys = CachedCertificates(keys)

    async def check(self, *assertions: str) -> str:
        """Return the e-mail address of the person whom this assertion names.

        Raises `UnauthenticatedError`, `CertificatesError`.
        """
        if len(assertions) != 1:
            raise UnauthenticatedError(
                "the request must have one assertion of Identity-Aware Proxy"
            )
        (assertion,) = assertions
        keys = await self._keys.by_key(_key_id(assertion))
        try:
            algorithm = jwt.decode_header(assertion)["alg"]  # type: ignore[no-untyped-call]
            claims: Mapping[str, object] = jwt.decode(  # type: ignore[no-untyped-call]
                assertion,
                certs=keys,
                audience=self._audience,
                clock_skew_in_seconds=IAP_CLOCK_SKEW,
            )
        except _INVALID as error:
            why = str(error).replace(assertion, "...").split(":")[0]
            raise UnauthenticatedError(f"the assertion is not valid: {why}") from None
        if algorithm != "ES256" or claims.get("iss") != IAP_ISSUER:
            raise UnauthenticatedError("the assertion is not valid: wrong algorithm or issuer")
        email = claims.get("email")
        if not isinstance(email, str) or not email:
            raise UnauthenticatedError("the assertion has no e-mail address")
        return email


def _key_id(token: str) -> str:
    """Return the id of the key that signed a token; empty where it names none."""
    try:
        return str(jwt.decode_header(token).get("kid") or "")  # type: ignore[no-untyped-call]
    except (AttributeError, *_INVALID):
        return ""


def _plain(email: str) -> str:
    """Return an address in small letters, as Google compares them; none beyond ASCII becomes one.

    A Kelvin sign in small letters would be a `k`.
    """
    return email.lower() if email.isascii() else email
