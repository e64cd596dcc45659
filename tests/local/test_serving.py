"""Who makes too many requests is told when to go on, and can still see what he must."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from landfall.entry import serve
from landfall.entry.allowances import Allowances
from landfall.process.config import load_config
from tests.fakes.memory_store import MemoryStore
from tests.fakes.windows import ENVIRONMENT, app_of, html_of
from tests.fakes.world import World

Send = Callable[..., Awaitable[Response]]


@pytest.fixture
def send(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Send:
    """Return how to send a request to a function that allows two at once and 6 a minute."""
    function = request.param
    config = load_config(function, ENVIRONMENT | {"LANDFALL_CALLERS": "a@school.example"})
    app = replace(app_of(World(MemoryStore())), config=config, allowances=Allowances(6, lambda: 0))

    async def caller(_: Any, asked: Request) -> str:
        return asked.headers["x-caller"]

    monkeypatch.setattr(serve, "app_of", lambda _: app)
    monkeypatch.setattr(serve, "_caller", caller)

    async def sent(
        path: str, by: str = "ann", headers: Mapping[str, str] | None = None
    ) -> Response:
        given = {"x-caller": by, "host": "window.example"} | dict(headers or {})
        pairs = [(name.encode(), value.encode()) for name, value in given.items()]
        scope = {"type": "http", "method": "GET", "path": path, "query_string": b""}

        async def body() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        return await serve.serve(function, Request(scope | {"headers": pairs}, body))

    return sent


@pytest.mark.parametrize("send", ["api"], indirect=True)
async def test_a_program_that_asks_too_often_is_told_when_to_go_on(send: Send) -> None:
    """Health is answered, and so are others."""
    answers = [await send("/scans") for _ in range(3)]
    assert [it.status_code for it in answers] == [200, 200, 429]
    assert [it.headers["ratelimit"] for it in answers] == [
        '"caller";r=1;t=0',
        '"caller";r=0;t=0',
        '"caller";r=0;t=10',
    ]
    assert answers[2].headers["retry-after"] == "10"
    assert b"go on in 10 s" in bytes(answers[2].body)
    health = await send("/health")
    assert health.status_code in (200, 503)
    assert "ratelimit" not in health.headers
    assert (await send("/scans", by="bob")).status_code == 200


@pytest.mark.parametrize("send", ["window"], indirect=True)
async def test_a_person_who_did_too_much_still_sees(send: Send) -> None:
    """Health, the files of pages, and whether the page has changed."""
    pages = [await send("/runs") for _ in range(3)]
    assert [it.status_code for it in pages] == [200, 200, 429]
    assert "Too many requests" in html_of(pages[2])
    assert pages[2].headers["retry-after"] == "10"
    assert (await send("/health")).status_code == 200
    assert (await send("/assets/none.css")).status_code == 404
    assert (await send("/", headers={"if-none-match": 'W/"x"'})).status_code == 200
