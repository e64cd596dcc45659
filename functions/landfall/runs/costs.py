"""What an invocation costs: each run adds up its own.

A meter counts what is asked of the store in its context: one invocation, though others share its
process. Whoever moves a run writes the sum so far into the commit that moves it, that commit
included, so that it costs no write of its own. A worker's share stands in its step (`spent`), and
a later commit of the same attempt replaces it: whether the one before was answered or not,
nothing is counted twice.

A run does not count: what an attempt did after its last commit (one that was killed or fenced),
deliveries that were declined, and what ticks, people and their requests read besides.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from landfall.runs.changes import Change, State, moves_of
from landfall.runs.tasks import FUNCTIONS_OF_STEPS
from landfall.store.documents import Create, Fields, Meter

AT_FIRST: Fields = {
    "firestore_reads": 0,
    "firestore_writes": 3,
    "tasks": 1,
    "function_seconds": 0.0,
    "airtable_requests": 0,
    "model_tokens": 0,
    "model_cost": 0.0,
}
"""The `counts` of a run that was just made: its own document, its first step and an event, and a
task. Those of a model are counted where its answers are kept (`spending`)."""


def _now() -> float:
    return asyncio.get_running_loop().time()


@dataclass
class Account(Meter):
    """A meter that knows since when it counts."""

    began: float = field(default_factory=_now)
    airtable_requests: int = 0

    def spent(self) -> Fields:
        """What was asked of the store so far, as a document says it."""
        return {"firestore_reads": self.reads, "firestore_writes": self.writes}


_accounts: ContextVar[tuple[Account, ...]] = ContextVar("accounts", default=())


@contextmanager
def metering() -> Iterator[Account]:
    """Counts all that is asked of a store in this context, also by tasks that it starts."""
    account = Account()
    token = _accounts.set((*_accounts.get(), account))
    try:
        yield account
    finally:
        _accounts.reset(token)


def charge(meter: Meter, *, reads: int = 0, writes: int = 0, commits: int = 0) -> None:
    """Add to a store's own meter, and to what is counted in this context."""
    for one in (meter, *_accounts.get()):
        one.reads += reads
        one.writes += writes
        one.commits += commits


def count_airtable_request() -> None:
    """One more, in what is counted in this context."""
    for account in _accounts.get():
        account.airtable_requests += 1


def with_costs(state: State, change: Change, step_id: str | None) -> Change:
    """The change, and in the run's `counts` what it has cost once that is committed.

    `step_id` is the step whose worker commits; None is somebody else.
    """
    if not _accounts.get():
        return change
    account, had = _accounts.get()[-1], state.run.data["counts"]
    spent = account.spent()
    before: Fields = {}
    if step_id:
        step = change.steps[step_id]
        # of its earlier attempts nothing is replaced
        before = {} if "attempt" in step else state.steps[step_id].data.get("spent") or {}
        seconds = round(_now() - account.began, 3)
        spent |= {
            "airtable_requests": account.airtable_requests,
            "function_seconds": seconds,
            f"{FUNCTIONS_OF_STEPS[step_id]}_seconds": seconds,
        }
        change = replace(change, steps={**change.steps, step_id: {**step, "spent": spent}})
    spent["firestore_writes"] += _writes(state, change)
    counts = had | change.run.get("counts", {})
    for name, amount in spent.items():
        counts[name] = round(had.get(name, 0) - before.get(name, 0) + amount, 3)
    counts["tasks"] = had.get("tasks", 0) + _tasks(change)
    return replace(change, run=change.run | {"counts": counts})


def _writes(state: State, change: Change) -> int:
    """Of the commit: the run, its steps, an event a move, and what goes along."""
    return 1 + len(change.steps) + len(moves_of(state, change)) + len(change.writes)


def _tasks(change: Change) -> int:
    """Steps that wait for a task from this commit on: `dispatch` says for which."""
    begun = [write.data for write in change.writes if isinstance(write, Create)]
    return sum("dispatch" in fields for fields in (*change.steps.values(), *begun))
