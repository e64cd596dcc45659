"""The guarded commit: the only way to move a run.

read run and steps ──> decide (a pure function of what was read) ──> commit
        ^                                                              │ another writer was faster
        └──────────────────────────────────────────────────────────────┘
"""

import asyncio
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

from landfall import logs
from landfall.deadlines import Ladder
from landfall.reasons import NotFoundError
from landfall.runs.changes import Change, State, after, moves_of, writes_of
from landfall.runs.costs import with_costs
from landfall.runs.documents import Step, run_path, step_path
from landfall.runs.lifecycle import RUN_ENDED
from landfall.runs.steps import StepId
from landfall.runs.tasks import QueueError, Task, TaskQueue
from landfall.runs.transitions import longest_backoff
from landfall.runs.word import heard_path, rows_of, tasks_of, word_of
from landfall.store.conflicts import until_committed
from landfall.store.documents import (
    Fields,
    Query,
    SchemaError,
    StoreError,
    StoreRefusedError,
    Write,
)
from landfall.store.versioned import VersionedStore

Clock = Callable[[], datetime]

MAX_COMMIT_TRIES = 8
"""Attempts at a commit while others write the same run."""


class RunNotFoundError(NotFoundError):
    """There is no such run, or no such step of it."""


class Engine:
    """The store, the queue, the clock, the randomness and the ladder that move runs."""

    def __init__(
        self, store: VersionedStore, queue: TaskQueue, clock: Clock, random: Random, ladder: Ladder
    ) -> None:
        self.store = store
        self.clock = clock
        self.ladder = ladder
        self._queue = queue
        self._random = random

    async def commit(
        self,
        state: State,
        decide: Callable[[State], Change],
        by: str,
        step_ids: Sequence[str] | None,
        worker_of: StepId | None = None,
    ) -> State:
        """Commit a decision; where another writer was faster, read and decide again.

        `step_ids` are the steps that are read again; None is all of them. `worker_of` is the step
        whose worker commits. `decide` may raise to give up. Where the answer to a commit is lost,
        the documents say whether it was made. A commit that ends a run has its messages, too.

        Raises `ConflictError` after `MAX_COMMIT_TRIES` lost races, `StoreError`.
        """
        known: State | None = state
        word: list[Write] = []

        async def attempt() -> State:
            nonlocal known, word
            read = known or await self.read(state.run.id, step_ids)
            known = None  # if this attempt loses, the next one reads again
            decided = decide(read)
            moves = moves_of(read, decided)
            word = await self.word(read, decided)
            decided = replace(decided, writes=[*decided.writes, *word])
            change = with_costs(read, decided, len(moves), worker_of)
            now = self.clock()
            writes = writes_of(read, change, moves, by, now)
            try:
                committed = after(read, writes, await self.store.commit(writes))
            except StoreRefusedError:
                raise
            except StoreError:
                seen = await self._seen(read, step_ids, {"updated_at": now, "updated_by": by})
                if seen is None:
                    raise
                committed = seen
            for step_id, old, new in moves:
                logs.info("moved", run_id=read.run.id, step_id=step_id, by=by, old=old, new=new)
            return committed

        moved = await until_committed(attempt, tries=MAX_COMMIT_TRIES, what=state.run.path)
        await self.enqueue_all(tasks_of(word))
        return moved

    async def word(self, state: State, change: Change) -> list[Write]:
        """Return the messages of a change that ends a run, and what their channels then know.

        A message that cannot be decided never holds up the end of its run: it is loud in the log.
        """
        if change.run.get("status") not in RUN_ENDED or state.run.notify is None:
            return []
        run: Fields = {**state.run.document.data, **change.run}
        try:
            channels = [row["channel"] for row in rows_of(run)]
            paths = [heard_path(state.run.scan_id, channel) for channel in channels]
            found = await self.store.read_any(*paths) if paths else []
            heard = dict(zip(channels, found, strict=True))
            return word_of(state.run.id, run, heard, self.clock(), self.ladder)
        except (AttributeError, KeyError, TypeError, ValueError):
            logs.error("bug", run_id=state.run.id, traceback=traceback.format_exc())
            return []

    async def _seen(
        self, before: State, step_ids: Sequence[str] | None, stamp: Fields
    ) -> State | None:
        """Return the state after a commit that was not answered; None where it is not to be seen.

        Every commit stamps the run. The version tells it from an earlier one of the same moment.
        """
        try:
            found = await self.read(before.run.id, step_ids)
        except (StoreError, RunNotFoundError, SchemaError):
            return None
        run = found.run.document
        stamped = all(run.data[name] == value for name, value in stamp.items())
        return found if stamped and run.version != before.run.version else None

    async def read(self, run_id: str, step_ids: Sequence[str] | None) -> State:
        """Read a run and these steps of it; None is all. Raises `RunNotFoundError`."""
        paths = [step_path(run_id, step_id) for step_id in step_ids or ()]
        run, *steps = await self.store.read(run_path(run_id), *paths)
        if step_ids is None:
            # after the run: a step that is created in between changes the run's version
            steps = [*await self.store.find(Query(f"{run_path(run_id)}/steps"))]
        present = [step for step in steps if step]
        if run is None or len(present) != len(steps):
            steps_too = f" with steps {', '.join(step_ids)}" if step_ids else ""
            raise RunNotFoundError(f"there is no run {run_id!r}{steps_too}")
        return State.load(run, present)

    async def enqueue_all(self, tasks: Sequence[Task]) -> None:
        """Send some tasks at the same time, as `enqueue` does."""
        await asyncio.gather(*map(self.enqueue, tasks))

    async def enqueue(self, task: Task) -> bool:
        """Send a task. When that fails, the step waits until the watchdog sends it again."""
        try:
            await self._queue.enqueue(task)
        except QueueError as error:
            logs.warning("task not enqueued", run_id=task.run_id, task=task.name, error=str(error))
            return False
        return True

    def share(self) -> float:
        """Draw a number from 0 to 1, for what is left to chance."""
        return self._random.random()

    def delay(self, retries: int, at_least: float) -> float:
        """Draw the seconds until the attempt after so many retries in a row."""
        return at_least + self._random.uniform(0, longest_backoff(retries))

    def retry_at(self, step: Step, at_least: float = 0.0) -> datetime:
        """Draw the time of a step's next attempt, at least so many seconds from now."""
        return self.clock() + timedelta(seconds=self.delay(step.retries, at_least))
