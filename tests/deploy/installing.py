"""Runs infra/deploy, infra/destroy and infra/doctor against a recorder, as a person would."""

import contextlib
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.deploy.google_apis import PROJECT, ApiRequest, GoogleApis
from tests.deploy.recorder import Recorder, recording

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
REGION = "europe-west1"
KEY = "patRecorded0000000.0123456789abcdef0123456789abcdef"
EMAIL = "ann@people.example"
INVOKER = f"user:{EMAIL}"
ALERTED = "ops@people.example"


@dataclass(frozen=True)
class CommandResult:
    """Exit status and output of a command, and the requests that it sent."""

    status: int
    output: str
    errors: str
    requests: list[ApiRequest]

    @property
    def mutating(self) -> list[ApiRequest]:
        """Return the requests that change a resource."""
        return [request for request in self.requests if request.is_mutating]


@contextmanager
def serving() -> Iterator[Path]:
    """Start a server of gcloud's commands, and return its socket."""
    with TemporaryDirectory(prefix="gcloud-") as folder:
        path = Path(folder) / "socket"
        environment = {"PATH": os.environ["PATH"], "HOME": folder}
        server = subprocess.Popen(
            ["gcloud", str(path)],
            env=environment | {"CLOUDSDK_PYTHON_ARGS": f"-S {HERE / 'gcloud_server.py'}"},
            stdin=subprocess.PIPE,  # its end is the server's
        )
        try:
            while not path.exists() and server.poll() is None:
                time.sleep(0.05)
            yield path
        finally:
            server.communicate()


def _programs(arguments: Path, socket: Path, folder: Path) -> Path:
    """Return a folder with a gcloud that records its arguments, and this Python as python3."""
    found = folder / "bin"
    found.mkdir()
    client = f"{sys.executable} -I -S {HERE / 'gcloud_client.py'} {socket}"
    gcloud = found / "gcloud"
    gcloud.write_text(
        "#!/bin/bash\n"
        f"printf '%s\\n' \"$@\" >>{arguments}\n"
        f'exec {client} {shutil.which("gcloud")} "$@"\n'
    )
    gcloud.chmod(0o755)
    (found / "python3").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    return found


class Console:
    """A person's shell, in which gcloud is sent to the recorder."""

    def __init__(self, recorder: Recorder, folder: Path, socket: Path) -> None:
        self.recorder = recorder
        self.folder = folder
        inherited = {
            k: v for k, v in os.environ.items() if not k.startswith(("CLOUDSDK", "PYTHON"))
        }
        self.environment = inherited | recorder.environment(folder)
        self.arguments = folder / "arguments"
        """Every argument that gcloud was started with, a line each."""
        programs = _programs(self.arguments, socket, folder)
        self.environment["PATH"] = f"{programs}:{inherited['PATH']}"
        # a killed command leaves its files here
        self.environment["TMPDIR"] = str(folder / "tmp")
        (folder / "tmp").mkdir()
        self.key = folder / "airtable-key"
        self.key.write_text(KEY + "\n")

    def first_time(self) -> list[str]:
        """Return the options of a first deployment."""
        return ["--invoker", INVOKER, "--airtable-api-key-file", str(self.key)]

    def deploy(self, *arguments: str) -> CommandResult:
        """Run infra/deploy without retries."""
        return self.run("deploy", "--patience", "0", *arguments)

    def run(self, command: str, *arguments: str, typed: str = "") -> CommandResult:
        """Run a command to its end."""
        before = len(self.recorder.requests)
        process = self.start(command, *arguments)
        output, errors = process.communicate(typed, timeout=600)
        return CommandResult(process.returncode, output, errors, self.recorder.requests[before:])

    def typing(self, command: str, *arguments: str, typed: str) -> CommandResult:
        """Run a command in a terminal, and answer its question."""
        before = len(self.recorder.requests)
        main, terminal = pty.openpty()
        with self.start(command, *arguments, terminal=terminal) as process:
            os.close(terminal)
            shown, is_typed = b"", False
            with contextlib.suppress(OSError):  # a terminal ends so
                while part := os.read(main, 4096):
                    shown += part
                    if shown.endswith((b"): ", b"id: ")) and not is_typed:
                        is_typed = bool(os.write(main, f"{typed}\n".encode()))
            os.close(main)
        return CommandResult(
            process.returncode, shown.decode(), "", self.recorder.requests[before:]
        )

    def gcloud(self, *arguments: str) -> CommandResult:
        """Run gcloud itself."""
        before = len(self.recorder.requests)
        done = subprocess.run(
            ["gcloud", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        asked = self.recorder.requests[before:]
        return CommandResult(done.returncode, done.stdout, done.stderr, asked)

    def start(
        self, command: str, *arguments: str, terminal: int = subprocess.PIPE
    ) -> "subprocess.Popen[str]":
        """Start a command in a session of its own, with or without a terminal."""
        where = ["--project", PROJECT, "--region", REGION]
        line = [str(ROOT / "infra" / command), *where, *arguments]
        if terminal != subprocess.PIPE:  # the first terminal that a session opens is its own
            line = ["bash", "-c", 'exec 3<>"$0" && exec "$@"', os.ttyname(terminal), *line]
        return subprocess.Popen(
            line,
            env=self.environment,
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            text=True,
            start_new_session=True,
        )


@contextmanager
def opened(apis: GoogleApis, folder: Path, socket: Path) -> Iterator[Console]:
    """Open a shell with a project. `folder` is its own; at `socket` gcloud is served."""
    with recording(Recorder(apis)) as recorder:
        yield Console(recorder, folder, socket)


class InterruptedCommand:
    """Runs a command to its end although it is killed again and again.

    It is killed once at each kind of change: before the change, or after it but before the answer.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._process: subprocess.Popen[str] | None = None
        self.kills: list[tuple[str, str]] = []

    def run(self, command: str, *arguments: str) -> CommandResult:
        """Run the command until it ends by itself, and return that last run."""
        recorder = self._console.recorder
        recorder.refuses = lambda request: self._kills(request, even=True)
        recorder.loses = lambda request: self._kills(request, even=False)
        while True:
            before = len(recorder.requests)
            self._process = self._console.start(command, *arguments)
            output, errors = self._process.communicate(timeout=600)
            if self._process.returncode != -signal.SIGKILL:
                break
        recorder.refuses = recorder.loses = None
        return CommandResult(self._process.returncode, output, errors, recorder.requests[before:])

    def _kills(self, request: ApiRequest, even: bool) -> bool:
        assert self._process
        if self._process.poll() is not None:
            return True  # of a gcloud that outlived the command for a moment
        kind = (request.api, request.method)
        if not request.is_mutating or kind in self.kills or even != (len(self.kills) % 2 == 0):
            return False
        self.kills.append(kind)
        os.killpg(self._process.pid, signal.SIGKILL)
        return True


def of(requests: Sequence[ApiRequest], api: str, method: str, ending: str = "") -> list[Any]:
    """Return the bodies of the requests to an API whose path has an ending."""
    return [
        it.body
        for it in requests
        if (it.api, it.method) == (api, method) and it.path.endswith(ending)
    ]


NOT_OURS = {"cloudresourcemanager", "cloudbuild"}
"""The project itself, and the history of its builds, which nobody can delete."""


def left(console: Console) -> set[str]:
    """Return the APIs that still have resources."""
    return {api for api, _ in console.recorder.apis.resources}


def roles(console: Console) -> list[object]:
    """Return the IAM bindings of the project."""
    policy = console.recorder.apis.policies["cloudresourcemanager", f"projects/{PROJECT}"]
    bindings: list[object] = policy["bindings"]
    return bindings
