"""A proxy that answers in Google's place, and records every request.

gcloud is the real one: its settings send each API to a host of its own, `run.fake`, through this
proxy. Faults are data: a function that fails a request before or after its change is made.
"""

import http.server
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.cloud.resources.apis import APIS, IAP
from tests.deploy.google_apis import (
    ALWAYS_ENABLED,
    PROJECT,
    ApiError,
    ApiRequest,
    GoogleApis,
    parse_request,
)

Fault = Callable[[ApiRequest], bool]

TOKEN = "ya29.not-a-token"  # noqa: S105  # it opens nothing


class Recorder:
    """The APIs, the requests to them, and the faults."""

    def __init__(self, apis: GoogleApis | None = None) -> None:
        self.apis = apis or GoogleApis()
        self.requests: list[ApiRequest] = []
        self.refuses: Fault | None = None
        """Requests that fail and change nothing."""
        self.denies: Callable[[ApiRequest], ApiError | None] | None = None
        """Errors with which Google refuses requests."""
        self.loses: Fault | None = None
        """Requests that are carried out, but answered by an error."""
        self._lock = threading.Lock()
        self.port = 0

    def answer(self, request: ApiRequest) -> tuple[int, Any, Mapping[str, str]]:
        """Return the status, the JSON and the headers of an answer."""
        with self._lock:
            self.requests.append(request)
            try:
                if self.refuses and self.refuses(request):
                    raise _broken()
                if self.denies and (error := self.denies(request)):
                    raise error
                content = self.apis.answer(request)
                if self.loses and self.loses(request):
                    raise _broken()
            except ApiError as error:
                return error.code, error.body, error.headers
        return 200, content, request.answered

    @property
    def mutating(self) -> list[ApiRequest]:
        """Return the requests that change a resource."""
        return [request for request in self.requests if request.is_mutating]

    def environment(self, folder: Path) -> dict[str, str]:
        """Return the variables that send gcloud and our requests here. `folder` is for files."""
        (folder / "token").write_text(TOKEN)
        apis = [api.split(".")[0] for api in (*APIS, IAP)] + list(ALWAYS_ENABLED)
        overrides = {
            f"CLOUDSDK_API_ENDPOINT_OVERRIDES_{api.upper()}": f"http://{api}.fake/" for api in apis
        }
        return overrides | {
            "CLOUDSDK_PROXY_TYPE": "http",
            "CLOUDSDK_PROXY_ADDRESS": "127.0.0.1",
            "CLOUDSDK_PROXY_PORT": str(self.port),
            "CLOUDSDK_CONFIG": str(folder / "gcloud"),
            "CLOUDSDK_AUTH_ACCESS_TOKEN_FILE": str(folder / "token"),
            "CLOUDSDK_CORE_PROJECT": PROJECT,
            "CLOUDSDK_CORE_DISABLE_PROMPTS": "1",
            "CLOUDSDK_COMPONENT_MANAGER_DISABLE_UPDATE_CHECK": "1",
            "CLOUDSDK_CORE_CHECK_GCE_METADATA": "false",
            "CLOUDSDK_CORE_DISABLE_USAGE_REPORTING": "1",
        }


def _broken() -> ApiError:
    return ApiError(503, "UNAVAILABLE", "an outage that was ordered")


@contextmanager
def recording(recorder: Recorder) -> Iterator[Recorder]:
    """Serve the recorder on a port of 127.0.0.1."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            given = [self.headers.get(name, "") for name in ("authorization", "content-range")]
            request = parse_request(self.command, self.path, body, *given)
            status, content, headers = recorder.answer(request)
            data = json.dumps(content).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _answer  # noqa: N815  # http.server's

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string((timestamp or time.time()) + recorder.apis.ahead)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # http.server's
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    recorder.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
