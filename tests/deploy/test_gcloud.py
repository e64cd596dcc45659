"""The gcloud of these tests, whose commands run in forks: it is as the one that a person starts."""

import shutil
import signal
import subprocess
import time

import pytest

from tests.deploy.google_apis import ApiRequest
from tests.deploy.installing import REGION

COMMANDS = (
    ("config", "list", "--format=json"),
    ("tasks", "queues", "list", f"--location={REGION}", "--format=json"),
    ("tasks", "queues", "describe", "nowhere", f"--location={REGION}"),
    ("no-such-group", "--flag=x"),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_served_command_is_as_a_started_one(console, command):
    """The same exit status, output and errors."""
    started = subprocess.run(
        [shutil.which("gcloud") or "", *command],
        env=console.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    served = console.gcloud(*command)
    assert (served.status, served.output, served.errors) == (
        *(started.returncode, started.stdout),
        started.stderr,
    )


def test_a_killed_command_sends_nothing_more(console):
    """Its client is killed at the first request; gcloud would have sent that again in a second."""
    recorder = console.recorder
    clients: list[subprocess.Popen[bytes]] = []

    def kills(_: ApiRequest) -> bool:
        clients[0].kill()
        return True

    before = len(recorder.requests)
    recorder.refuses = kills
    command = ["gcloud", "tasks", "queues", "pause", "landfall", f"--location={REGION}"]
    clients.append(subprocess.Popen(command, env=console.environment))
    assert clients[0].wait(60) == -signal.SIGKILL
    time.sleep(3)
    recorder.refuses = None
    assert len(recorder.requests) == before + 1
