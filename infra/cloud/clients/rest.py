"""Google's REST APIs, with gcloud's token: for reading, and for requests that gcloud lacks.

gcloud's own settings of endpoints (`CLOUDSDK_API_ENDPOINT_OVERRIDES_...`) and of a proxy
(`CLOUDSDK_PROXY_...`) apply here too.
"""

import os
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from infra.cloud.clients.stdlib_http import HttpResponse, NoResponseError, send_request

UNAUTHENTICATED = 401

NEED_QUOTA_PROJECT = ("firebaserules", "iap")
"""APIs for which a person's login has no quota of its own."""


class GoogleError(Exception):
    """Google refused a request, or did not answer. `status` is Google's code, or empty."""

    def __init__(self, message: str, status: str = "") -> None:
        super().__init__(message)
        self.status = status


class GoogleClient:
    """Client of Google's APIs, with the account that is logged in to gcloud.

    A token lasts for an hour; `renew` returns another. With `apis_enabled` the APIs were enabled,
    perhaps a moment ago: one that says that it is not is late, and tells nothing of its resources.
    """

    def __init__(self, token: str, project: str, renew: Callable[[], str] | None = None) -> None:
        self._token = token
        self._project = project
        self._renew = renew
        self.apis_enabled = False

    def get(self, api: str, path: str, **parameters: str) -> dict[str, Any] | None:
        """Return the resource at a path, such as ("run", "v2/projects/p"), or None if absent.

        An API that was never enabled has no resources. Raises `GoogleError`.
        """
        try:
            return self.send("GET", api, path, parameters=parameters)
        except GoogleError as error:
            if self.is_absence(error):
                return None
            raise

    def is_absence(self, error: GoogleError) -> bool:
        """Return whether an error says that there is no such resource."""
        if error.status == "SERVICE_DISABLED":
            return not self.apis_enabled
        return error.status == "NOT_FOUND"

    def list_all(self, api: str, path: str, key: str, **parameters: str) -> list[dict[str, Any]]:
        """Return every item of a list, page by page. Raises `GoogleError`."""
        found: list[dict[str, Any]] = []
        while True:
            page = self.get(api, path, **parameters) or {}
            found += page.get(key, [])
            if not page.get("nextPageToken"):
                return found
            parameters["pageToken"] = page["nextPageToken"]

    def send(
        self,
        method: str,
        api: str,
        path: str,
        body: Any = None,
        parameters: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Send a request, and return the JSON of its response. Raises `GoogleError`."""
        url = f"{endpoint(api)}{path}"
        if parameters:
            url += f"?{urlencode(parameters)}"
        answer = self._send(method, api, url, body)
        if answer.status == UNAUTHENTICATED and self._renew:
            self._token = self._renew()
            answer = self._send(method, api, url, body)
        if answer.status >= 300:
            raise error_of(answer, f"{method} {url}")
        content: dict[str, Any] = answer.json() or {}
        return content

    def _send(self, method: str, api: str, url: str, body: Any) -> HttpResponse:
        headers = {"Authorization": f"Bearer {self._token}"}
        if api in NEED_QUOTA_PROJECT:
            headers["X-Goog-User-Project"] = self._project
        try:
            return send_request(method, url, headers, body)
        except NoResponseError as error:
            raise GoogleError(str(error), "UNAVAILABLE") from error


def endpoint(api: str) -> str:
    """Return the URL of an API: "run", or "europe-west1-run" for a region."""
    region, _, name = api.rpartition("-")
    override = os.environ.get(f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{name.upper()}")
    if not override:
        return f"https://{api}.googleapis.com/"
    parts = urlsplit(override)
    host = f"{region}-{parts.netloc}" if region else parts.netloc
    return f"{parts.scheme}://{host}/"


def error_of(answer: HttpResponse, request: str) -> GoogleError:
    """Return the error that a response stands for."""
    content = answer.json()
    error = content.get("error") if isinstance(content, dict) else None
    if not isinstance(error, dict):
        error = {"message": answer.body[:200].decode(errors="replace")}
    status, message = error.get("status", ""), error.get("message", "")
    reasons = {detail.get("reason") for detail in error.get("details", [])}
    if "SERVICE_DISABLED" in reasons or "has not been used in project" in message:
        status = "SERVICE_DISABLED"
    elif answer.status == 404:
        status = "NOT_FOUND"
    named = f"{answer.status} {status}" if status else f"HTTP {answer.status}"
    return GoogleError(f"{request}: {named} {message}".strip(), status or named)
