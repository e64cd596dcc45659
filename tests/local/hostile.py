"""What the outside does to a client: answers that hang, break off or never end; name servers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiodns

from infra.local.wire.faults import Fault, FaultKind, Framing
from infra.local.wire.messages import WireRequest, WireResponse
from infra.local.wire.server import WireServer
from tests.local.peers import Lookup, NameServer

GIGABYTE = 2**30
NO_SUCH_NAME = 3
"""NXDOMAIN, RFC 1035."""
SECONDS = 0.6
LATE = 0.5
"""Seconds after its deadline by which a call must have ended."""

HANGING = {
    "silent": Fault(FaultKind.SILENT),
    "headers drip": Fault(FaultKind.DRIP_HEADERS),
    "body drips": Fault(FaultKind.DRIP_BODY),
    "body drips to the close": Fault(FaultKind.DRIP_BODY, framing=Framing.CLOSE),
    "body drips in chunks": Fault(FaultKind.DRIP_BODY, framing=Framing.CHUNKED),
    "gzip drips": Fault(FaultKind.DRIP_BODY, gzip=True),
    "gzip drips in chunks": Fault(FaultKind.DRIP_BODY, framing=Framing.CHUNKED, gzip=True),
    "bytes come fast, and for ever": Fault(FaultKind.DRIP_BODY, interval=0.005),
    "body stalls": Fault(FaultKind.STALL_BODY),
    "body stalls in chunks": Fault(FaultKind.STALL_BODY, framing=Framing.CHUNKED),
}

BROKEN = {
    "cut": Fault(FaultKind.CUT_BODY),
    "cut in chunks": Fault(FaultKind.CUT_BODY, framing=Framing.CHUNKED),
    "gzip cut": Fault(FaultKind.CUT_BODY, gzip=True),
    "gzip cut, which looks like the close": Fault(
        FaultKind.CUT_BODY, framing=Framing.CLOSE, gzip=True
    ),
}

ENDLESS = {
    "a gigabyte that was announced": Fault(FaultKind.FLOOD, size=GIGABYTE),
    "a gigabyte in chunks": Fault(FaultKind.FLOOD, size=GIGABYTE, framing=Framing.CHUNKED),
    "a gigabyte to the close": Fault(FaultKind.FLOOD, size=GIGABYTE, framing=Framing.CLOSE),
    "a gigabyte in a megabyte of gzip": Fault(FaultKind.FLOOD, size=GIGABYTE, gzip=True),
}


@asynccontextmanager
async def answering(response: WireResponse) -> AsyncIterator[WireServer]:
    """A server that gives this answer to every request."""

    async def handler(_: WireRequest) -> WireResponse:
        return response

    async with WireServer(handler) as server:
        yield server


@asynccontextmanager
async def name_server(lookup: Lookup) -> AsyncIterator[aiodns.DNSResolver]:
    """A resolver whose only name server knows this."""
    async with NameServer(lookup=lookup) as names:
        yield aiodns.DNSResolver(
            nameservers=["127.0.0.1"], udp_port=names.port, timeout=10, tries=1
        )
