"""Answers of the window: pages, files and errors, each with the headers that keep a person safe."""

import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from starlette.datastructures import Headers
from starlette.responses import Response

from landfall.process.redaction import OURS
from landfall.window.assets import Asset, assets
from landfall.window.rendering import TEMPLATES, render

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""The content security policy: nothing from elsewhere, nothing inline, no exception."""

SAFE = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""Headers of every answer."""

MIN_GZIP = 500
"""Bytes below which an answer is sent as it is."""

TITLES = {
    400: "That does not fit",
    401: "You are not signed in",
    403: "That is not allowed",
    404: "There is no such page",
    405: "That cannot be done here",
    409: "That does not fit what is there now",
    412: "Somebody else was faster",
    429: "Too many requests",
}


@cache
def build() -> str:
    """Return what differs with each version of the templates, the files and the code of pages."""
    digest = hashlib.sha256()
    for path in sorted([*TEMPLATES.iterdir(), *Path(__file__).parent.glob("*.py")]):
        digest.update(path.read_bytes())
    for asset in assets().values():
        digest.update(asset.name.encode())
    return digest.hexdigest()[:12]


def etag_of(*parts: str) -> str:
    """Return the tag of a page that is the same while these parts are."""
    return f'W/"{hashlib.sha256(repr((build(), *parts)).encode()).hexdigest()[:24]}"'


def page(
    asked: Headers, template: str, values: Mapping[str, Any], status: int = 200, etag: str = ""
) -> Response:
    """Return a page, which no cache may store."""
    headers = {**SAFE, "Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    if etag:
        headers["ETag"] = etag
    body = render(template, {**values, "build": build()}).encode()
    return Response(_packed(asked, body, headers), status, headers, "text/html; charset=utf-8")


def unchanged(etag: str) -> Response:
    """Return that a page is the same as before."""
    return Response(status_code=304, headers={**SAFE, "Cache-Control": "no-store", "ETag": etag})


def redirected(url: str) -> Response:
    """Return the way on after an act."""
    headers = {**SAFE, "Cache-Control": "no-store", "Location": url}
    return Response(status_code=303, headers=headers)


def safe(response: Response) -> Response:
    """Return a download, which no cache may store."""
    response.headers.update({**SAFE, "Cache-Control": "no-store"})
    return response


def file(asked: Headers, asset: Asset) -> Response:
    """Return a file, which never changes under its name."""
    headers = {
        **SAFE,
        "Cache-Control": "public, max-age=31536000, immutable",
        "Vary": "Accept-Encoding",
    }
    body = _packed(asked, asset.content, headers)
    return Response(body, headers=headers, media_type=asset.media_type)


def present(asked: Headers, status: int, content: Any) -> Response:
    """Return any answer of a function as the response to a browser."""
    return content if isinstance(content, Response) else problem(asked, status, content)


def problem(asked: Headers, status: int, content: Any) -> Response:
    """Return an error as a page: `content` is what the api would answer."""
    error = content.get("error", {}) if isinstance(content, Mapping) else {}
    values = {
        "title": TITLES.get(status, "Something went wrong"),
        "message": OURS.text(error.get("message", "this function is not configured")),
        "code": error.get("code", "not_configured"),
        "problems": content.get("problems", ()) if isinstance(content, Mapping) else (),
        "person": "",
        "path": "",
        "refresh": None,
        "did": "",
    }
    return page(asked, "problem.html", values, status)


def _packed(asked: Headers, body: bytes, headers: dict[str, str]) -> bytes:
    """Return the body as the browser takes it: Cloud Run does not compress."""
    if len(body) < MIN_GZIP or "gzip" not in asked.get("accept-encoding", ""):
        return body
    headers["Content-Encoding"] = "gzip"
    return gzip.compress(body, 6, mtime=0)
