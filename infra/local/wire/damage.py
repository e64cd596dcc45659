"""The damage that a fault does to a response.

Those below HTTP are written by hand, because no HTTP library agrees to send half a body, or one
byte every 0.4 s. Each of them uses up its connection.
"""

import asyncio
import gzip
import zlib
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus

from infra.local.wire.connection import BLOCK, Peer
from infra.local.wire.faults import ANSWERS, Fault, FaultKind, Framing
from infra.local.wire.messages import WireRequest, WireResponse


def apply_answer_fault(request: WireRequest, response: WireResponse) -> WireResponse:
    """Replace a response whose fault is an ordinary response; return others unchanged."""
    fault = response.fault
    if fault is None or fault.kind not in ANSWERS:
        return response
    if fault.kind is FaultKind.STATUS:
        headers = {"Content-Type": "application/json; charset=utf-8", **fault.headers}
        return WireResponse(fault.status, headers, fault.body)
    if fault.kind is FaultKind.REDIRECT_LOOP:
        return WireResponse(302, {"Location": request.target})
    # "{" before half of any JSON text is never JSON, however short the text.
    return replace(response, body=b"{" + response.body[: len(response.body) // 2], fault=None)


async def misbehave(peer: Peer, response: WireResponse, fault: Fault) -> None:
    """Send a response with a fault below HTTP; the connection cannot be used again."""
    match fault.kind:
        case FaultKind.SILENT:
            await peer.until_gone()
        case FaultKind.RESET:
            peer.reset()
        case FaultKind.FLOOD:
            await _flood(peer, response, fault)
        case FaultKind.DRIP_HEADERS:
            head = _head(response, Fault(fault.kind), len(response.body))
            await peer.drip(_bytewise(head), fault.interval)
            await peer.send(response.body)
        case _:
            await _damaged_body(peer, response, fault)


async def _damaged_body(peer: Peer, response: WireResponse, fault: Fault) -> None:
    # A body of less than two bytes cannot be cut in half: two spaces replace it.
    body = response.body if len(response.body) > 1 else b"  "
    body = gzip.compress(body) if fault.gzip else body
    await peer.send(_head(response, fault, len(body)))
    if fault.kind is FaultKind.DRIP_BODY:
        pieces = (_framed(fault.framing, piece) for piece in _bytewise(body))
        await peer.drip(pieces, fault.interval)
        await peer.send(_framed(fault.framing, b""))
        return
    await peer.send(_framed(fault.framing, body[: len(body) // 2]))
    if fault.kind is FaultKind.STALL_BODY:
        await peer.until_gone()


async def _flood(peer: Peer, response: WireResponse, fault: Fault) -> None:
    # The length of a compressed body is unknown at the start: such a flood ends with a close.
    framing = Framing.CLOSE if fault.gzip and fault.framing is Framing.LENGTH else fault.framing
    fault = replace(fault, framing=framing)
    await peer.send(_head(response, fault, fault.size))
    packer = zlib.compressobj(wbits=31) if fault.gzip else None
    for block in _blanks(fault.size):
        piece = packer.compress(block) if packer else block
        if piece:
            await peer.send(_framed(fault.framing, piece))
        # drain() returns at once while the client keeps up; other tasks must get their turn.
        await asyncio.sleep(0)
    if packer:
        await peer.send(_framed(fault.framing, packer.flush()))
    await peer.send(_framed(fault.framing, b""))


def _head(response: WireResponse, fault: Fault, length: int) -> bytes:
    status = response.status
    phrase = HTTPStatus(status).phrase if status in HTTPStatus._value2member_map_ else "?"
    headers = {**response.headers, "Connection": "close"}
    if fault.gzip:
        headers["Content-Encoding"] = "gzip"
    if fault.framing is Framing.LENGTH:
        headers["Content-Length"] = str(length)
    if fault.framing is Framing.CHUNKED:
        headers["Transfer-Encoding"] = "chunked"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {headers[name]}" for name in headers)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def _framed(framing: Framing, piece: bytes) -> bytes:
    """Return a piece in its framing; an empty one is the end: the last chunk, or nothing."""
    if framing is not Framing.CHUNKED:
        return piece
    return f"{len(piece):x}\r\n".encode() + piece + b"\r\n"


def _bytewise(data: bytes) -> Iterator[bytes]:
    return (data[at : at + 1] for at in range(len(data)))


def _blanks(size: int) -> Iterator[bytes]:
    return (b" " * min(BLOCK, size - at) for at in range(0, size, BLOCK))
