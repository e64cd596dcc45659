"""Questions in batches: a chain of short tasks over the stand-in, without duplicates or losses."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from infra.local.openai.server import LocalOpenAI
from infra.local.wire.faults import Fault, FaultKind, FaultRule
from landfall.deadlines import Deadline
from landfall.llm import batch_submission
from landfall.llm.batch_step import MAX_POLL_DELAY, MIN_POLL_DELAY, Batching
from landfall.llm.billing import Billing
from landfall.llm.budget import DayUsage
from landfall.llm.model_settings import Allowance, ModelBudget, ModelSettings
from landfall.llm.openai.batches import OpenAIBatches
from landfall.llm.openai.chat import OpenAIModel
from landfall.llm.prices import BATCH_FACTOR, PRICES
from landfall.llm.questions import Question, Reply
from landfall.llm.session import Asking
from landfall.llm.usage import total_usage
from landfall.reasons import Reason, StepError
from landfall.runs.claim import Claim
from landfall.runs.lifecycle import RunStatus
from landfall.store.documents import Fields
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import World, a_scan
from tests.local.leftovers import nothing_left
from tests.local.test_asking import KEY, QUICK, Entries, keys

MODEL = "gpt-6-luna"
QUESTIONS = [keys(f"rec{n}") for n in range(12)]


@dataclass
class Scene:
    """A run that asks in batches, one task after another."""

    world: World
    claim: Claim
    server: LocalOpenAI
    settings: ModelSettings
    parts: Sequence[Fields] = ()
    delays: list[float] = field(default_factory=list)
    survives_checkpoint: Callable[[Sequence[Fields]], bool] = lambda _: True
    """Return whether a checkpoint happens; otherwise the worker dies before it."""

    async def task(self, questions: Sequence[Question[Entries]] = QUESTIONS) -> float | None:
        """One invocation."""
        one = Batching(self.claim, self.settings, self.batch_service, self.parts)
        return await one.run(questions, Deadline.after(QUICK.step), self._keep)

    async def chain(self, questions: Sequence[Question[Entries]] = QUESTIONS) -> None:
        """Run each task at its time, until the batches are done."""
        async with asyncio.timeout(20):
            while (delay := await self.task(questions)) is not None:
                self.delays.append(delay)
                self.world.clock.advance(delay)
                await asyncio.sleep(0.05)

    async def ask(self, questions: Sequence[Question[Entries]] = QUESTIONS) -> list[Reply[Entries]]:
        """Return the replies of an `Asking` over the same questions afterwards."""
        deadline = Deadline.after(QUICK.step)
        async with Asking(self.claim, self.settings, self._model) as asking:
            return [reply async for reply in asking.replies(questions, deadline)]

    def batch_service(self, _: ModelSettings | None = None) -> OpenAIBatches:
        """Open the service."""
        return OpenAIBatches(self.server.url, KEY, MODEL, QUICK)

    def _model(self, _: ModelSettings) -> OpenAIModel:
        return OpenAIModel(self.server.url, KEY, MODEL, QUICK)

    async def _keep(self, parts: Sequence[Fields]) -> None:
        if not self.survives_checkpoint(parts):
            raise Killed
        self.parts = parts
        await self.claim.checkpoint()

    @property
    def memory(self) -> MemoryStore:
        """The stored documents."""
        assert isinstance(self.world.stored, MemoryStore)
        return self.world.stored

    def restart(self) -> None:
        """Go on as another process does."""
        old = self.claim
        self.claim = Claim(old.engine, old._state, old.step_id, old.worker, old.progress)

    def made(self, path: str) -> int:
        """Return the number of successful requests with POST to a path."""
        sent = [(e.method, e.path, e.status) for e in self.server.requests]
        return sent.count(("POST", path, 200))

    def batches(self) -> list[Any]:
        """Return the batches that the service has."""
        found: list[Any] = self.server.batches.page(None, 100)["data"]
        return found


async def counts_of(it: Scene) -> Fields:
    """The counts of the run, as stored."""
    await it.claim.checkpoint()
    counts: Fields = (await it.world.run(it.claim.run.id)).data["counts"]
    return counts


class Killed(BaseException):
    """The worker was killed."""


@asynccontextmanager
async def scene(
    *faults: FaultRule, budget: ModelBudget | None = None, **settings: Any
) -> AsyncIterator[Scene]:
    values = {"batch_seconds": 0.3, **settings}
    async with LocalOpenAI(api_key=KEY, faults=faults, **values) as server:
        world = World(ladder=QUICK)
        limits = {"deadline_seconds": 6 * 3600}
        await world.start(await world.save(limits=limits))
        model = ModelSettings(batch=True, budget=budget or ModelBudget())
        yield Scene(world, await world.runs.claim("m-1", "fetch", 0, "w1"), server, model)


async def test_a_batch_answers_like_the_model():
    """Each answer is stored under its question, at half the price; no question is sent alone."""
    async with nothing_left(), scene() as it:
        await it.chain()
        replies = await it.ask()
        assert it.made("/v1/chat/completions") == 0
    assert {reply.key for reply in replies if reply.content} == {q.key for q in QUESTIONS}
    one = replies[0]
    assert one.dollars == pytest.approx(PRICES[MODEL].dollars(one.usage) / 2)
    assert one.paid_by_run


async def test_the_answers_are_those_of_single_questions():
    """The request has the same form and schema."""
    async with scene() as it:
        await it.chain()
        batched = {r.key: r.content for r in await it.ask()}
    async with scene() as it:
        alone = {r.key: r.content for r in await it.ask()}
    assert batched == alone


async def test_the_delay_between_looks_grows():
    """From ten seconds to ten minutes, while the batch is in progress."""
    async with scene(batch_seconds=2.0) as it:
        await it.chain()
    looks = [delay for delay in it.delays if delay]
    assert looks[0] == MIN_POLL_DELAY
    assert looks == sorted(looks)
    assert max(looks) <= MAX_POLL_DELAY


async def test_many_questions_are_several_batches(monkeypatch):
    """Each has a range, and all are in progress at once."""
    monkeypatch.setattr(batch_submission, "MAX_QUESTIONS", 5)
    async with scene() as it:
        await it.chain()
        assert [b["request_counts"]["total"] for b in it.batches()] == [2, 5, 5]
        assert len([r for r in await it.ask() if r.content]) == 12


KILLED = {
    "before the file is known": lambda _: False,
    "before the batch is known": lambda parts: not any(part["batch_id"] for part in parts),
    "before it is known to be done": lambda parts: not any(part["done"] for part in parts),
}


@pytest.mark.parametrize("survives", KILLED.values(), ids=KILLED)
async def test_a_killed_worker_duplicates_no_batch(survives):
    """Whatever it had done without a checkpoint: the next finds the batch by its key."""
    async with scene() as it:
        it.survives_checkpoint = survives
        with pytest.raises(Killed):
            await it.chain()
        await it.claim.checkpoint()  # stores the usage all the same
        it.restart()
        it.survives_checkpoint = lambda _: True
        await it.chain()
        assert len(it.batches()) == 1
        assert len([r for r in await it.ask() if r.content and r.paid_by_run]) == 12
        assert (await counts_of(it))["model_calls"] == 12


async def test_questions_left_by_an_expired_batch_are_asked_alone():
    """Its answers are used."""
    async with scene(FaultRule("batch_expired")) as it:
        await it.chain()
        replies = await it.ask()
        assert it.batches()[0]["status"] == "expired"
        assert 0 < it.made("/v1/chat/completions") < 12
    assert len([reply for reply in replies if reply.content]) == 12


async def test_a_failed_answer_in_a_batch_is_retried():
    """The repair is sent alone; a second failure is a failure."""
    rules = [
        FaultRule("wrong_enum", content="rec3 is"),
        FaultRule("invented_id", content="rec5 is", times=None),
        FaultRule(Fault(FaultKind.STATUS, status=500), path="completions$", content="rec7 is"),
    ]
    async with scene(*rules) as it:
        await it.chain()
        replies = {reply.key: reply for reply in await it.ask()}
    assert (replies["rec3"].content is not None, replies["rec3"].attempt) == (True, 2)
    failure = replies["rec5"].failure
    assert failure
    assert failure.reason == Reason.MODEL_WRONG_IDS
    assert (replies["rec7"].content is not None, replies["rec7"].attempt) == (True, 1)


async def test_a_batch_that_cannot_be_used_is_an_error_with_its_reason():
    """The run does not wait for it, and no question is sent alone."""
    async with scene(FaultRule("batch_failed")) as it:
        with pytest.raises(StepError, match="invalid_request: The stand-in fails this") as caught:
            await it.chain()
    assert (caught.value.reason, caught.value.retried) == (Reason.MODEL_BATCH_FAILED, False)


async def test_a_batch_with_every_question_refused_is_an_error_of_the_service():
    """A missing model is no question's fault."""
    async with scene(models=["gpt-5-nano"]) as it:
        with pytest.raises(StepError, match="404 model_not_found") as caught:
            await it.chain()
    assert caught.value.reason == Reason.MODEL_NOT_FOUND


