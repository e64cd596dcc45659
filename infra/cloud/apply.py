"""Apply stages in their order: find the changes of each, show them, and make them."""

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from infra.cloud.clients.error_advice import TRANSIENT
from infra.cloud.clients.gcloud import GcloudError
from infra.cloud.clients.rest import GoogleError
from infra.cloud.resources.change import ResourceChange, Tools
from infra.cloud.resources.installation import Installation
from infra.cloud.stages import ChangeStage

CONCURRENCY = 4
"""gcloud commands in flight; each takes a second of a CPU."""

RETRY_PAUSES = (1.0, 2.0, 4.0, 8.0)
"""Seconds between attempts at something that is not ready yet; the last is repeated."""

SLOW = 2
"""Factor of the patience for what Google itself calls slow."""

HEARD_EVERY = 30.0
"""Seconds between two lines about a change that takes long."""

T = TypeVar("T")

SIGNS = {"create": "+", "update": "~", "delete": "-"}


class ChangeFailedError(Exception):
    """A change failed. The changes before it remain."""


@dataclass(frozen=True)
class Applier:
    """Makes changes, and retries for `patience` seconds what is not ready yet."""

    tools: Tools
    patience: float

    def apply(self, stage: ChangeStage, changes: Sequence[ResourceChange]) -> None:
        """Make the changes of a stage. Raises `ChangeFailedError` when all have ended."""
        with ThreadPoolExecutor(1 if stage.sequential else CONCURRENCY) as pool:
            futures = [pool.submit(self._apply, change, stage) for change in changes]
            errors = [error for future in futures if (error := future.exception())]
        if errors:
            raise errors[0]

    def _apply(self, change: ResourceChange, stage: ChangeStage) -> None:
        started = time.monotonic()
        with _heard_of(change.what, started):
            try:
                for command in change.commands:
                    self.retry(partial(command.run, self.tools), change.what, stage.slow)
            except (GcloudError, GoogleError) as error:
                raise ChangeFailedError(f"{change.verb} {change.what}: {error}") from error
        print_line(f"  {SIGNS[change.verb]} {change.what} ({time.monotonic() - started:.0f} s)")

    def retry(self, act: Callable[[], T], what: str, slow: bool = False) -> T:
        """Return what `act` returns, when what it needs is ready. Raises its last error."""
        patience = self.patience * (SLOW if slow else 1)
        until = time.monotonic() + patience
        for attempt in itertools.count():
            pause = RETRY_PAUSES[min(attempt, len(RETRY_PAUSES) - 1)]
            try:
                return act()
            except (GcloudError, GoogleError) as error:
                if not TRANSIENT.search(str(error)) or time.monotonic() + pause > until:
                    raise
                if attempt == 0:
                    print_line(f"    {what}: not ready yet, trying for {patience:.0f} s: {error}")
                time.sleep(pause)
        raise AssertionError  # counting never ends


@contextmanager
def _heard_of(what: str, started: float) -> Iterator[None]:
    """Print now and then that a change is still being made."""
    over = threading.Event()

    def tell() -> None:
        while not over.wait(HEARD_EVERY):
            print_line(f"    still at {what} ({time.monotonic() - started:.0f} s)")

    thread = threading.Thread(target=tell, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def apply_stages(stages: Sequence[ChangeStage], it: Installation, applier: Applier | None) -> int:
    """Make the changes of each stage, and return their number. Without an applier, only show them.

    Raises `ChangeFailedError`, `GoogleError`.
    """
    applied = 0
    for stage in stages:
        find = partial(stage.find_changes, it)
        changes = applier.retry(find, stage.name) if applier else find()
        if not changes:
            continue
        print_line(stage.name)
        if applier is None:
            show_changes(changes)
        else:
            for change in changes:
                for line in change.why:
                    print_line(f"    {change.what}: {line}")
            applier.apply(stage, changes)
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
