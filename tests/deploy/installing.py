"""Runs infra/deploy, infra/destroy and infra/doctor against a recorder, as a person would."""

import contextlib
import os
import pty
import shutil
import signal
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.google_apis import PROJECT, Asked
from tests.deploy.recorder import Recorder

ROOT = Path(__file__).parents[2]
REGION = "europe-west1"
KEY = "patRecorded0000000.0123456789abcdef0123456789abcdef"
EMAIL = "ann@people.example"
INVOKER = f"user:{EMAIL}"
ALERTED = "ops@people.example"


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it asked for."""

    status: int
    output: str
    errors: str
    requests: list[Asked]

    @property
    def mutating(self) -> list[Asked]:
        """The requests after which something is another."""
        return [request for request in self.requests if request.is_mutating]


def _noting(arguments: Path, folder: Path) -> Path:
    """A folder with a gcloud that notes its arguments, and is the real one then."""
    made = folder / "bin" / "gcloud"
    made.parent.mkdir()
    real = shutil.which("gcloud")
    made.write_text(f'#!/bin/bash\nprintf "%s\\n" "$@" >>{arguments}\nexec {real} "$@"\n')
    made.chmod(0o755)
    return made.parent


class Console:
    """A person's shell, in which gcloud is sent to the recorder."""

    def __init__(self, recorder: Recorder, folder: Path) -> None:
        self.recorder = recorder
        self.folder = folder
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CLOUDSDK", "PYTHON"))}
        self.environment = kept | recorder.environment(folder)
        self.arguments = folder / "arguments"
        """Each argument that gcloud was ever started with, a line each."""
        self.environment["PATH"] = f"{_noting(self.arguments, folder)}:{kept['PATH']}"
        # what is left behind by a command that is killed is left here
        self.environment["TMPDIR"] = str(folder / "tmp")
        (folder / "tmp").mkdir()
        self.key = folder / "airtable-key"
        self.key.write_text(KEY + "\n")

    def first_time(self) -> list[str]:
        """What deploy is told when nothing is there yet."""
        return ["--invoker", INVOKER, "--airtable-api-key-file", str(self.key)]

    def deploy(self, *arguments: str) -> Done:
        """Run infra/deploy; nothing is waited for."""
        return self.run("deploy", "--patience", "0", *arguments)

    def run(self, command: str, *arguments: str, typed: str = "") -> Done:
        """Run a command to its end."""
        before = len(self.recorder.requests)
        process = self.start(command, *arguments)
        output, errors = process.communicate(typed, timeout=600)
        return Done(process.returncode, output, errors, self.recorder.requests[before:])

    def typing(self, command: str, *arguments: str, typed: str) -> Done:
        """Run a command in a terminal, in which somebody answers its question."""
        before = len(self.recorder.requests)
        main, terminal = pty.openpty()
        with self.start(command, *arguments, terminal=terminal) as process:
            os.close(terminal)
            shown, is_typed = b"", False
            with contextlib.suppress(OSError):  # so ends what a terminal shows
                while part := os.read(main, 4096):
                    shown += part
                    if shown.endswith((b"): ", b"id: ")) and not is_typed:
                        is_typed = bool(os.write(main, f"{typed}\n".encode()))
            os.close(main)
        return Done(process.returncode, shown.decode(), "", self.recorder.requests[before:])

    def gcloud(self, *arguments: str) -> Done:
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
        return Done(done.returncode, done.stdout, done.stderr, asked)

    def start(
        self, command: str, *arguments: str, terminal: int = subprocess.PIPE
    ) -> "subprocess.Popen[str]":
        """Start a command in a session of its own, at a terminal or for nobody."""
        where = ["--project", PROJECT, "--region", REGION]
        line = [str(ROOT / "infra" / command), *where, *arguments]
        if terminal != subprocess.PIPE:  # the first that a session opens is its own
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


class Interrupted:
    """Runs a command to its end although it is killed again and again.

    It is killed once at each kind of change: before it is made, or after, when nobody hears the
    answer.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._process: subprocess.Popen[str] | None = None
        self.kills: list[tuple[str, str]] = []

    def run(self, command: str, *arguments: str) -> Done:
        """Run it until it comes to its end; that last run."""
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
        return Done(self._process.returncode, output, errors, recorder.requests[before:])

    def _kills(self, request: Asked, even: bool) -> bool:
        assert self._process
        if self._process.poll() is not None:
            return True  # a gcloud that outlived it for a moment
        kind = (request.api, request.method)
        if not request.is_mutating or kind in self.kills or even != (len(self.kills) % 2 == 0):
            return False
        self.kills.append(kind)
        os.killpg(self._process.pid, signal.SIGKILL)
        return True


def of(requests: Sequence[Asked], api: str, method: str, ending: str = "") -> list[Any]:
    """The bodies of the requests to an API whose path ends so."""
    return [
        it.body
        for it in requests
        if (it.api, it.method) == (api, method) and it.path.endswith(ending)
    ]
