"""A stand-in for OpenAI's API, for scans and tests without an OpenAI account.

It is no language model: its answers follow rules (`rules`), and the names of its models end in
`-stand-in` to show it. Modelled as OpenAI documents it: chat completions and responses with strict
structured output; usage; limits of requests and tokens a minute with their headers;
authentication; unknown models; the formats of errors; files and batches; the list of models. On
request it makes faults, on the wire (`wire.faults`) and of its own (`openai.faults`), for requests
that a fault rule selects by path or content.

Not modelled: streaming, tools, images, audio, several choices, stored conversations, schemas that
are not strict, projects and organisations, limits a day, the queue limit of batches. A request for
any of these is refused with 400 not_implemented_by_stand_in.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from infra.local.openai import errors
from infra.local.openai import faults as own_faults
from infra.local.openai.batches import Batches
from infra.local.openai.completions import Answerer, ModelCall, chat_call, responses_call
from infra.local.openai.files import Files
from infra.local.openai.limits import AccountLimits, MinuteBucket
from infra.local.wire.faults import Fault, FaultKind, FaultRule
from infra.local.wire.messages import WireRequest, WireResponse
from infra.local.wire.server import MAX_EXCHANGES
from infra.local.wire.stand_in import StandIn
from landfall.llm.prices import PRICES

MODELS = tuple(PRICES)
"""The models whose prices Landfall knows."""

DEFAULT_MAX_TOKENS = 16_384
"""Tokens that an answer may have by default; they are taken from the limit in advance."""

DAY = 24 * 3600.0

_CALLS: dict[str, Callable[[Any], ModelCall]] = {
    "/v1/chat/completions": chat_call,
    "/v1/responses": responses_call,
}


class LocalOpenAI(StandIn):
    """A server at `url`, which is the SDK's `base_url`.

    `latency`: seconds before each answer of a model; may be set while it runs, like `faults`.
    `batch_seconds`: duration of a batch. `batch_window`: time after which one expires.
    A fault that replaces the work leaves nothing done and takes nothing from the limits; with any
    other fault the question is answered and charged.
    """

    OWN_FAULTS = own_faults.FAULT_NAMES
    PATH = "/v1"

    def __init__(
        self,
        *,
        api_key: str,
        latency: float = 0.0,
        requests_per_minute: int = 10_000,
        tokens_per_minute: int = 20_000_000,
        batch_seconds: float = 1.0,
        batch_window: float = DAY,
        models: Collection[str] = MODELS,
        faults: Sequence[FaultRule] = (),
    ) -> None:
        super().__init__(latency, faults)
        self.statuses: Counter[int] = Counter()
        self.tokens: Counter[str] = Counter()
        """Tokens of all answers: `prompt`, those of them `cached`, and `completion`."""
        self.calls: deque[tuple[datetime, ModelCall]] = deque(maxlen=MAX_EXCHANGES)
        """The latest calls answered without a fault, and their times."""
        self._api_key = api_key
        self._models = models
        self._limits = AccountLimits(
            MinuteBucket(requests_per_minute), MinuteBucket(tokens_per_minute)
        )
        self._answerer = Answerer()
        self.files = Files()
        self.batches = Batches(self.files, self._in_batch, batch_seconds, batch_window)

    def spend(self, requests: int, tokens: int = 0) -> None:
        """Take from the limits, as another client of the account would."""
        self._limits.requests.take(requests)
        self._limits.tokens.take(tokens)

    async def _handle(self, request: WireRequest) -> WireResponse:
        try:
            self._authenticate(request)
            response = await self._work(request)
        except errors.RefusedError as refusal:
            response = refusal.response
        self.statuses[response.status] += 1
        return response

    def _authenticate(self, request: WireRequest) -> None:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            raise errors.key_missing()
        if key != self._api_key:
            raise errors.key_wrong()

    async def _work(self, request: WireRequest) -> WireResponse:
        if request.method == "POST" and request.path in _CALLS:
            return await self._answer_call(request)
        creates_batch = (request.method, request.path) == ("POST", "/v1/batches")
        fault = self._fault(request, own_faults.BATCH_FAULTS if creates_batch else ())
        if isinstance(fault, Fault) and fault.replaces_work:
            return WireResponse(fault=fault)
        result = self._answer_other(request, fault if isinstance(fault, str) else None)
        response = result if isinstance(result, WireResponse) else WireResponse.json(result)
        return replace(response, fault=fault) if isinstance(fault, Fault) else response

    # Calls of a model

    async def _answer_call(self, request: WireRequest) -> WireResponse:
        fault = self._fault(request, own_faults.FAULT_NAMES - own_faults.BATCH_FAULTS)
        if isinstance(fault, Fault) and fault.replaces_work:
            return WireResponse(fault=fault)
        call = _CALLS[request.path](_json(request))
        self._check_model(call)
        wanted = call.prompt_tokens + (call.max_tokens or DEFAULT_MAX_TOKENS)
        try:
            self._limits.admit(call.model, wanted, time.monotonic())
        except errors.RefusedError as refusal:
            refusal.headers = {**refusal.headers, **self._limits.headers()}
            raise
        headers = self._limits.headers()
        await asyncio.sleep(self.latency)
        body = self._answer_body(request.path, call, fault if isinstance(fault, str) else None)
        if fault is None:
            self.calls.append((datetime.now(UTC), call))
        plain = WireResponse.json(body, fault=fault if isinstance(fault, Fault) else None)
        return replace(plain, headers={**plain.headers, **headers})

    def _answer_body(self, path: str, call: ModelCall, fault: str | None) -> dict[str, Any]:
        answer = self._answerer.answer(call, fault)
        self.tokens.update(
            prompt=answer.prompt_tokens,
            cached=answer.cached_tokens,
            completion=answer.completion_tokens,
        )
        in_format = (
            self._answerer.as_chat_completion
            if path.endswith("completions")
            else self._answerer.as_response
        )
        return in_format(call, answer)

    def _check_model(self, call: ModelCall) -> None:
        if call.model not in self._models:
            raise errors.no_model(call.model)

    def _in_batch(self, path: str, body: Any) -> tuple[int, Any]:
        """Answer a request of a batch, to which the limits a minute do not apply."""
        content = str(body)
        fault = self._plan.pick(
            "POST", path, own_faults.FAULT_NAMES - own_faults.BATCH_FAULTS, content
        )
        if isinstance(fault, Fault):
            status = fault.status if fault.kind == FaultKind.STATUS else 500
            return status, errors.unknown_failure().body
        try:
            call = _CALLS[path](body)
            self._check_model(call)
        except errors.RefusedError as refusal:
            return refusal.status, refusal.body
        return 200, self._answer_body(path, call, fault)

    # Everything else

    def _answer_other(self, request: WireRequest, fault: str | None) -> Any:
        """Return the response, or its JSON. Raises `RefusedError`."""
        files, batches, query = self.files, self.batches, request.query
        match request.method, request.segments[1:]:
            case "GET", ("models",):
                return {"object": "list", "data": [_model(name) for name in self._models]}
            case "POST", ("files",):
                return files.upload(request)
            case "GET", ("files", file_id):
                return files.get(file_id).as_object()
            case "GET", ("files", file_id, "content"):
                return files.content(file_id)
            case "DELETE", ("files", file_id):
                return files.delete(file_id)
            case "POST", ("batches",):
                return batches.create(_json(request), fault)
            case "GET", ("batches",):
                limit = int(query.get("limit", ["20"])[-1])
                return batches.page(query.get("after", [None])[-1], limit)
            case "GET", ("batches", batch_id):
                return batches.get(batch_id)
            case "POST", ("batches", batch_id, "cancel"):
                return batches.cancel(batch_id)
        raise errors.no_url(request.method, request.path)

    def _fault(self, request: WireRequest, possible: Collection[str]) -> Fault | str | None:
        path, content = "/" + "/".join(request.segments), request.body.decode(errors="replace")
        return self._plan.pick(request.method, path, possible, content)


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "stand-in"}


def _json(request: WireRequest) -> Any:
    try:
        return request.json()
    except ValueError:
        raise errors.not_json() from None
