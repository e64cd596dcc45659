"""What the outside does to a client: answers that hang, break off or never end; name servers."""

import asyncio
import ipaddress
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import aiodns

from infra.local.faults import Fault, FaultKind, Framing
from infra.local.wire import Request, Response, WireServer

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
async def answering(response: Response) -> AsyncIterator[WireServer]:
    """A server that gives this answer to every request."""

    async def handler(_: Request) -> Response:
        return response

    async with WireServer(handler) as server:
        yield server


Lookup = Callable[[str, int], Sequence[str] | int | None]
"""(name, IP version) to addresses, to a code of RFC 1035, or to None: there is never an answer."""


@asynccontextmanager
async def name_server(lookup: Lookup) -> AsyncIterator[aiodns.DNSResolver]:
    """A resolver whose only name server answers like this, for 0 s each."""

    class Server(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, peer: Any) -> None:
            if (answer := _answer(data, lookup)) is not None:
                self.transport.sendto(answer, peer)

    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        Server, local_addr=("127.0.0.1", 0)
    )
    port = transport.get_extra_info("sockname")[1]
    yield aiodns.DNSResolver(nameservers=["127.0.0.1"], udp_port=port, timeout=10, tries=1)
    transport.close()


_VERSIONS = {1: 4, 28: 6}
"""Query types A and AAAA."""


def _answer(query: bytes, lookup: Lookup) -> bytes | None:
    name, at = [], 12
    while length := query[at]:
        name.append(query[at + 1 : at + 1 + length].decode())
        at += 1 + length
    question = query[12 : at + 5]
    (kind,) = struct.unpack_from("!H", question, len(question) - 4)
    found = lookup(".".join(name), _VERSIONS[kind])
    if found is None:
        return None
    code, addresses = (found, []) if isinstance(found, int) else (0, found)
    head = query[:2] + struct.pack("!BBHHHH", 0x81, 0x80 | code, 1, len(addresses), 0, 0)
    packed = [ipaddress.ip_address(address).packed for address in addresses]
    # 0xC00C: the name of the question; class IN; a lifetime of 0 s
    records = [struct.pack("!HHHIH", 0xC00C, kind, 1, 0, len(raw)) + raw for raw in packed]
    return head + question + b"".join(records)
