"""The sample scans run from a due schedule to the end, and find what is there to be found."""

import asyncio
import contextlib
import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from google.cloud import tasks_v2
from rich.console import Console

from infra.local.environment import QUEUE
from infra.local.finished_run import FinishedRun
from infra.local.report.reports import print_report
from infra.local.runner import run_scans
from infra.local.samples.catalogue import answer_key
from infra.local.samples.flights import flights
from infra.local.samples.school.base import school
from infra.local.stack import Stack
from landfall.kinds.definition import load
from landfall.runs.cloud_tasks import cloud_tasks_client
from tests.end_to_end.acting import Found, Run, ended, findings, get, history, scan, start
from tests.end_to_end.conftest import SMALL
from tests.end_to_end.firestore import client_of
from tests.local.flights_in_sql import expected_findings
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

SAMPLES = Path(__file__).parents[2] / "infra/local/samples"

CONTRACT = {
    *("status", "progress_step", "progress_pct", "created_at", "started_at", "updated_at"),
    *("updated_by", "finished_at", "deadline_at", "error", "verdict", "counts", "attempt"),
}


@dataclass
class Seen:
    """A run that has ended, how it looked on the way, and what it found."""

    run: Run
    printed: list[str]
    looks: list[Run] = field(default_factory=list)
    debug: Any = None
    found: Found = field(default_factory=dict)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def seen(stack: Stack) -> AsyncIterator[dict[str, Seen]]:
    """All samples, run by one tick of the scheduler; by the id of their scan."""
    scans = [load(path.read_text(), str(path)) for path in sorted(SAMPLES.glob("*.yaml"))]
    looks: list[Run] = []
    watching = asyncio.create_task(_watch(stack, looks))
    printed = io.StringIO()
    finished = await run_scans(stack, scans, Console(file=printed))
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    seen = {run.document["scan_id"]: Seen(run.document, []) for run in finished}
    for scan_id, one in seen.items():
        lines = printed.getvalue().splitlines()
        one.printed = [line for line in lines if line.startswith(f"{scan_id}: ")]
        run_id = one.run["run_id"]
        one.looks = [look for look in looks if look["scan_id"] == scan_id]
        one.debug = await get(stack, f"/runs/{run_id}/debug")
        if one.run["kind"] == "integrity":
            one.found = await findings(stack, run_id)
    yield seen


async def _watch(stack: Stack, looks: list[Run]) -> None:
    while True:
        looks += (await get(stack, "/runs?limit=5"))["runs"]
        await asyncio.sleep(0.2)


async def test_the_school_run_finds_exactly_what_was_planted(seen: dict[str, Seen]) -> None:
    """No finding is missing, none is invented."""
    key = {rule: set(found) for rule, found in school()[1].items() if found}
    assert seen["school"].found == key


async def test_the_flights_run_finds_exactly_what_sql_finds(seen: dict[str, Seen]) -> None:
    """An independent computation over the public files agrees to the record."""
    key = {rule: found for rule, found in expected_findings(flights()).items() if found}
    assert seen["flights"].found == key


