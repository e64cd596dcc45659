"""A local issuer of OIDC tokens, like those that Google signs for Cloud Tasks and Cloud Scheduler.

The functions verify a token in the same way everywhere: RS256, against the certificates at a URL.
In production that is https://www.googleapis.com/oauth2/v1/certs; here `serve_certificates` serves
it. Not modelled: key rotation, access tokens, any check of the caller that requests a token.
"""

import asyncio
import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from google.auth import crypt, jwt

ISSUER = "https://issuer.landfall.local"
CERTIFICATES_PATH = "/oauth2/v1/certs"
# Seconds. Google's own answer varies between five and seven hours.
CERTIFICATES_MAX_AGE = 3600
# Bytes of a request line and headers; a longer request is not one for certificates.
_REQUEST_BYTES = 16_384


class Issuer:
    """A signer of tokens, with a key that is generated for it and never stored."""

    def __init__(self, name: str = ISSUER) -> None:
        self.name = name
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._key_id = _key_id(key)
        self._certificate = _self_signed(key)
        self._signer = crypt.RSASigner(key, key_id=self._key_id)  # type: ignore[no-untyped-call]  # google-auth is only partly annotated

    def __repr__(self) -> str:
        return f"Issuer({self.name!r}, key_id={self._key_id!r})"

    def certificates(self) -> dict[str, str]:
        """Return `{key id: PEM certificate}`, the JSON of Google's certificate URL."""
        return {self._key_id: self._certificate}

    def token(self, email: str, audience: str, lifetime: float = 3600, **overrides: object) -> str:
        """Return a signed JWT for a service account.

        `lifetime`: seconds; negative for an expired token. `overrides` replace claims, for tests
        that need a bad token; None omits a claim.
        """
        claims = self._claims(email, audience, lifetime) | overrides
        claims = {name: value for name, value in claims.items() if value is not None}
        token: bytes = jwt.encode(self._signer, claims)  # type: ignore[no-untyped-call]  # as above
        return token.decode()

    def _claims(self, email: str, audience: str, lifetime: float) -> dict[str, object]:
        now = time.time()
        subject = _subject(email)
        return {
            "iss": self.name,
            "aud": audience,
            "azp": subject,
            "sub": subject,
            "email": email,
            "email_verified": True,
            "iat": int(now),
            "exp": int(now + lifetime),
        }


def _key_id(key: rsa.RSAPrivateKey) -> str:
    public = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return hashlib.sha256(public).hexdigest()[:40]


def _subject(email: str) -> str:
    """Return the unique id of a service account: 21 digits, always the same for an address."""
    digits = int(hashlib.sha256(email.encode()).hexdigest(), 16) % 10**20
    return f"1{digits:020d}"


def _self_signed(key: rsa.RSAPrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "landfall local issuer")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # A day back: the clock of a verifier in a container may be behind.
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


class _CertificatePage(asyncio.Protocol):
    """A page for one request a connection. A protocol leaves no asyncio task behind."""

    def __init__(self, issuer: Issuer, connections: "set[asyncio.Transport]") -> None:
        self._issuer = issuer
        self._connections = connections
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if b"\r\n\r\n" in self._received:
            self._transport.write(_answer(self._issuer, self._received))
            self._transport.close()
        elif len(self._received) > _REQUEST_BYTES:
            self._transport.abort()


def _answer(issuer: Issuer, request: bytes) -> bytes:
    if not request.startswith(f"GET {CERTIFICATES_PATH} ".encode()):
        return b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    body = json.dumps(issuer.certificates()).encode()
    head = (
        "HTTP/1.1 200 OK\r\n"
        "Content-Type: application/json; charset=UTF-8\r\n"
        f"Cache-Control: public, max-age={CERTIFICATES_MAX_AGE}\r\n"
        f"Content-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body


@asynccontextmanager
async def serve_certificates(issuer: Issuer) -> AsyncIterator[str]:
    """Yield the URL of the issuer's certificates, on a free port of 127.0.0.1."""
    connections: set[asyncio.Transport] = set()
    server = await asyncio.get_running_loop().create_server(
        lambda: _CertificatePage(issuer, connections), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}{CERTIFICATES_PATH}"
    finally:
        server.close()
        for connection in connections:
            connection.abort()
        # An aborted transport closes its socket one iteration of the loop later.
        await asyncio.sleep(0)
        await server.wait_closed()
