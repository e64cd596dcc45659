"""Cloud Run as a function asks it about itself: the metadata server, and the API of services."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from infra.local.wire.messages import WireRequest, WireResponse
from infra.local.wire.server import WireServer

SERVICE = "landfall-api"
PLACE = "projects/123456789012/{}/europe-west1"
TOKEN = "ya29.of-the-function"  # noqa: S105  # it opens nothing here
INVOKER = {"role": "roles/run.invoker", "members": ["user:ann@people.example"]}
EVERYBODY = {"role": "roles/run.invoker", "members": ["user:ann@people.example", "allUsers"]}


class OwnCloudRun:
    """The answers by path. A test changes them."""

    def __init__(self) -> None:
        own, services = "/computeMetadata/v1/instance", PLACE.format("locations")
        self.metadata = f"{own}/region", f"{own}/service-accounts/default/token"
        self.state = f"/v2/{services}/services/{SERVICE}"
        self.policy = f"{self.state}:getIamPolicy"
        self.url = ""
        self.asked: list[str] = []
        self.answers = {
            self.metadata[0]: WireResponse(200, {}, PLACE.format("regions").encode()),
            self.metadata[1]: WireResponse.json({"access_token": TOKEN, "expires_in": 3599}),
            self.state: WireResponse.json({"name": self.state[4:]}),
            self.policy: WireResponse.json({"etag": "abc=", "bindings": [INVOKER]}),
        }

    def put(self, path: str, content: Any, status: int = 200) -> None:
        """Answer a path with JSON from now on."""
        self.answers[path] = WireResponse.json(content, status)

    @property
    def environment(self) -> dict[str, str]:
        """The variables of a function that asks here."""
        return {
            "K_SERVICE": SERVICE,
            "GCE_METADATA_HOST": urlsplit(self.url).netloc,
            "LANDFALL_RUN_API_URL": self.url,
        }

    async def answer(self, request: WireRequest) -> WireResponse:
        """Answer a request, which has to prove itself as Google demands."""
        self.asked.append(request.path)
        proof = (
            request.headers.get("metadata-flavor") == "Google"
            if request.path in self.metadata
            else request.headers.get("authorization") == f"Bearer {TOKEN}"
        )
        if not proof:
            return WireResponse(403)
        return self.answers.get(request.path, WireResponse(404))


@asynccontextmanager
async def own_cloud_run() -> AsyncIterator[OwnCloudRun]:
    """Serve the answers, of a service whose callers are checked."""
    found = OwnCloudRun()
    async with WireServer(found.answer) as server:
        found.url = server.url
        yield found
