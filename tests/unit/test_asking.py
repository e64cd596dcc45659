"""Many questions in one invocation, on a virtual clock: their replies, and the cost."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from landfall.deadlines import LADDER, Deadline
from landfall.llm.budget import DayUsage
from landfall.llm.model_settings import Allowance, ModelBudget, ModelSettings
from landfall.llm.questions import Problem, Question, RateLimits, Reply, UnsentQuestionError
from landfall.llm.rate_limit import INITIAL_CONCURRENCY, MAX_CONCURRENCY
from landfall.llm.session import PATIENCE, Asking
from landfall.llm.usage import ModelUsage, total_usage
from landfall.reasons import Reason, StepError
from landfall.runs.changes import State
from landfall.runs.claim import Claim
from landfall.store.documents import StoreError, Version, Write
from tests.fakes.cursors import At
from tests.fakes.memory_store import MemoryStore
from tests.fakes.models import FakeModel, Verdict, a_question, yes
from tests.fakes.world import World
from tests.simulation.virtual_time import run as run_virtually

PLENTY = RateLimits(10_000, 0.0, 10_000_000, 0.0, 10_000, 10_000_000)
Replies = list[Reply[Verdict]]


@dataclass
class Scene:
    """A run that asks a model, invocation after invocation."""

    model: FakeModel
    store: MemoryStore = field(default_factory=MemoryStore)
    settings: ModelSettings = field(default_factory=ModelSettings)
    claim: Claim | None = None
    asking: Asking | None = None

    def __post_init__(self) -> None:
        self.world = World(self.store)

    async def start(self, run_id: str = "m-1") -> None:
        """Begin a run."""
        await self.world.start(await self.world.save(), run_id)
        self.claim = await self.world.runs.claim(run_id, "fetch", 0, "w1")

    def restart(self) -> None:
        """Go on as another process does after the one before was killed."""
        old = self.claim
        assert old
        self.claim = Claim(old.engine, old._state, old.step_id, old.worker, old.progress)

    @property
    def usage(self) -> DayUsage:
        """The stored usage of the run."""
        assert self.claim
        (found,) = [
            document
            for document in self.store.all(f"scans/{self.claim.run.scan_id}/usage")
            if document.data["run_id"] == self.claim.run.id
        ]
        return DayUsage.load(found.data)

    async def ask(
        self, questions: Sequence[Question[Verdict]], seconds: float = LADDER.step
    ) -> Replies:
        """Run one invocation that stores what it has spent. Return its replies."""
        if self.claim is None:
            await self.start()
        assert self.claim is not None
        deadline = Deadline.after(seconds)
        replies: Replies = []
        asking = Asking(self.claim, self.settings, self.model.open)
        async with asking as self.asking:
            async for reply in asking.replies(questions, deadline):
                replies.append(reply)
            await self.claim.checkpoint(At(), {})
        assert self.model.closed
        return replies

    @property
    def stored(self) -> dict[str, Any]:
        """Stored answers, by their ids."""
        return {document.id: document.data for document in self.store.all("answers")}

    @property
    def counts(self) -> dict[str, Any]:
        """Counts of the whole run, by the last invocation."""
        assert self.asking is not None
        return self.asking.spending.counts()


def virtually(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test on a virtual clock."""

    def on_virtual_clock() -> None:
        run_virtually(test())

    on_virtual_clock.__name__, on_virtual_clock.__doc__ = test.__name__, test.__doc__
    return on_virtual_clock


def many(number: int) -> list[Question[Verdict]]:
    return [a_question(f"q{n}") for n in range(number)]


def failures(replies: Replies) -> dict[str, str]:
    return {reply.key: reply.failure.reason for reply in replies if reply.failure}


def once(failure: Problem | StepError) -> Callable[[Question[Any]], Any]:
    """Return a rule with this failure at first, and then yes to everything."""
    asked: list[Question[Any]] = []

    def rule(question: Question[Any]) -> Any:
        asked.append(question)
        return failure if len(asked) == 1 else yes(question)

    return rule


