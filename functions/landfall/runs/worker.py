"""One invocation of a worker: claim a step, work within the budget, record the outcome.

    task ──> claim ──> work ──> finished
                        ├─────> again: continued, or waiting (a lock, a vendor, a batch)
                        └─────> an error: a later attempt, or the end of the run

Every invocation answers by the end of its budget, and the step's document says what follows: done,
a task of its own, or an error. When not even that could be written, the lease runs out, and the
watchdog takes up the step.
"""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from landfall import logs
from landfall.deadlines import Deadline
from landfall.process.redaction import Redactor
from landfall.reasons import BadRequestError, LandfallError, NotFoundError, Reason, StepError
from landfall.runs.claim import Claim, FencedError
from landfall.runs.commit import RunNotFoundError
from landfall.runs.documents import Run, RunFields, Step
from landfall.runs.kind import Again, Definitions, Kind, Outcome
from landfall.runs.lifecycle import RUN_ENDED
from landfall.runs.locks import LockedError
from landfall.runs.runs import DeclinedError, Runs
from landfall.runs.steps import ROLES, Progress, StepId
from landfall.store.documents import (
    ConflictError,
    SchemaError,
    StoreError,
    StoreRefusedError,
    UnreadableError,
)
from landfall.store.metering import metering

CLAIM_CALLS = 2
"""Calls of Firestore, one after the other, by which a step is claimed: a read and a commit."""

CLOSING_CALLS = {"fetch": 3, "score": 2}
"""Calls that end an invocation of a function: the last checkpoint, for `fetch` the lock of a base
or site, and the task that goes on. Where Firestore is so slow that they would not end in time, the
work ends earlier: else nothing of an invocation would be stored, in none of them."""


class OutOfTimeError(LandfallError):
    """The budget ended before the outcome was recorded: the watchdog will take up the step."""

    code = "out_of_time"


@dataclass(frozen=True)
class Invocation:
    """The content of a task's body."""

    run_id: str
    step_id: StepId
    attempt: int

    @classmethod
    def parse(cls, body: Any, *steps: StepId) -> "Invocation":
        """Read a task's JSON, for one of the steps. Raises `BadRequestError` for a field."""
        if not isinstance(body, dict):
            raise BadRequestError("the body must be a JSON object")
        run_id, attempt = body.get("run_id"), body.get("attempt")
        if not isinstance(run_id, str) or not run_id or "/" in run_id:
            raise BadRequestError("`run_id` must be the id of a run")
        step_id = next((step for step in steps if step == body.get("step_id")), None)
        if step_id is None:
            raise BadRequestError(f"`step_id` must be {' or '.join(map(repr, steps))} here")
        if type(attempt) is not int or attempt < 0:
            raise BadRequestError("`attempt` must be a whole number from 0")
        return cls(run_id, step_id, attempt)


