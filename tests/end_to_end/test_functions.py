"""The functions as they are loaded where they are deployed, and the imports of a cold start."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from google.cloud.firestore import AsyncClient

from infra.local.issuer import ISSUER, Issuer, serve_certificates
from landfall.entry.own_service import SIGNATURE_REMOVED
from landfall.process.config import CLOUD_RUN, FUNCTIONS, VARIABLES
from landfall.store.documents import Query
from landfall.store.firestore import FirestoreStore
from tests.fakes.cloud_run import own_cloud_run
from tests.fakes.world import World

CHECKED = {"LANDFALL_TOKENS_CHECKED_BY": CLOUD_RUN}
MAIN = Path(__file__).parents[2] / "functions/main.py"
CALLER, AUDIENCE = "caller@landfall.local", "https://landfall.local"

# Loads a function as functions-framework does with --source and --target, and sends a request.
# Plain ASGI: a client would import what the function must not.
PROBE = """
import asyncio, json, sys
from functions_framework.aio import create_asgi_app

target, source, token, method, path, body = sys.argv[1:]
app = create_asgi_app(target, source)
loaded, folders = sorted(sys.modules), list(sys.path)
messages = []

async def receive():
    return {"type": "http.request", "body": body.encode(), "more_body": False}

async def send(message):
    messages.append(message)

asyncio.run(app({
    "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http",
    "method": method, "path": path, "raw_path": path.encode(), "query_string": b"",
    "headers": [(b"authorization", f"Bearer {it or 'none'}".encode()) for it in token.split(",")],
}, receive, send))
print(json.dumps({
    "status": messages[0]["status"],
    "answer": json.loads(b"".join(message.get("body", b"") for message in messages)),
    "loaded": loaded, "path": folders, "modules": sorted(sys.modules),
}))
"""


async def _probe(
    target: str,
    folder: Path,
    environment: Mapping[str, str],
    token: str = "",
    asks: str = "POST /",
    body: str = "{}",
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the result of a fresh process that runs in `folder`, and its log."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", PROBE, target, str(MAIN), token, *asks.split(), body),
        cwd=folder,
        env={"PATH": os.environ["PATH"], **environment},
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate()
    *logged, result = [json.loads(line) for line in out.decode().splitlines()]
    return result, logged


@pytest.fixture
async def configured(emulator_host: str) -> AsyncIterator[tuple[dict[str, str], str]]:
    """The environment of a function over the emulator, and a token that it accepts."""
    issuer = Issuer()
    async with serve_certificates(issuer) as url:
        environment = {
            "GOOGLE_CLOUD_PROJECT": "test-cold-start",
            "FIRESTORE_EMULATOR_HOST": emulator_host,
            "CLOUD_TASKS_EMULATOR_HOST": "127.0.0.1:9",
            "AIRTABLE_API_KEY": "none",
            "LANDFALL_QUEUE": "projects/p/locations/l/queues/q",
            "LANDFALL_FETCH_URL": "http://127.0.0.1:9",
            "LANDFALL_SCORE_URL": "http://127.0.0.1:9",
            "LANDFALL_TASKS_ACCOUNT": CALLER,
            "LANDFALL_AUDIENCE": AUDIENCE,
            "LANDFALL_CALLERS": CALLER,
            "LANDFALL_TOKEN_ISSUER": ISSUER,
            "LANDFALL_CERTIFICATES_URL": url,
        }
        yield environment, issuer.token(CALLER, AUDIENCE)


UNAVOIDABLE = {"cryptography", "flask", "google.cloud.firestore", "grpc", "requests"}
"""Packages that the framework and Firestore's client import: see tests/bench/cold_import.py."""

HEAVY = UNAVOIDABLE | {
    *("aiodns", "cronsim", "google.cloud.tasks_v2", "httpx", "lxml", "msgspec", "openai"),
    *("phonenumbers", "pyairtable", "pydantic", "rapidfuzz", "yaml"),
}

