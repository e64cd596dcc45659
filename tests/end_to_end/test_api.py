"""The routes of the api function, as people and scripts use them."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from infra.local.environment import AUDIENCE, TASKS_ACCOUNT
from infra.local.stack import Stack
from landfall.deadlines import TICK_MISSING
from tests.end_to_end.acting import Run, ended, get, save, scan, start
from tests.end_to_end.conftest import SLOW, SMALL, SMALL_KEY
from tests.end_to_end.firestore import client_of
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")


def _scan_id() -> str:
    return f"api-{secrets.token_hex(4)}"


async def _fetching(stack: Stack, run_id: str) -> Run:
    async def look() -> Run | None:
        run: Run = await get(stack, f"/runs/{run_id}")
        return run if run["counts"].get("records") else None

    return await until(look, 15)


async def test_a_run_is_started_and_looked_at(stack: Stack) -> None:
    """POST /runs answers 202 with an id, under which everything about the run is found."""
    run_id = await start(stack, scan(SMALL, _scan_id()))
    run = await ended(stack, run_id)
    assert run["run_id"] == run_id
    assert (run["status"], run["verdict"]) == ("done", "warning")
    assert (await get(stack, f"/runs/{run_id}/findings"))["count"] == len(SMALL_KEY["email"])


@pytest.mark.parametrize("form", ["json", "csv"])
async def test_a_file_is_sent_in_pieces(stack: Stack, form: str) -> None:
    """As a whole, Cloud Run would cut a long one off at 32 MiB."""
    run_id = await start(stack, scan(SMALL, _scan_id()))
    await ended(stack, run_id)
    answer = await stack.call("GET", f"/runs/{run_id}/findings?format={form}")
    assert answer.status_code == 200
    assert answer.headers["transfer-encoding"] == "chunked"
    assert f'filename="{run_id}-findings.{form}"' in answer.headers["content-disposition"]
    assert answer.text.count("email") >= len(SMALL_KEY["email"])


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "names"),
    [
        ("POST", "/runs", {"scan_id": "nobody-knows-it"}, 404, "nobody-knows-it"),
        ("POST", "/runs", {}, 400, "scan_id"),
        ("POST", "/runs", {"scan_id": 7}, 400, "scan_id"),
        ("POST", "/runs", {"scan_id": "a/b"}, 400, "scan_id"),
        ("POST", "/runs", [], 400, "scan_id"),
        ("GET", "/runs?limit=0", None, 400, "limit"),
        ("GET", "/runs?limit=many", None, 400, "limit"),
        ("GET", "/runs?status=asleep", None, 400, "status"),
        ("GET", "/runs?status=done&page_token=x", None, 400, "page_token"),
        ("GET", "/runs/none", None, 404, "none"),
        ("GET", "/runs/none/debug", None, 404, "none"),
        ("GET", "/runs/none/findings", None, 404, "none"),
        ("POST", "/runs/none/cancel", None, 404, "none"),
        ("GET", "/scans/none", None, 404, "none"),
        ("DELETE", "/pauses/appNone", None, 404, "appNone"),
        ("DELETE", "/runs", None, 405, "POST, GET"),
        ("POST", "/runs/none/debug", None, 405, "GET"),
        ("POST", "/health", None, 404, "GET /health"),
        ("GET", "/nowhere", None, 404, "GET /health"),
    ],
)
async def test_a_bad_request_is_told_what_is_wrong(
    stack: Stack, method: str, path: str, body: Any, status: int, names: str
) -> None:
    """The status says what kind of mistake it is; the message names the place."""
    answer = await stack.call(method, path, body)
    assert answer.status_code == status
    assert names in answer.json()["error"]["message"]


async def test_a_body_that_is_no_json_is_refused(stack: Stack) -> None:
    """400, and no run."""
    headers = {"Authorization": f"Bearer {stack.addresses.token}"}
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{stack.addresses.api}/runs", content=b"{scan", headers=headers)
    assert answer.status_code == 400
    assert "JSON" in answer.json()["error"]["message"]


DEEP = b"[" * 200_000
BODIES = {
    "20 MB": b"x" * 20_000_000,
    "20 MB of JSON": b'{"run_id": "' + b"x" * 20_000_000 + b'"}',
    "deep": DEEP,
    "deep in a field": b'{"scan_id": ' + DEEP,
    "half a character": rb'{"scan_id": "\ud800", "run_id": "\ud800"}',
    "no UTF-8": b'{"scan_id": "\xff"}',
    "a long number": b'{"scan_id": ' + b"9" * 9_000 + b"}",
    "nothing": b"",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_a_body_that_nobody_means_is_a_bad_request(stack: Stack, body: bytes) -> None:
    """400 from the api and to a person who calls a worker; a task of it is not sent again."""
    headers = {"Authorization": f"Bearer {stack.addresses.token}"}
    as_task = headers | {"X-CloudTasks-TaskName": "t"}
    async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
        for method, path in (("POST", "/runs"), ("PUT", "/scans/a")):
            url = f"{stack.addresses.api}{path}"
            answer = await client.request(method, url, content=body, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_request")
        for worker in stack.addresses.fetch, stack.addresses.score:
            answer = await client.post(worker, content=body, headers=headers)
            assert answer.status_code == 400
            answer = await client.post(worker, content=body, headers=as_task)
            assert (answer.status_code, answer.json()) == (200, {"outcome": "declined"})


async def test_a_bad_definition_is_refused_with_its_path(stack: Stack) -> None:
    """PUT /scans names where in the definition the mistake is, and stores nothing."""
    bad = scan(SMALL, "bad", rules=[{"id": "email", "kind": "required", "table": "Nobody"}])
    answer = await stack.call("PUT", "/scans/bad", bad)
    assert answer.status_code == 400
    assert "rule email: give" in answer.json()["error"]["message"]
    assert (await stack.call("GET", "/scans/bad")).status_code == 404


async def test_a_scan_is_stored_as_it_was_sent(stack: Stack) -> None:
    """GET /scans/{id} gives the definition back, what was left out filled in, and its schedule."""
    definition = scan(SMALL, _scan_id())
    await save(stack, definition | {"schedule": {"cadence": {"every_minutes": 30}}})
    stored = await get(stack, f"/scans/{definition['id']}")
    assert stored["definition"]["tables"] == definition["tables"]
    assert stored["definition"]["rules"][0].items() >= definition["rules"][0].items()
    assert stored["schedule"]["next_run_at"] > datetime.now(UTC).isoformat()


async def test_a_listing_is_cut_at_its_limit(stack: Stack) -> None:
    """GET /runs?limit=1 gives the newest run alone."""
    definition = scan(SMALL, _scan_id())
    for _ in range(2):
        newest = await start(stack, definition)
        await ended(stack, newest)
    listed = await get(stack, f"/runs?scan_id={definition['id']}&limit=1")
    assert [run["run_id"] for run in listed["runs"]] == [newest]


async def test_a_cancelled_run_ends_at_once(stack: Stack) -> None:
    """Whatever its worker does: its steps fail now, and no delivery starts them again."""
    run_id = await start(stack, scan(SLOW, _scan_id()))
    await _fetching(stack, run_id)
    answer = await stack.call("POST", f"/runs/{run_id}/cancel")
    assert answer.json() == {"run_id": run_id, "cancelled": True, "status": "cancelled"}
    debug = await get(stack, f"/runs/{run_id}/debug")
    assert debug["run"]["error"]["reason"] == "cancelled"
    assert {step["status"] for step in debug["steps"]} == {"failed"}
    assert await _deliver(stack, run_id) == {"outcome": "declined"}
    await _quiet(stack)


async def test_an_ended_run_cannot_be_cancelled(stack: Stack) -> None:
    """It stays as it is, to the last field."""
    run_id = await start(stack, scan(SMALL, _scan_id()))
    before = await ended(stack, run_id)
    answer = await stack.call("POST", f"/runs/{run_id}/cancel")
    assert answer.json() == {"run_id": run_id, "cancelled": False, "status": "done"}
    assert await get(stack, f"/runs/{run_id}") == before


async def _quiet(stack: Stack) -> None:
    """Until Airtable was asked nothing for a second: a worker learns it at its next checkpoint."""
    assert stack.airtable
    seen = [-1]

    async def look() -> bool:
        assert stack.airtable
        seen.append(len(stack.airtable.requests))
        return seen[-1] == seen[-2]

    await until(look, 10, every=1.0)


async def _deliver(stack: Stack, run_id: str) -> Any:
    """What Cloud Tasks would do with a late copy of the run's first task."""
    token = stack.issuer.token(TASKS_ACCOUNT, AUDIENCE)
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        answer = await client.post(
            stack.addresses.fetch,
            json={"run_id": run_id, "step_id": "fetch", "attempt": 0},
            headers={"Authorization": f"Bearer {token}"},
        )
    assert answer.status_code == 200
    return answer.json()


