"""`infra/cost`, as a person types it."""

import json
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from infra.local.airtable.server import LocalAirtable
from tests.end_to_end.acting import people
from tests.end_to_end.commands import COST, OWN_SCAN, ROOT, run
from tests.fakes.keys import ANSWERS, a_key, a_service, shown

pytestmark = pytest.mark.asyncio(loop_scope="session")

DAILY = OWN_SCAN + 'schedule: {cadence: {daily: "06:00"}}\n'


async def test_help_says_how() -> None:
    """`--help` names the arguments, what is not included, and the exit status."""
    status, out, _ = await run("--help", program=COST)
    assert status == 0
    for word in (
        "SCAN.yaml",
        "--run FILE",
        "--runs N",
        "--page-hours N",
        "--json",
        "Not included",
        "Exit status",
    ):
        assert word in out


async def test_a_month_is_forecast_from_two_runs(tmp_path: Path) -> None:
    """The second finds nothing new: it writes less; idle ticks are measured too."""
    path = tmp_path / "own.yaml"
    path.write_text(DAILY)
    base, _ = people("appOwn00000000001", 90)
    async with LocalAirtable([base], api_key="patRight.secret") as airtable:
        environment = {"AIRTABLE_ENDPOINT_URL": airtable.url, "AIRTABLE_API_KEY": "patRight.secret"}
        status, out, err = await run(str(path), "--json", program=COST, **environment)
        asked = len(airtable.requests)
    assert status == 0, err
    said = json.loads(out)
    first, later, idle = (said["measured"][name] for name in ("first", "later", "idle"))
    assert (said["scan_id"], said["slots"]) == ("own", 30)
    assert [line["unit"] for line in said["lines"] if line["dollars"]] == ["deletes"]
    assert first["airtable_requests"] + later["airtable_requests"] == asked
    assert first["writes"] > later["writes"] > 0
    assert first["stored_bytes"] > later["stored_bytes"] > 0
    assert (idle["scheduler"]["reads"], idle["watchdog"]["reads"]) == (4, 7)
    assert "patRight.secret" not in out + err


BERLIN = ZoneInfo("Europe/Berlin")

USED = {"catalogue": {"airtable_requests", "model_tokens"}, "gym": set()}
"""Services that a sample's first run uses."""


def mondays(start: datetime) -> int:
    """Count the Mondays of the 30 days from a time, at the hour of the samples: four or five."""
    days = [(start.astimezone(BERLIN) + timedelta(days=day)).date() for day in range(32)]
    slots = [datetime.combine(day, time(6), BERLIN) for day in days if day.weekday() == 0]
    return sum(start < slot <= start + timedelta(days=30) for slot in slots)


@pytest.mark.parametrize("sample", USED)
async def test_every_kind_of_scan_has_a_forecast(sample: str) -> None:
    """Its other documents are stored too: elements, their scan and its summary."""
    path = ROOT / f"infra/local/samples/{sample}.yaml"
    before = datetime.now(UTC)
    status, out, err = await run(str(path), "--json", program=COST)
    assert status == 0, err
    said = json.loads(out)
    first, later = said["measured"]["first"], said["measured"]["later"]
    assert {name for name in ("airtable_requests", "model_tokens") if first[name]} == USED[sample]
    assert first["stored_bytes"] > later["stored_bytes"] > 0
    assert said["slots"] in {mondays(before), mondays(datetime.now(UTC))}
    assert later["model_tokens"] == 0


async def test_runs_that_were_printed_need_no_stack(tmp_path: Path) -> None:
    """With `--run` nothing is started, and the output names what is not known."""
    scan, runs = tmp_path / "own.yaml", tmp_path / "runs"
    scan.write_text(DAILY)
    counts = {"firestore_reads": 20, "firestore_writes": 50, "tasks": 2, "airtable_requests": 40}
    run_ = {"scan_id": "own", "status": "done", "counts": counts}
    runs.write_text(json.dumps({"run": run_}) + "\n")
    status, out, _ = await run(str(scan), "--run", str(runs), program=COST)
    assert status == 0
    said = ("30 runs", "Largest share", "120% of plan Free (1,000) and 1% of")
    for words in (*said, "may be a first one", "Not included"):
        assert words in out
    assert "Starting" not in out


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["nowhere.yaml"], 2, "nowhere.yaml cannot be read"),
        (["{scan}", "--run", "nowhere"], 1, "nowhere is not what `infra/local/run"),
        (["{scan}", "--runs", "many"], 2, "use a whole number"),
    ],
)
async def test_what_is_missing_is_named(
    tmp_path: Path, arguments: list[str], status: int, says: str
) -> None:
    """No forecast, and why; no traceback."""
    scan = tmp_path / "own.yaml"
    scan.write_text(DAILY)
    given = [argument.format(scan=scan) for argument in arguments]
    code, out, err = await run(*given, program=COST)
    assert code == status
    assert says in out + err
    assert "Traceback" not in out + err


async def test_a_run_that_fails_is_no_forecast(tmp_path: Path) -> None:
    """Exit status 1, and the end of the run; not the key, which the answer says back."""
    scan = tmp_path / "own.yaml"
    scan.write_text(DAILY)
    key = a_key()
    async with a_service(ANSWERS["refused"]) as url:
        environment = {"AIRTABLE_ENDPOINT_URL": url, "AIRTABLE_API_KEY": key}
        status, out, err = await run(str(scan), program=COST, **environment)
    assert status == 1
    assert "[redacted]" in out
    assert shown(key, out + err) == []
    assert "There is no forecast. the run ended error: Airtable answered 401" in " ".join(
        out.split()
    )
