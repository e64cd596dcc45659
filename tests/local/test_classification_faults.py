"""Elements classified through our edge by the stand-in for OpenAI, whatever it answers.

However the service fails with one element, it never becomes a value of it or of another, takes no
good value away, and is repaired by the next run.
"""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from infra.local.openai.server import LocalOpenAI
from infra.local.wire.faults import Fault, FaultKind, FaultRule
from landfall.airtable import pacer as airtable_pacer
from landfall.deadlines import Deadline, Ladder
from landfall.llm import batch_submission
from landfall.llm.model_settings import ModelSettings
from landfall.llm.openai.batches import OpenAIBatches
from landfall.llm.openai.chat import OpenAIModel
from landfall.runs.lifecycle import RunStatus
from tests.fakes.bases import record_id
from tests.fakes.elements import (
    DIAGNOSIS,
    LABEL,
    LABELS,
    PHONE,
    Elements,
    a_classification,
    elements_server,
)
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import World

KEY = "sk-test"
QUICK = Ladder(step=6.0, item=1.5, request=0.8, connect=0.4)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)


@pytest.fixture
async def service() -> AsyncIterator[LocalOpenAI]:
    async with LocalOpenAI(api_key=KEY, batch_seconds=0.01) as service:
        yield service


@pytest.fixture
async def elements(service: LocalOpenAI) -> AsyncIterator[Elements]:
    def open_model(_: ModelSettings) -> OpenAIModel:
        return OpenAIModel(service.url, KEY, "gpt-6-luna", QUICK)

    async with elements_server() as server:
        yield Elements(server, open_model, World(MemoryStore(), QUICK))


FREE = {"input": 0, "cached_input": 0, "output": 0}


def about(number: int, fault: Fault | str, times: int | None = None) -> list[FaultRule]:
    """A fault of every question about the n-th element."""
    return [FaultRule(fault, content=record_id(number), times=times)]


ANSWERED = {
    "refusal": (1, "model_refused"),
    "content_filter": (1, "model_refused"),
    "length": (1, "model_truncated"),
    "invalid_json": (1, "model_malformed"),
    "wrong_enum": (1, "model_off_schema"),
    "dropped_record": (2, "model_wrong_ids"),
    "invented_id": (1, "model_wrong_ids"),
    "echo": (1, "model_echoed"),
}
"""Faults of a whole answer: the element, and the reason that results."""

HANGING = {
    "silent": (1, Fault(FaultKind.SILENT), "model_timeout"),
    "drip": (1, Fault(FaultKind.DRIP_BODY), "model_timeout"),
    "cut": (1, Fault(FaultKind.CUT_BODY), "model_malformed"),
    "400": (1, Fault(FaultKind.STATUS, status=400), "model_rejected"),
}
FAULTS = {name: (number, name, reason) for name, (number, reason) in ANSWERED.items()} | HANGING


@pytest.mark.parametrize(("number", "fault", "reason"), FAULTS.values(), ids=FAULTS)
async def test_a_failure_is_no_value(elements, service, number, fault, reason):
    """One element has a reason and no value, the others have values; the next run asks again."""
    service.faults = about(number, fault)
    run = await elements.run()
    kept = await elements.stored()
    expected = [None if n == number else label for n, label in enumerate(LABELS, 1)]
    assert (run["status"], run["verdict"]) == ("done", "inconclusive")
    assert await elements.labels() == expected
    assert kept[record_id(number)].tracked.failure["reason"] == reason
    service.faults = []
    assert (await elements.run())["verdict"] == "healthy"
    assert await elements.labels() == list(LABELS)


@pytest.mark.parametrize("name", [name for name in FAULTS if name != "400"])
async def test_a_failure_removes_no_good_value(elements, service, name):
    """Neither the suggestion before it, nor confirmed values."""
    number, fault, reason = FAULTS[name]
    await elements.run()
    await elements.review(3 - number, "confirmed")
    elements.put(1, **DIAGNOSIS | {"Name": "Second diagnosis"})
    elements.put(2, **PHONE | {"Name": "Second phone of a patient"})
    service.faults = about(number, fault)
    run = await elements.run()
    assert run["report"]["failures"][reason]["count"] == 1
    assert await elements.labels() == list(LABELS)


@pytest.mark.parametrize("fault", sorted(ANSWERED.keys() - {"refusal", "content_filter"}))
async def test_a_single_failure_is_repaired_in_the_run(elements, service, fault):
    """By the repair, or by questions about each element alone."""
    service.faults = about(ANSWERED[fault][0], fault, times=1)
    assert (await elements.run())["verdict"] == "healthy"
    assert await elements.labels() == list(LABELS)


