"""The documents of a run and its steps, with a type for every field.

`Run` and `Step` are read; `RunFields` and `StepFields` are written, some fields at a time. Both
have the same names: a misspelt one is an error of the type checker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, Self, TypedDict, cast

from landfall.runs.lifecycle import RunStatus, StepStatus
from landfall.runs.steps import StepId
from landfall.store.documents import Document, Fields, Version
from landfall.store.shape import fitting

Verdict = Literal["healthy", "warning", "critical", "inconclusive"]
"""The result of a run as a whole; its status says only whether it has ended."""


class RunFields(TypedDict, total=False):
    """Some fields of a run's document, to be written."""

    run_id: str
    scan_id: str
    scan_version: str
    kind: str
    base: str
    url: str
    trigger: str
    started_by: str
    slot: datetime | None
    schedule_id: str | None
    regenerate: str | Sequence[str]
    expected_records: int | None
    status: RunStatus
    progress_step: str
    progress_pct: int
    attempt: int
    counts: Fields
    verdict: Verdict | None
    complete: bool | None
    inconclusive: Sequence[Fields]
    report: Fields
    findings_list: Fields
    handover: Fields
    notify: Fields
    error: Fields | None
    warnings: Sequence[Fields]
    moves: int
    created_at: datetime
    started_at: datetime | None
    updated_at: datetime
    updated_by: str
    finished_at: datetime | None
    deadline_at: datetime


class StepFields(TypedDict, total=False):
    """Some fields of a step's document, to be written."""

    run_id: str
    status: StepStatus
    attempt: int
    retries: int
    dispatch: int
    next_attempt_at: datetime | None
    stale_at: datetime | None
    lease_until: datetime | None
    worker: str | None
    cursor: Fields | None
    last_error: Fields | None
    spent: Fields
    created_at: datetime
    started_at: datetime | None
    updated_at: datetime
    updated_by: str
    finished_at: datetime | None


@dataclass(frozen=True)
class Stored:
    """A document whose fields have types. Its version guards an update."""

    document: Document = field(repr=False)
    id: str
    path: str
    version: Version

    @classmethod
    def load(cls, document: Document) -> Self:
        """Read a document. Raises `UnreadableError` for one that somebody has edited."""
        path, fix = document.path, "correct it, or end the run: `POST /runs/{id}/cancel`"
        given = fitting(cls, path, document.data, fix)
        return cls(document, document.id, path, document.version, **given)


@dataclass(frozen=True)
class Run(Stored):
    """A run of a scan. These fields serve all kinds of scan."""

    scan_id: str
    scan_version: str
    kind: str
    trigger: str
    status: RunStatus
    progress_step: str
    progress_pct: int
    attempt: int
    counts: Mapping[str, Any]
    verdict: Verdict | None
    error: Fields | None
    warnings: Sequence[Fields]
    moves: int
    created_at: datetime
    deadline_at: datetime
    updated_at: datetime
    updated_by: str
    started_at: datetime | None = None
    finished_at: datetime | None = None
    started_by: str | None = None
    """The caller who started it, or its schedule and slot; None where an older Landfall did."""
    slot: datetime | None = None
    schedule_id: str | None = None
    expected_records: int | None = None
    base: str | None = None
    url: str | None = None
    regenerate: str | Sequence[str] | None = None
    complete: bool | None = None
    """True if everything was evaluated; None before the end, and of runs of an earlier Landfall."""
    inconclusive: Sequence[Fields] = ()
    report: Fields | None = None
    findings_list: Fields | None = None
    notify: Fields | None = None
    """The channels of its scan, and the events of each; None where there are none."""
    handover: Fields | None = None
    """The data that the last finished step left for the next one, which reads no other cursor."""


@dataclass(frozen=True)
class Step(Stored):
    """A step of a run (fetch, score or write): one chain of attempts."""

    run_id: str
    status: StepStatus
    attempt: int
    retries: int
    dispatch: int
    next_attempt_at: datetime | None
    stale_at: datetime | None
    lease_until: datetime | None
    worker: str | None
    cursor: Fields | None
    last_error: Fields | None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    spent: Fields | None = None

    @property
    def step_id(self) -> StepId:
        """The name within the run."""
        return cast(StepId, self.id)


class Cursor(Protocol):
    """The progress of a step, as its document stores it; each step has its own class."""

    def store(self) -> Fields:
        """Return the fields of the cursor in the step's document."""
        ...


def run_path(run_id: str) -> str:
    """Return the path of a run."""
    return f"runs/{run_id}"


def step_path(run_id: str, step_id: str) -> str:
    """Return the path of a step of a run."""
    return f"runs/{run_id}/steps/{step_id}"