def budget(**limits: Any) -> ModelSettings:
    return ModelSettings(budget=ModelBudget(run=Allowance(**limits), day=Allowance()))


SERVICE = [
    StepError(Reason.MODEL_RATE_LIMITED, "later", retry_after=20.0),
    StepError(Reason.MODEL_UNAVAILABLE, "500"),
    StepError(Reason.MODEL_UNREACHABLE, "reset"),
    StepError(Reason.MODEL_UNAUTHORIZED, "401"),
    StepError(Reason.MODEL_NOT_FOUND, "404"),
    StepError(Reason.MODEL_UNSUPPORTED, "400"),
    StepError(Reason.MODEL_QUOTA_SPENT, "pay"),
]


@virtually
async def test_every_question_has_a_reply():
    """It has the cost, the model, and the seconds."""
    scene = Scene(FakeModel(yes, seconds=1.0, limits=PLENTY))
    replies = await scene.ask(many(20))
    assert {reply.key for reply in replies} == {f"q{n}" for n in range(20)}
    assert failures(replies) == {}
    first = replies[0]
    assert first.content
    assert (first.content.word, first.attempt, first.seconds) == ("yes", 1, 1.0)
    assert first.dollars == pytest.approx((first.usage.asked * 0.1 + 10 * 0.5) / 1e6)
    assert (scene.counts["model_calls"], scene.counts["tokens_answered"]) == (20, 200)


@virtually
async def test_a_paid_answer_is_stored_and_not_asked_again():
    """Neither by a redelivery of the same run, nor by a later one, for which it is free."""
    scene = Scene(FakeModel(yes))
    first = await scene.ask(many(3))
    again = await scene.ask(many(3))
    assert [reply.content for reply in again] == [reply.content for reply in first]
    await scene.start("m-2")
    later = await scene.ask(many(3))
    assert len(scene.model.asked) == 3
    assert [reply.paid_by_run for reply in later] == [False] * 3
    assert scene.counts["model_calls"] == 0


@virtually
async def test_an_interrupted_run_counts_its_money_once():
    """The answers were stored and their cost was not: it is read from the answers."""
    scene = Scene(FakeModel(once(Problem(Reason.MODEL_OFF_SCHEMA, "no"))))
    await scene.start()
    assert scene.claim
    async with Asking(scene.claim, scene.settings, scene.model.open) as asking:
        async for _ in asking.replies(many(5), Deadline.after(27)):
            pass  # and no checkpoint
    paid = asking.spending.counts()
    for _ in range(3):
        scene.restart()
        replies = await scene.ask(many(5))
        assert [reply.paid_by_run for reply in replies] == [True] * 5
        assert (len(scene.model.asked), scene.counts) == (6, paid)
        assert (scene.usage.lost, scene.usage.in_flight) == (ModelUsage(), {})


@virtually
async def test_a_call_is_stored_before_it_is_sent():
    """Whenever the process ends, the store knows of each call that may be paid for."""
    scene = Scene(FakeModel(yes))
    seen = []

    def rule(question: Question[Any]) -> Any:
        seen.append(len(scene.usage.in_flight) + scene.usage.used.calls >= len(scene.model.asked))
        return yes(question)

    scene.model.rule = rule
    await scene.ask(many(60))
    assert seen == [True] * 60