async def test_a_question_rejected_in_a_batch_fails_by_itself():
    """It fails, even if it is the only one."""
    rejected = Fault(FaultKind.STATUS, status=400)
    async with scene(FaultRule(rejected, path="completions$", times=None)) as it:
        await it.chain(QUESTIONS[:1])
        (reply,) = await it.ask(QUESTIONS[:1])
    assert reply.failure
    assert reply.failure.reason == Reason.MODEL_REJECTED


async def test_a_full_queue_delays_the_batch():
    """The account has too many tokens in its queue: the same file is tried again later."""
    async with scene(FaultRule("batch_queue_full")) as it:
        await it.chain()
        assert MAX_POLL_DELAY in it.delays
        assert [batch["status"] for batch in it.batches()] == ["completed", "failed"]
        assert it.made("/v1/files") == 1


async def test_a_batch_that_takes_too_long_is_cancelled():
    """Before the run's end, with time to store its answers and to ask the rest alone."""
    async with scene(batch_seconds=3.0) as it:
        await it.task()
        await asyncio.sleep(1.0)
        it.world.clock.advance(6 * 3600 - 1_000)
        assert await it.task() == MIN_POLL_DELAY
        await asyncio.sleep(0.3)
        await it.chain()
        assert it.batches()[0]["status"] == "cancelled"
        replies = await it.ask()
    assert 0 < it.made("/v1/chat/completions") < 12
    assert len([reply for reply in replies if reply.content]) == 12