PACKAGES = {"airtable", "classification", "integrity", "llm", "site"}
"""Our packages for kinds of scan and vendors."""

CONTRACTS = {"kind", "protocols", "schema"}
"""Their modules that only describe what to import and to expect."""


def unsigned(token: str) -> str:
    """Return the token as Cloud Run forwards it."""
    return f"{token.rpartition('.')[0]}.{SIGNATURE_REMOVED}"


@pytest.mark.parametrize("target", FUNCTIONS)
async def test_a_first_request_imports_only_the_heavy_packages_that_it_uses(
    target: str, configured: tuple[dict[str, str], str], tmp_path: Path
) -> None:
    """A tick without work, a task without a run, a list of runs; Cloud Run checks the token."""
    environment, token = configured
    asks = "GET /runs" if target == "api" else "POST /"
    body = json.dumps({"run_id": "none", "step_id": target, "attempt": 0})
    async with own_cloud_run() as cloud_run:
        deployed = environment | CHECKED | cloud_run.environment
        result, _ = await _probe(target, tmp_path, deployed, unsigned(token), asks, body)
    assert result["status"] == 200
    assert HEAVY & set(result["modules"]) == UNAVOIDABLE
    ours = [name.split(".") for name in result["modules"] if name.startswith("landfall.")]
    assert "window" not in {name[1] for name in ours}  # its pages are for people alone
    assert {name[2] for name in ours if name[1] in PACKAGES and name[2:]} <= CONTRACTS


@pytest.mark.parametrize("target", FUNCTIONS)
async def test_a_function_that_is_open_to_everybody_takes_no_token_without_a_signature(
    target: str, configured: tuple[dict[str, str], str], tmp_path: Path
) -> None:
    """Somebody allowed public access: a token that anybody can write opens nothing.

    One with its signature is verified as ever, and two of them are one too many.
    """
    environment, token = configured
    asks = "GET /runs" if target == "api" else "POST /"
    body = json.dumps({"run_id": "none", "step_id": target, "attempt": 0})
    async with own_cloud_run() as cloud_run:
        cloud_run.put(cloud_run.state, {"invokerIamDisabled": True})
        deployed = environment | CHECKED | cloud_run.environment
        forged, logged = await _probe(target, tmp_path, deployed, unsigned(token), asks, body)
        signed, _ = await _probe(target, tmp_path, deployed, token, asks, body)
        double, _ = await _probe(target, tmp_path, deployed, f"{token},{token}", asks, body)
    assert [it["status"] for it in (forged, signed, double)] == [401, 200, 401]
    assert "open to everybody" in {line["message"] for line in logged}


async def test_a_function_that_cannot_read_its_state_trusts_nobody(
    configured: tuple[dict[str, str], str], tmp_path: Path
) -> None:
    """Without the permission; the answer says so to the caller, the log how to grant it."""
    environment, token = configured
    async with own_cloud_run() as cloud_run:
        cloud_run.put(cloud_run.policy, {"error": {"code": 403}}, 403)
        deployed = environment | CHECKED | cloud_run.environment
        result, logged = await _probe("api", tmp_path, deployed, unsigned(token), "GET /runs")
    assert (result["status"], result["answer"]["error"]["code"]) == (500, "caller_check_unknown")
    assert [line for line in logged if "roles/run.viewer" in line.get("error", "")]


@pytest.mark.parametrize("target", ["scheduler", "watchdog"])
async def test_a_tick_pays_for_no_vendor_it_does_not_use(
    target: str, configured: tuple[dict[str, str], str], tmp_path: Path
) -> None:
    """A whole tick imports neither Airtable's client, nor a language model's, nor the rules."""
    environment, token = configured
    result, _ = await _probe(target, tmp_path, environment, token)
    assert result["status"] == 200
    edges = {"landfall.airtable.client", "landfall.llm.openai.chat", "landfall.site.client"}
    heavy = {"pyairtable", "openai", "landfall.integrity.rules.kinds", *edges}
    assert heavy & set(result["modules"]) == set()


