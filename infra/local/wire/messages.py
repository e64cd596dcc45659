"""Requests and answers of a stand-in, as the handler and the tests of it see them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from infra.local.wire.faults import Fault, FaultKind


@dataclass(frozen=True)
class Request:
    """A request as it was on the wire: `path` still percent-encoded, header names in lower case."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes
    target: str

    @cached_property
    def segments(self) -> tuple[str, ...]:
        """The path's parts, each decoded on its own: a `%2F` inside a table's name stays there."""
        return tuple(unquote(part) for part in self.path.strip("/").split("/"))

    def json(self) -> Any:
        """Raises ValueError when the body is not JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Response:
    """An answer; with a `fault` it arrives damaged in that way, or not at all."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    fault: Fault | None = None

    @classmethod
    def json(cls, data: Any, status: int = 200, fault: Fault | None = None) -> "Response":
        headers = {"Content-Type": "application/json; charset=utf-8"}
        return cls(status, headers, json.dumps(data).encode(), fault)


@dataclass
class Exchange:
    """One request and what became of it, for assertions.

    `started`: time.monotonic() seconds at which the request had been read completely.
    `status`: None while unanswered, and for ever when a fault answered nothing.
    """

    started: float
    method: str
    path: str
    status: int | None = None
    fault: FaultKind | None = None
