"""One cold start, in a process of its own: `python first_request.py CASE`.

CASE is "interpreter", "framework", "main" or the name of a function, whose first request is then
handled as functions-framework would hand it over. Prints one JSON line: the moment of the answer
(seconds since 1970), seconds of processor time until then, MiB of memory at the peak, and the heavy
packages that are imported.
"""

import json
import os
import sys
import time
from typing import Any

HEAVY = (
    "pyairtable",
    "openai",
    "requests",
    "httpx",
    "pydantic",
    "yaml",
    "cronsim",
    "flask",
    "google.cloud.firestore",
    "google.cloud.tasks_v2",
    "grpc",
    "cryptography",
)

NOT_DEPLOYED = ("pygments", "rich")
"""Packages that httpx imports where they are installed, as here for the local stack."""

REQUESTS: dict[str, tuple[str, str]] = {
    "scheduler": ("POST", "/"),
    "watchdog": ("POST", "/"),
    "fetch": ("POST", "/"),
    "score": ("POST", "/"),
    "api": ("GET", "/runs"),
}
"""A request for each function that reaches its use case in an empty database."""


def main(case: str) -> None:
    """Take a cold start as far as the case says, and print what it took."""
    nothing: Any = None  # a module of this name cannot be imported then
    sys.modules.update(dict.fromkeys(NOT_DEPLOYED, nothing))
    if case == "framework":
        import functions_framework.aio  # noqa: F401 - the import itself is measured
    elif case == "main":
        _app("scheduler")
    elif case != "interpreter":
        _first_request(case)
    moment, cpu = time.time(), time.process_time()
    heavy = [name for name in HEAVY if name in sys.modules]
    print(json.dumps({"moment": moment, "cpu": cpu, "peak": _peak(), "heavy": heavy}))


def _app(function: str) -> Any:
    from functions_framework.aio import create_asgi_app

    return create_asgi_app(function, os.environ["FUNCTION_SOURCE"])


def _first_request(function: str) -> None:
    import asyncio

    app = _app(function)
    messages = asyncio.run(_call(app, *REQUESTS[function], _body(function)))
    if messages[0]["status"] != 200:
        raise SystemExit(f"{function} answered {messages}")


def _body(function: str) -> bytes:
    return json.dumps({"run_id": "none", "step_id": function, "attempt": 0}).encode()


async def _call(app: Any, method: str, path: str, body: bytes) -> list[dict[str, Any]]:
    """Return the messages of an ASGI application's answer."""
    messages: list[dict[str, Any]] = []
    token = os.environ["BENCH_TOKEN"]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {token}".encode())],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    await app(scope, receive, send)
    return messages


def _peak() -> float:
    """Return MiB. getrusage would count the process that this one was forked from."""
    with open("/proc/self/status") as status:  # noqa: PTH123 - pathlib is an import to be measured
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


main(sys.argv[1])