TROUBLES = {
    "429": Fault(FaultKind.STATUS, status=429, headers={"Retry-After": "3"}),
    "500": Fault(FaultKind.STATUS, status=500),
    "503": Fault(FaultKind.STATUS, status=503),
    "reset": Fault(FaultKind.RESET),
}


@pytest.mark.parametrize("name", TROUBLES)
async def test_a_failing_service_is_asked_later(elements, service, name):
    """In a later task; earlier answers are stored, and asked for once.

    What it refuses costs nothing; where the connection breaks, it may have answered.
    """
    service.faults = [FaultRule(TROUBLES[name], after=1, times=2)]
    run = await elements.run()
    assert (run["status"], run["verdict"]) == ("done", "healthy")
    assert run["attempt"] > 1
    counted = 4 if name == "reset" else 2
    assert (run["counts"]["classified"], run["counts"]["model_calls"]) == (4, counted)


async def test_an_unavailable_service_ends_the_run_with_its_reason(elements, service):
    """After its attempts; no element has a value, and the next run continues."""
    service.faults = [FaultRule(Fault(FaultKind.STATUS, status=500), times=None)]
    run = await elements.run()
    assert (run["status"], run["error"]["reason"]) == ("error", "model_unavailable")
    assert await elements.stored() == {}
    service.faults = []
    assert (await elements.run())["verdict"] == "healthy"


async def test_a_rejected_question_does_not_end_the_run(elements, service):
    """Not even if all are rejected: each element has failed, counts and is asked about again."""
    service.faults = [FaultRule(Fault(FaultKind.STATUS, status=400), times=None)]
    run = await elements.run()
    assert (run["status"], run["verdict"], run["counts"]["failed"]) == ("done", "inconclusive", 4)
    assert run["report"]["failures"]["model_rejected"]["count"] == 4
    assert await elements.labels() == [None] * 4
    service.faults = []
    assert (await elements.run())["verdict"] == "healthy"


UNFIT = [
    ({"name": "gpt-5-turbo"}, "model_not_found", "correct `model.name` of the scan"),
    ({"name": "gpt-6-luna", "effort": "minimal"}, "model_unsupported", "change `model.effort`"),
]


@pytest.mark.parametrize(("settings", "reason", "fix"), UNFIT)
async def test_an_unusable_model_ends_the_run(elements, service, settings, reason, fix):
    """After one request, with the fix: no element has failed."""
    elements.open_model = lambda _: OpenAIModel(
        service.url, KEY, settings["name"], QUICK, effort=settings.get("effort")
    )
    elements.scan = a_classification(model={"price": FREE})
    run = await elements.run()
    assert (run["status"], run["error"]["reason"]) == ("error", reason)
    assert fix in run["error"]["message"]
    assert await elements.stored() == {}


async def test_a_second_run_asks_nothing(elements, service):
    """Not one request goes to the service."""
    await elements.run()
    asked = len(service.requests)
    assert (await elements.run())["counts"]["unchanged"] == 4
    assert len(service.requests) == asked


async def test_a_persons_decision_stays(elements):
    """Even if the service answers differently."""
    await elements.run()
    await elements.review(2, "changed", {LABEL: "Public"})
    await elements.run(regenerate="all")
    assert (await elements.labels())[1] == "Public"


# In batches

BATCHED = {"model": {"batch": True}, "limits": {"deadline_seconds": 86_400}}


def in_batches(service: LocalOpenAI, elements: Elements) -> Elements:
    """The same elements, asked about in batches."""
    elements.scan = a_classification(**BATCHED)
    elements.open_batches = lambda _: OpenAIBatches(service.url, KEY, "gpt-6-luna", QUICK)
    return elements


async def test_batches_give_the_same_values_at_half_the_price(elements, service):
    """The same values, later, at half the price; no question is asked without a batch."""
    whole = await elements.run()
    values = [one.classification.values for one in (await elements.stored()).values()]
    other = Elements(elements.server, elements.open_model, World(MemoryStore(), QUICK))
    batched = await in_batches(service, other).run()
    assert [one.classification.values for one in (await other.stored()).values()] == values
    assert (batched["verdict"], batched["counts"]["model_calls"]) == ("healthy", 2)
    half = whole["counts"]["model_cost"] / 2
    assert batched["counts"]["model_cost"] == pytest.approx(half, abs=1e-6)
    asked = [e for e in service.requests if e.path.endswith("/completions")]
    assert len(asked) == 2, "those of the run without batches"


async def test_a_failure_in_a_batch_is_no_value(elements, service):
    """One element's answer is always invalid; the others have values."""
    service.faults = about(1, "wrong_enum")
    run = await in_batches(service, elements).run()
    assert run["verdict"] == "inconclusive"
    assert await elements.labels() == [None, *LABELS[1:]]


