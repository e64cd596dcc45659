"""Goes through the stages: looks, says what it would change, and changes it."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from infra.cloud.clients.advice import TRANSIENT
from infra.cloud.clients.gcloud import GcloudError
from infra.cloud.clients.rest import GoogleError
from infra.cloud.resources.change import ChangeCommand, ResourceChange, Tools
from infra.cloud.resources.installation import Installation
from infra.cloud.stages import ChangeStage

CONCURRENCY = 4
"""gcloud commands at once; each takes a second of a CPU."""

RETRY_PAUSE = 5.0
"""Seconds between two tries of what is not ready yet."""

SIGNS = {"create": "+", "update": "~", "delete": "-"}


class ChangeFailedError(Exception):
    """A change failed. What was made before it stays."""


@dataclass(frozen=True)
class Applier:
    """Makes changes; what is not ready yet is tried again for `patience` seconds."""

    tools: Tools
    patience: float

    def apply(self, changes: Sequence[ResourceChange], sequential: bool) -> None:
        """Make the changes of a stage. Raises `ChangeFailedError` when all have ended."""
        with ThreadPoolExecutor(1 if sequential else CONCURRENCY) as pool:
            futures = [pool.submit(self._apply, change) for change in changes]
            errors = [error for future in futures if (error := future.exception())]
        if errors:
            raise errors[0]

    def _apply(self, change: ResourceChange) -> None:
        started = time.monotonic()
        try:
            for command in change.commands:
                self._run(command)
        except (GcloudError, GoogleError) as error:
            raise ChangeFailedError(f"{change.verb} {change.what}: {error}") from error
        print_line(f"  {SIGNS[change.verb]} {change.what} ({time.monotonic() - started:.0f} s)")

    def _run(self, command: ChangeCommand) -> None:
        until = time.monotonic() + self.patience
        while True:
            try:
                command.run(self.tools)
            except (GcloudError, GoogleError) as error:
                if not TRANSIENT.search(str(error)) or time.monotonic() + RETRY_PAUSE > until:
                    raise
                time.sleep(RETRY_PAUSE)
            else:
                return


def apply_stages(stages: Sequence[ChangeStage], it: Installation, applier: Applier | None) -> int:
    """Look at each stage and make its changes; how many. Without a maker they are only shown.

    Raises `ChangeFailedError`, `GoogleError`.
    """
    applied = 0
    for stage in stages:
        changes = stage.find_changes(it)
        if not changes:
            continue
        print_line(stage.name)
        if applier is None:
            show_changes(changes)
        else:
            for change in changes:
                for line in change.why:
                    print_line(f"    {change.what}: {line}")
            applier.apply(changes, stage.sequential)
        applied += len(changes)
    return applied


def show_changes(changes: Sequence[ResourceChange]) -> None:
    """What would be changed, and how."""
    for change in changes:
        print_line(f"  {SIGNS[change.verb]} {change.what}")
        for line in change.why:
            print_line(f"      {line}")
        for command in change.commands:
            print_line(f"      $ {command}")


def print_line(line: str) -> None:
    """A line for the person, at once."""
    print(line, flush=True)
