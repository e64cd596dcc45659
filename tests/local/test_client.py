"""`infra/landfall` against a server on a real socket, as the api answers and as networks break."""

import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from infra.client import calls, following
from infra.client.commands import COMMANDS, main
from infra.client.errors import STATUSES
from infra.client.running_stacks import announced, running_stacks, stacks_folder
from tests.fakes.keys import a_key

ROOT = Path(__file__).parents[2]
TOKEN = f"{a_key()}.signed"
Answer = tuple[int, Any] | None

LOST: Answer = None
"""An answer that never comes: the connection ends."""


@dataclass
class ScriptedApi:
    """The api, as far as a test needs it: the answers to each request, of which the last stays."""

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    asked: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)

    def next(self, request: str) -> Answer:
        path = request.partition("?")[0]
        left: list[Answer] = self.answers.get(path, [(404, _refusal("not_found", "there is none"))])
        return left.pop(0) if len(left) > 1 else left[0]


def _refusal(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}, "detail": message, "reason": code}


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedApi]:
    """A server that a running stack's file names, and pauses that take no time."""
    script = ScriptedApi()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = f"{self.command} {self.path}"
            script.asked.append((request, dict(self.headers), body))
            answer = script.next(request)
            if not isinstance(answer, tuple):
                self.close_connection = True
                return
            status, content = answer
            data = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - names of the library

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setattr(calls, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(following, "POLL", 0.0)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    url = f"http://127.0.0.1:{server.server_port}"
    with announced({"api": url, "token": TOKEN}):
        yield script
    server.shutdown()
    server.server_close()


def _run(**fields: Any) -> dict[str, Any]:
    base = {"run_id": "m-1", "scan_id": "school", "kind": "integrity", "status": "done"}
    shown = {"verdict": "healthy", "progress_step": "done", "progress_pct": 100, "error": None}
    return {**base, **shown, "counts": {"records": 3}, **fields}


def _timeline(steps: Sequence[Mapping[str, Any]] = (), **fields: Any) -> dict[str, Any]:
    return {"run": _run(**fields), "steps": list(steps), "events": [], "moves": 1}


STARTED = (202, {"run_id": "m-1"})
LIVE = (200, _timeline(status="running", verdict=None, progress_step="fetching", progress_pct=9))
WAITING_STEP = {
    "step_id": "fetch",
    "status": "queued",
    "next_attempt_at": "2020-01-01T00:00:00+00:00",
    "last_error": {"reason": "base_rate_limited", "message": "Airtable answered 429"},
}


@pytest.mark.parametrize(
    ("ended", "status"),
    [
        ({}, 0),
        ({"verdict": "warning"}, 1),
        ({"verdict": "critical"}, 1),
        ({"verdict": "inconclusive"}, 1),
        ({"status": "error", "verdict": None, "error": {"reason": "bug", "message": "odd"}}, 4),
        ({"status": "cancelled", "verdict": None}, 4),
    ],
)
def test_a_followed_run_gives_the_exit_status(
    api: ScriptedApi, capsys: pytest.CaptureFixture[str], ended: dict[str, Any], status: int
) -> None:
    """By its verdict, or by its end; what it waits for is shown, and what to do next."""
    waiting = (200, _timeline([WAITING_STEP], status="running", progress_step="waiting: x"))
    api.answers["POST /scans/school/run"] = [STARTED]
    api.answers["GET /runs/m-1/timeline"] = [LIVE, waiting, (200, _timeline(**ended))]
    assert main(["run", "school", "--follow"]) == status
    out, err = capsys.readouterr()
    assert "m-1" in out
    assert "next try" in err
    assert "base_rate_limited: Airtable answered 429" in err
    assert ("infra/landfall debug m-1" in out) == (status == 4)


def test_a_lost_network_is_survived(api: ScriptedApi, capsys: pytest.CaptureFixture[str]) -> None:
    """A start that is sent again has the same key; the follower goes on where it was."""
    busy = (503, _refusal("store_unavailable", "later"))
    api.answers["POST /scans/school/run"] = [LOST, busy, STARTED]
    api.answers["GET /runs/m-1/timeline"] = [LOST, LIVE, LOST, busy, (200, _timeline())]
    assert main(["run", "school", "--follow", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["run_id"] == "m-1"
    assert "Next try in" in err
    keys = {headers["Idempotency-Key"] for request, headers, _ in api.asked if "POST" in request}
    assert len(keys) == 1


def test_a_network_that_stays_lost_ends_the_command(
    api: ScriptedApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With status 3, after a bounded time."""
    monkeypatch.setattr(following, "FOLLOW_PATIENCE", 0.1)
    api.answers["POST /scans/school/run"] = [STARTED]
    api.answers["GET /runs/m-1/timeline"] = [LIVE, LOST]
    assert main(["run", "school", "--follow"]) == 3
    assert "does not answer" in capsys.readouterr().err


def test_an_interrupted_follower_leaves_the_run(
    api: ScriptedApi, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says so, with the commands that look again and that end it."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("time.sleep", interrupt)
    api.answers["POST /scans/school/run"] = [STARTED]
    api.answers["GET /runs/m-1/timeline"] = [LIVE]
    assert main(["run", "school", "--follow"]) == 130
    err = capsys.readouterr().err
    assert [it for it in ("goes on", "follow m-1", "cancel m-1") if it not in err] == []
    assert not any("cancel" in request for request, _, _ in api.asked)


@pytest.mark.parametrize(
    ("answer", "status", "says"),
    [
        ((400, _refusal("bad_request", "`severity` must be one of info")), 2, "one of info"),
        ((401, _refusal("unauthenticated", "expired")), 3, "--invoker"),
        ((403, _refusal("forbidden", "not on the list")), 3, "--invoker"),
        ((404, _refusal("not_found", "there is no scan 'school'")), 4, "there is no scan"),
        ((409, _refusal("outdated", "look again")), 4, "look again"),
        ((500, _refusal("document_unreadable", "correct it")), 4, "document_unreadable"),
        ((502, b"<html>bad gateway"), 3, "502"),
        ((200, b"<html>a log-in page"), 3, "something else than JSON"),
        (LOST, 3, "does not answer"),
    ],
)
def test_each_refusal_has_a_status_and_a_fix(
    api: ScriptedApi,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    status: int,
    says: str,
) -> None:
    """Nothing is on standard output, no traceback anywhere, and no token."""
    monkeypatch.setattr(calls, "PATIENCE", 0.05)
    api.answers["GET /scans/school/findings"] = [answer]
    assert main(["findings", "school"]) == status
    out, err = capsys.readouterr()
    assert (out, says in err, TOKEN in err, "Traceback" in err) == ("", True, False, False)


FINDING = {
    "finding_id": "f",
    "rule_id": "email",
    "table": "Students",
    "records": ["rec1", "rec2"],
    "record_names": ["S-1\x1b[31m\tx"],
    "record_count": 2,
    "severity": "critical",
    "message": "Email has no value",
    "state": "open",
    "first_seen": "2026-03-02T06:00:00+00:00",
}


def test_a_piped_table_is_lines_with_tabs(
    api: ScriptedApi, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is cut or coloured; a name can neither add a cell nor control a terminal."""
    page = {"count": 7, "findings": [FINDING], "next_page_token": "1"}
    api.answers["GET /scans/school/findings"] = [(200, page)]
    assert main(["findings", "school", "--severity", "critical", "--table", "A & B"]) == 0
    out, err = capsys.readouterr()
    head, row = (line.split("\t") for line in out.splitlines())
    assert head == ["severity", "rule", "table", "record", "message", "state", "first seen"]
    assert row == [
        *("critical", "email", "Students", "S-1 [31m x and 1 more"),
        *("Email has no value", "open", "2026-03-02 06:00 UTC"),
    ]
    assert "1 of 7 findings" in err
    request = api.asked[-1][0]
    assert "severity=critical" in request
    assert "table=A+%26+B" in request or "table=A%20%26%20B" in request


def test_a_file_is_passed_on_as_it_is(
    api: ScriptedApi, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """With its byte-order mark and line breaks."""
    data = "\ufefffinding_id,rule\r\nf,ä\r\n".encode()
    api.answers["GET /scans/school/findings"] = [(200, data)]
    assert main(["findings", "school", "--csv"]) == 0
    assert capfdbinary.readouterr().out == data
    assert "format=csv" in api.asked[-1][0]


def test_scans_are_read_to_the_last_page(
    api: ScriptedApi, capsys: pytest.CaptureFixture[str]
) -> None:
    """And printed as one answer; the options of the place may stand before the command."""
    one, other = {"scan_id": "a", "runs": []}, {"scan_id": "b", "problem": "newer", "runs": []}
    first = (200, {"scans": [one], "next_page_token": "a"})
    api.answers["GET /scans"] = [first, (200, {"scans": [other], "next_page_token": None})]
    assert main(["--json", "scans"]) == 0
    assert json.loads(capsys.readouterr().out) == {"scans": [one, other]}
    assert [request for request, _, _ in api.asked] == ["GET /scans", "GET /scans?page_token=a"]


def test_a_refused_definition_names_the_file(
    api: ScriptedApi, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """In place of the scan, in each line; one that has no id is not sent."""
    path = tmp_path / "my scan.yaml"
    path.write_text("id: school\n")
    problem = _refusal("bad_request", "scan school: line 1: a\nscan school: line 2: b")
    api.answers["PUT /scans/school"] = [(400, problem)]
    assert main(["put", str(path)]) == 2
    assert capsys.readouterr().err.splitlines() == [f"{path}: line 1: a", f"{path}: line 2: b"]
    for text in ("name: x", "- a", "id: [", "id: 7"):
        path.write_text(text)
        assert main(["put", str(path)]) == 2
        assert capsys.readouterr().err.startswith(f"{path}: ")
    assert main(["put", str(tmp_path / "none.yaml")]) == 2
    assert len(api.asked) == 1


def test_a_check_that_does_not_fit_has_status_1(
    api: ScriptedApi, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """And shows for each rule what it finds, or why it does not."""
    path = tmp_path / "s.yaml"
    path.write_text("id: school\n")
    rule = {"rule_id": "email", "table": "Students", "sentence": "Email has a value"}
    rules = [
        {**rule, "findings": 5, "records": 400, "at_least": True, "inconclusive": None},
        {**rule, "rule_id": "odd", "inconclusive": "there is no field"},
    ]
    found = {"scan_id": "school", "kind": "integrity", "schedule": "at 06:00", "differences": []}
    api.answers["POST /scans/school/check"] = [(200, {**found, "rules": rules, "good": False})]
    assert main(["check", str(path)]) == 1
    out = capsys.readouterr().out
    assert "email\tStudents\tat least 5 of 400\tEmail has a value" in out
    assert "there is no field" in out


def test_a_deletion_needs_the_id(api: ScriptedApi, capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody can be asked, only with --yes; it is repeated until it is done."""
    assert main(["delete", "school"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert api.asked == []
    api.answers["DELETE /scans/school"] = [(200, {"done": False, "deleted": {"runs": 3}})]
    assert main(["delete", "school", "--yes"]) == 0
    assert "3 documents" in capsys.readouterr().out


def test_a_report_has_no_secret(api: ScriptedApi, capsys: pytest.CaptureFixture[str]) -> None:
    """It has the error, the moves and the place, and neither the token nor a cursor."""
    step = {"step_id": "fetch", "status": "failed", "attempt": 2, "retries": 1}
    step |= {
        "cursor": {"offset": "itrSecret"},
        "last_error": {"reason": "bug", "traceback": "A\nB"},
    }
    event = {"updated_at": "t", "step": None, "from": None, "to": "queued", "updated_by": "me"}
    found = {"steps": [step], "events": [event], "pages": {"documents": 1, "records": 3}}
    api.answers["GET /runs/m-1/debug"] = [(200, {"run": _run(), **found, "results": []})]
    assert main(["debug", "m-1"]) == 0
    out = capsys.readouterr().out
    assert [
        it for it in ("local stack", "last_error.reason: bug", "made -> queued") if it not in out
    ] == []
    assert (TOKEN in out, "itrSecret" in out) == (False, False)


def test_an_expired_token_is_made_anew(
    api: ScriptedApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a project: gcloud gives the address, and a token for it, as the account that is named."""
    (stack,) = running_stacks()
    services = [
        {
            "metadata": {"labels": {"cloud.googleapis.com/location": "europe-west1"}},
            "status": {"url": stack.api},
        }
    ]
    log = tmp_path / "log"
    gcloud = tmp_path / "bin/gcloud"
    gcloud.parent.mkdir()
    gcloud.write_text(
        f'#!/bin/sh\necho "$@" >> {log}\n'
        f"case \"$1\" in run) echo '{json.dumps(services)}' ;;\n"
        f"auth) echo token-$(wc -l < {log}) ;; esac\n"
    )
    gcloud.chmod(0o755)
    monkeypatch.setenv("PATH", f"{gcloud.parent}{os.pathsep}{os.environ['PATH']}")
    page: dict[str, Any] = {"scans": [], "next_page_token": None}
    expired = (401, _refusal("unauthenticated", "expired"))
    api.answers["GET /scans"] = [(200, {**page, "next_page_token": "a"}), expired, (200, page)]
    account = "reader@my-project.iam.gserviceaccount.com"
    assert main(["scans", "--project", "my-project", "--as", account]) == 0
    tokens = [headers["Authorization"] for _, headers, _ in api.asked]
    assert tokens == ["Bearer token-2", "Bearer token-2", "Bearer token-3"]
    first, second, _ = log.read_text().splitlines()
    assert "--filter=metadata.name=landfall-api" in first
    assert (
        f"--impersonate-service-account={account} --audiences={stack.api} --include-email" in second
    )
    assert "--project=my-project" in second


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["scans", "--region", "x"], 2, "--project"),
        (["scans", "--project", "My Project"], 2, "project id"),
        (["scans", "--stack", "7", "--project", "my-project"], 2, "not both"),
        (["scans", "--stack", "7"], 2, "these do"),
        (["findings", "school", "--csv", "--json"], 2, "not both"),
    ],
)
def test_a_wrong_command_says_how(
    api: ScriptedApi,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    says: str,
) -> None:
    """And asks nothing of the api."""
    assert main(arguments) == status
    assert says in capsys.readouterr().err
    assert api.asked == []


def test_no_stack_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files of stacks that were killed, and what is no such file, are passed over."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    folder = stacks_folder()
    folder.mkdir(parents=True)
    (folder / "1.json").write_text(json.dumps({"api": "http://127.0.0.1:1", "token": "x"}))
    (folder / "2.json").symlink_to("/etc/passwd")
    (folder / "3.json").mkdir()
    assert main(["scans"]) == 3
    assert "infra/local/run --serve" in capsys.readouterr().err
    assert not (folder / "1.json").exists()


@pytest.mark.usefixtures("api")
def test_only_this_user_reads_the_file() -> None:
    """Folder and file; the newest of two stacks comes first, and a file goes with its stack."""
    (file,) = stacks_folder().iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    code = "from infra.client.running_stacks import announced\n"
    code += "with announced({'api': 'http://other', 'token': 'x'}): print(flush=True); input()"
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'functions'}"}
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
    ) as other:
        assert other.stdout
        other.stdout.readline()
        assert [it.name for it in running_stacks()] == [str(other.pid), str(os.getpid())]
        other.kill()
        other.wait()
    assert [it.name for it in running_stacks()] == [str(os.getpid())]
    assert [*stacks_folder().iterdir()] == [file]


@pytest.mark.parametrize(
    ("shell", "begins"), [("bash", "# AUTO"), ("zsh", "#compdef infra/landfall")]
)
def test_shells_complete_each_command(
    capsys: pytest.CaptureFixture[str], shell: str, begins: str
) -> None:
    """From the command line itself, so that none is missing."""
    assert main(["completion", shell]) == 0
    out = capsys.readouterr().out
    assert out.startswith(begins)
    assert [name for name in COMMANDS if name not in out] == []


def test_help_has_every_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    """With its meaning, and what to type."""
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert ended.value.code == 0
    assert [it for it in STATUSES.values() if it not in out] == []
