"""`infra/local/run` as typed by a person: its output, its exit status, and no processes left."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from infra.local.airtable.server import LocalAirtable
from infra.local.samples.school.base import school
from infra.local.wire.faults import Fault, FaultKind, FaultRule
from tests.end_to_end.acting import people
from tests.end_to_end.commands import CLIENT, OWN_SCAN, SCHOOL, Command, command, run
from tests.fakes.keys import a_key, shown, spelt_back
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

ADDRESSES = {
    *("api", "scheduler", "fetch", "score", "watchdog", "window"),
    *("airtable", "openai", "firestore", "tasks", "project", "token"),
}


async def test_help_says_how() -> None:
    """`--help` names the arguments, the exit status and the variables."""
    status, out, _ = await run("--help")
    assert status == 0
    for word in ("SCAN.yaml", "--serve", "--check", "--json", "AIRTABLE_API_KEY", "exit status"):
        assert word in out


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (OWN_SCAN.replace("field: Email", "field: Mail"), ["rule email, line", "Mail"]),
        (
            OWN_SCAN.replace("kind: required", "kind: wished"),
            ["rule email, line", "wished", "required"],
        ),
        ("id: [", ["line 1"]),
    ],
)
async def test_a_bad_definition_starts_nothing(tmp_path: Path, text: str, says: list[str]) -> None:
    """The exit status is 2; the message names the file, the place and the fix."""
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    status, out, _ = await run(str(path))
    assert status == 2
    assert [word for word in [*says, str(path), "Nothing was started"] if word not in out] == []
    assert "is up" not in out


async def test_a_file_that_is_not_there_starts_nothing() -> None:
    """The exit status is 2; the message names the file."""
    status, out, _ = await run("nowhere.yaml")
    assert (status, "nowhere.yaml" in out, "Traceback" in out) == (2, True, False)


async def test_an_own_scan_needs_a_key(tmp_path: Path) -> None:
    """The exit status is 2; the message explains how to get one for a base that is no sample."""
    path = tmp_path / "own.yaml"
    path.write_text(OWN_SCAN)
    status, out, _ = await run(str(path))
    assert status == 2
    assert "export AIRTABLE_API_KEY=" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([SCHOOL, SCHOOL.with_name("gym.yaml"), "--html", "x.html"], "one scan"),
        ([SCHOOL, "--check", "--html", "x.html"], "--check"),
        ([SCHOOL, "--html", "/nowhere/x.html"], "/nowhere/x.html"),
    ],
)
async def test_a_report_that_cannot_be_written_starts_nothing(
    arguments: list[object], says: str
) -> None:
    """The exit status is 2; the message says what fits."""
    status, out, _ = await run(*map(str, arguments))
    assert status == 2
    assert "--html" in out
    assert says in out


async def test_a_run_as_json_is_one_line(tmp_path: Path) -> None:
    """Standard output is the run's document and its report; the rest is on standard error.

    `--html` writes the report as one file beside it.
    """
    file = tmp_path / "school.html"
    status, out, err = await run(str(SCHOOL), "--json", "--html", str(file))
    html = file.read_text()
    assert html.startswith("<!doctype html>")
    assert "What it found" in html
    assert len(html.encode()) <= 300_000
    (line,) = out.splitlines()
    answer = json.loads(line)
    found: dict[str, set[tuple[str, ...]]] = {}
    for finding in answer["report"]["findings"]:
        found.setdefault(finding["rule_id"], set()).add(tuple(sorted(finding["records"])))
    assert (status, answer["run"]["status"]) == (0, "done")
    assert found == {rule: set(key) for rule, key in school()[1].items() if key}
    assert "The local stack is up" in err


async def test_own_scans_are_asked_of_their_endpoint(tmp_path: Path) -> None:
    """The exit status is 1 if one fails; the output has the reason and the function's log.

    It does not have the key, which the answer says back.
    """
    key = a_key()
    said = {"error": {"type": "AUTHENTICATION_REQUIRED", "message": spelt_back(f"Bearer {key}")}}
    bases = [people(f"appOwn0000000000{number}", 90)[0] for number in (1, 2)]
    paths = [tmp_path / f"own{number}.yaml" for number in (1, 2)]
    for path, base in zip(paths, bases, strict=True):
        path.write_text(OWN_SCAN.replace("own", path.stem).replace("appOwn00000000001", base.id))
    refusal = Fault(FaultKind.STATUS, status=401, body=json.dumps(said).encode())
    rule = FaultRule(refusal, path=bases[1].id, times=None)
    async with LocalAirtable(bases, api_key=key, faults=[rule]) as airtable:
        endpoint = {"AIRTABLE_ENDPOINT_URL": airtable.url, "AIRTABLE_API_KEY": key}
        status, out, err = await run(*map(str, paths), **endpoint)
    assert status == 1
    wanted = ["3 findings", "base_unauthorized", "Airtable answered 401", "WARNING attempt failed"]
    assert [words for words in [*wanted, "[redacted]"] if words not in out] == []
    assert shown(key, out + err) == []


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder in which stacks leave their addresses."""
    return str(tmp_path_factory.mktemp("state"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def served(state: str) -> AsyncIterator[Sequence[tuple[Command, Mapping[str, str]]]]:
    """Two stacks started at the same moment, and their first lines."""
    async with (
        command("--serve", "--json", XDG_STATE_HOME=state) as one,
        command("--serve", "--json", XDG_STATE_HOME=state) as other,
    ):
        yield [(each, json.loads(await each.line())) for each in (one, other)]


Served = Sequence[tuple[Command, Mapping[str, str]]]


async def test_serve_prints_the_addresses(served: Served) -> None:
    """The first line has exactly what a script needs."""
    assert [set(addresses) for _, addresses in served] == [ADDRESSES, ADDRESSES]


async def test_the_token_of_serve_is_good(served: Served) -> None:
    """Every function accepts it."""
    _, addresses = served[0]
    headers = {"Authorization": f"Bearer {addresses['token']}"}
    async with httpx.AsyncClient(trust_env=False, timeout=30, headers=headers) as client:
        assert (await client.get(f"{addresses['api']}/runs")).status_code == 200
        assert (await client.post(addresses["scheduler"])).status_code == 200
        assert (await client.post(addresses["watchdog"])).status_code == 200
        assert (await client.post(addresses["fetch"], json={})).status_code == 400
        assert (await client.post(addresses["score"], json={})).status_code == 400


async def test_two_stacks_do_not_know_each_other(served: Served) -> None:
    """They share no address, and one does not see the other's data."""
    (_, one), (_, other) = served
    same = {name for name in ADDRESSES if one[name] == other[name]}
    assert same == {"project"}
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        answer = await client.get(
            f"{other['api']}/runs", headers={"Authorization": f"Bearer {one['token']}"}
        )
    assert answer.status_code == 401


async def test_the_client_works_with_the_stack_that_it_is_given(
    served: Served, state: str, tmp_path: Path
) -> None:
    """It saves, runs and follows a scan, with neither address nor token typed."""
    started, _ = served[1]
    scan = tmp_path / "own.yaml"
    scan.write_text((SCHOOL.with_name("gym.yaml")).read_text().replace("id: gym", "id: own"))

    async def client(*arguments: str) -> tuple[int, str, str]:
        stack = ("--stack", str(started.process.pid))
        return await run(*arguments, *stack, program=CLIENT, XDG_STATE_HOME=state)

    status, out, _ = await client("put", str(scan))
    assert (status, out[:9]) == (0, "Saved own")
    status, out, err = await client("run", "gym", "--follow", "--json")
    ended = json.loads(out)
    assert (status, ended["status"], ended["verdict"]) == (0, "done", "healthy")
    assert "gym: done, 100 %" in err


async def test_an_ended_stack_leaves_nothing_behind(served: Served, state: str) -> None:
    """After Ctrl-C or a kill during a run, no process is left, and none that the client finds."""
    ends = [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
    for (started, addresses), (number, status) in zip(served, ends, strict=True):
        await _fetching(addresses)
        assert len(started.living()) > 10
        started.process.send_signal(number)
        assert await asyncio.wait_for(started.process.wait(), 10) == status
        await started.nothing_is_left()
    status, _, err = await run("scans", program=CLIENT, XDG_STATE_HOME=state)
    assert (status, "infra/local/run --serve" in err) == (3, True)


async def _fetching(addresses: Mapping[str, str]) -> None:
    """Start the school's scan, and wait until records are read."""
    headers = {"Authorization": f"Bearer {addresses['token']}"}
    async with httpx.AsyncClient(trust_env=False, timeout=30, headers=headers) as client:
        answer = await client.post(f"{addresses['api']}/runs", json={"scan_id": "school"})

        async def look() -> bool:
            run = await client.get(f"{addresses['api']}/runs/{answer.json()['run_id']}")
            return bool(run.json()["counts"].get("records"))

        await until(look, 20)


@pytest.mark.parametrize(
    ("moment", "number"),
    [
        ("python -m infra.local", signal.SIGINT),
        ("java", signal.SIGINT),
        ("--target api", signal.SIGTERM),
    ],
)
async def test_an_end_while_starting_leaves_nothing_behind(
    moment: str, number: signal.Signals
) -> None:
    """An end at any point of the start, given by the last process started, leaves no process."""
    async with command(str(SCHOOL)) as started:

        async def begun() -> bool:
            return any(moment in line for line in started.living().values())

        await until(begun, 30, every=0.01)
        started.process.send_signal(number)
        status, out, err = await started.ended()
        assert status in (130, -signal.SIGINT)
        assert "Traceback" not in out + err
        await started.nothing_is_left()
