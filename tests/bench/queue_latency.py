"""From enqueueing a task to the function's answer, through the local queue and without it.

The function is the real `fetch` in a process of functions-framework. The task names a run that
does not exist: the token is verified, one call reads two documents, and the answer is `declined`.
The direct request has the same body and a token made beforehand. Each opens a connection.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import count
from random import Random

import httpx

from infra.local.cloud_tasks.server import LocalCloudTasks
from infra.local.environment import AUDIENCE, PROJECT, TASKS_ACCOUNT
from infra.local.stack import Stack, StackOptions, running
from landfall.deadlines import LADDER
from landfall.runs.cloud_tasks import CloudTasksQueue, Delivery, cloud_tasks_client
from landfall.runs.tasks import Task
from landfall.store.server_clock import ServerClock
from tests.bench.figures import COMPARED, Sample, Table, compared, percentile
from tests.waiting import until

QUEUE = f"projects/{PROJECT}/locations/local/queues/bench"
"""A queue with the 500 dispatches a second of production; the stack's own has 100."""


@dataclass(frozen=True)
class Size:
    """Tasks to warm up, `alone` with a direct request after each, and `many` at once a round."""

    warm_up: int
    alone: int
    many: int
    rounds: int


FULL = Size(warm_up=20, alone=100, many=200, rounds=3)
QUICK = Size(warm_up=1, alone=3, many=20, rounds=1)

CONCURRENCY = 20
"""Requests in flight, both of the queue and direct ones."""

POLL_SECONDS = 0.0005
"""Seconds between two looks at the queue's answers: the error of a latency."""

ANSWER_SECONDS = 30.0
"""Seconds until all answers must have arrived."""

Send = Callable[[], Awaitable[None]]


async def measure(size: Size = FULL) -> list[Table]:
    """Measure latencies in ms, and tasks a second with many of them concurrent."""
    async with (
        running(StackOptions(tick_seconds=None)) as stack,
        _connections() as client,
        _queue(stack) as queue,
    ):
        direct = _direct(stack, client)
        for _ in range(size.warm_up):
            await _through(stack.tasks, queue, 1)
            await direct()
        queued, posted = [], []
        for _ in range(size.alone):
            queued.append(await _through(stack.tasks, queue, 1) * 1000)
            posted.append(await _seconds(direct) * 1000)
        rates, direct_rates = [], []
        for _ in range(size.rounds):
            rates.append(size.many / await _through(stack.tasks, queue, size.many))
            direct_rates.append(size.many / await _posted(direct, size.many))
    beside = "direct POST to the function"
    rows = [
        compared("one at a time, p50", Sample(queued, "ms"), beside, Sample(posted, "ms")),
        compared("one at a time, p95", _p95(queued), beside, _p95(posted)),
        compared(
            f"{size.many} at once, {CONCURRENCY} in flight",
            Sample(rates, "tasks/s"),
            beside,
            Sample(direct_rates, "tasks/s"),
        ),
    ]
    notes = (
        "Enqueueing, the queue and the direct requests share one process and its event loop; the "
        "function has a process of its own. The queue signs a token for each task.",
    )
    return [Table("Queue latency: enqueue to the function's answer", COMPARED, rows, notes)]


def _p95(values: list[float]) -> Sample:
    return Sample([percentile(values, 0.95)], "ms")


def _connections() -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.AsyncClient(timeout=60.0, trust_env=False, limits=limits)


@asynccontextmanager
async def _queue(stack: Stack) -> AsyncIterator[Send]:
    """Yield a function that enqueues a new task at each call, as the functions do."""
    rates = stack.tasks.create_queue(QUEUE).rate_limits
    rates.max_concurrent_dispatches = CONCURRENCY
    urls = {"fetch": asdict(stack.addresses)["fetch"]}
    delivery = Delivery(QUEUE, urls, TASKS_ACCOUNT, AUDIENCE)
    client = cloud_tasks_client(stack.addresses.tasks)
    queue = CloudTasksQueue(lambda: client, delivery, LADDER, Random(1), ServerClock())
    numbers = count(1)
    yield lambda: queue.enqueue(_task(f"none-{next(numbers)}"))
    await client.transport.close()


def _task(run_id: str) -> Task:
    return Task(run_id, "fetch", 0, 1, datetime.now(UTC))


def _direct(stack: Stack, client: httpx.AsyncClient) -> Send:
    headers = {"Authorization": f"Bearer {stack.issuer.token(TASKS_ACCOUNT, AUDIENCE)}"}

    async def post() -> None:
        body = _task("none").body
        answer = await client.post(stack.addresses.fetch, json=body, headers=headers)
        answer.raise_for_status()

    return post


async def _through(tasks: LocalCloudTasks, enqueue: Send, number: int) -> float:
    """Return seconds from enqueueing that many tasks to the queue's last answer 200."""
    expected = tasks.statistics.succeeded + number

    async def answered() -> bool:
        return tasks.statistics.succeeded >= expected

    started = time.perf_counter()
    await asyncio.gather(*(enqueue() for _ in range(number)))
    await until(answered, ANSWER_SECONDS, every=POLL_SECONDS)
    return time.perf_counter() - started


async def _posted(post: Send, number: int) -> float:
    concurrency = asyncio.Semaphore(CONCURRENCY)

    async def one() -> None:
        async with concurrency:
            await post()

    async def all_of_them() -> None:
        await asyncio.gather(*(one() for _ in range(number)))

    return await _seconds(all_of_them)


async def _seconds(work: Send) -> float:
    started = time.perf_counter()
    await work()
    return time.perf_counter() - started
