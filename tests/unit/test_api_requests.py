"""Requests to every route of the api: what is unknown or odd is refused, with what there is."""

import json
from collections.abc import Awaitable, Sequence
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.requests import Request as HttpRequest

from landfall.api.request import Route
from landfall.deadlines import LADDER, Deadline
from landfall.entry.routes import answer, routes
from landfall.entry.serve import Call
from landfall.reasons import BadRequestError, LandfallError, NotFoundError
from landfall.runs.lifecycle import RunStatus
from landfall.runs.runs import KeyReusedError
from landfall.store.documents import Put
from landfall.ticks.scheduler import Scheduler
from tests.fakes.elements import a_classification
from tests.fakes.world import World

ROUTES = {f"{route.method} {route.path}": route for route in routes()}


async def ask(
    world: World,
    method: str,
    path: str,
    query: str = "",
    body: bytes = b"",
    keys: Sequence[str] = (),
    by: str = "tester",
) -> Any:
    """The answer of the api to a request, as its entry point gives it."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(),
        "headers": [
            (b"host", b"api.example"), *((b"idempotency-key", key.encode()) for key in keys)
        ],
        "scheme": "https", "server": ("api.example", 443),
    }  # fmt: skip
    app: Any = SimpleNamespace(runs=world.runs, indexes=(), server_clock=world.server_clock)
    return await answer(app, Call(HttpRequest(scope, receive), by))


async def refusal(answered: Awaitable[Any]) -> LandfallError | None:
    """The error of the tree by which a request is refused; any other is a bug, and raised."""
    try:
        await answered
    except LandfallError as error:
        return error
    return None


def filled(route: Route) -> str:
    """The path of a route, for the run and the scans of `a_world`."""
    of_elements = any(word in route.path for word in ("elements", "reviews", "regenerate"))
    first = "m-1" if route.path.startswith("/runs") else "labels" if of_elements else "people"
    return route.path.replace("{id}", first, 1).replace("{id}", "rec1")


async def a_world() -> World:
    """A world with a run of an integrity scan, and a classification."""
    world = World()
    await world.start(await world.save())
    await world.registry.save(a_classification(id="labels"), "tester")
    return world


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
async def test_an_unknown_parameter_is_refused_with_those_there_are(route: Route) -> None:
    """`?rule_id=` would else be a list of everything."""
    world = await a_world()
    for name in ("rule_id", "before", "Limit", "", "x" * 5000, "\x00"):
        with pytest.raises(BadRequestError) as refused:
            await ask(world, route.method, filled(route), urlencode({name: "2026-02-30"}), b"{}")
        says = str(refused.value)
        assert says.startswith("there is no query parameter `")
        assert all(one in says for one in route.parameters)
        assert route.parameters or says.endswith("this route has none")
        assert len(says) < 400
    for name in route.parameters:
        with pytest.raises(BadRequestError, match=f"the query parameter `{name}` is given twice"):
            await ask(world, route.method, filled(route), f"{name}=1&{name}=2", b"{}")


async def test_a_run_says_who_started_it() -> None:
    """The caller, or the schedule and the slot; in a list, too. An older run does not know."""
    world = await a_world()
    await world.save(id="hourly", schedule={"cadence": {"every_minutes": 60}})
    for path, body in (("/runs", b'{"scan_id": "people"}'), ("/scans/labels/regenerate", b"{}")):
        _, started = await ask(world, "POST", path, body=body)
        _, run = await ask(world, "GET", f"/runs/{started['run_id']}")
        assert run["started_by"] == "tester"
    world.clock.advance(3600)
    await Scheduler(world.runs, "a worker").tick(Deadline.after(LADDER.step))
    _, listed = await ask(world, "GET", "/runs", "scan_id=hourly")
    (run,) = listed["runs"]
    assert run["started_by"] == "schedule hourly, slot 2026-03-02T07:00:00+00:00"
    document = await world.run(run["run_id"])
    stored = {name: value for name, value in document.data.items() if name != "started_by"}
    await world.store.commit([Put(document.path, stored)])
    _, run = await ask(world, "GET", f"/runs/{run['run_id']}")
    assert run["started_by"] is None


async def test_what_may_be_meant_by_a_parameter_is_said() -> None:
    """In the words of other apis, too."""
    world = await a_world()
    for path, given, meant in (
        ("/scans/people/findings", "rule_id", "rule"),
        ("/scans/people/findings", "severty", "severity"),
        ("/scans/people/findings", "cursor", "page_token"),
        ("/scans/labels/elements", "per_page", "limit"),
        ("/runs", "scan", "scan_id"),
    ):
        with pytest.raises(BadRequestError, match=f"`{given}`; did you mean '{meant}'"):
            await ask(world, "GET", path, f"{given}=1")


ODD = [
    "", " ", "0", "-1", "1.5", "1e5", "010", "²", "٣", "9" * 5000, "nan", "null", "true", "hgih",
    "2026-02-30", "\x00", "\ufeff", "a/b", "../..", "__x__", "🙂" * 500, "[]", "%", "'\"",
]  # fmt: skip


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
async def test_an_odd_value_of_a_parameter_is_no_bug(route: Route) -> None:
    """It filters everything away, or is refused by name."""
    world = await a_world()
    why = b'"why": "known", ' if route.path.endswith("/ignore") else b""
    body = b"{" + why + b'"count": 0}' if route.method == "POST" else b""
    for name in route.parameters:
        for value in ODD:
            query = urlencode({name: value})
            error = await refusal(ask(world, route.method, filled(route), query, body))
            needed = "`from`" in str(error) and "from" in route.parameters
            assert not error or (error.status == 400 and (f"`{name}`" in str(error) or needed))


async def test_a_choice_that_there_is_not_is_refused() -> None:
    """An empty list would say that there are no such findings."""
    world = await a_world()
    for query in (
        *("severity=hgih", "state=new", "format=xml", "limit=0", "limit=501", "limit=%D9%A3"),
        *("page_token=x", "page_token=-1"),
    ):
        with pytest.raises(BadRequestError, match=f"`{query.split('=')[0]}` must be"):
            await ask(world, "GET", "/scans/people/findings", query)


IDS = ["..", ".", "__x__", "a b", "a\x00", "%2e%2e", "🙂", "x" * 500]


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
async def test_an_odd_id_is_refused(route: Route) -> None:
    """Firestore would refuse it, or read another document."""
    world = await a_world()
    if "{id}" not in route.path:
        return
    for one in IDS:
        with pytest.raises((BadRequestError, NotFoundError)) as refused:
            await ask(world, route.method, route.path.replace("{id}", one), body=b"{}")
        assert "is not an id" in str(refused.value)
    status, _ = await ask(world, route.method, route.path.replace("{id}", "a/b"))
    assert status == 404


BODIES: list[Any] = [
    None, [], "x", 1, True, {}, {"x": 1}, {"scan_id": 1}, {"scan_id": ""}, {"scan_id": "a/b"},
    {"scan_id": ".."}, {"scan_id": "no"}, {"why": 1}, {"why": ""},
    {"why": "x", "until": "2026-02-30"},
    {"why": "x", "until": ""}, {"why": "x", "until": 0}, {"why": "x", "until": False},
    {"why": "x", "until": []}, {"why": "x", "until": "9999-12-31T23:59:59-23:59"},
    {"why": "x", "untill": "2030-01-01"}, {"suggestion_id": {}, "values": []},
    {"suggestion_id": None, "values": {"criticality": {}}}, {"records": [1]}, {"records": []},
    {"records": ["x"] * 2000}, {"record": ["rec1"]},
]  # fmt: skip
RAW = [b"", b" ", b"{", b"\xff", b'{"why": NaN}', b'{"a": 1, "a": 2}', b'{"why": "\\ud800"}',
       b'{"why": "\\u0000"}', b'{"why": ' + b"9" * 5000 + b"}", b'{"why": 1e999}', b"[" * 100_000,
       b'{"a":' * 100_000, "{}".encode("utf-16"), b"\xef\xbb\xbf{}", b"id: 010"]  # fmt: skip


@pytest.mark.parametrize("route", ROUTES.values(), ids=ROUTES)
async def test_an_odd_body_is_no_bug(route: Route) -> None:
    """It is refused in plain words, and nothing is done."""
    if route.method == "GET":
        return
    for body in [*(json.dumps(one).encode() for one in BODIES), *RAW]:
        world = await a_world()
        error = await refusal(ask(world, route.method, filled(route), body=body))
        assert not error or (error.status in (400, 404, 409) and len(str(error)) < 600)


async def test_a_misspelt_setting_of_a_body_is_refused() -> None:
    """`untill` would ignore a finding for ever, and `""` did."""
    world = await a_world()
    path = "/scans/people/findings/f1/ignore"
    for body, says in (
        ({"why": "x", "untill": "2030-01-01"}, "there is no `untill`; did you mean 'until'"),
        ({"reason": "x"}, "there is no `reason`; did you mean 'why'"),
        ({"why": "x", "until": ""}, "`until` must be a date or moment, not ''"),
        ({"why": "x", "until": False}, "`until` must be a date or moment, not False"),
        ({"why": "x", "until": "2026-02-30"}, "`until` must be a date or moment, not '2026-02-30'"),
    ):
        with pytest.raises(BadRequestError, match=says):
            await ask(world, "POST", path, body=json.dumps(body).encode())


async def start(world: World, scan_id: str = "people", *keys: str, by: str = "tester") -> str:
    body = json.dumps({"scan_id": scan_id}).encode()
    status, content = await ask(world, "POST", "/runs", body=body, keys=keys, by=by)
    assert status == 202
    return str(content["run_id"])


async def test_a_request_with_the_same_key_starts_one_run() -> None:
    """Whoever got no answer sends it again, and there is one run and one task."""
    world = World()
    await world.save()
    first = await start(world, "people", "a-key")
    assert await start(world, "people", "a-key") == first
    assert [task.run_id for task in world.queue.tasks] == [first]
    await world.runs.end(first, RunStatus.CANCELLED, {"reason": "cancelled", "message": ""}, "x")
    assert await start(world, "people", "a-key") == first


async def test_another_key_caller_or_scan_starts_another_run() -> None:
    """And so does every request without a key."""
    world = await a_world()
    runs = [
        await start(world, "people", "a-key"),
        await start(world, "people", "another-key"),
        await start(world, "people", "a-key", by="somebody else"),
        await start(world, "labels", "a-key"),
        await start(world, "people"),
        await start(world, "people"),
    ]
    assert len(set(runs)) == len(runs)


async def test_a_key_of_another_request_is_refused() -> None:
    """Its run is not what is asked for now."""
    world = await a_world()
    run_id = await start(world, "labels", "a-key")
    for body in (b"{}", b'{"records": ["rec1"]}'):
        with pytest.raises(KeyReusedError, match=run_id):
            await ask(world, "POST", "/scans/labels/regenerate", body=body, keys=["a-key"])


async def test_a_key_of_a_request_for_other_records_is_refused() -> None:
    """Though all else of it is the same."""
    world = await a_world()
    path = "/scans/labels/regenerate"
    asked = b'{"records": ["rec1"]}'
    status, content = await ask(world, "POST", path, body=asked, keys=["a-key"])
    assert status == 202
    assert (await ask(world, "POST", path, body=asked, keys=["a-key"]))[1] == content
    with pytest.raises(KeyReusedError):
        await ask(world, "POST", path, body=b'{"records": ["rec2"]}', keys=["a-key"])


@pytest.mark.parametrize("keys", [[""], ["two words"], ["x" * 201], ["ä"], ["one", "two"]])
async def test_a_key_that_cannot_be_one_is_refused(keys: list[str]) -> None:
    """Before anything is started."""
    world = await a_world()
    sent = len(world.queue.tasks)
    with pytest.raises(BadRequestError, match="Idempotency-Key"):
        await start(world, "people", *keys)
    assert len(world.queue.tasks) == sent