async def test_a_batch_that_ends_as_it_is_cancelled_has_ended():
    """The service refuses the cancellation, which is no error: the batch has its answers."""
    async with scene(batch_seconds=0.05) as it:
        await it.task()
        await asyncio.sleep(0.1)
        (batch,) = it.batches()
        service = it.batch_service()
        await service.cancel(batch["id"], Deadline.after(QUICK.step))
        seen = await service.retrieve(batch["id"], Deadline.after(QUICK.step))
        await service.close()
    assert (seen.status, seen.done) == ("completed", len(QUESTIONS))


async def test_a_batch_that_is_looked_at_too_late_is_cancelled():
    """There is no time for its answers: all is asked alone, and no more of it is paid."""
    async with scene(batch_seconds=3.0) as it:
        await it.task()
        it.world.clock.advance(6 * 3600 - 300)
        assert await it.task() is None
        assert it.batches()[0]["status"] in ("cancelling", "cancelled")
        assert len([reply for reply in await it.ask() if reply.content]) == 12


async def test_the_budget_holds_for_batches():
    """It covers the worst case of every question in flight."""
    budget = ModelBudget(run=Allowance(max_calls=5), day=Allowance())
    async with scene(budget=budget) as it:
        await it.chain()
        assert it.batches()[0]["request_counts"]["total"] == 5
        assert len(await it.ask()) == 5
        assert it.made("/v1/chat/completions") == 0