@virtually
async def test_calls_in_flight_of_a_killed_process_are_counted_at_their_worst():
    """They may be paid for; their questions are asked once more, within the budget."""
    scene = Scene(FakeModel(yes, seconds=5.0), settings=budget(max_calls=20))
    await scene.start()
    assert scene.claim
    asking = Asking(scene.claim, scene.settings, scene.model.open)
    async with asking:
        waiting = asyncio.ensure_future(anext(asking.replies(many(30), Deadline.after(27))))
        await asyncio.sleep(1.0)
        waiting.cancel()  # and nothing of it is stored
    sent = len(scene.model.asked)
    reserved = [*scene.usage.in_flight.values()]
    assert 0 < sent <= len(reserved) <= 2 * INITIAL_CONCURRENCY
    scene.restart()
    replies = await scene.ask(many(30))
    assert scene.asking
    assert (len(replies), scene.asking.spent) == (20 - len(reserved), "run.max_calls: 20")
    assert len(scene.model.asked) == sent + len(replies) <= 20
    assert scene.usage.lost == total_usage(reserved)
    assert scene.counts["model_calls"] == 20


@virtually
async def test_a_budget_holds_although_every_process_is_killed():
    """However often, no more calls are sent than it allows."""
    scene = Scene(FakeModel(yes, seconds=5.0), settings=budget(max_calls=60))
    await scene.start()
    for _ in range(20):
        assert scene.claim
        asking = Asking(scene.claim, scene.settings, scene.model.open)
        async with asking:
            waiting = asyncio.ensure_future(anext(asking.replies(many(80), Deadline.after(27))))
            await asyncio.sleep(1.0)
            waiting.cancel()
        scene.restart()
    assert 8 < len(scene.model.asked) <= 60


@virtually
async def test_a_retry_that_is_not_answered_has_no_receipt():
    """The receipt of the attempt before is not its own: after a kill it counts at its worst."""
    answers: list[Any] = [
        Problem(Reason.MODEL_OFF_SCHEMA, "no"),
        StepError(Reason.MODEL_TIMEOUT, "slow"),
    ]
    scene = Scene(FakeModel(lambda q: answers.pop(0) if q.key == "q1" else yes(q)))
    await scene.start()
    assert scene.claim
    async with Asking(scene.claim, scene.settings, scene.model.open) as asking:
        async for _ in asking.replies(many(2), Deadline.after(27)):
            pass  # and no checkpoint
    paid = asking.spending.counts()
    scene.restart()
    assert failures(await scene.ask(many(2))) == {"q1": "model_timeout"}
    assert (scene.counts, len(scene.model.asked)) == (paid, 3)
    worst = asking._funding.billing.worst_case(scene.model.asked[-1])
    assert scene.usage.lost == worst


PAID_FOR = [Reason.MODEL_TIMEOUT, Reason.MODEL_MALFORMED, Reason.MODEL_UNREACHABLE]


@pytest.mark.parametrize("error", SERVICE + [StepError(it, "gone") for it in PAID_FOR], ids=str)
def test_an_error_is_charged_if_it_may_be_paid_for(error):
    """The service may have answered, and bills it; what it refuses, it does not bill."""

    async def scenario() -> None:
        scene = Scene(FakeModel(lambda _: error))
        with pytest.raises(StepError):
            await scene.ask([a_question()])
        assert scene.claim
        await scene.claim.checkpoint()
        worst = scene.asking and scene.asking._funding.billing.worst_case(a_question())
        lost = worst if error.reason in PAID_FOR else ModelUsage()
        assert (scene.usage.used, scene.usage.lost, scene.usage.in_flight) == (lost, lost, {})

    run_virtually(scenario())


@virtually
async def test_a_question_that_was_not_sent_costs_nothing():
    """There was no connection."""
    error = UnsentQuestionError(Reason.MODEL_UNREACHABLE, "no connection")
    scene = Scene(FakeModel(lambda _: error))
    with pytest.raises(UnsentQuestionError):
        await scene.ask([a_question()])
    assert scene.counts["model_calls"] == 0


