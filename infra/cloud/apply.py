"""Apply stages in their order: find the changes of each, show them, and make them."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from infra.cloud.clients.error_advice import TRANSIENT
from infra.cloud.clients.gcloud import GcloudError
from infra.cloud.clients.rest import GoogleError
from infra.cloud.resources.change import ChangeCommand, ResourceChange, Tools
from infra.cloud.resources.installation import Installation
from infra.cloud.stages import ChangeStage

CONCURRENCY = 4
"""gcloud commands in flight; each takes a second of a CPU."""

RETRY_PAUSE = 5.0
"""Seconds between two attempts at something that is not ready yet."""

SIGNS = {"create": "+", "update": "~", "delete": "-"}


class ChangeFailedError(Exception):
    """A change failed. The changes before it remain."""


@dataclass(frozen=True)
class Applier:
    """Makes changes, and retries for `patience` seconds what is not ready yet."""

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
    """Make the changes of each stage, and return their number. Without an applier, only show them.

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
    """Print changes with their reasons and commands."""
    for change in changes:
        print_line(f"  {SIGNS[change.verb]} {change.what}")
        for line in change.why:
            print_line(f"      {line}")
        for command in change.commands:
            print_line(f"      $ {command}")


def print_line(line: str) -> None:
    """Print a line without delay."""
    print(line, flush=True)
