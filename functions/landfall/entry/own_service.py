"""The own service in Cloud Run: does Cloud Run check who calls it?

Cloud Run removes the signature of a token that it has verified. Where its check is switched off
("Allow public access", or a role for `allUsers`), anybody can send a token that looks like that. So
a token without a signature counts only while the state of the service says that the check is on.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from landfall import logs
from landfall.deadlines import LADDER, Deadline
from landfall.reasons import LandfallError

SIGNATURE_REMOVED = "SIGNATURE_REMOVED_BY_GOOGLE"
"""Cloud Run's replacement for a signature that it has verified."""

READ_EVERY = 300.0
"""Seconds for which a check that is on is taken to be on: two requests of 50 ms, now and then."""

READ_AGAIN = 10.0
"""Seconds between two reads while the check is off, or its state cannot be read."""

BELIEVED = 3600.0
"""Seconds after which a check that was on counts no more, if its state could not be read since."""

MAX_STATE_BYTES = 256 * 1024
"""Bytes of a response; a service with its policy has less than ten thousand."""

EVERYBODY = "allUsers"


class OwnServiceError(LandfallError):
    """The state of the service cannot be read: no token without a signature can be trusted."""

    code = "caller_check_unknown"
    answer = "callers cannot be checked now"


@dataclass(frozen=True)
class OwnService:
    """The own service: does Cloud Run check its callers, and at which URLs does it serve it."""

    is_checked: bool
    urls: tuple[str, ...] = ()


class CallerCheck:
    """Cloud Run's check of the callers of this service, as `read` last found it."""

    def __init__(self, read: Callable[[], Awaitable[OwnService]]) -> None:
        self._read = read
        self._found: OwnService | None = None
        self._read_next = self._believed_until = 0.0
        self._lock = asyncio.Lock()

    async def is_on(self) -> bool:
        """Return whether Cloud Run checks the callers. Raises `OwnServiceError`."""
        return (await self._service()).is_checked

    async def is_own(self, audience: str) -> bool:
        """Return whether an audience is a URL of this service, or one below it.

        By Google's documents it is the URL itself; Cloud Scheduler's default has the path, too.
        Raises `OwnServiceError`.
        """
        return any(f"{audience}/".startswith(f"{url}/") for url in (await self._service()).urls)

    async def _service(self) -> OwnService:
        async with self._lock:
            now = asyncio.get_running_loop().time()
            if self._found is None or now >= self._read_next:
                self._found = await self._read_again(self._found, now)
            return self._found

    async def _read_again(self, before: OwnService | None, now: float) -> OwnService:
        self._read_next = now + READ_AGAIN
        try:
            found = await self._read()
        except OwnServiceError:
            if before and before.is_checked and now < self._believed_until:
                return before
            self._found = None
            raise
        if found.is_checked:
            self._read_next, self._believed_until = now + READ_EVERY, now + BELIEVED
        else:
            logs.error("open to everybody", fix="run infra/deploy")
        return found


async def read_caller_check(metadata: str, api: str, service: str) -> OwnService:
    """Return what Cloud Run says of a service, such as "landfall-api".

    `metadata` is the host of the metadata server, `api` the address of Cloud Run's API. The
    account of the function needs `roles/run.viewer` on its service. Raises `OwnServiceError`.
    """
    own = f"http://{metadata}/computeMetadata/v1/instance"
    flavor = {"Metadata-Flavor": "Google"}
    try:
        async with Deadline.after(LADDER.connect).limit():
            region, token = await asyncio.gather(
                _get(f"{own}/region", flavor), _get(f"{own}/service-accounts/default/token", flavor)
            )
            place = region.decode().strip().replace("/regions/", "/locations/")
            bearer = {"Authorization": f"Bearer {_object(token)['access_token']}"}
            url = f"{api}/v2/{place}/services/{service}"
            state, policy = await asyncio.gather(
                _get(url, bearer), _get(f"{url}:getIamPolicy", bearer)
            )
        return own_service(_object(state), _object(policy))
    except HTTPError as error:
        raise OwnServiceError(
            f"the state of {service}: {error.url} answered {error.code}; its account needs "
            "roles/run.viewer on it, which infra/deploy grants"
        ) from error
    except _UNREADABLE as error:
        raise OwnServiceError(f"the state of {service}: {error!r}") from error


_UNREADABLE = (OSError, HTTPException, KeyError, TypeError, ValueError, AttributeError)


def own_service(state: Mapping[str, Any], policy: Mapping[str, Any]) -> OwnService:
    """Return a service from the form of Cloud Run's API (v2), and its policy."""
    members = [one for it in policy.get("bindings", []) for one in it.get("members", [])]
    is_checked = not state.get("invokerIamDisabled", False) and EVERYBODY not in members
    return OwnService(is_checked, tuple(str(url) for url in state.get("urls", [])))


async def _get(url: str, headers: Mapping[str, str]) -> bytes:
    """Return the body of a response, by the standard library in a thread.

    An HTTP client of `net` would take 120 ms of a cold start. This one is not bounded against a
    server that sends a byte now and then, which Google's are not; who waits for it is bounded.
    """
    return await asyncio.to_thread(_read, Request(url, headers=dict(headers)))  # noqa: S310


def _read(request: Request) -> bytes:
    opener = build_opener(ProxyHandler({}))  # the metadata server is behind no proxy
    with opener.open(request, timeout=LADDER.connect) as response:
        body: bytes = response.read(MAX_STATE_BYTES + 1)
    if len(body) > MAX_STATE_BYTES:
        raise ValueError(f"more than {MAX_STATE_BYTES:,} bytes")
    return body


def _object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body. Raises `ValueError`."""
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")
    return found