@virtually
async def test_two_runs_that_ask_the_same_at_the_same_time_both_count_it():
    """One answer is stored, and two are paid for."""
    scene = Scene(FakeModel(yes, seconds=1.0))
    rival = Scene(scene.model, scene.store)
    await scene.start("m-1")
    await rival.start("m-2")
    await asyncio.gather(scene.ask(many(5)), rival.ask(many(5)))
    assert (len(scene.model.asked), len(scene.stored)) == (10, 5)
    assert [it.counts["model_calls"] for it in (scene, rival)] == [5, 5]
    assert scene.counts["model_cost"] == rival.counts["model_cost"] > 0


@virtually
async def test_concurrent_runs_share_the_budget_of_a_day():
    """Each sees the calls that the other has in flight."""
    day = ModelBudget(run=Allowance(), day=Allowance(max_calls=30))
    model = FakeModel(yes, seconds=1.0)
    scenes = [Scene(model, settings=ModelSettings(budget=day))]
    scenes += [Scene(model, scenes[0].store, scenes[0].settings) for _ in range(3)]
    for number, scene in enumerate(scenes):
        await scene.start(f"m-{number}")
    questions = [[a_question(f"{run} {n}") for n in range(20)] for run in range(4)]
    await asyncio.gather(*map(Scene.ask, scenes, questions))
    assert 20 < len(model.asked) <= 30
    assert sum(scene.counts["model_calls"] for scene in scenes) == len(model.asked)


LARGE = [
    ("an answer", lambda q: Verdict(word="yes", cites=q.text[:5] + "x" * 2**21), "model_malformed"),
    ("problems", lambda _: Problem(Reason.MODEL_UNFOUNDED, "x" * 2**21), "model_unfounded"),
]


@pytest.mark.parametrize(("rule", "reason"), [it[1:] for it in LARGE], ids=[it[0] for it in LARGE])
def test_an_answer_that_is_too_large_to_keep_is_a_failure(rule, reason):
    """It fails its own question, is counted, and is not paid for again by the next invocation."""

    async def scenario() -> None:
        scene = Scene(FakeModel(lambda q: rule(q) if q.key == "q3" else yes(q)))
        for _ in range(3):
            replies = await scene.ask([a_question(f"q{n}", problems=fine) for n in range(6)])
            assert failures(replies) == {"q3": reason}
            assert (len(scene.model.asked), scene.counts["model_calls"]) == (7, 7)
            scene.restart()

    def fine(_: Verdict) -> Sequence[Problem]:
        return ()

    run_virtually(scenario())


REPAIRED = [
    Reason.MODEL_MALFORMED,
    Reason.MODEL_OFF_SCHEMA,
    Reason.MODEL_TRUNCATED,
    Reason.MODEL_WRONG_IDS,
    Reason.MODEL_UNFOUNDED,
]


@pytest.mark.parametrize("reason", REPAIRED)
def test_a_failed_answer_is_retried_once(reason):
    """The repair quotes what was wrong; both attempts are paid for."""

    async def scenario() -> None:
        scene = Scene(FakeModel(once(Problem(reason, "it was wrong"))))
        (reply,) = await scene.ask([a_question()])
        assert reply.content
        assert (reply.attempt, scene.counts["model_calls"]) == (2, 2)
        first, second = scene.model.asked
        assert second.text.startswith(first.text)
        assert "it was wrong" in second.text
        assert reply.usage.asked == first.worst_case().asked + second.worst_case().asked

    run_virtually(scenario())


@virtually
async def test_a_second_failure_is_a_failure():
    """It has its reason, is counted, and is retried by the next run, not by this one."""
    wrong = Problem(Reason.MODEL_OFF_SCHEMA, "no")
    scene = Scene(FakeModel(lambda _: wrong))
    for _ in range(2):
        (reply,) = await scene.ask([a_question()])
        assert (reply.content, reply.failure, reply.attempt) == (None, wrong, 2)
        assert len(scene.model.asked) == 2
    await scene.start("m-2")
    await scene.ask([a_question()])
    assert len(scene.model.asked) == 4


