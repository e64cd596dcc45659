"""A run that has ended, as the reports show it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from landfall.runs.lifecycle import RunStatus


@dataclass(frozen=True)
class FinishedRun:
    """A run that has ended: its document, and its result in full."""

    document: Mapping[str, Any]
    result: Any

    @property
    def done(self) -> bool:
        """Return whether the run ended `done`."""
        return bool(self.document["status"] == RunStatus.DONE)
