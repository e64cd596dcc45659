"""A recognisable key, services that say it back, and a search for it in whatever is shown."""

import asyncio
import base64
import json
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from urllib.parse import quote

PART = 12
"""Characters of a key, or of a form of it, that nobody may see."""


def a_key() -> str:
    """Return a key of no known form, which only the configuration marks as one."""
    return f"key.{secrets.token_hex(20)}"


def spelt_back(authorization: str) -> str:
    """Return how services and proxies quote a header: as it is, cut, and in their own forms."""
    key = authorization.removeprefix("Bearer ")
    data = authorization.encode()
    return " ".join(
        [
            f"bad header {authorization}",
            f"token={quote(key, safe='')}",
            base64.b64encode(data).decode(),
            base64.urlsafe_b64encode(b"x" + data).decode(),
            json.dumps(key),
            f"{key[:16]}...",
            f"...{key[-16:]}",
        ]
    )


def _answer(status: str, body: Callable[[str], str]) -> Callable[[str], str]:
    return lambda said: f"HTTP/1.1 {status}\r\nConnection: close\r\n\r\n{body(said)}"


def _as_error(said: str) -> str:
    return json.dumps({"error": {"type": "NO", "code": "no", "message": said}})


ANSWERS: Mapping[str, Callable[[str], str]] = {
    "refused": _answer("401 No", _as_error),
    "text that is cut within the key": _answer("403 No", lambda said: "x" * 170 + said),
    "long text": _answer("422 No", lambda said: said * 100),
    "no HTTP": lambda said: f"HTTP/1.1 {said}\r\n\r\n",
    "a redirect": lambda said: f"HTTP/1.1 302 Go\r\nLocation: /{quote(said)}\r\n\r\n",
    "another content": _answer("200 OK", lambda said: json.dumps({said: 1})),
    "silence": lambda _: "",
}
"""What a service answers that was given a key."""


@asynccontextmanager
async def a_service(answer: Callable[[str], str]) -> AsyncIterator[str]:
    """A server that says back what it was sent; its address."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = [line.partition(": ")[2] for line in head.split("\r\n") if "uthoriz" in line[:14]]
        path = head.split(" ")[1]
        writer.write(answer(f"{path} {spelt_back(lines[0] if lines else 'Bearer')}").encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def shown(key: str, text: str) -> list[str]:
    """Return the parts of a key that a text shows, in any form."""
    data = key.encode()
    forms = [key, *(base64.b64encode(bytes(n) + data).decode()[4:-4] for n in range(3))]
    text = text.replace("\n", "")
    return [
        form[at : at + PART]
        for form in forms
        for at in range(len(form) - PART + 1)
        if form[at : at + PART] in text
    ]
