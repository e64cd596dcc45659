"""`infra/local/run --check` as typed by a person: its exit status, and that it starts nothing."""

import asyncio
import json
import shutil
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.local.airtable.server import LocalAirtable
from infra.local.samples.school.base import school
from infra.local.wire.faults import Fault, FaultKind, FaultRule
from tests.end_to_end.acting import people
from tests.end_to_end.commands import OWN_SCAN, SCHOOL, command, run
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

KEY = "patRight.secret"
BASE, FOUND = people("appOwn00000000001", 90)


def own(folder: Path, text: str = OWN_SCAN) -> str:
    """Return the path of a scan."""
    path = folder / "own.yaml"
    path.write_text(text)
    return str(path)


async def check(
    path: str, *arguments: str, faults: tuple[FaultRule, ...] = ()
) -> tuple[int, str, str]:
    """Check the scan against its base, which another Airtable serves."""
    async with LocalAirtable([BASE], api_key=KEY, faults=faults) as airtable:
        endpoint = {"AIRTABLE_ENDPOINT_URL": airtable.url, "AIRTABLE_API_KEY": KEY}
        result = await run("--check", path, *arguments, **endpoint)
        assert {exchange.method for exchange in airtable.requests} <= {"GET"}
    assert KEY not in "".join(result[1:])
    return result


async def test_a_sample_scan_is_checked_without_java_or_gcloud(tmp_path: Path) -> None:
    """No Firestore starts, nor could it; every defect planted in whole tables is found."""
    for name in ("bash", "env", "sh", "dirname", "cat", "cksum"):
        (tmp_path / name).symlink_to(str(shutil.which(name)))
    status, out, err = await run("--check", str(SCHOOL), "--json", PATH=str(tmp_path))
    (line,) = out.splitlines()
    checked = json.loads(line)
    found = {rule["rule_id"]: rule["findings"] for rule in checked["rules"] if rule["complete"]}
    planted = {rule: len(key) for rule, key in school()[1].items() if rule in found}
    assert (status, checked["good"], checked["misfits"]) == (0, True, [])
    assert {rule: count for rule, count in found.items() if count} == planted
    assert f"Nothing was written anywhere; {checked['airtable_requests']} requests" in err


async def test_a_site_is_checked_by_two_requests() -> None:
    """robots.txt and the home page show whether it can be scanned, and the types of its pages."""
    clinic = str(SCHOOL.with_name("clinic.yaml"))
    status, out, err = await run("--check", clinic, "--json")
    checked = json.loads(out)
    assert (status, checked["good"], checked["requests"]) == (0, True, 2)
    assert checked["page_types"]["booking"] == 1
    slots = [datetime.fromisoformat(slot) for slot in checked["next_slots"]]
    assert [(slot.weekday(), slot.hour) for slot in slots] == [(0, 6)] * 3
    assert datetime.now(UTC) < slots[0] < slots[1] < slots[2]
    assert "Nothing was written anywhere; 2 requests" in err


async def test_a_site_that_is_not_there_is_not_checked(tmp_path: Path) -> None:
    """The exit status is 2, with the reason; the local network is forbidden above all."""
    status, out, _ = await run(
        "--check", own(tmp_path, "id: own\nkind: site\nurl: http://127.0.0.1:9/\n")
    )
    assert (status, "site_forbidden_address" in out) == (2, True)


async def test_an_own_scan_is_checked_at_its_endpoint(tmp_path: Path) -> None:
    """The exit status is 0; Airtable gets only requests that read."""
    status, out, _ = await check(own(tmp_path), "--sample", "50")
    assert status == 0
    assert "50 records checked, 2 findings (4.0%), warning" in out
    assert out.endswith("Nothing was written anywhere; 2 requests were sent.\n")


@pytest.mark.parametrize(
    ("schedule", "printed"),
    [
        ("", "schedule: none; each run is started by hand\n"),
        ("schedule: {cadence: {every_minutes: 5}, paused: true}",
         "schedule: every 5 minutes (paused: no run starts until it is saved without `paused`)\n"),
        ("schedule: {cadence: {at: 2020-12-01T05:00Z}}",
         "schedule: at 2020-12-01 05:00 (UTC); no slot lies ahead, so no run ever starts\n"),
        ("schedule: {cadence: {every_minutes: 5}, stop_at: 2020-12-01T05:00:00Z}",
         "every 5 minutes; no slot lies ahead: `stop_at` is 2020-12-01 05:00 UTC, so no run"),
        ("schedule: {cadence: {at: 2999-01-01T05:00Z}, max_runs: 1, stop_at: 2999-12-01T05:00Z}",
         "; ends after 1 run (`max_runs`); ends at 2999-12-01 05:00 UTC (`stop_at`)\n"),
        ("schedule: {cadence: {at: 2999-01-01T05:00Z}, time_zone: Europe/Berlin}",
         "schedule: at 2999-01-01 06:00 (Europe/Berlin); next Tue 2999-01-01 06:00 CET\n"),
    ],
)  # fmt: skip
async def test_the_schedule_is_printed_before_a_scan_is_saved(
    tmp_path: Path, schedule: str, printed: str
) -> None:
    """A slot in the wrong time zone, or a cadence in the past, shows here."""
    status, out, _ = await check(own(tmp_path, OWN_SCAN + schedule), "--sample", "1")
    assert (status, printed in out) == (0, True)