async def test_debug_shows_everything_but_the_data(stack: Stack) -> None:
    """Steps, attempts, leases, errors and what there is as evidence; not one cell of the base."""
    run_id = await start(stack, scan(SMALL, _scan_id()))
    await ended(stack, run_id)
    debug = await get(stack, f"/runs/{run_id}/debug")
    assert {step["step_id"] for step in debug["steps"]} == {"fetch", "score"}
    assert {"attempt", "lease_until", "last_error", "worker"} <= set(debug["steps"][0])
    assert debug["pages"]["records"] == len(SMALL.tables[0].records)
    results = {result["result_id"]: result.get("records") for result in debug["results"]}
    assert results == {"000000": 7, "index-000000": None, "places-000000": None}
    text = json.dumps(debug)
    cells = {cell for row in SMALL.tables[0].records for cell in row["fields"].values()}
    assert not [cell for cell in cells if cell in text]


async def test_debug_shows_the_running_lease(stack: Stack) -> None:
    """While a worker has a step, debug says who and until when."""
    run_id = await start(stack, scan(SLOW, _scan_id()))
    await _fetching(stack, run_id)
    (fetch,) = (await get(stack, f"/runs/{run_id}/debug"))["steps"]
    await stack.call("POST", f"/runs/{run_id}/cancel")
    await _quiet(stack)
    assert (fetch["status"], fetch["attempt"]) == ("running", 1)
    assert fetch["worker"].startswith("fetch-")
    assert fetch["lease_until"] > fetch["updated_at"]


async def test_health_is_good_after_both_ticks(stack: Stack) -> None:
    """200 and how long ago each ticked."""
    for name in ("scheduler", "watchdog"):
        assert (await stack.tick(name)).status_code == 200
    answer = await stack.call("GET", "/health")
    assert answer.status_code == 200
    assert 0 <= answer.json()["scheduler"]["age_seconds"] < 30


async def test_health_is_bad_when_a_tick_is_missing(stack: Stack) -> None:
    """503 that says which tick is how old: a disabled Cloud Scheduler job is seen."""
    for name in ("scheduler", "watchdog"):
        await stack.tick(name)
    long_ago = datetime.now(UTC) - timedelta(seconds=TICK_MISSING + 60)
    async with client_of(stack) as firestore:
        await firestore.document("system/watchdog").update({"last_tick_at": long_ago})
    answer = await stack.call("GET", "/health")
    assert answer.status_code == 503
    assert answer.json()["watchdog"]["age_seconds"] > TICK_MISSING
    assert answer.json()["scheduler"]["ok"]
