"""HTTP requests by the standard library, through gcloud's proxy if one is set."""

import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.cloud.clients.error_advice import NO_ANSWER

TIMEOUT = 30.0
"""Seconds before a missing response counts as a failure."""


class NoResponseError(Exception):
    """Nobody answered, or not over HTTP."""


@dataclass(frozen=True)
class HttpResponse:
    """A status, headers in lower case, the body, and the seconds until it arrived."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    def json(self) -> Any:
        """Return the JSON of the body, or None if it is not JSON."""
        try:
            return json.loads(self.body or b"null")
        except ValueError:
            return None


def send_request(
    method: str, url: str, headers: Mapping[str, str] | None = None, body: Any = None
) -> HttpResponse:
    """Send a request, with a JSON body unless it is None. Raises `NoResponseError`.

    A redirect is not followed: it is the answer, and its goal gets no header of the request.
    """
    data = None if body is None else json.dumps(body).encode()
    given = {"Content-Type": "application/json", **(headers or {})}
    opener, started = urllib.request.build_opener(_NoRedirects, *_proxy(url)), time.monotonic()
    try:
        request = urllib.request.Request(url, data, given, method=method)  # noqa: S310  # a person's
        with opener.open(request, timeout=TIMEOUT) as answer:
            return _answer(answer.status, answer.headers, answer.read(), started)
    except urllib.error.HTTPError as error:
        return _answer(error.code, error.headers, error.read(), started)
    except ValueError:
        # without the cause, which shows the header that it does not like: the key
        raise NoResponseError(
            f"{method} {url}: the address or a header has a form that cannot be sent"
        ) from None
    except (OSError, http.client.HTTPException) as error:
        why = str(error) or type(error).__name__
        raise NoResponseError(f"{method} {url}: {NO_ANSWER}: {why}") from error


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


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