@virtually
async def test_a_refusal_is_not_retried():
    """A retry would be refused as well."""
    scene = Scene(FakeModel(lambda _: Problem(Reason.MODEL_REFUSED, "no")))
    (reply,) = await scene.ask([a_question()])
    assert (failures([reply]), len(scene.model.asked)) == ({"q1": "model_refused"}, 1)


@virtually
async def test_evidence_is_checked_by_code():
    """A citation that is not in the input is no result, whatever the model claims."""
    scene = Scene(FakeModel(lambda _: Verdict(word="yes", cites="made up")))
    (reply,) = await scene.ask([a_question()])
    assert failures([reply]) == {"q1": "model_unfounded"}
    assert [data["answer"] for data in scene.stored.values()] == [None, None]


@virtually
async def test_a_failure_does_not_affect_the_others():
    """One question in ten is refused, and the others are answered."""

    def rule(question: Question[Any]) -> Any:
        bad = question.key.endswith("7")
        return Problem(Reason.MODEL_REFUSED, "no") if bad else yes(question)

    replies = await Scene(FakeModel(rule)).ask(many(40))
    assert set(failures(replies)) == {"q7", "q17", "q27", "q37"}
    assert len(replies) == 40


@pytest.mark.parametrize("error", SERVICE, ids=lambda error: error.reason)
def test_an_error_of_the_service_ends_the_questions(error):
    """No further question is sent; answers in flight are stored, and paid for once."""

    async def scenario() -> None:
        scene = Scene(FakeModel(once(error), seconds=1.0))
        with pytest.raises(StepError) as caught:
            await scene.ask(many(50))
        assert caught.value is error
        assert len(scene.model.asked) == INITIAL_CONCURRENCY
        assert len(scene.stored) == INITIAL_CONCURRENCY - 1
        await scene.ask(many(50))
        assert len(scene.model.asked) == 51

    run_virtually(scenario())


@pytest.mark.parametrize("reason", [Reason.MODEL_TIMEOUT, Reason.MODEL_REJECTED])
def test_an_error_of_one_question_is_its_own(reason):
    """While others are answered, it fails, and they do not wait for it."""

    def rule(question: Question[Any]) -> Any:
        return StepError(reason, "not this one") if question.key == "q3" else yes(question)

    replies = run_virtually(Scene(FakeModel(rule)).ask(many(30)))
    assert failures(replies) == {"q3": reason}
    assert len(replies) == 30


@pytest.mark.parametrize("reason", [Reason.MODEL_TIMEOUT, Reason.MODEL_MALFORMED])
def test_an_error_of_all_questions_is_the_services(reason):
    """No question is to blame while none is answered."""

    async def scenario() -> None:
        scene = Scene(FakeModel(lambda _: StepError(reason, "none")))
        with pytest.raises(StepError) as caught:
            await scene.ask(many(30))
        assert (caught.value.reason, scene.stored) == (reason, {})
        assert len(scene.model.asked) == INITIAL_CONCURRENCY

    run_virtually(scenario())


@pytest.mark.parametrize("number", [1, 30])
def test_a_rejected_question_fails_at_once(number):
    """The service refuses this question, even if it is the only one."""

    async def scenario() -> None:
        scene = Scene(FakeModel(lambda _: StepError(Reason.MODEL_REJECTED, "not this one")))
        replies = await scene.ask(many(number))
        assert failures(replies) == {f"q{n}": "model_rejected" for n in range(number)}
        assert len(scene.model.asked) == number
        assert [data["answer"] for data in scene.stored.values()] == [None] * number

    run_virtually(scenario())


@virtually
async def test_a_question_that_is_alone_fails_after_some_attempts():
    """Otherwise the run would never end."""
    scene = Scene(FakeModel(lambda _: StepError(Reason.MODEL_TIMEOUT, "slow")))
    await scene.start()
    assert scene.claim
    scene.claim.step.document.data["retries"] = PATIENCE
    scene.claim._state = State.load(scene.claim.run.document, [scene.claim.step.document])
    assert failures(await scene.ask([a_question()])) == {"q1": "model_timeout"}