@dataclass(frozen=True)
class Worker:
    """Works on the steps of runs of all kinds; `clients` opens the clients of the vendors."""

    runs: Runs
    kinds: Mapping[str, Kind]
    definitions: Definitions
    clients: Any
    redactor: Redactor

    async def invoke(self, invocation: Invocation) -> Outcome | Reason:
        """Claim, work and record; return the outcome, or the reason of an error.

        Raises `OutOfTimeError`, `StoreError`.
        """
        ladder = self.runs.ladder
        deadline = Deadline.after(ladder.step)
        try:
            async with asyncio.timeout(ladder.record):
                with metering():
                    return await self._invoke(invocation, deadline)
        except TimeoutError as error:
            raise OutOfTimeError(f"nothing recorded within {ladder.record:g} s") from error

    async def _invoke(self, invocation: Invocation, deadline: Deadline) -> Outcome | Reason:
        began = deadline.remaining()
        try:
            claim, reading = await self._claim(invocation)
        except (DeclinedError, RunNotFoundError) as why:
            logs.info("declined", why=str(why))
            await self._abandon_ended(invocation, deadline)
            return Outcome.DECLINED
        except SchemaError as why:
            # a newer Landfall has written the run, whose watchdog takes it up, or a person
            logs.error("declined", why=str(why))
            return Outcome.DECLINED
        claim.closing = self._closing(claim, began - deadline.remaining())
        until = Deadline(deadline.at - claim.closing)
        with logs.fields(attempt=claim.attempt):
            try:
                return await self._work_and_record(claim, reading, until)
            except (RunNotFoundError, UnreadableError) as why:
                # somebody deleted or edited it meanwhile: there is nothing to write to
                logs.warning("declined", why=str(why))
                return Outcome.DECLINED
            except FencedError as why:
                logs.warning("fenced", why=str(why))
                await self._abandon_ended(invocation, deadline)
                return Outcome.FENCED

    def _closing(self, claim: Claim, seconds: float) -> float:
        """Return the seconds by which the work ends before its budget, after so slow a claim."""
        ladder = self.runs.ladder
        calls = CLOSING_CALLS[ROLES[claim.step_id].function] / CLAIM_CALLS
        return min(max(0.0, seconds * calls - (ladder.record - ladder.step)), ladder.step)

    async def _claim(self, invocation: Invocation) -> tuple[Claim, asyncio.Task[Any]]:
        """Claim the step; return the claim, and the definition that is read meanwhile."""
        step_id = invocation.step_id
        name = f"{step_id}-{secrets.token_hex(4)}"
        readings: list[asyncio.Task[Any]] = []

        def progress_of(run: Run) -> Progress | None:
            if not readings:  # the run is known, and its claim about to be committed
                definition = self.definitions.definition(run.scan_id, run.scan_version)
                readings.append(asyncio.ensure_future(definition))
                readings[0].add_done_callback(lambda it: it.cancelled() or it.exception())
            kind = self.kinds.get(run.kind)
            return kind.progress.get(step_id) if kind else None

        try:
            claim = await self.runs.claim(
                invocation.run_id, step_id, invocation.attempt, name, progress_of
            )
        except BaseException:
            for reading in readings:
                reading.cancel()
            raise
        return claim, readings[0]

    async def _work_and_record(
        self, claim: Claim, reading: asyncio.Task[Any], deadline: Deadline
    ) -> Outcome | Reason:
        try:
            return await self._work(claim, await reading, deadline)
        except FencedError:
            raise
        except StepError as error:
            failure: StepError = error
            cause: Exception = error
        except StoreRefusedError as error:
            failure, cause = StepError(Reason.STORE_REFUSED, str(error)), error
        except (StoreError, ConflictError) as error:
            failure, cause = StepError(Reason.STORE_UNAVAILABLE, str(error)), error
        except UnreadableError as error:
            failure, cause = StepError(Reason.DOCUMENT_UNREADABLE, str(error)), error
        except SchemaError as error:
            failure, cause = StepError(Reason.SCHEMA_NEWER, str(error)), error
        except RunNotFoundError:
            raise
        except NotFoundError as error:
            failure, cause = StepError(Reason.SCAN_MISSING, str(error)), error
        except Exception as error:
            # a bug: loud in the log and on the run, and not repeated
            failure, cause = StepError(Reason.INTERNAL_ERROR, repr(error)), error
        message = self.redactor.message(failure.message)
        traceback = self.redactor.traceback(cause)
        severity = logs.error if failure.reason == Reason.INTERNAL_ERROR else logs.warning
        severity("attempt failed", reason=failure.reason, error=message, traceback=traceback)
        await claim.fail(
            StepError(failure.reason, message, retry_after=failure.retry_after), traceback
        )
        await self._abandon(claim.run, claim.step_id, claim.step, deadline)
        return failure.reason

    async def _work(self, claim: Claim, scan: Any, deadline: Deadline) -> Outcome:
        run = claim.run
        work = self.kinds[run.kind].steps[claim.step_id](claim, scan, self.clients)
        try:
            result = await work.run(deadline)
        except LockedError as locked:
            if locked.pause and locked.pause.retry_after >= claim.seconds_left:
                raise locked.pause from locked
            waiting: RunFields = {"progress_step": locked.progress_step}
            result = Again(locked.seconds, waiting=True, run=waiting)
        if isinstance(result, Outcome):
            return result
        self._check_again(claim, result)
        await claim.continue_later(result.delay, result.run)
        return Outcome.WAITING if result.waiting else Outcome.CONTINUED

    def _check_again(self, claim: Claim, again: Again) -> None:
        """Raise `StepError` where another attempt is useless, or has no time."""
        if not (again.waiting or claim.progressed):
            raise StepError(
                Reason.STEP_TIMEOUT,
                f"no progress in a whole budget of {self.runs.ladder.step:g} s",
            )
        if ROLES[claim.step_id].warning and not claim.has_time_after(again.delay):
            raise StepError(
                Reason.RUN_TIMEOUT,
                f"{again.so_far} when the run's time was over; the next run continues",
            )

    # A run that was ended early

    async def _abandon_ended(self, invocation: Invocation, deadline: Deadline) -> None:
        if not any(invocation.step_id in kind.on_abandoned for kind in self.kinds.values()):
            return
        try:
            state = await self.runs.read(invocation.run_id, [invocation.step_id])
        except (RunNotFoundError, SchemaError):
            return
        step_id = invocation.step_id
        await self._abandon(state.run, step_id, state.steps[step_id], deadline)

    async def _abandon(self, run: Run, step_id: StepId, step: Step, deadline: Deadline) -> None:
        """Stop the work that the step left at a vendor; the run is over, so nothing is recorded."""
        kind = self.kinds.get(run.kind)
        abandon = kind.on_abandoned.get(step_id) if kind else None
        if abandon is None or run.status not in RUN_ENDED or not step.cursor:
            return
        try:
            scan = await self.definitions.definition(run.scan_id, run.scan_version)
            await abandon(run, step, scan, self.clients, deadline)
        except (StepError, SchemaError, NotFoundError) as error:
            logs.warning("left behind", error=self.redactor.text(str(error)))