async def test_two_runs_that_ask_the_same_in_batches_both_count_it():
    """Each pays for its batch, whoever was the first to store an answer."""
    async with scene() as it:
        await it.world.start(a_scan(), "m-2")
        other = replace(it, claim=await it.world.runs.claim("m-2", "fetch", 0, "w1"), parts=())
        await asyncio.gather(it.task(), other.task())
        await it.chain()
        await other.chain()
        replies = await it.ask(), await other.ask()
        assert len(it.batches()) == 2
        assert it.made("/v1/chat/completions") == 0
    assert [len([r for r in some if r.content]) for some in replies] == [12, 12]
    counts = [await counts_of(one) for one in (it, other)]
    tokens = sum(reply.usage.tokens for reply in replies[0])
    assert [one["model_tokens"] for one in counts] == [tokens, tokens]
    assert [one["model_calls"] for one in counts] == [12, 12]
    assert counts[0]["model_cost"] == counts[1]["model_cost"] > 0


async def test_a_batch_is_charged_at_its_worst_until_it_has_ended():
    """Also where its run ends before, and nobody reads what it has answered."""
    async with scene(batch_seconds=3.0) as it:
        await it.task()
        (usage,) = it.memory.all("scans/people/usage")
        worst = map(Billing(PRICES[MODEL], BATCH_FACTOR).worst_case, QUESTIONS)
        assert DayUsage.load(usage.data).charged == total_usage(worst)
        await it.world.runs.end("m-1", RunStatus.CANCELLED, {}, "a person")
        await it.world.start(a_scan(), "m-2")
        budget = ModelBudget(run=Allowance(), day=Allowance(max_calls=15))
        other = replace(
            it,
            claim=await it.world.runs.claim("m-2", "fetch", 0, "w1"),
            parts=(),
            settings=ModelSettings(batch=True, budget=budget),
        )
        await other.task()
        assert [batch["request_counts"]["total"] for batch in it.batches()] == [3, 12]


async def test_the_batch_of_an_older_landfall_is_counted_once():
    """It has no receipt; neither have the answers that were stored before."""
    async with scene() as it:
        await it.task()
        (path,) = [one.path for one in it.memory.all("scans/people/usage")]
        it.memory.delete(path)
        it.restart()
        await it.chain()
        assert (await counts_of(it))["model_calls"] == 12
        tokens = (await counts_of(it))["model_tokens"]
        it.memory.delete(path)
        for answer in it.memory.all("answers"):
            del answer.data["receipt"]
        it.restart()
        replies = await it.ask()
        counts = await counts_of(it)
    assert len(replies) == 12
    assert (counts["model_calls"], counts["model_tokens"]) == (12, tokens)


async def test_no_file_remains_at_the_service():
    """The files of a batch are deleted once its answers are stored."""
    async with scene() as it:
        await it.chain()
        assert it.server.files.ids == []


async def test_stored_answers_are_not_put_into_a_batch():
    """The second time, nothing has to be asked."""
    async with scene() as it:
        await it.ask()
        await it.chain()
        assert it.batches() == []


HANGING = [FaultKind.SILENT, FaultKind.DRIP_HEADERS, FaultKind.DRIP_BODY]


@pytest.mark.parametrize("kind", HANGING)
@pytest.mark.parametrize("path", ["/files$", "/batches$", "/batches/", "/content$"])
async def test_every_call_of_a_batch_ends_at_its_deadline(path, kind):
    """It has its reason; the next task continues from there, and creates nothing twice."""
    async with nothing_left(), scene(FaultRule(Fault(kind), path=path)) as it:
        with pytest.raises(StepError) as caught:
            await it.chain()
        assert caught.value.reason == Reason.MODEL_TIMEOUT
        await it.chain()
        assert len(it.batches()) == 1
