"""A stand-in for the channels of people: Slack's incoming webhooks, and a receiver of webhooks.

    POST /slack      as Slack: its sizes of blocks and texts, and its answers `ok`, `invalid_blocks`
    POST /webhook    as a receiver of Standard Webhooks: signature, age, and an id acts once

`received` are the messages that were taken. Not modelled: Slack's limit of one message a second.
"""

import base64
import hashlib
import hmac
import time
from collections.abc import Sequence
from typing import Any

from infra.local.wire.faults import FaultRule
from infra.local.wire.messages import WireRequest, WireResponse
from infra.local.wire.stand_in import StandIn

MAX_BLOCKS, MAX_SECTION, MAX_TEXT, MAX_URL = 50, 3_000, 40_000, 3_000
"""Blocks of a message of Slack, and characters of a section, of the text, and of a link."""

TOLERANCE = 300
"""Seconds by which the moment of a signature may differ."""


class LocalChannels(StandIn):
    """The stand-in. `secret` is the receiver's, in base64; `now` its clock in seconds."""

    def __init__(
        self,
        secret: str = "",
        *,
        now: float | None = None,
        latency: float = 0.0,
        faults: Sequence[FaultRule] = (),
    ) -> None:
        super().__init__(latency, faults)
        self.received: list[Any] = []
        self.ids: list[str] = []
        """The ids of all requests of webhooks, also of those that are not answered."""
        self._secret = secret
        self._now = now
        self._known: set[str] = set()

    async def _handle(self, request: WireRequest) -> WireResponse:
        fault = self._plan.pick(request.method, request.path)
        assert not isinstance(fault, str)  # it has no faults of its own
        self.ids += [request.headers.get("webhook-id", "")] if request.path == "/webhook" else []
        if fault and fault.replaces_work:
            return WireResponse(fault=fault)
        handle = {"/slack": self._slack, "/webhook": self._webhook}.get(request.path)
        status, said = handle(request) if handle else (404, "no_team")
        headers = {"Content-Type": "text/plain"}
        return WireResponse(status, headers, said.encode(), fault)

    def _slack(self, request: WireRequest) -> tuple[int, str]:
        try:
            body = request.json()
        except ValueError:
            return 400, "invalid_payload"
        blocks = body.get("blocks", [])
        if not body.get("text") or len(body["text"]) > MAX_TEXT:
            return 400, "no_text"
        if len(blocks) > MAX_BLOCKS or not all(map(_fits, blocks)):
            return 400, "invalid_blocks"
        self.received.append(body)
        return 200, "ok"

    def _webhook(self, request: WireRequest) -> tuple[int, str]:
        id_, at = (request.headers.get(f"webhook-{name}", "") for name in ("id", "timestamp"))
        now = time.time() if self._now is None else self._now
        if not at.isdecimal() or abs(int(at) - now) > TOLERANCE:
            return 401, "too old"
        signed = f"{id_}.{at}.".encode() + request.body
        mac = hmac.new(base64.b64decode(self._secret), signed, hashlib.sha256).digest()
        ours = f"v1,{base64.b64encode(mac).decode()}"
        if ours not in request.headers.get("webhook-signature", "").split():
            return 401, "wrong signature"
        if id_ not in self._known:
            self._known.add(id_)
            self.received.append(request.json())
        return 200, "taken"


def _fits(block: dict[str, Any]) -> bool:
    if block["type"] == "section":
        return 0 < len(block["text"]["text"]) <= MAX_SECTION
    return block["type"] == "actions" and all(
        len(one["url"]) <= MAX_URL for one in block["elements"]
    )