@virtually
async def test_no_question_is_sent_that_cannot_be_answered_in_time():
    """Before the deadline, questions in flight are answered; the rest is left."""
    scene = Scene(FakeModel(yes, seconds=5.0))
    replies = await scene.ask(many(100))
    assert scene.asking
    assert (len(scene.model.asked), scene.asking.left) == (len(replies), 100 - len(replies))
    assert len(replies) >= 3 * INITIAL_CONCURRENCY
    assert scene.asking.spent is None


@virtually
async def test_a_question_that_our_deadline_cut_off_does_not_fail():
    """The first answers took longer than expected: the question is left for the next invocation."""
    scene = Scene(FakeModel(yes, seconds=14.0))
    replies = await scene.ask([a_question()], seconds=8.0)
    assert scene.asking
    assert (replies, scene.asking.left, scene.stored) == ([], 1, {})


@virtually
async def test_it_respects_the_limits_of_the_headers():
    """240 a minute are 4 a second: it starts with the remaining ones and never exceeds the rate."""
    scene = Scene(FakeModel(yes, seconds=0.5, limits=RateLimits(0, 60.0, None, None, 240, None)))
    replies = await scene.ask(many(200))
    # each answer says that nothing is left: from then on, one every quarter of a second
    assert 50 <= len(replies) <= INITIAL_CONCURRENCY + 4 * LADDER.step
    assert scene.model.max_in_flight <= INITIAL_CONCURRENCY


@virtually
async def test_concurrency_grows_to_the_limit():
    """It stops at the maximum."""
    scene = Scene(FakeModel(yes, seconds=1.0, limits=PLENTY))
    await scene.ask(many(300))
    assert scene.model.max_in_flight == MAX_CONCURRENCY


SPENT = [
    (budget(max_calls=7), "run.max_calls: 7", 7),
    (budget(max_tokens=0), "run.max_tokens: 0", 0),
    (budget(max_dollars=0.0), "run.max_dollars: 0.0", 0),
]


@pytest.mark.parametrize(("settings", "limit", "asked"), SPENT)
def test_a_spent_budget_ends_the_questions(settings, limit, asked):
    """The limit and the number of questions left are known, also to the next invocation."""

    async def scenario() -> None:
        scene = Scene(FakeModel(yes), settings=settings)
        for _ in range(2):
            replies = await scene.ask(many(20))
            assert scene.asking
            assert (len(replies), scene.asking.left, scene.asking.spent) == (
                asked,
                20 - asked,
                limit,
            )
        assert len(scene.model.asked) == asked

    run_virtually(scenario())


@virtually
async def test_the_budget_covers_the_worst_case():
    """Questions in flight may use all their tokens."""
    one = a_question("q0").worst_case().tokens
    scene = Scene(FakeModel(yes, seconds=1.0), settings=budget(max_tokens=3 * one))
    await scene.ask(many(20))
    assert scene.model.max_in_flight == 3
    used = scene.counts["tokens_asked"] + scene.counts["tokens_answered"]
    assert 2 * one < used <= 3 * one


@virtually
async def test_the_budget_of_a_day_covers_all_runs():
    """The second run adds to the usage of the first; the next day starts at zero."""
    day = ModelBudget(run=Allowance(), day=Allowance(max_calls=8))
    scene = Scene(FakeModel(yes), settings=ModelSettings(budget=day))
    assert len(await scene.ask(many(5))) == 5
    await scene.start("m-2")
    assert len(await scene.ask(many(20))) == 8  # five of them were stored
    assert scene.asking
    assert scene.asking.spent == "day.max_calls: 8"
    scene.world.clock.advance(24 * 3600)
    await scene.start("m-3")
    assert len(await scene.ask(many(20))) == 16


