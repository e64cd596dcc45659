"""Client of a service with OpenAI's API, through its SDK: every request ends by its deadline.

The SDK composes the requests. Its own retries are off, and its transport passes every request to
`HttpClient`:

    send() ── AsyncOpenAI ── httpx2 ── _Transport ──> HttpClient ──> the service
"""

import functools
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import httpx2
import openai
from pydantic import BaseModel

from landfall.deadlines import Deadline, Ladder
from landfall.llm.openai.completions import MAX_MESSAGE_CHARACTERS, add_fix, read_error
from landfall.llm.questions import Question, UnsentQuestionError
from landfall.net.errors import (
    ExchangeError,
    ExchangeTimeoutError,
    InvalidResponseError,
    ResponseTooLargeError,
    UnreachableError,
    UnsendableError,
)
from landfall.net.http import MAX_BODY_BYTES, HttpClient, Resolver, retry_after
from landfall.process.redaction import Redactor
from landfall.reasons import Reason, StepError

T = TypeVar("T", bound=BaseModel)

MAX_WAIT = 3600.0
"""Seconds that an answer may ask to wait; limits are of a minute, quotas of a day or a month."""


def chat_body(model: str, effort: str | None, question: Question[T]) -> dict[str, Any]:
    """Return the body of a chat completion for a question.

    The schema is strict, which allows neither defaults nor free-form keys:
    https://platform.openai.com/docs/guides/structured-outputs
    """
    body = {
        "model": model,
        "messages": [
            {"role": "system", "content": question.instructions},
            {"role": "user", "content": question.text},
        ],
        "response_format": _response_format(question.shape),
        "max_completion_tokens": question.max_tokens,
    }
    return body | ({"reasoning_effort": effort} if effort else {})


@functools.lru_cache(maxsize=32)
def _response_format(shape: type[BaseModel]) -> dict[str, Any]:
    # cached: the SDK takes some milliseconds to make it
    strict = openai.pydantic_function_tool(shape)["function"]["parameters"]
    schema = {"name": shape.__name__, "strict": True, "schema": strict}
    return {"type": "json_schema", "json_schema": schema}


Send = Callable[[openai.AsyncOpenAI, float], Awaitable[Any]]
"""A call of the SDK with a timeout in seconds. Returns the raw response."""


class ModelService:
    """A connection to a service with OpenAI's API. Close it after use."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        ladder: Ladder,
        resolver: Resolver | None = None,
        max_bytes: int = MAX_BODY_BYTES,
    ) -> None:
        self._request = ladder.request
        self._redactor = Redactor([api_key])
        self._http = HttpClient(ladder.connect, resolver)
        self._sdk = openai.AsyncOpenAI(
            base_url=base_url,
            api_key=api_key,
            max_retries=0,
            http_client=httpx2.AsyncClient(
                transport=_Transport(self._http, max_bytes), trust_env=False
            ),
        )
        self._sdk._platform = "Unknown"  # the SDK would detect it in a thread, for a header

    async def close(self) -> None:
        """Close all connections."""
        await self._sdk.close()
        await self._http.close()

    async def send(self, send: Send, deadline: Deadline) -> httpx2.Response:
        """Return the complete response, whatever its status.

        Raises `StepError`; where the request was not sent, this is an `UnsentQuestionError`.
        """
        seconds = deadline.sooner(self._request).remaining()
        try:
            raw = await send(self._sdk, seconds)
        except openai.APIStatusError as error:
            return error.response
        except _UnsentError as unsent:
            cause = unsent.cause
            raise UnsentQuestionError(*self._outside(cause)) from cause
        except ExchangeError as error:
            raise StepError(*self._outside(error)) from error
        response: httpx2.Response = raw.http_response
        return response

    def status_error(self, response: httpx2.Response) -> StepError:
        """Return the error for a response that is no success."""
        reason, details = read_error(response.status_code, response.content)
        delay = retry_after(response.headers, MAX_WAIT)
        shown = self._shown(f"the model API answered {details}", reason)
        return StepError(reason, shown, retry_after=delay)

    def _outside(self, error: ExchangeError) -> tuple[Reason, str]:
        reason = _OUTSIDE_REASONS[type(error)]
        return reason, self._shown(f"the model API: {error}", reason)

    def _shown(self, message: str, reason: Reason) -> str:
        """Return a message, with the fix; services quote the key that they refuse."""
        return add_fix(self._redactor.text(message[: 4 * MAX_MESSAGE_CHARACTERS]), reason)


class _UnsentError(Exception):
    """An exchange ended before the request was sent."""

    def __init__(self, cause: ExchangeError) -> None:
        super().__init__(str(cause))
        self.cause = cause


class _Transport(httpx2.AsyncBaseTransport):
    """Sends the SDK's requests through `HttpClient`. The SDK's timeout is the remaining time."""

    def __init__(self, http: HttpClient, max_bytes: int) -> None:
        self._http = http
        self._max_bytes = max_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Return the complete response. Raises an `ExchangeError`, `_UnsentError`."""
        sent = False

        async def note() -> None:
            nonlocal sent
            sent = True

        try:
            answer = await self._http.send(
                request.method,
                str(request.url),
                deadline=Deadline.after(request.extensions["timeout"]["read"]),
                headers=dict(request.headers),
                content=await request.aread(),
                max_bytes=self._max_bytes,
                before_sending=note,
            )
        except ExchangeError as error:
            if sent:
                raise
            raise _UnsentError(error) from error
        if answer.has_redirect_location:
            raise InvalidResponseError(f"it answered with a redirect ({answer.status_code})")
        return httpx2.Response(
            answer.status_code, headers=answer.headers.multi_items(), content=answer.content
        )


_OUTSIDE_REASONS = {
    UnsendableError: Reason.MODEL_NOT_CONFIGURED,
    ExchangeTimeoutError: Reason.MODEL_TIMEOUT,
    UnreachableError: Reason.MODEL_UNREACHABLE,
    InvalidResponseError: Reason.MODEL_MALFORMED,
    ResponseTooLargeError: Reason.MODEL_MALFORMED,
}
