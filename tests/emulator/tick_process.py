"""A process that makes one tick of the scheduler at a moment given as ISO 8601, when it is told to.

It says that it is ready, waits for a line, and prints what it did and which runs it enqueued.
"""

import asyncio
import json
import sys
from dataclasses import asdict
from datetime import datetime
from random import Random

from landfall.deadlines import LADDER, Deadline
from landfall.runs.runs import Runs
from landfall.store.firestore import FirestoreStore, firestore_client
from landfall.store.versioned import VersionedStore
from landfall.ticks.scheduler import Scheduler
from tests.fakes.world import FakeClock, FakeQueue


async def main(project: str, now: str) -> None:
    """Tick once."""
    store, queue = FirestoreStore(firestore_client(project)), FakeQueue()
    await store.read("system/scheduler")  # connected before the start
    runs = Runs(
        VersionedStore(store), queue, FakeClock(datetime.fromisoformat(now)), Random(), LADDER
    )
    print("ready", flush=True)  # noqa: T201 for the test
    sys.stdin.readline()
    tick = await Scheduler(runs, "scheduler").tick(Deadline.after(LADDER.step))
    enqueued = [task.run_id for task in queue.tasks]
    print(json.dumps(asdict(tick) | {"enqueued": enqueued}))  # noqa: T201 for the test


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
