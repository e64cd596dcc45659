"""One invocation of a worker: claim the step, do what fits the budget, record how it went.

Whatever happens, the invocation has answered at the end of its budget, and the step's document
says what is next: done, a task of its own, or an error. When not even that could be written, the
lease runs out and the watchdog takes the step up.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from landfall import logs
from landfall.deadlines import Deadline
from landfall.kinds.registry import Registry
from landfall.process.redaction import Redactor
from landfall.reasons import Reason, StepError
from landfall.runs.changes import run_path, step_path
from landfall.runs.costs import metering
from landfall.runs.lifecycle import RUN_ENDED
from landfall.runs.runs import Claim, DeclinedError, FencedError, RunNotFoundError, Runs
from landfall.scans.scan import Scan
from landfall.store.documents import ConflictError, Document, SchemaError, StoreError

GRACE = 0.8
"""Seconds after the step's budget in which its end is recorded."""

MESSAGE_LENGTH = 1_000
"""Characters of an error's message that are kept: its beginning, which says what it is."""

Work = Callable[[Claim, Any, Deadline], Awaitable[str]]
"""Does the work of a claimed step of its kind of scan, until the deadline; what became of it."""

Leave = Callable[[Document, Document, Any, Deadline], Awaitable[None]]
"""Given a run that has ended, its step and its scan: stops what the step has left outside. Raises
`StepError`."""


def by_kind(works: Mapping[str, Work]) -> Work:
    """The work of a step that each kind of scan has done in its own way."""

    async def work(claim: Claim, scan: Scan, deadline: Deadline) -> str:
        return await works[scan.kind](claim, scan, deadline)

    return work


class OutOfTimeError(Exception):
    """The budget ended before the step's end could be recorded: the watchdog will take it up."""


@dataclass(frozen=True)
class Invocation:
    """What a task's body says."""

    run_id: str
    step_id: str
    attempt: int

    @classmethod
    def parse(cls, body: Any, *steps: str) -> "Invocation":
        """From a task's JSON, for one of the steps. Raises `ValueError` that names the field."""
        if not isinstance(body, dict):
            raise ValueError("the body must be a JSON object")
        run_id, attempt = body.get("run_id"), body.get("attempt")
        if not isinstance(run_id, str) or not run_id or "/" in run_id:
            raise ValueError("`run_id` must be the id of a run")
        step_id = body.get("step_id")
        if step_id not in steps:
            raise ValueError(f"`step_id` must be {' or '.join(map(repr, steps))} here")
        if type(attempt) is not int or attempt < 0:
            raise ValueError("`attempt` must be a whole number from 0")
        return cls(run_id, step_id, attempt)


@dataclass(frozen=True)
class Worker:
    """Works on one kind of step."""

    runs: Runs
    registry: Registry
    redactor: Redactor
    work: Work
    leave: Mapping[str, Leave] = field(default_factory=dict)
    """By the kind of scan, where a step goes on outside between its invocations."""

    async def invoke(self, invocation: Invocation) -> str:
        """Claim, work, record; what became of it. Raises `OutOfTimeError`, `StoreError`."""
        budget = self.runs.ladder.step
        deadline = Deadline.after(budget)
        try:
            async with asyncio.timeout(budget + GRACE):
                with metering():
                    return await self._invoke(invocation, deadline)
        except TimeoutError as error:
            raise OutOfTimeError(f"nothing recorded within {budget + GRACE:g} s") from error

    async def _invoke(self, invocation: Invocation, deadline: Deadline) -> str:
        name = f"{invocation.step_id}-{secrets.token_hex(4)}"
        try:
            claim = await self.runs.claim(
                invocation.run_id, invocation.step_id, invocation.attempt, name
            )
        except (DeclinedError, RunNotFoundError) as why:
            logs.info("declined", why=str(why))
            await self._leave_ended(invocation, deadline)
            return "declined"
        except SchemaError as why:
            # the run itself is a newer Landfall's, whose watchdog has it claimed again
            logs.error("declined", why=str(why))
            return "declined"
        with logs.fields(attempt=claim.attempt):
            try:
                return await self._work_and_record(claim, deadline)
            except FencedError as why:
                logs.warning("fenced", why=str(why))
                await self._leave_ended(invocation, deadline)
                return "fenced"

    async def _leave_ended(self, invocation: Invocation, deadline: Deadline) -> None:
        if not self.leave:
            return
        run_id = invocation.run_id
        run, step = await self.runs.store.read(
            run_path(run_id), step_path(run_id, invocation.step_id)
        )
        if run and step:
            await self._leave(run, step, deadline)

    async def _leave(self, run: Document, step: Document, deadline: Deadline) -> None:
        """Where the run has ended before its time; nothing of it is recorded, for it is over."""
        leave = self.leave.get(run.data["kind"])
        if leave is None or run.data["status"] not in RUN_ENDED or not step.data["cursor"]:
            return
        try:
            scan = await self.registry.definition(run.data["scan_id"], run.data["scan_version"])
            await leave(run, step, scan, deadline)
        except (StepError, SchemaError) as error:
            logs.warning("left behind", error=self.redactor.text(str(error)))

    async def _work_and_record(self, claim: Claim, deadline: Deadline) -> str:
        try:
            run = claim.run.data
            scan = await self.registry.definition(run["scan_id"], run["scan_version"])
            return await self.work(claim, scan, deadline)
        except FencedError:
            raise
        except StepError as error:
            failure: StepError = error
            cause: Exception = error
        except (StoreError, ConflictError) as error:
            failure, cause = StepError(Reason.STORE_UNAVAILABLE, str(error)), error
        except SchemaError as error:
            failure, cause = StepError(Reason.SCHEMA_NEWER, str(error)), error
        except Exception as error:
            # a bug: loud in the log and on the run, and not repeated
            failure, cause = StepError(Reason.INTERNAL_ERROR, repr(error)), error
        message = self.redactor.text(failure.message)[:MESSAGE_LENGTH]
        traceback = self.redactor.traceback(cause)
        severity = logs.error if failure.reason == Reason.INTERNAL_ERROR else logs.warning
        severity("attempt failed", reason=failure.reason, error=message, traceback=traceback)
        await claim.fail(
            StepError(failure.reason, message, retry_after=failure.retry_after), traceback
        )
        await self._leave(claim.run, claim.step, deadline)
        return str(failure.reason)
