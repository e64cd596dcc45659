"""Requests to the api: sent again while it cannot be reached, for a bounded time."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx

from infra.client.errors import ClientError, UnreachableError, UsageError
from infra.client.places import Place
from infra.cloud.clients.gcloud import GcloudError

PATIENCE = 10.0
"""Seconds for which a request is sent again."""

TIMEOUT = httpx.Timeout(90.0, connect=10.0)
"""Seconds without an answer: the api ends each request before that."""

FIRST_PAUSE = 0.5
"""Seconds until the second attempt; each further pause is twice as long."""

MAX_PAUSE = 15.0
"""Most seconds between two attempts, unless the api names more."""

MAX_ANSWER = 64_000_000
"""Bytes of an answer in memory: Cloud Run sends at most 32 MiB; files are passed on in pieces."""

PASSING = {429, 500, 502, 503, 504}
"""Statuses after which the same request may succeed."""

Notice = Callable[[str], None]


class Api:
    """The api of a place. `notice` shows what is waited for."""

    def __init__(self, place: Place, notice: Notice) -> None:
        self.place = place
        self.patience = PATIENCE
        self._notice = notice
        self._token = ""
        # a proxy of the environment is for the internet
        here = httpx.URL(place.api).host in ("127.0.0.1", "localhost")
        self._client = httpx.Client(base_url=place.api, timeout=TIMEOUT, trust_env=not here)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str] | None = None,
        body: bytes | None = None,
        key: str | None = None,
    ) -> Any:
        """Return the JSON of an answer. Raises `ClientError`.

        A request may be sent twice: each does the same then; for a start, give a `key`.
        """
        with self.stream(method, path, parameters=parameters, body=body, key=key) as pieces:
            content = bytearray()
            for piece in pieces:
                content += piece
                if len(content) > MAX_ANSWER:
                    raise ClientError(f"The answer to {method} {path} is too long: narrow it.")
        try:
            return json.loads(bytes(content))
        except ValueError:
            raise UnreachableError(
                f"{self.place.api} answered {method} {path} with something else than JSON: "
                "is it the api of Landfall?"
            ) from None

    @contextmanager
    def stream(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, str] | None = None,
        body: bytes | None = None,
        key: str | None = None,
    ) -> Iterator[Iterator[bytes]]:
        """Yield the pieces of an answer. Raises `ClientError`."""
        headers = {"Idempotency-Key": key} if key else {}
        request = self._client.build_request(
            method, path, params=dict(parameters or {}), content=body, headers=headers
        )
        answer = self._answered(request)
        try:
            yield self._pieces(answer)
        finally:
            answer.close()

    def _pieces(self, answer: httpx.Response) -> Iterator[bytes]:
        try:
            yield from answer.iter_bytes()
        except httpx.TransportError as error:
            raise UnreachableError(
                f"The answer broke off before its end ({error}); try again."
            ) from error

    def _answered(self, request: httpx.Request) -> httpx.Response:
        """Send a request until it has an answer. Raises `ClientError`."""
        give_up, pause, renewed = time.monotonic() + self.patience, FIRST_PAUSE, not self._token
        while True:
            wait = pause
            try:
                request.headers["Authorization"] = f"Bearer {self._bearer()}"
                answer = self._client.send(request, stream=True)
            except httpx.TransportError as error:
                failure: ClientError = UnreachableError(
                    f"{self.place.name} ({self.place.api}) does not answer: "
                    f"{error or type(error).__name__}."
                )
            else:
                if answer.status_code < 300:
                    return answer
                failure = _refusal(answer, self.place)
                if answer.status_code == 401 and not renewed:  # it has expired meanwhile
                    self._token, renewed = "", True
                    continue
                if answer.status_code not in PASSING:
                    raise failure
                wait = max(pause, _retry_after(answer))
            if time.monotonic() + wait > give_up:
                raise failure
            self._notice(f"{failure} Next try in {wait:.0f} s.")
            time.sleep(wait)
            pause = min(2 * pause, MAX_PAUSE)

    def _bearer(self) -> str:
        if not self._token:
            try:
                self._token = self.place.renew()
            except GcloudError as error:
                raise UnreachableError(f"{error} Log in with `gcloud auth login`.") from error
        return self._token


def _retry_after(answer: httpx.Response) -> float:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 0.0


def _refusal(answer: httpx.Response, place: Place) -> ClientError:
    """Return the error of an answer, with what the api says of it."""
    code, message = "", ""
    try:
        error = json.loads(answer.read()[:MAX_ANSWER])["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError, httpx.TransportError):
        message = f"it answered {answer.status_code}"
    finally:
        answer.close()
    status = answer.status_code
    if status in (401, 403):
        return UnreachableError(
            f"{place.name} does not let you in: {message}. In a project, have your address added "
            "with `infra/deploy --invoker`; a local stack may have ended."
        )
    if status in (400, 422) and code == "bad_request":
        return UsageError(message)
    if not code:
        return UnreachableError(f"{place.name} ({place.api}): {message}, not as the api does.")
    return ClientError(f"{message} ({code})" if status >= 500 else message)