@pytest.mark.parametrize("name", ["school", "flights"])
async def test_a_run_goes_through_every_status_once(seen: dict[str, Seen], name: str) -> None:
    """Its events are its history, and its steps' too."""
    debug = seen[name].debug
    assert history(debug) == ["queued", "running", "scoring", "done"]
    for step in ("fetch", "score"):  # which a slow machine continues in further tasks
        *before, last = history(debug, step)
        assert last == "done"
        assert before == [*["running", "queued"] * (len(before) // 2), "running"], debug["steps"]


@pytest.mark.parametrize("name", ["school", "flights"])
async def test_progress_only_grows(seen: dict[str, Seen], name: str) -> None:
    """Who looks now and then sees the per cent and the records rise, never fall."""
    per_cent = [look["progress_pct"] for look in seen[name].looks]
    records = [look["counts"].get("records", 0) for look in seen[name].looks]
    assert per_cent == sorted(per_cent)
    assert records == sorted(records)
    assert len(set(records)) > 3


@pytest.mark.parametrize("name", ["school", "flights", "catalogue", "clinic", "gym"])
async def test_a_run_has_the_fields_of_the_contract(seen: dict[str, Seen], name: str) -> None:
    """People and scripts read these names."""
    run = seen[name].run
    assert set(run) >= CONTRACT
    assert run["created_at"] <= run["started_at"] <= run["finished_at"] <= run["deadline_at"]
    assert run["error"] is None


async def test_the_catalogue_is_classified_as_its_authors_would(
    stack: Stack, seen: dict[str, Seen]
) -> None:
    """Every element as it is written beside it by hand; and so it stands in the table."""
    assert (seen["catalogue"].run["status"], seen["catalogue"].run["verdict"]) == (
        "done",
        "healthy",
    )
    elements = (await get(stack, "/scans/catalogue/elements"))["elements"]
    label = "information_security_classification"
    assert {one["record_id"]: one["values"][label] for one in elements} == answer_key()
    assert stack.airtable is not None
    records = stack.airtable.records("appCatalogue00001", "Data elements")
    assert {one["id"]: one["fields"]["Classification"] for one in records} == answer_key()


async def test_the_clinic_is_looked_at_and_judged(stack: Stack, seen: dict[str, Seen]) -> None:
    """One page of it is broken; and the model that judged the others says that it is none."""
    run = seen["clinic"].run
    site = stack.sites["https://brightside.example/"]
    assert (run["status"], run["verdict"], run["counts"]["pages"]) == ("done", "inconclusive", 9)
    assert [one["what"] for one in run["inconclusive"]] == [f"{site.url}/gallery"]
    report = (await get(stack, f"/runs/{run['run_id']}/report"))["report"]
    assert report["scorer"] == "model"
    assert report["model_said"].startswith("The stand-in")
    assert [path for path in site.paths if "private" in path] == []


async def test_every_kind_has_a_report_as_one_file(stack: Stack, seen: dict[str, Seen]) -> None:
    """It is a download, and says what the run found."""
    for scan_id, says in (
        ("clinic", "of 60 points"),
        ("school", "What it found"),
        ("catalogue", "Suggested by gpt-6-luna-stand-in"),
    ):
        run_id = seen[scan_id].run["run_id"]
        answer = await stack.call("GET", f"/runs/{run_id}/report?format=html")
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert answer.headers["content-disposition"].startswith(f'attachment; filename="{scan_id}')
        assert says in answer.text, scan_id
        assert len(answer.text.encode()) <= 300_000


async def test_the_stand_in_calls_itself_one(stack: Stack, seen: dict[str, Seen]) -> None:
    """Wherever its answers are shown: in the api, in files, and in what is printed."""
    names = [*seen["clinic"].run["report"]["models"], *seen["catalogue"].run["report"]["models"]]
    whole = (await get(stack, f"/runs/{seen['clinic'].run['run_id']}/report"))["report"]
    names += [one["model"] for one in whole["judgements"]]
    elements = (await get(stack, "/scans/catalogue/elements"))["elements"]
    names += [one["suggestion"]["model"] for one in elements]
    assert set(names) == {"gpt-6-luna-stand-in"}
    answer = await stack.call("GET", "/scans/catalogue/elements?format=csv")
    assert {row["model"] for row in csv.DictReader(io.StringIO(answer.text))} == set(names)


async def test_a_model_is_asked_to_think_little(stack: Stack, seen: dict[str, Seen]) -> None:
    """What a scan does not say is said for it: the answer must come before a request ends."""
    assert seen["clinic"].run["status"] == "done"
    async with client_of(stack) as client:
        answers = [one.to_dict() async for one in client.collection("answers").stream()]
    assert {(one or {})["effort"] for one in answers} == {"low"}


@pytest.mark.parametrize("name", ["catalogue", "clinic"])
async def test_what_is_printed_says_who_answered(seen: dict[str, Seen], name: str) -> None:
    """By its own name: a reader knows what the labels and the scores are worth."""
    printed = io.StringIO()
    print_report(FinishedRun(seen[name].run, None), Console(file=printed, width=200))
    assert "gpt-6-luna-stand-in" in printed.getvalue()


async def test_the_gym_is_judged_by_a_rubric_of_its_own(seen: dict[str, Seen]) -> None:
    """10, 3 of 4, and 10 points; with the second counting twice: 8.8."""
    report = seen["gym"].run["report"]
    assert report["scores"] == {"first_impression": 10, "joining": 7.5, "on_a_phone": 10}
    assert (report["patient_flow_score_10"], seen["gym"].run["verdict"]) == (8.8, "healthy")


@pytest.mark.parametrize("name", ["clinic", "gym"])
async def test_a_site_shows_its_progress(seen: dict[str, Seen], name: str) -> None:
    """The words are those of its kind, and the per cent only grow."""
    looks = seen[name].looks
    words = {look["progress_step"] for look in looks}
    assert "capturing_pages" in words
    assert words <= {
        *("queued", "capturing_pages", "waiting_for_site", "captured", "calling_model", "done"),
    }
    per_cent = [look["progress_pct"] for look in looks]
    assert per_cent == sorted(per_cent)


@pytest.mark.parametrize(
    ("name", "step", "unit"),
    [("school", "fetching", "records"), ("clinic", "capturing_pages", "page")],
)
async def test_progress_is_told_in_what_the_scan_reads(
    seen: dict[str, Seen], name: str, step: str, unit: str
) -> None:
    """From the first line on: a site has pages. There is a line for a step that takes seconds, and
    for the end; who looks now and then may miss one that is over at once."""
    printed = seen[name].printed
    steps = [line.removeprefix(f"{name}: ").split(", ")[0] for line in printed]
    assert step in steps
    assert steps[-1] == "done"
    per_cent = [int(line.split(", ")[1].removesuffix(" %")) for line in printed]
    assert per_cent == sorted(per_cent)
    assert [line for line in printed if unit not in line.rsplit(", ")[-1]] == []


async def test_every_record_was_fetched(seen: dict[str, Seen]) -> None:
    """The counts of a run are those of its base."""
    school_records = sum(len(table.records) for table in school()[0].tables)
    assert seen["school"].run["counts"]["records"] == school_records
    assert seen["school"].debug["pages"]["records"] == school_records


async def test_a_task_carries_ids_only(stack: Stack) -> None:
    """What else a worker needs it reads from Firestore; its body names run, step and attempt."""
    client = cloud_tasks_client(stack.addresses.tasks)
    await client.pause_queue(name=QUEUE)
    run_id = await start(stack, scan(SMALL, "ids-only"))
    bodies = [await _body(client, "fetch")]
    await client.resume_queue(name=QUEUE)

    async def fetching() -> bool:
        return bool((await get(stack, f"/runs/{run_id}"))["status"] == "running")

    await until(fetching, 10)
    await client.pause_queue(name=QUEUE)
    bodies.append(await _body(client, "score"))
    await client.resume_queue(name=QUEUE)
    await client.transport.close()
    assert [set(body) for body in bodies] == [{"run_id", "step_id", "attempt"}] * 2
    assert (await ended(stack, run_id))["status"] == "done"


async def _body(client: tasks_v2.CloudTasksAsyncClient, step_id: str) -> dict[str, Any]:
    full = tasks_v2.ListTasksRequest(parent=QUEUE, response_view=tasks_v2.Task.View.FULL)

    async def look() -> dict[str, Any] | None:
        tasks = [task async for task in await client.list_tasks(full)]
        bodies: list[dict[str, Any]] = [json.loads(task.http_request.body) for task in tasks]
        return next((body for body in bodies if body["step_id"] == step_id), None)

    return await until(look, 10)
