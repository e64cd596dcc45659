"""Batches of questions in a simulation: a service that takes its time, and is away now and then."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

from landfall.deadlines import Deadline
from landfall.llm.batch import BATCH_ENDED, Batch, BatchResult, BatchStatus
from landfall.llm.batch_step import QUEUE_FULL
from landfall.llm.questions import Question
from landfall.reasons import Reason, StepError
from landfall.runs.lifecycle import RunStatus
from tests.fakes.memory_store import MemoryStore
from tests.simulation.checker_answers import USAGE
from tests.simulation.faults import Chaos, current
from tests.simulation.model import TreacherousModel, trouble
from tests.simulation.virtual_time import moment

R = TypeVar("R")

TAKES = (20.0, 200.0, 1000.0, 24 * 3600.0)
"""Seconds of a batch, from quick to longer than any run waits."""

CANCELLING = 150.0
"""Seconds that a cancellation takes at most."""


@dataclass
class _Stored:
    """A batch: what it was created for, and how far it is."""

    mark: str
    lines: Sequence[str]
    since: float
    """Start of the invocation that planned it, by the event loop's clock."""
    began: float
    takes: float
    refused: bool
    """True if the account's queue had no room for it."""
    cancelled: float | None = None
    """The moment at which a cancellation has come to its end."""
    seen_ended: bool = False
    results: list[BatchResult] = field(default_factory=list)
    good: set[str] = field(default_factory=set)
    """Results that are good answers."""
    files: tuple[str, ...] = ()

    @property
    def run_id(self) -> str:
        """Id of the run that created it."""
        return self.mark.rsplit("-", 2)[0]

    def status(self, now: float) -> BatchStatus:
        """Return the status at a time."""
        if now < self.began + self.takes * 0.1:
            return BatchStatus.VALIDATING
        if self.refused:
            return BatchStatus.FAILED
        if self.cancelled is not None:
            return BatchStatus.CANCELLED if now >= self.cancelled else BatchStatus.CANCELLING
        return BatchStatus.COMPLETED if now >= self.began + self.takes else BatchStatus.IN_PROGRESS


class Account:
    """Our files and batches at the service, and the results that were read."""

    def __init__(self, chaos: Chaos, model: TreacherousModel) -> None:
        self.chaos = chaos
        self.model = model
        self.questions: dict[str, Question[Any]] = {}
        self.files: dict[str, tuple[str, Any]] = {}
        """Run and content of each existing file."""
        self.batches: dict[str, _Stored] = {}
        self.read: dict[str, set[str]] = {}
        """Questions whose good answers were read, by run."""
        self._numbers = count(1)

    @property
    def run_ids(self) -> set[str]:
        """Runs that asked in batches."""
        return {batch.run_id for batch in self.batches.values()}

    def keep(self, run_id: str, content: Any) -> str:
        """Store a file. Return its id."""
        file_id = f"file-{next(self._numbers)}"
        self.files[file_id] = (run_id, content)
        return file_id

    def moved(self, batch: _Stored) -> BatchStatus:
        """Return the present status of a batch, after making the answers that are due."""
        now = self.chaos.now()
        status = batch.status(now)
        if status in (BatchStatus.VALIDATING, BatchStatus.FAILED) or batch.files:
            return status
        until = min(now, batch.cancelled or now)
        due = min(1.0, (until - batch.began) / batch.takes) * len(batch.lines)
        for line in batch.lines[len(batch.results) : int(due)]:
            batch.results.append(self._answered(batch, line))
        if status in (BatchStatus.COMPLETED, BatchStatus.CANCELLED):
            undone = [BatchResult(line, None, b"") for line in batch.lines[len(batch.results) :]]
            parts = (batch.results, undone)
            batch.files = tuple(self.keep(batch.run_id, part) for part in parts if part)
        return status

    def _answered(self, batch: _Stored, line: str) -> BatchResult:
        if self.chaos.strikes("model_error"):
            return BatchResult(line, 500, b'{"error": {"message": "simulated"}}')
        question = self.questions[line]
        content = self.model.sell(question, moment(batch.since), batch.run_id)
        if content and not question.problems(content):
            batch.good.add(line)
        message = {"content": content.model_dump_json()} if content else {"refusal": "simulated"}
        body = {
            "model": self.model.name,
            "choices": [{"finish_reason": "stop", "message": message}],
            "usage": {"prompt_tokens": USAGE.asked, "completion_tokens": USAGE.answered},
        }
        return BatchResult(line, 200, json.dumps(body).encode())

    def broken(self, memory: MemoryStore) -> Iterator[str]:
        """Yield faults in the batches and files that runs have left."""
        marks = [batch.mark for batch in self.batches.values()]
        yield from (f"{mark} has two batches" for mark in set(marks) if marks.count(mark) > 1)
        done = {run.id for run in memory.all("runs") if run.data["status"] == RunStatus.DONE}
        going = [b for b in self.batches.values() if not b.seen_ended and b.cancelled is None]
        for batch in going:
            # of another run, the task that would have stopped it may have been lost
            if batch.run_id in done or not self.chaos.struck:
                yield f"{batch.run_id} has ended, and its batch {batch.mark} goes on"
        for run_id in done & self.read.keys():
            lost = {line for line in self.read[run_id] if memory.get(f"answers/{line}") is None}
            if lost:
                yield f"{run_id} has read {len(lost)} answers that are not stored"
        if not self.chaos.struck:
            left = {run_id for run_id, _ in self.files.values()} & done
            yield from (f"{run_id} is done, and its files are still there" for run_id in left)