async def test_a_budget_that_is_spent_in_a_batch_is_logged(elements, service, capsys):
    """The line names the limit; an alert counts it."""
    in_batches(service, elements)
    elements.scan = a_classification(
        **BATCHED | {"model": {"batch": True, "budget": {"run": {"max_calls": 1}}}}
    )
    run = await elements.run()
    assert (run["status"], run["verdict"], run["counts"]["left"]) == ("done", "inconclusive", 2)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["spent"] for line in lines if line.get("spent")] == ["run.max_calls: 1"]
    elements.scan = a_classification(**BATCHED)
    assert (await elements.run())["verdict"] == "healthy"


async def test_questions_left_by_a_batch_are_asked_alone(elements, service):
    """It expires half-way, and the run continues without it."""
    service.faults = [FaultRule("batch_expired", times=None)]
    run = await in_batches(service, elements).run()
    assert (run["status"], run["verdict"]) == ("done", "healthy")
    assert await elements.labels() == list(LABELS)


async def waiting_for_a_batch(elements: Elements, service: LocalOpenAI) -> str:
    """Start a run whose batch takes long. Return the run's id."""
    service.batches.seconds = 60.0
    run_id = await in_batches(service, elements).start()
    for _ in ("fetch", "score"):
        await elements.deliver(elements.world.queue.tasks[-1])
    assert (await elements.world.run(run_id)).data["progress_step"] == "waiting_for_batch"
    return run_id


async def cancel(elements: Elements, run_id: str) -> None:
    """Cancel a run as a person does."""
    error = {"reason": "cancelled", "message": "by hand"}
    assert await elements.world.runs.end(run_id, RunStatus.CANCELLED, error, "person")


def batch_of(service: LocalOpenAI) -> str:
    """Return the status of the only batch."""
    (batch,) = service.batches.page(None, 100)["data"]
    return str(batch["status"])


async def test_a_cancelled_run_cancels_its_batch(elements, service):
    """The rest of it is not paid; a duplicate task changes nothing."""
    run_id = await waiting_for_a_batch(elements, service)
    await cancel(elements, run_id)
    before = await elements.world.run(run_id)
    for _ in range(2):
        assert await elements.deliver(elements.world.queue.tasks[-1]) == "declined"
        assert batch_of(service) in ("cancelling", "cancelled")
    assert (await elements.world.run(run_id)).data == before.data
    cancelled = [e.path for e in service.requests if e.path.endswith("/cancel")]
    assert len(cancelled) == 1


async def test_a_batch_created_as_its_run_ended_is_cancelled(elements, service):
    """Its id was not stored; it is found by its key."""

    class Interrupted(OpenAIBatches):
        async def create(self, file_id: str, mark: str, deadline: Deadline) -> str:
            batch_id = await super().create(file_id, mark, deadline)
            await cancel(elements, run_id)
            return batch_id

    service.batches.seconds = 60.0
    in_batches(service, elements)
    elements.open_batches = lambda _: Interrupted(service.url, KEY, "gpt-6-luna", QUICK)
    run_id = await elements.start()
    await elements.deliver(elements.world.queue.tasks[-1])
    assert await elements.deliver(elements.world.queue.tasks[-1]) == "fenced"
    assert batch_of(service) in ("cancelling", "cancelled")


async def test_a_failed_run_cancels_its_other_batches(elements, service, monkeypatch):
    """One of two fails, which ends the run: the other is not paid in vain."""
    monkeypatch.setattr(batch_submission, "MAX_QUESTIONS", 1)
    service.faults = [FaultRule("batch_failed", times=1)]
    service.batches.seconds = 5.0
    await in_batches(service, elements).start()
    tasks = elements.world.queue.tasks
    for _ in ("fetch", "score"):
        await elements.deliver(tasks[-1])
    await asyncio.sleep(0.6)
    assert await elements.deliver(tasks[-1]) == "model_batch_failed"
    statuses = [batch["status"] for batch in service.batches.page(None, 100)["data"]]
    assert statuses[1] == "failed"
    assert statuses[0] in ("cancelling", "cancelled")


async def test_a_batch_that_cannot_be_cancelled_is_logged(elements, service, capsys):
    """The run has ended nevertheless."""
    run_id = await waiting_for_a_batch(elements, service)
    await cancel(elements, run_id)
    service.faults = [FaultRule(Fault(FaultKind.STATUS, status=503), path="/batches/", times=None)]
    assert await elements.deliver(elements.world.queue.tasks[-1]) == "declined"
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (left,) = [line for line in lines if line["message"] == "left behind"]
    assert (left["severity"], "503" in left["error"]) == ("WARNING", True)
