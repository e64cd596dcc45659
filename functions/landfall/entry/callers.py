"""Who calls: an OpenID Connect token of a known issuer, for us, from a caller on our list.

Google's services and people present such a token (`Authorization: Bearer ...`). Where Cloud Run
lets in nobody without one, it has checked the token, and takes the signature off before it hands
the request on: then we look at what the token says. Everywhere else a signature is needed.
"""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass

from google.auth import exceptions as google_errors
from google.auth import jwt

from landfall.deadlines import LADDER, Deadline
from landfall.net.http import Outside, OutsideError
from landfall.reasons import LandfallError

CLOCK_SKEW = 10
"""Seconds by which the clocks of issuer and function may differ."""

CERTIFICATES_KEPT = 300.0
"""Seconds for which certificates are kept when their answer does not say."""

SIGNATURE_REMOVED = "SIGNATURE_REMOVED_BY_GOOGLE"
"""What Cloud Run puts in the place of a signature that it has checked."""


class UnauthenticatedError(LandfallError):
    """There is no token, or it is not valid. The message says why, without the token."""

    status = 401
    code = "unauthenticated"


class ForbiddenError(LandfallError):
    """The token is valid, and its owner is not on the list of this function."""

    status = 403
    code = "forbidden"


class CertificatesError(LandfallError):
    """The issuer's certificates could not be had: nobody can be let in."""

    code = "certificates_unavailable"
    answer = "callers cannot be checked now"


# RecursionError: JSON that is nested without end
_INVALID = (ValueError, TypeError, KeyError, RecursionError, google_errors.GoogleAuthError)


@dataclass(frozen=True)
class Certificates:
    """An issuer's certificates by key id, and for how many seconds they may be kept."""

    by_key: Mapping[str, str]
    seconds: float


async def fetch_certificates(url: str) -> Certificates:
    """Fetch {key id: PEM certificate}. Raises `CertificatesError`."""
    outside = Outside()
    try:
        answer = await outside.send("GET", url, deadline=Deadline.after(LADDER.connect))
        by_key = json.loads(answer.content)
    except (OutsideError, ValueError) as error:
        raise CertificatesError(f"the token issuer's certificates: {error}") from error
    finally:
        await outside.close()
    if answer.status_code != 200 or not isinstance(by_key, dict):
        raise CertificatesError(f"the token issuer's certificates: status {answer.status_code}")
    lifetime = re.search(r"max-age=(\d+)", answer.headers.get("cache-control", ""))
    return Certificates(by_key, float(lifetime[1]) if lifetime else CERTIFICATES_KEPT)


class Callers:
    """Lets in who has a valid token and is on the list.

    `checked_by_cloud_run`: nobody gets here whose token Cloud Run has not checked.
    """

    def __init__(
        self,
        *,
        issuer: str,
        audiences: Collection[str],
        allowed: Collection[str],
        certificates: Callable[[], Awaitable[Certificates]],
        checked_by_cloud_run: bool = False,
    ) -> None:
        self._issuer = issuer
        self._audiences = list(audiences)
        self._checked_by_cloud_run = checked_by_cloud_run
        self._allowed = frozenset(allowed)
        self._fetch = certificates
        self._kept: Certificates | None = None
        self._kept_until = 0.0
        self._lock = asyncio.Lock()

    async def check(self, authorization: str | None) -> str:
        """The caller's e-mail address.

        Raises `UnauthenticatedError`, `ForbiddenError`, `CertificatesError`.
        """
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise UnauthenticatedError("send `Authorization: Bearer <OpenID Connect token>`")
        if self._checked_by_cloud_run and token.endswith(f".{SIGNATURE_REMOVED}"):
            claims = self._read(token)
        else:
            claims = self._verified(token, await self._certificates())
        if claims.get("iss") != self._issuer:
            raise UnauthenticatedError("the token is not valid: wrong issuer")
        email = claims.get("email")
        if not email or claims.get("email_verified") is not True:
            raise UnauthenticatedError("the token has no verified e-mail address")
        if email not in self._allowed:
            raise ForbiddenError(f"{email} may not call this function")
        return str(email)

    def _read(self, token: str) -> Mapping[str, object]:
        try:
            claims: Mapping[str, object] = jwt.decode(token, verify=False)  # type: ignore[no-untyped-call]
            late = float(str(claims["exp"])) + CLOCK_SKEW < time.time()
        except _INVALID:
            raise UnauthenticatedError("the token is not valid") from None
        if late or claims.get("aud") not in self._audiences:
            why = "expired" if late else "wrong audience"
            raise UnauthenticatedError(f"the token is not valid: {why}")
        return claims

    def _verified(self, token: str, certificates: Mapping[str, str]) -> Mapping[str, object]:
        try:
            claims: Mapping[str, object] = jwt.decode(  # type: ignore[no-untyped-call]
                token,
                certs=certificates,
                audience=self._audiences,
                clock_skew_in_seconds=CLOCK_SKEW,
            )
        except _INVALID as error:
            # the library quotes the token in some of its messages
            why = str(error).replace(token, "...").split(":")[0]
            raise UnauthenticatedError(f"the token is not valid: {why}") from None
        return claims

    async def _certificates(self) -> Mapping[str, str]:
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._kept is None or now >= self._kept_until:
                self._kept = await self._fetch()
                self._kept_until = now + self._kept.seconds
            return self._kept.by_key