class TreacherousBatches:
    """A `BatchService`. A call may take effect although its response is lost."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._chaos = account.chaos
        self.name, self.effort = account.model.name, account.model.effort

    def line(self, hash_: str, question: Question[Any]) -> bytes:
        """As `BatchService.line`."""
        self._account.questions[hash_] = question
        return f"{hash_}\n".encode()

    async def upload(self, lines: bytes, name: str, deadline: Deadline) -> str:
        """As `BatchService.upload`."""
        run_id, since = name.rsplit("-", 1)[0], current.get().began
        content = (since, lines.decode().split())
        return await self._call(deadline, lambda: self._account.keep(run_id, content))

    async def create(self, file_id: str, mark: str, deadline: Deadline) -> str:
        """As `BatchService.create`."""
        since, lines = self._account.files[file_id][1]

        def create() -> str:
            random, batch_id = self._chaos.random, f"batch-{len(self._account.batches)}"
            takes = random.choice(TAKES) * random.uniform(0.5, 1.5)
            refused = self._chaos.strikes("batch_refusal")
            self._account.batches[batch_id] = _Stored(
                mark, lines, since, self._chaos.now(), takes, refused
            )
            return batch_id

        return await self._call(deadline, create)

    async def find(self, mark: str, deadline: Deadline) -> str | None:
        """As `BatchService.find`."""
        batches = self._account.batches
        return await self._call(
            deadline, lambda: next((id_ for id_ in batches if batches[id_].mark == mark), None)
        )

    async def retrieve(self, batch_id: str, deadline: Deadline) -> Batch:
        """As `BatchService.retrieve`."""
        stored = self._account.batches[batch_id]

        def look() -> Batch:
            status = self._account.moved(stored)
            counts = len(stored.results), len(stored.lines)
            stored.seen_ended = status in BATCH_ENDED
            problem = (QUEUE_FULL, "simulated") if stored.refused else ("", "")
            return Batch(batch_id, status, *counts, stored.files, problem)

        return await self._call(deadline, look)

    async def results(self, file_id: str, deadline: Deadline) -> Sequence[BatchResult]:
        """As `BatchService.results`."""
        run_id, results = self._account.files[file_id]
        read: Sequence[BatchResult] = await self._call(deadline, lambda: results)
        (batch,) = (one for one in self._account.batches.values() if file_id in one.files)
        self._account.read.setdefault(run_id, set()).update(batch.good)
        return read

    async def cancel(self, batch_id: str, deadline: Deadline) -> None:
        """As `BatchService.cancel`."""
        stored = self._account.batches[batch_id]

        def cancel() -> None:
            stored.seen_ended = self._account.moved(stored) in BATCH_ENDED
            if stored.seen_ended:
                return
            ends = self._chaos.now() + self._chaos.random.uniform(1, CANCELLING)
            stored.cancelled = stored.cancelled or ends

        await self._call(deadline, cancel)

    async def delete_file(self, file_id: str, deadline: Deadline) -> None:
        """As `BatchService.delete_file`."""
        await self._call(deadline, lambda: self._account.files.pop(file_id))

    async def _call(self, deadline: Deadline, effect: Callable[[], R]) -> R:
        if self._chaos.strikes("model_error"):
            raise trouble(self._chaos)
        try:
            async with deadline.limit():
                if await self._chaos.pass_by(0.1, 1.0):
                    raise TimeoutError
                result = effect()
                await self._chaos.pass_by(0.0, 0.2)
        except TimeoutError:
            raise StepError(Reason.MODEL_TIMEOUT, "simulated: too slow") from None
        if self._chaos.strikes("model_error"):
            raise trouble(self._chaos)
        return result

    async def close(self) -> None:
        """As `BatchService.close`."""
