"""What a run has spent of a model: each call counts once, for the run and for its day."""

from datetime import timedelta
from typing import Any

import pytest

from landfall.llm.attempts import PendingQuestion, call_name
from landfall.llm.budget import RETENTION_DAYS, Spending
from landfall.llm.model_settings import ModelBudget
from landfall.llm.questions import Reply
from landfall.llm.usage import ModelUsage, TokenUsage
from landfall.store.documents import Put
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import START, FakeClock

WORST = ModelUsage(1, 100, 50, 0, 0.5)
COST = ModelUsage(1, 90, 10, 0, 0.1)


class Scan:
    """The usage of the runs of a scan, as it is stored."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.clock = FakeClock()

    async def load(self, run_id: str = "r1", **budget: Any) -> Spending:
        limits = ModelBudget.model_validate(budget)
        return await Spending.load(self.store, "s", run_id, self.clock, limits)

    async def keep(self, spending: Spending) -> None:
        await self.store.commit(spending.change().writes)
        spending.committed()


@pytest.fixture
def scan() -> Scan:
    return Scan()


def reply(*, paid_by_run: bool = True, **more: Any) -> Reply[Any]:
    usage = TokenUsage(90, 10)
    return Reply("q", None, None, "model", "1", 1, usage, 0.1, 1.0, "hash", paid_by_run, **more)


async def test_what_is_stored_of_a_day(scan: Scan) -> None:
    """The field by which Firestore deletes it, and those by which it is found, keep their names."""
    spending = await scan.load()
    spending.reserve("call", WORST)
    (write,) = spending.change().writes
    assert isinstance(write, Put)
    assert write.path == f"scans/s/usage/{START:%Y-%m-%d}-r1"
    assert write.data == {
        **vars(ModelUsage()),
        "day": f"{START:%Y-%m-%d}",
        "run_id": "r1",
        "expires_at": START + timedelta(days=RETENTION_DAYS),
        "lost": vars(ModelUsage()),
        "in_flight": {"call": vars(WORST)},
    }


async def test_a_run_is_charged_for_what_it_used_on_another_day(scan: Scan) -> None:
    """A run may last past midnight: its budget goes on, the day's begins anew."""
    spending = await scan.load()
    spending.reserve("call", WORST)
    spending.settle("call", COST)
    await scan.keep(spending)
    scan.clock.advance(86_400)
    limits: dict[str, Any] = {"run": {"max_calls": 1}, "day": {}}
    assert (await scan.load(**limits)).refuses(WORST) == "run.max_calls: 1"
    assert (await scan.load(run={}, day={"max_calls": 1})).refuses(WORST) is None


async def test_a_reservation_ends_as_it_began(scan: Scan) -> None:
    """Of two calls in flight, one that is not sent is charged no more; a second one replaces it."""
    spending = await scan.load(run={"max_calls": 2}, day={})
    for name in ("one", "other", "one"):
        spending.reserve(name, WORST)
    assert spending.refuses(ModelUsage()) is None
    assert spending.refuses(WORST) == "run.max_calls: 2"
    spending.release("one")
    assert spending.refuses(WORST) is None
    assert spending.refuses(WORST + WORST) == "run.max_calls: 2"
    spending.lose("other")
    assert spending.refuses(WORST + WORST) == "run.max_calls: 2"
    assert spending.counts()["model_calls"] == 1


async def test_a_day_is_charged_for_all_runs(scan: Scan) -> None:
    """For what others have in flight now, and not for what they used yesterday."""
    other = await scan.load("r2")
    other.reserve("call", WORST)
    await scan.keep(other)
    mine = await scan.load("r1", run={}, day={"max_calls": 1})
    assert mine.refuses(WORST) == "day.max_calls: 1"
    third = await scan.load("r3")
    third.reserve("call", WORST)
    await scan.keep(third)
    assert await mine.overdrawn(scan.store) == "day.max_calls: 1"
    scan.clock.advance(86_400)
    assert (await scan.load("r1", run={}, day={"max_calls": 1})).refuses(WORST) is None
    assert await mine.overdrawn(scan.store) is None


async def test_the_usage_that_an_older_landfall_stored_counts(scan: Scan) -> None:
    """It knew no receipts."""
    fields = {"day": f"{START:%Y-%m-%d}", "run_id": "r1", **vars(COST)}
    await scan.store.commit([Put(f"scans/s/usage/{START:%Y-%m-%d}-r1", fields)])
    spending = await scan.load()
    assert spending.counts()["model_calls"] == 1
    assert not spending.has_receipts


async def test_only_the_runs_own_receipts_say_that_it_has_some(scan: Scan) -> None:
    """A batch of an older Landfall has none, whatever a run beside it has stored."""
    other = await scan.load("r2")
    other.reserve("call", WORST)
    await scan.keep(other)
    assert not (await scan.load("r1")).has_receipts
    assert (await scan.load("r2")).has_receipts


@pytest.mark.parametrize(
    ("found", "used"),
    [
        (reply(older=True), COST),
        (reply(older=True, paid_by_run=False), ModelUsage()),
        (reply(), ModelUsage()),
    ],
    ids=["an older Landfall's", "that of another run", "of today"],
)
async def test_an_answer_without_a_receipt_is_counted_as_it_is_found(
    scan: Scan, found: Reply[Any], used: ModelUsage
) -> None:
    """An older Landfall counted it only then; one of today has counted it before."""
    spending = await scan.load()
    spending.recover(found)
    counted = spending.counts()
    assert (counted["model_calls"], counted["tokens_asked"]) == (used.calls, used.asked)
    assert counted["model_cost"] == used.dollars


@pytest.mark.parametrize(
    ("found", "cost"),
    [
        (reply(receipt=COST), COST),
        (reply(), WORST),
        (reply(receipt=COST, paid_by_run=False), WORST),
    ],
    ids=["its receipt", "no receipt", "the answer of another run"],
)
async def test_a_call_that_was_left_in_flight_is_settled_once(
    scan: Scan, found: Reply[Any], cost: ModelUsage
) -> None:
    """At what it cost where this is known, else at its worst; and no second time."""
    interrupted = await scan.load()
    interrupted.reserve(call_name("hash", 1), WORST)
    await scan.keep(interrupted)
    spending = await scan.load()
    for _ in range(2):
        spending.recover(found)
    counted = spending.counts()
    assert (counted["model_calls"], counted["tokens_asked"]) == (1, cost.asked)
    await scan.keep(spending)
    assert (await scan.load(run={"max_calls": 1})).refuses(ModelUsage()) is None


async def test_of_a_question_that_goes_on_the_last_attempt_has_the_receipt(scan: Scan) -> None:
    """The earlier ones are counted already, or lost; the next one is not sent yet."""
    interrupted = await scan.load()
    for attempt in (1, 2):
        interrupted.reserve(call_name("hash", attempt), WORST)
    await scan.keep(interrupted)
    question: Any = None
    spending = await scan.load()
    spending.recover(PendingQuestion[Any](question, "hash", "model", 3, receipt=COST))
    counted = spending.counts()
    assert (counted["model_calls"], counted["tokens_asked"]) == (2, WORST.asked + COST.asked)
    older = await scan.load("r2")
    usage = TokenUsage(90, 10)
    older.recover(
        PendingQuestion[Any](question, "other", "model", 3, usage=usage, dollars=0.1, older=True)
    )
    assert older.counts()["model_calls"] == 2
