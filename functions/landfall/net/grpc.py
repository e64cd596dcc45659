"""gRPC channels to Google's services that reconnect soon after an outage.

A channel lives as long as its process. With gRPC's defaults it retries a connection only every two
minutes after an outage, and continues to use a dead one.
"""

from collections.abc import Sequence
from typing import Any

import grpc.aio

MAX_RECONNECT_BACKOFF = 2.0
"""Seconds between attempts to connect, plus or minus a fifth. gRPC begins with 1; its default
maximum is 120."""

KEEPALIVE = 10.0
"""Seconds without a byte during a call, after which a ping checks the peer."""


def open_channel(transport: Any, emulator: str | None, connect: float) -> grpc.aio.Channel:
    """Open a channel to the service of a Google client's transport, or to its `emulator`.

    An attempt to connect ends after `connect` seconds. So does a connection whose peer does not
    acknowledge data, or does not answer a ping, for that long.
    """
    options = _options(connect)
    if emulator is None:
        return transport.create_channel(options=options)
    return grpc.aio.insecure_channel(emulator, options)


def _options(connect: float) -> Sequence[tuple[str, int]]:
    seconds = {
        "grpc.max_reconnect_backoff_ms": MAX_RECONNECT_BACKOFF,
        "grpc.min_reconnect_backoff_ms": connect,  # the timeout of an attempt
        "grpc.keepalive_time_ms": KEEPALIVE,
        "grpc.keepalive_timeout_ms": connect,  # TCP_USER_TIMEOUT
        "grpc.http2.ping_timeout_ms": connect,
    }
    return [
        *((name, int(value * 1000)) for name, value in seconds.items()),
        # as in the Google clients: their services have limits of their own
        ("grpc.max_send_message_length", -1),
        ("grpc.max_receive_message_length", -1),
    ]
