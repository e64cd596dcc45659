"""Faults on the wire, and rules for when they occur: plain data, so a fault plan can be JSON.

    Fault       one misbehaviour of one response
    FaultRule   the requests that get it: method, path, the n-th, how often, how likely (seeded)
    FaultPlan   the rules of a running server, with their counters

Faults are made on the wire and not in a patched client, because a client hangs on what arrives at
its socket. `wire.damage` carries them out.
"""

import json
import random
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class FaultKind(StrEnum):
    SILENT = "silent"  # the request is read, and there is no response
    DRIP_HEADERS = "drip_headers"  # the status line and headers, a byte at a time
    DRIP_BODY = "drip_body"  # headers at once, the body a byte at a time
    CUT_BODY = "cut_body"  # half of the body, then the connection closes
    STALL_BODY = "stall_body"  # half of the body, then nothing; the connection stays open
    RESET = "reset"  # no response, TCP RST
    FLOOD = "flood"  # a body of `size` bytes, as fast as the client reads it
    STATUS = "status"  # another response: any status, headers (Retry-After), body
    MALFORMED_JSON = "malformed_json"  # complete on the wire, not JSON
    REDIRECT_LOOP = "redirect_loop"  # 302 to the same address


class Framing(StrEnum):
    """The ways to mark the end of a body. A cut body with CLOSE framing looks complete."""

    LENGTH = "length"
    CLOSE = "close"
    CHUNKED = "chunked"


# These are complete, well-framed responses; every other kind is misbehaviour below HTTP.
ANSWERS = frozenset({FaultKind.STATUS, FaultKind.MALFORMED_JSON, FaultKind.REDIRECT_LOOP})


@dataclass(frozen=True)
class Fault:
    """One misbehaviour.

    `interval`: seconds between two bytes of a drip; 0.4 is below every read timeout in use, so
    that every single read succeeds. `framing` and `gzip` shape the bodies of DRIP_BODY, CUT_BODY,
    STALL_BODY and FLOOD. `size`: bytes of a FLOOD, before compression (with `gzip` it is a bomb).
    `status`, `headers`, `body`: the response of a STATUS fault.
    """

    kind: FaultKind
    interval: float = 0.4
    framing: Framing = Framing.LENGTH
    gzip: bool = False
    size: int = 64 * 1024 * 1024
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def replaces_work(self) -> bool:
        """Return whether the request is not carried out: a refused write is not applied.

        Every other kind damages the response to work that was done, which is the harder case.
        """
        return self.kind in (FaultKind.STATUS, FaultKind.REDIRECT_LOOP)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Fault":
        """Parse JSON: `{"kind": "status", "status": 503, "headers": {"Retry-After": "2"}}`.

        `body` is text, or any other JSON value, which is then sent as JSON.
        Raises `ValueError` for an unknown kind or framing, `TypeError` for an unknown key.
        """
        values = {**data, "kind": FaultKind(data["kind"])}
        if "framing" in values:
            values["framing"] = Framing(values["framing"])
        if "body" in values:
            values["body"] = _as_bytes(values["body"])
        return cls(**values)


def _as_bytes(body: Any) -> bytes:
    return (body if isinstance(body, str) else json.dumps(body)).encode()


@dataclass(frozen=True)
class FaultRule:
    """A fault, and the requests that get it.

    `fault`: a Fault, or the name of one that only the stand-in itself can make ("expired_offset").
    `method`: exact; None is any. `path`: a regular expression searched in the decoded path.
    `content`: a regular expression searched in the request's body, if the stand-in supports it.
    Of the matching requests, the first `after` pass, and the next `times` (None: all of them) get
    the fault, each with `probability`, drawn from a generator with the rule's own `seed`.
    """

    fault: Fault | str
    method: str | None = None
    path: str | None = None
    content: str | None = None
    after: int = 0
    times: int | None = 1
    probability: float = 1.0
    seed: int = 0

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "FaultRule":
        """Parse JSON: `{"fault": {"kind": "silent"}, "path": "/Students$", "times": null}`."""
        fault = data["fault"]
        return cls(**{**data, "fault": fault if isinstance(fault, str) else Fault.from_dict(fault)})

    def matches(self, method: str, path: str, possible: Collection[str], content: str = "") -> bool:
        """Return whether the request matches; `possible`: the stand-in's own faults it can meet."""
        if isinstance(self.fault, str) and self.fault not in possible:
            return False
        if self.method not in (None, method):
            return False
        if self.content is not None and not re.search(self.content, content):
            return False
        return self.path is None or re.search(self.path, path) is not None


class _LiveRule:
    def __init__(self, rule: FaultRule) -> None:
        self.rule = rule
        self._matched = 0
        self._fired = 0
        self._random = random.Random(rule.seed)

    def fires(self) -> bool:
        """Count a matching request; return whether it gets the fault."""
        self._matched += 1
        spent = self.rule.times is not None and self._fired >= self.rule.times
        if self._matched <= self.rule.after or spent:
            return False
        if self._random.random() >= self.rule.probability:
            return False
        self._fired += 1
        return True


class FaultPlan:
    """Rules in order. The first that fires decides, and later ones do not count the request.

    Counters and generators belong to the plan: a new plan with the same rules starts them anew.
    """

    def __init__(self, rules: Iterable[FaultRule] = ()) -> None:
        self._live = [_LiveRule(rule) for rule in rules]

    @property
    def rules(self) -> tuple[FaultRule, ...]:
        """The rules, in order."""
        return tuple(live.rule for live in self._live)

    def pick(
        self, method: str, path: str, possible: Collection[str] = (), content: str = ""
    ) -> Fault | str | None:
        """Return the fault of a request, if it gets one."""
        for live in self._live:
            if live.rule.matches(method, path, possible, content) and live.fires():
                return live.rule.fault
        return None