@virtually
async def test_a_retry_beyond_the_budget_is_a_failure():
    """The answer was wrong, and the budget allows no retry."""
    wrong = Problem(Reason.MODEL_OFF_SCHEMA, "no")
    scene = Scene(FakeModel(lambda _: wrong), settings=budget(max_calls=1))
    assert failures(await scene.ask([a_question()])) == {"q1": "model_off_schema"}


class FailingAnswers(MemoryStore):
    """A store whose first commits of answers fail, or seem to."""

    def __init__(self, failures: int, happens: bool) -> None:
        super().__init__()
        self._failures = failures
        self._happens = happens

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        if not writes[0].path.startswith("answers/") or not self._failures:
            return await super().commit(writes)
        self._failures -= 1
        if self._happens:
            await super().commit(writes)
        raise StoreError("lost")


@pytest.mark.parametrize("happens", [False, True])
def test_a_paid_answer_is_stored_although_the_store_fails_at_first(happens):
    """Also if the commit happened and its response was lost."""

    async def scenario() -> None:
        scene = Scene(FakeModel(yes), FailingAnswers(2, happens))
        (reply,) = await scene.ask([a_question()])
        assert (reply.paid_by_run, len(scene.stored), scene.counts["model_calls"]) == (True, 1, 1)

    run_virtually(scenario())


@virtually
async def test_an_unavailable_store_ends_the_questions():
    """The error is the store's; the model is closed, and no call is left."""
    scene = Scene(FakeModel(yes), FailingAnswers(99, happens=False))
    with pytest.raises(StoreError):
        await scene.ask(many(5))
    assert scene.model.closed


@virtually
async def test_the_first_stored_answer_wins():
    """Two workers asked the same question: both use the same answer."""
    scene = Scene(FakeModel(yes))
    rival = Scene(FakeModel(lambda q: Verdict(word="no", cites=q.text[:2])), scene.store)
    await scene.start("m-1")
    await rival.start("m-2")

    async def slow(question: Question[Any], deadline: Deadline) -> Any:
        await rival.ask([a_question()])  # while ours is in flight
        return await FakeModel.ask(scene.model, question, deadline)

    scene.model.ask = slow  # type: ignore[method-assign]
    (reply,) = await scene.ask([a_question()])
    assert reply.content
    assert reply.content.word == "no"


@virtually
async def test_a_bug_in_a_check_loses_no_answer():
    """The bug is raised, and the paid answer is stored."""

    def bug(_: Verdict) -> Sequence[Problem]:
        raise ZeroDivisionError

    scene = Scene(FakeModel(yes))
    with pytest.raises(ZeroDivisionError):
        await scene.ask([a_question(problems=bug)])
    assert [data["reason"] for data in scene.stored.values()] == [None]


@virtually
async def test_a_budget_in_dollars_needs_a_price():
    """If the model's price is not known, nothing is asked."""
    scene = Scene(FakeModel(yes, name="llama-9"))
    with pytest.raises(StepError, match="give `price`") as caught:
        await scene.ask([a_question()])
    assert (caught.value.reason, scene.model.closed) == (Reason.MODEL_PRICE_UNKNOWN, True)


@virtually
async def test_without_dollars_no_price_is_needed():
    """The cost of the reply is unknown, which is not zero."""
    scene = Scene(FakeModel(yes, name="llama-9"), settings=budget(max_calls=5))
    (reply,) = await scene.ask([a_question()])
    assert reply.dollars is None


@virtually
async def test_a_caller_that_stops_early_leaves_no_call():
    """Calls in flight end with the invocation."""
    scene = Scene(FakeModel(yes, seconds=1.0))
    await scene.start()
    assert scene.claim
    async with Asking(scene.claim, scene.settings, scene.model.open) as asking:
        await anext(asking.replies(many(50), Deadline.after(27)))
    assert (scene.model.in_flight, scene.model.closed) == (0, True)
