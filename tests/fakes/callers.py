"""Requests of people to the api, of a world."""

import json
from collections.abc import Mapping
from typing import Any

from landfall.api.downloads import Download
from landfall.api.request import Request
from tests.fakes.world import World


def ask(
    world: World,
    body: Any = None,
    query: Mapping[str, str] | None = None,
    *,
    raw: bytes | None = None,
    by: str = "tester",
    key: str | None = None,
    match: str | None = None,
) -> Request:
    """Return a request with this body and these query parameters."""
    sent = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
    return Request(by, query or {}, sent, world.runs, world.registry, key, match)


async def text_of(file: Download) -> str:
    """Return the text of a file, once it is sent."""
    return "".join([piece async for piece in file.pieces])
