"""Goes through the stages: looks, says what it would change, and changes it."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from infra.cloud.clients.advice import NOT_YET
from infra.cloud.clients.gcloud import GcloudError
from infra.cloud.clients.rest import GoogleError
from infra.cloud.resources.change import Change, Command, Tools
from infra.cloud.resources.installation import Installation
from infra.cloud.stages import Stage

SIDE_BY_SIDE = 4
"""gcloud commands at once; each takes a second of a CPU."""

PAUSE = 5.0
"""Seconds between two tries of what is not ready yet."""

SIGNS = {"create": "+", "update": "~", "delete": "-"}


class StoppedError(Exception):
    """A change failed. What was made before it stays."""


@dataclass(frozen=True)
class Maker:
    """Makes changes; what is not ready yet is tried again for `patience` seconds."""

    tools: Tools
    patience: float

    def make(self, changes: Sequence[Change], in_turn: bool) -> None:
        """Make changes of a stage. Raises `StoppedError` when all that had begun are through."""
        with ThreadPoolExecutor(1 if in_turn else SIDE_BY_SIDE) as pool:
            futures = [pool.submit(self._make, change) for change in changes]
            errors = [error for future in futures if (error := future.exception())]
        if errors:
            raise errors[0]

    def _make(self, change: Change) -> None:
        started = time.monotonic()
        try:
            for command in change.commands:
                self._run(command)
        except (GcloudError, GoogleError) as error:
            raise StoppedError(f"{change.verb} {change.what}: {error}") from error
        say(f"  {SIGNS[change.verb]} {change.what} ({time.monotonic() - started:.0f} s)")

    def _run(self, command: Command) -> None:
        until = time.monotonic() + self.patience
        while True:
            try:
                command.run(self.tools)
            except (GcloudError, GoogleError) as error:
                if not NOT_YET.search(str(error)) or time.monotonic() + PAUSE > until:
                    raise
                time.sleep(PAUSE)
            else:
                return


def go_through(stages: Sequence[Stage], it: Installation, maker: Maker | None) -> int:
    """Look at each stage and make its changes; how many. Without a maker they are only shown.

    Raises `StoppedError`, `GoogleError`.
    """
    made = 0
    for stage in stages:
        changes = stage.look(it)
        if not changes:
            continue
        say(stage.name)
        if maker is None:
            show(changes)
        else:
            for change in changes:
                for line in change.why:
                    say(f"    {change.what}: {line}")
            maker.make(changes, stage.in_turn)
        made += len(changes)
    return made


def show(changes: Sequence[Change]) -> None:
    """What would be changed, and how."""
    for change in changes:
        say(f"  {SIGNS[change.verb]} {change.what}")
        for line in change.why:
            say(f"      {line}")
        for command in change.commands:
            say(f"      $ {command}")


def say(line: str) -> None:
    """A line for the person, at once."""
    print(line, flush=True)
