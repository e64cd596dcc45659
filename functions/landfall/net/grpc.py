"""gRPC channels to Google's services, which come back soon after their peer does.

A channel is kept for the life of a process, so what it does after an outage matters: with gRPC's
own settings it tries again only every two minutes, and goes on using a connection that is dead.
"""

from collections.abc import Sequence
from typing import Any

import grpc.aio

RECONNECT_MOST = 2.0
"""Seconds between attempts to connect, more or less by a fifth. gRPC begins with 1, and its own
most is 120."""

KEEPALIVE = 10.0
"""Seconds without a byte in the middle of a call, after which a ping asks if the peer lives."""


def open_channel(transport: Any, emulator: str | None, connect: float) -> grpc.aio.Channel:
    """A channel to the service of a Google client's transport, or a plain one to its `emulator`.

    An attempt to connect is given up after `connect` seconds; and so is a connection whose peer
    does not acknowledge what was sent, or does not answer a ping, for that long.
    """
    options = _options(connect)
    if emulator is None:
        return transport.create_channel(options=options)
    return grpc.aio.insecure_channel(emulator, options)


def _options(connect: float) -> Sequence[tuple[str, int]]:
    seconds = {
        "grpc.max_reconnect_backoff_ms": RECONNECT_MOST,
        "grpc.min_reconnect_backoff_ms": connect,  # what an attempt may take
        "grpc.keepalive_time_ms": KEEPALIVE,
        "grpc.keepalive_timeout_ms": connect,  # TCP_USER_TIMEOUT
        "grpc.http2.ping_timeout_ms": connect,
    }
    return [
        *((name, int(value * 1000)) for name, value in seconds.items()),
        # as the Google clients have it: their services have limits of their own
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
    ]
