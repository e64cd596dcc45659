"""One attempt to send a message: claim it, ask its channel, record what became of it.

    task ──> claim ──> the channel ──> sent
                           ├─────────> again, under the same id: no answer, or a busy channel
                           └─────────> failed: refused for good, switched off, or a day is over

A message whose answer was lost may have arrived: it is sent again under the same id, by which its
receiver knows it. Whatever happens here, the run that it is about stays as it is.
"""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from landfall import logs
from landfall.deadlines import Deadline
from landfall.net.errors import ExchangeError
from landfall.net.http import HttpClient, retry_after
from landfall.net.public_addresses import is_public
from landfall.process.channels import Channel, ChannelsError, read_channels
from landfall.process.redaction import Redactor
from landfall.runs import outbox
from landfall.runs.commit import Engine
from landfall.runs.kind import Outcome
from landfall.runs.outbox import Message, MessageStatus
from landfall.store.documents import ConflictError, Fields, Put, Update
from landfall.tell import slack, webhook

GONE = 410
"""The status by which a channel says that it wants no more."""

REFUSALS = {"slack": (400, 403, 404, 413, 422)}
"""Statuses by which a vendor refuses this message for good; of a webhook, any may be put right."""

MAX_ANSWER = 10_000
"""Bytes of an answer that are read; none is shown."""


@dataclass(frozen=True)
class _Unsent:
    """A failed attempt: why, whether it is the last, and the seconds before another at least."""

    message: str
    final: bool = False
    seconds: float = 0.0
    writes: Sequence[Put] = ()


_WANTS_NO_MORE = "has answered 410, so it wants no more; give LANDFALL_CHANNELS a new address"


def _off_path(channel: Channel) -> str:
    return f"system/channel-{channel.name}"


def _digest(channel: Channel) -> str:
    """Return what stands for the address, which is not stored."""
    return hashlib.sha256(channel.url.encode()).hexdigest()[:16]


class Sender:
    """Sends messages. `channels` is their definitions, `allowed` host:port that are not public."""

    def __init__(
        self,
        engine: Engine,
        channels: str,
        allowed: Sequence[str],
        window_url: str,
        redactor: Redactor,
    ) -> None:
        self._engine = engine
        self._channels = channels
        self._allowed = frozenset(allowed)
        self._window_url = window_url
        self._redactor = redactor

    async def send(self, message_id: str, attempt: int) -> Outcome:
        """Make an attempt to send a message, within the budget of an invocation.

        Raises `StoreError`, `SchemaError`.
        """
        deadline = Deadline.after(self._engine.ladder.step)
        try:
            message = await self._claim(message_id, attempt)
        except ConflictError:
            return Outcome.DECLINED
        if message is None:
            return Outcome.DECLINED
        failure = await self._try(message, deadline)
        return await self._record(message, failure)

    async def _claim(self, message_id: str, attempt: int) -> Message | None:
        """Claim the message; None where there is nothing to do."""
        (found,) = await self._engine.store.read(outbox.message_path(message_id))
        message = Message.load(found) if found else None
        if message is None or message.status != MessageStatus.WAITING:
            return None
        if message.attempt != attempt:
            return None
        worker = f"tell-{secrets.token_hex(4)}"
        now = self._engine.clock()
        fields = outbox.claimed(message, worker, now, self._engine.ladder)
        return await self._write(message, fields, worker)

    async def _try(self, message: Message, deadline: Deadline) -> _Unsent | None:
        """Send the message once; return why it failed, or None."""
        try:
            channel = self._channel(message.channel)
        except ChannelsError as error:
            return _Unsent(f"LANDFALL_CHANNELS {error}")
        if isinstance(channel, _Unsent):
            return channel
        if await self._is_off(channel):
            return _Unsent(f"{channel.shown} is switched off: it {_WANTS_NO_MORE}", final=True)
        request = self._request(channel, message)
        http = HttpClient(self._engine.ladder.connect, may_reach=self._may_reach)
        try:
            answer = await http.send(
                "POST",
                channel.url,
                deadline=deadline.sooner(self._engine.ladder.request),
                headers={"User-Agent": "Landfall", **request[0]},
                content=request[1],
                max_bytes=MAX_ANSWER,
                cut=True,
            )
        except ExchangeError as error:
            # the cause may have the whole address
            return _Unsent(f"{channel.shown} did not answer: {type(error).__name__}")
        finally:
            await http.close()
        status = answer.status_code
        if 200 <= status < 300:
            return None
        said = f"{channel.shown} answered {status}"
        if status == GONE:
            off = Put(_off_path(channel), {"off": _digest(channel)})
            return _Unsent(f"{said}: it {_WANTS_NO_MORE}", final=True, writes=(off,))
        if status in REFUSALS.get(channel.kind, ()):
            return _Unsent(f"{said}: it refuses the message, or is there no more", final=True)
        return _Unsent(said, seconds=retry_after(answer.headers, outbox.TRIED_FOR.total_seconds()))

    async def _is_off(self, channel: Channel) -> bool:
        """Return whether the channel has wanted no more, at this address."""
        (mark,) = await self._engine.store.read(_off_path(channel))
        return mark is not None and mark.data.get("off") == _digest(channel)

    def _channel(self, name: str) -> Channel | _Unsent:
        """Return the channel. Raises `ChannelsError`."""
        if not self._channels:
            return _Unsent("LANDFALL_CHANNELS is not set; deploy it with the channels")
        known = read_channels(self._channels, self._allowed)
        if name not in known:
            return _Unsent(f"there is no channel {name!r}; there are {', '.join(sorted(known))}")
        return known[name]

    def _request(self, channel: Channel, message: Message) -> tuple[dict[str, str], bytes]:
        if channel.kind == "slack":
            return slack.request(message, self._window_url)
        now = self._engine.clock()
        return webhook.request(message, self._window_url, channel.secrets, now)

    def _may_reach(self, host: str, port: int, address: str) -> bool:
        return f"{host}:{port}" in self._allowed or (port == 443 and is_public(address))

    async def _record(self, message: Message, failure: _Unsent | None) -> Outcome:
        now, ladder = self._engine.clock(), self._engine.ladder
        fields: Fields
        if failure is None:
            fields = outbox.sent(now)
        else:
            text = self._redactor.message(failure.message)
            error = {"message": text, "attempt": message.attempt, "at": now}
            seconds = outbox.pause_after(message.attempt, self._engine.share())
            at = now + timedelta(seconds=max(seconds, failure.seconds))
            logs.warning("not sent", channel=message.channel, error=text, final=failure.final)
            if failure.final or at > message.tried_until:
                fields = outbox.failed(error, now)
            else:
                fields = outbox.again(message, error, at, ladder)
        try:
            more = failure.writes if failure else ()
            written = await self._write(message, fields, str(message.worker), more)
        except ConflictError:
            return Outcome.FENCED  # the watchdog has taken it, and sends it again
        if written.status == MessageStatus.WAITING:
            await self._engine.enqueue(written.task)
            return Outcome.WAITING
        return Outcome.FINISHED

    async def _write(
        self, message: Message, fields: Fields, by: str, more: Sequence[Put] = ()
    ) -> Message:
        stamp: Fields = {"updated_at": self._engine.clock(), "updated_by": by}
        data: dict[str, Any] = fields | stamp
        update = Update(message.path, data, message.version)
        others = [Put(put.path, put.data | stamp) for put in more]
        version, *_ = await self._engine.store.commit([update, *others])
        document = message.document
        return Message.load(type(document)(document.path, document.data | data, version))