@pytest.mark.parametrize("target", FUNCTIONS)
async def test_a_function_reads_its_environment_when_it_is_called(
    target: str, tmp_path: Path
) -> None:
    """Without any variable, it loads and answers 500; its log names all of them at once."""
    result, logged = await _probe(target, tmp_path, {})
    assert result["status"] == 500
    (line,) = [line for line in logged if line["severity"] == "ERROR"]
    needed = {name for name, variable in VARIABLES.items() if target in variable.needed_by}
    assert {name for name in VARIABLES if f"{name} is not set" in line["error"]} == needed


@pytest.mark.parametrize("target", FUNCTIONS)
async def test_the_health_of_a_function_that_is_not_configured_says_why(
    target: str, configured: tuple[dict[str, str], str], tmp_path: Path
) -> None:
    """It names the variables, also a ladder in the wrong order, but no secret and no address."""
    environment, token = configured
    wrong = {
        "LANDFALL_QUEUE": "patSecret0000",
        "LANDFALL_CALLERS": "",
        "LANDFALL_DEADLINES": '{"lease": 99}',
    }
    result, _ = await _probe(target, tmp_path, environment | wrong, token, "GET /health")
    assert (result["status"], result["answer"]["status"]) == (503, "not configured")
    named = [problem.split(" ")[0].rstrip(":") for problem in result["answer"]["problems"]]
    assert sorted(named) == sorted(wrong)
    assert "patSecret0000" not in json.dumps(result["answer"])


WITHOUT_KEYS = [("fetch", "AIRTABLE_API_KEY"), ("score", "OPENAI_API_KEY")]


@pytest.mark.parametrize(("target", "key"), WITHOUT_KEYS)
async def test_a_function_without_a_key_is_well_and_says_so(
    target: str, key: str, configured: tuple[dict[str, str], str], tmp_path: Path
) -> None:
    """Some scans need none: it starts, and its health names the missing key."""
    environment, token = configured
    keyless = environment | {key: ""}
    result, _ = await _probe(target, tmp_path, keyless, token, "GET /health")
    assert (result["status"], result["answer"]["status"]) == (200, "ok")
    assert [lack.split(":")[0] for lack in result["answer"]["lacking"]] == [f"{key} is not set"]


async def test_a_scan_of_a_base_without_a_key_ends_at_the_door(
    configured: tuple[dict[str, str], str],
    firestore_client: AsyncClient,
    firestore_store: FirestoreStore,
    tmp_path: Path,
) -> None:
    """With its reason and the fix, and without a hold on the base."""
    environment, token = configured
    world = World(firestore_store)
    task = await world.start(await world.save())
    keyless = environment | {
        "AIRTABLE_API_KEY": "",
        "GOOGLE_CLOUD_PROJECT": firestore_client.project,
    }
    await _probe("fetch", tmp_path, keyless, token, body=json.dumps(task.body))
    error = (await world.run()).data["error"]
    assert error["reason"] == "base_not_configured"
    assert "AIRTABLE_API_KEY is not set" in error["message"]
    assert await firestore_store.find(Query("bases")) == []


async def test_only_the_functions_folder_is_importable(tmp_path: Path) -> None:
    """As in production: functions/ comes last on the path, the repository is not on it."""
    result, _ = await _probe("api", tmp_path, {})
    assert result["path"][-1] == str(MAIN.parent)
    assert str(MAIN.parents[1]) not in result["path"]
    assert "landfall.process.config" in result["loaded"]


async def test_loading_a_function_imports_no_vendor(tmp_path: Path) -> None:
    """They are imported when a request needs them, and then only those."""
    result, _ = await _probe("fetch", tmp_path, {})
    google = {"google.cloud.firestore", "google.cloud.tasks_v2", "grpc"}
    vendors = {*google, "httpx2", "openai", "pyairtable", "pydantic"}
    assert vendors & set(result["loaded"]) == set()