async def test_what_does_not_fit_is_exit_status_1(tmp_path: Path) -> None:
    """The message suggests what was probably meant."""
    status, out, _ = await check(own(tmp_path, OWN_SCAN.replace("Email", "Emial")))
    assert status == 1
    assert "has no field 'Emial'; did you mean 'Email'?" in out


async def test_what_cannot_be_written_back_does_not_fit(tmp_path: Path) -> None:
    """Here and not in the middle of the first run: the table, its fields, the other base."""
    write_back = "write_back: {table: Isues, fields: {finding_id: Key}}\n"
    status, out, _ = await check(own(tmp_path, OWN_SCAN + write_back), "--sample", "1")
    assert (status, "does not fit: write_back: the base has no table 'Isues'; it has" in out) == (
        1,
        True,
    )
    elsewhere = write_back.replace("table", "base: appElsewhere00001, table")
    status, out, _ = await check(own(tmp_path, OWN_SCAN + elsewhere), "--sample", "1")
    assert (status, "does not fit: write_back.base: base_" in out) == (1, True)


async def test_a_base_that_cannot_be_read_is_exit_status_2(tmp_path: Path) -> None:
    """The output has the reason, and no report."""
    refusal = Fault(FaultKind.STATUS, status=403, body=b'{"error": "NOT_AUTHORIZED"}')
    faults = (FaultRule(refusal, times=None),)
    status, out, _ = await check(own(tmp_path), faults=faults)
    assert status == 2
    assert "Scan own was not checked: base_forbidden. Airtable answered 403" in out
    assert "What to do: At https://airtable.com/create/tokens, add the base" in out


async def test_a_key_that_is_refused_says_how_to_make_a_new_one(tmp_path: Path) -> None:
    """An expired one, as a revoked or mistyped one."""
    refusal = Fault(FaultKind.STATUS, status=401, body=b'{"error": "AUTHENTICATION_REQUIRED"}')
    status, out, _ = await check(own(tmp_path), faults=(FaultRule(refusal, times=None),))
    assert (status, "base_unauthorized. Airtable answered 401" in out) == (2, True)
    assert "Make a new token at https://airtable.com/create/tokens, with the scopes" in out
    assert "records checked" not in out


@pytest.mark.parametrize(
    "arguments", [["--sample", "0"], ["--sample", "many"], ["--serve"], ["nowhere.yaml"]]
)
async def test_invalid_arguments_are_exit_status_2(arguments: list[str]) -> None:
    """Nothing is read."""
    status, out, err = await run("--check", *arguments)
    assert (status, "Traceback" in out + err, "was written" in out) == (2, False, False)


async def test_an_own_scan_needs_a_key(tmp_path: Path) -> None:
    """The exit status is 2; the message explains how to get one."""
    status, out, _ = await run("--check", own(tmp_path))
    assert (status, "export AIRTABLE_API_KEY=" in out) == (2, True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_end_while_reading_leaves_nothing_behind(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Ctrl-C reports that nothing was written; a silent server delays neither signal."""
    silent = FaultRule(Fault(FaultKind.SILENT), path="People", times=None)
    async with LocalAirtable([BASE], api_key=KEY, faults=[silent]) as airtable:
        endpoint = {"AIRTABLE_ENDPOINT_URL": airtable.url, "AIRTABLE_API_KEY": KEY}
        async with command("--check", own(tmp_path), **endpoint) as started:

            async def reading() -> bool:
                return any("/People" in exchange.path for exchange in airtable.requests)

            await until(reading, 30)
            assert len(started.living()) == 1
            started.process.send_signal(number)
            async with asyncio.timeout(5):
                status, out, err = await started.ended()
            await started.nothing_is_left()
    assert status == (130 if number == signal.SIGINT else -signal.SIGTERM)
    assert ("nothing was written anywhere" in out) == (number == signal.SIGINT)
    assert "Traceback" not in out + err


async def test_a_classification_is_checked_without_a_model() -> None:
    """Its fields fit; the questions and cost of a run are reported, and no question is sent."""
    status, out, _ = await run("--check", str(SCHOOL.with_name("catalogue.yaml")), "--json")
    checked = json.loads(out)
    assert (status, checked["good"], checked["elements"], checked["questions"]) == (0, True, 61, 8)
    assert 0 < checked["dollars"] < 0.1


async def test_a_proposed_scan_is_one_that_fits_its_base(tmp_path: Path) -> None:
    """Standard output is the file: `--check` takes it, and finds what it says."""
    status, out, err = await run("--suggest", "appSchool00000001", "--tables", "Parents", "Classes")
    assert status == 0, err
    assert "breaks now: " in out
    assert "2 of 420 records" in out
    assert "rules proposed; some records break" in err
    proposed = tmp_path / "proposed.yaml"
    proposed.write_text(out)
    status, out, err = await run("--check", str(proposed), "--sample", "all", "--json")
    checked = json.loads(out)
    assert (status, checked["good"], checked["misfits"]) == (0, True, [])
    assert {it["table"] for it in checked["rules"]} == {"Parents", "Classes"}
    status, _, err = await run("--suggest", "appSchool00000001", "--tables", "Parrents")
    assert (status, "did you mean 'Parents'" in err) == (2, True), err
