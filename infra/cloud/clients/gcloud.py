"""The only module that runs gcloud: arguments as lists, secrets on standard input alone."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MAX_MESSAGE = 2000
"""Characters of an error of gcloud. Google's about a quota has 600."""


class GcloudError(Exception):
    """A gcloud command failed; the message has its errors."""


class GcloudMissingError(Exception):
    """The Google Cloud CLI is not installed."""


class Gcloud:
    """Runs gcloud for a project, with the account that is logged in."""

    def __init__(self, project: str) -> None:
        found = shutil.which("gcloud")
        if found is None:
            raise GcloudMissingError(
                "The Google Cloud CLI is missing: https://cloud.google.com/sdk/docs/install"
            )
        self._gcloud = found
        self._project = project

    def run(
        self,
        arguments: Sequence[str],
        files: Mapping[str, Any] | None = None,
        secret: str | None = None,
    ) -> str:
        """Run a command, and return its output. Raises `GcloudError`.

        Each of `files` is written as JSON, and its name among the arguments becomes its path.
        `secret` is the command's standard input.
        """
        with tempfile.TemporaryDirectory(prefix="landfall-") as folder:
            for name, content in (files or {}).items():
                (Path(folder) / name).write_text(json.dumps(content), encoding="utf-8")
            command = [_with_path(argument, files or {}, folder) for argument in arguments]
            return self._run(command, secret)

    def _run(self, command: Sequence[str], secret: str | None) -> str:
        done = subprocess.run(
            [self._gcloud, *command, f"--project={self._project}", "--quiet"],
            input=secret if secret is not None else "",
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise GcloudError(failure_message(command, done.stderr))
        return done.stdout


def failure_message(command: Sequence[str], stderr: str) -> str:
    """Return the command that failed and its errors, in a line.

    An error goes on to the end: its first line seldom has the number that is too large.
    """
    what = " ".join(part for part in command if not part.startswith("-"))
    lines = [line.strip() for line in stderr.strip().splitlines() if line.strip()]
    first = next((number for number, line in enumerate(lines) if "ERROR" in line), None)
    if first is None:
        said = lines[-3:]
    else:
        logs = [line for line in lines[:first] if "Logs are available" in line]
        said = [*logs, *lines[first:]]
    return f"`gcloud {what}` failed: {' '.join(said)[:MAX_MESSAGE]}"


def _with_path(argument: str, files: Mapping[str, Any], folder: str) -> str:
    for name in files:
        if argument == name or argument.endswith(f"={name}"):
            return f"{argument.removesuffix(name)}{folder}/{name}"
    return argument
