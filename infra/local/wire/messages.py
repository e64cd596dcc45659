"""Requests and responses of a stand-in, for its handler and for assertions of tests."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from infra.local.wire.faults import Fault, FaultKind


@dataclass(frozen=True)
class WireRequest:
    """A request as on the wire: `path` is percent-encoded, header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    target: str

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The path's parts, each decoded on its own: a `%2F` in a table's name splits nothing."""
        return tuple(unquote(part) for part in self.path.strip("/").split("/"))

    def json(self) -> Any:
        """Parse the body. Raises `ValueError`."""
        return json.loads(self.body)


@dataclass(frozen=True)
class WireResponse:
    """A response; with a `fault` it arrives damaged in that way, or not at all."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    fault: Fault | None = None

    @classmethod
    def json(cls, data: Any, status: int = 200, fault: Fault | None = None) -> "WireResponse":
        """Return a response with this JSON."""
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return cls(status, headers, json.dumps(data).encode(), fault)


@dataclass
class Exchange:
    """A request and the status of its response, for assertions.

    `started`: the end of reading the request, in seconds of time.monotonic().
    `status`: None before the response, and for good if a fault sends none.
    """

    started: float
    method: str
    path: str
    status: int | None = None
    fault: FaultKind | None = None
