"""One HTTP request of a person's command, by the standard library; gcloud's proxy holds for it."""

import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

TIMEOUT = 30.0
"""How long a person waits for an answer before it is taken for a failure."""


class NoResponseError(Exception):
    """Nobody answered, or not over HTTP."""


@dataclass(frozen=True)
class HttpResponse:
    """A status, headers in lower case, and the body; and for how many seconds it was waited."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:
        """The body's JSON; None where it is none."""
        try:
            return json.loads(self.body or b"null")
        except ValueError:
            return None


def send_request(
    method: str, url: str, headers: Mapping[str, str] | None = None, body: Any = None
) -> HttpResponse:
    """Send a request with a JSON body, or none. Raises `NoResponseError`."""
    data = None if body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json", **(headers or {})}
    opener, started = urllib.request.build_opener(*_proxy(url)), time.monotonic()
    try:
        request = urllib.request.Request(url, data, given, method=method)  # noqa: S310  # a person's
        with opener.open(request, timeout=TIMEOUT) as answer:
            return _answer(answer.status, answer.headers, answer.read(), started)
    except urllib.error.HTTPError as error:
        return _answer(error.code, error.headers, error.read(), started)
    except (OSError, ValueError) as error:
        raise NoResponseError(f"{method} {url}: {error}") from error


def _answer(status: int, headers: Any, body: bytes, started: float) -> HttpResponse:
    lower = {name.lower(): value for name, value in headers.items()}
    return HttpResponse(status, lower, body, time.monotonic() - started)


def _proxy(url: str) -> list[urllib.request.BaseHandler]:
    host = os.environ.get("CLOUDSDK_PROXY_ADDRESS")
    if url.startswith(("http://127.0.0.1", "http://localhost")):
        return [urllib.request.ProxyHandler({})]
    if not host:
        return []  # the default: HTTPS_PROXY and its like
    proxy = f"http://{host}:{os.environ['CLOUDSDK_PROXY_PORT']}"
    return [urllib.request.ProxyHandler({"http": proxy, "https": proxy})]
