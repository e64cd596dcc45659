"""Hundreds of runs on a real stack while everything goes wrong: nothing hangs, gets lost or twice.

The campaign has a process of its own, as it is run by hand; it prints what came of it.
"""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SEED = "1"
MOST = 345.0
"""Seconds; a campaign ends by itself before that, unless something hangs."""


def test_every_run_of_a_campaign_ends_and_is_right() -> None:
    """It judges itself: `campaign.Result.passed` says by what."""
    command = [sys.executable, "-m", "tests.chaos.campaign", "--seed", SEED]
    path = os.pathsep.join([str(ROOT / "functions"), str(ROOT)])
    mark = f"TEST_CAMPAIGN={secrets.token_hex(8)}"
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "TEST_CAMPAIGN": mark.partition("=")[2]},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as campaign:
        try:
            report, _ = campaign.communicate(timeout=MOST)
        except subprocess.TimeoutExpired:
            report = f"not over within {MOST:g} s\n{_ended(campaign)}"
    assert campaign.returncode == 0, f"to repeat it: {' '.join(command)}\n{report}"
    left = _left(mark)
    assert not left, f"processes of the campaign go on: {left}"


def _ended(campaign: subprocess.Popen[str]) -> str:
    """As by Ctrl-C, so that it stops its stack; when it is killed, its guard does."""
    campaign.send_signal(signal.SIGINT)
    try:
        return campaign.communicate(timeout=10)[0]
    except subprocess.TimeoutExpired:
        campaign.kill()
        return "and it did not hear Ctrl-C"


def _left(mark: str) -> list[int]:
    """The processes that go on, a moment later, with the mark that they have inherited."""
    for _ in range(30):
        if not _marked(mark):
            break
        time.sleep(0.1)
    return _marked(mark)


def _marked(mark: str) -> list[int]:
    found = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark.encode() in environment.read_bytes():
                found.append(int(environment.parent.name))
    return found
