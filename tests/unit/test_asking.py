"""Many questions in one invocation, on a virtual clock: what comes of each, and what is paid."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from landfall.deadlines import LADDER, Deadline
from landfall.llm.questions import Problem, Question, RateLimits, Reply
from landfall.llm.rate_limit import FIRST_AT_ONCE, MOST_AT_ONCE
from landfall.llm.session import PATIENCE, Asking
from landfall.llm.settings import Allowance, ModelBudget, ModelSettings
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

    async def ask(
        self, questions: Sequence[Question[Verdict]], seconds: float = LADDER.step
    ) -> Replies:
        """One invocation that keeps what it has spent; its replies."""
        if self.claim is None:
            await self.start()
        assert self.claim is not None
        deadline = Deadline.after(seconds)
        replies: Replies = []
        asking = Asking(self.claim, self.settings, self.model.open)
        async with asking as self.asking:
            async for reply in asking.replies(questions, deadline):
                replies.append(reply)
            await self.claim.checkpoint(At(), {}, asking.spending.writes())
        assert self.model.closed
        return replies

    @property
    def kept(self) -> dict[str, Any]:
        """The kept answers, by their ids."""
        return {document.id: document.data for document in self.store.all("answers")}

    @property
    def counts(self) -> dict[str, Any]:
        """What the last invocation says of the whole run's use."""
        assert self.asking is not None
        return self.asking.spending.counts()


def virtually(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """The test on a virtual clock."""

    def on_virtual_clock() -> None:
        run_virtually(test())

    on_virtual_clock.__name__, on_virtual_clock.__doc__ = test.__name__, test.__doc__
    return on_virtual_clock


def many(number: int) -> list[Question[Verdict]]:
    return [a_question(f"q{n}") for n in range(number)]


def failures(replies: Replies) -> dict[str, str]:
    return {reply.key: reply.failure.reason for reply in replies if reply.failure}


def once(failure: Problem | StepError) -> Callable[[Question[Any]], Any]:
    """A rule: this at first, and then yes to everything."""
    asked: list[Question[Any]] = []

    def rule(question: Question[Any]) -> Any:
        asked.append(question)
        return failure if len(asked) == 1 else yes(question)

    return rule


@virtually
async def test_every_question_has_its_reply():
    """With what it cost, who gave it, and how long it took."""
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
async def test_what_is_paid_for_is_kept_and_not_asked_again():
    """By the same run, delivered again, or by a later one, for which it costs nothing."""
    scene = Scene(FakeModel(yes))
    first = await scene.ask(many(3))
    again = await scene.ask(many(3))
    assert [reply.content for reply in again] == [reply.content for reply in first]
    await scene.start("m-2")
    later = await scene.ask(many(3))
    assert len(scene.model.asked) == 3
    assert [reply.ours for reply in later] == [False] * 3
    assert scene.counts["model_calls"] == 0


@virtually
async def test_an_interrupted_run_counts_its_money_once():
    """The answers were kept, and what they cost was not: it is found there."""
    scene = Scene(FakeModel(yes))
    await scene.start()
    assert scene.claim
    async with Asking(scene.claim, scene.settings, scene.model.open) as asking:
        async for _ in asking.replies(many(5), Deadline.after(27)):
            pass  # and no checkpoint
    replies = await scene.ask(many(5))
    assert [reply.ours for reply in replies] == [True] * 5
    assert (len(scene.model.asked), scene.counts["model_calls"]) == (5, 5)


REPAIRED = [
    Reason.MODEL_MALFORMED,
    Reason.MODEL_OFF_SCHEMA,
    Reason.MODEL_TRUNCATED,
    Reason.MODEL_WRONG_IDS,
    Reason.MODEL_UNFOUNDED,
]


@pytest.mark.parametrize("reason", REPAIRED)
def test_a_failed_answer_is_asked_for_once_more(reason):
    """Told what was wrong; both attempts are paid for."""

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
    """It has its reason, is counted, and is asked again by the next run, not by this one."""
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
async def test_a_refusal_is_not_asked_for_twice():
    """It would be refused again."""
    scene = Scene(FakeModel(lambda _: Problem(Reason.MODEL_REFUSED, "no")))
    (reply,) = await scene.ask([a_question()])
    assert (failures([reply]), len(scene.model.asked)) == ({"q1": "model_refused"}, 1)


@virtually
async def test_evidence_is_checked_by_code():
    """What the input does not have is no result, whatever the model says."""
    scene = Scene(FakeModel(lambda _: Verdict(word="yes", cites="made up")))
    (reply,) = await scene.ask([a_question()])
    assert failures([reply]) == {"q1": "model_unfounded"}
    assert [data["answer"] for data in scene.kept.values()] == [None, None]


@virtually
async def test_a_failure_takes_nothing_from_the_others():
    """One question in ten is refused."""

    def rule(question: Question[Any]) -> Any:
        bad = question.key.endswith("7")
        return Problem(Reason.MODEL_REFUSED, "no") if bad else yes(question)

    replies = await Scene(FakeModel(rule)).ask(many(40))
    assert set(failures(replies)) == {"q7", "q17", "q27", "q37"}
    assert len(replies) == 40


SERVICE = [
    StepError(Reason.MODEL_RATE_LIMITED, "later", retry_after=20.0),
    StepError(Reason.MODEL_UNAVAILABLE, "500"),
    StepError(Reason.MODEL_UNREACHABLE, "reset"),
    StepError(Reason.MODEL_UNAUTHORIZED, "401"),
    StepError(Reason.MODEL_NOT_FOUND, "404"),
    StepError(Reason.MODEL_UNSUPPORTED, "400"),
    StepError(Reason.MODEL_QUOTA_SPENT, "pay"),
]


@pytest.mark.parametrize("error", SERVICE, ids=lambda error: error.reason)
def test_a_trouble_of_the_service_ends_the_questions(error):
    """Nothing new is begun; what was under way is kept, and paid for once."""

    async def scenario() -> None:
        scene = Scene(FakeModel(once(error), seconds=1.0))
        with pytest.raises(StepError) as caught:
            await scene.ask(many(50))
        assert caught.value is error
        assert len(scene.model.asked) == FIRST_AT_ONCE
        assert len(scene.kept) == FIRST_AT_ONCE - 1
        await scene.ask(many(50))
        assert len(scene.model.asked) == 51

    run_virtually(scenario())


@pytest.mark.parametrize("reason", [Reason.MODEL_TIMEOUT, Reason.MODEL_REJECTED])
def test_what_happens_to_one_question_is_its_own(reason):
    """While others are answered: it fails, and they do not wait for it."""

    def rule(question: Question[Any]) -> Any:
        return StepError(reason, "not this one") if question.key == "q3" else yes(question)

    replies = run_virtually(Scene(FakeModel(rule)).ask(many(30)))
    assert failures(replies) == {"q3": reason}
    assert len(replies) == 30


@pytest.mark.parametrize("reason", [Reason.MODEL_TIMEOUT, Reason.MODEL_MALFORMED])
def test_what_happens_to_all_is_the_services(reason):
    """No question is to blame while none is answered."""

    async def scenario() -> None:
        scene = Scene(FakeModel(lambda _: StepError(reason, "none")))
        with pytest.raises(StepError) as caught:
            await scene.ask(many(30))
        assert (caught.value.reason, scene.kept) == (reason, {})
        assert len(scene.model.asked) == FIRST_AT_ONCE

    run_virtually(scenario())


@pytest.mark.parametrize("number", [1, 30])
def test_a_question_that_is_rejected_is_to_blame_at_once(number):
    """The service has looked at it, and does not want this one: also where it is the only one."""

    async def scenario() -> None:
        scene = Scene(FakeModel(lambda _: StepError(Reason.MODEL_REJECTED, "not this one")))
        replies = await scene.ask(many(number))
        assert failures(replies) == {f"q{n}": "model_rejected" for n in range(number)}
        assert len(scene.model.asked) == number
        assert [data["answer"] for data in scene.kept.values()] == [None] * number

    run_virtually(scenario())


@virtually
async def test_a_question_that_is_alone_is_to_blame_after_a_while():
    """Otherwise a run would never end because of it."""
    scene = Scene(FakeModel(lambda _: StepError(Reason.MODEL_TIMEOUT, "slow")))
    await scene.start()
    assert scene.claim
    scene.claim.step.document.data["retries"] = PATIENCE
    scene.claim._state = State.load(scene.claim.run.document, [scene.claim.step.document])
    assert failures(await scene.ask([a_question()])) == {"q1": "model_timeout"}


@virtually
async def test_nothing_is_begun_that_cannot_end():
    """The deadline comes: what was begun is answered, the rest is the next invocation's."""
    scene = Scene(FakeModel(yes, seconds=5.0))
    replies = await scene.ask(many(100))
    assert scene.asking
    assert (len(scene.model.asked), scene.asking.left) == (len(replies), 100 - len(replies))
    assert len(replies) >= 3 * FIRST_AT_ONCE
    assert scene.asking.spent is None


@virtually
async def test_a_question_that_our_deadline_cut_off_is_not_to_blame():
    """The first answers took longer than anybody could expect: it is left."""
    scene = Scene(FakeModel(yes, seconds=14.0))
    replies = await scene.ask([a_question()], seconds=8.0)
    assert scene.asking
    assert (replies, scene.asking.left, scene.kept) == ([], 1, {})


@virtually
async def test_it_keeps_to_the_limits_of_the_headers():
    """240 a minute are 4 a second: it begins with what is left and never asks for more."""
    scene = Scene(FakeModel(yes, seconds=0.5, limits=RateLimits(0, 60.0, None, None, 240, None)))
    replies = await scene.ask(many(200))
    # each answer says that nothing is left: from then on, one every quarter of a second
    assert 50 <= len(replies) <= FIRST_AT_ONCE + 4 * LADDER.step
    assert scene.model.most_at_once <= FIRST_AT_ONCE


@virtually
async def test_it_grows_to_what_is_allowed():
    """And no further."""
    scene = Scene(FakeModel(yes, seconds=1.0, limits=PLENTY))
    await scene.ask(many(300))
    assert scene.model.most_at_once == MOST_AT_ONCE


def budget(**limits: Any) -> ModelSettings:
    return ModelSettings(budget=ModelBudget(run=Allowance(**limits), day=Allowance()))


SPENT = [
    (budget(max_calls=7), "run.max_calls: 7", 7),
    (budget(max_tokens=0), "run.max_tokens: 0", 0),
    (budget(max_dollars=0.0), "run.max_dollars: 0.0", 0),
]


@pytest.mark.parametrize(("settings", "limit", "asked"), SPENT)
def test_a_spent_budget_ends_the_questions(settings, limit, asked):
    """It says which limit, and how much is left; also to the next invocation."""

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
async def test_the_budget_is_kept_by_the_worst_case():
    """What is under way may use all that it is allowed to."""
    one = a_question("q0").worst_case().tokens
    scene = Scene(FakeModel(yes, seconds=1.0), settings=budget(max_tokens=3 * one))
    await scene.ask(many(20))
    assert scene.model.most_at_once == 3
    used = scene.counts["tokens_asked"] + scene.counts["tokens_answered"]
    assert 2 * one < used <= 3 * one


@virtually
async def test_a_days_budget_is_that_of_all_runs():
    """The second run finds what the first has used; the next day begins anew."""
    day = ModelBudget(run=Allowance(), day=Allowance(max_calls=8))
    scene = Scene(FakeModel(yes), settings=ModelSettings(budget=day))
    assert len(await scene.ask(many(5))) == 5
    await scene.start("m-2")
    assert len(await scene.ask(many(20))) == 8  # five of them were kept
    assert scene.asking
    assert scene.asking.spent == "day.max_calls: 8"
    scene.world.clock.advance(24 * 3600)
    await scene.start("m-3")
    assert len(await scene.ask(many(20))) == 16


@virtually
async def test_a_repair_that_cannot_be_paid_is_a_failure():
    """The answer was wrong, and nobody may ask again."""
    wrong = Problem(Reason.MODEL_OFF_SCHEMA, "no")
    scene = Scene(FakeModel(lambda _: wrong), settings=budget(max_calls=1))
    assert failures(await scene.ask([a_question()])) == {"q1": "model_off_schema"}


class Forgetful(MemoryStore):
    """A store of which the first commits of answers fail, or seem to."""

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
def test_a_paid_answer_is_kept_though_the_store_stumbles(happens):
    """Also where the commit had happened and nobody was told."""

    async def scenario() -> None:
        scene = Scene(FakeModel(yes), Forgetful(2, happens))
        (reply,) = await scene.ask([a_question()])
        assert (reply.ours, len(scene.kept), scene.counts["model_calls"]) == (True, 1, 1)

    run_virtually(scenario())


@virtually
async def test_a_store_that_is_away_ends_the_questions():
    """As trouble of the store; the model is closed and nothing goes on."""
    scene = Scene(FakeModel(yes), Forgetful(99, happens=False))
    with pytest.raises(StoreError):
        await scene.ask(many(5))
    assert scene.model.closed


@virtually
async def test_who_keeps_an_answer_first_is_right():
    """Two workers asked the same: both go on with the same answer."""
    scene = Scene(FakeModel(yes))
    rival = Scene(FakeModel(lambda q: Verdict(word="no", cites=q.text[:2])))
    await scene.start()
    rival.world, rival.claim = scene.world, scene.claim

    async def slow(question: Question[Any], deadline: Deadline) -> Any:
        await rival.ask([a_question()])  # while ours is under way
        return await FakeModel.ask(scene.model, question, deadline)

    scene.model.ask = slow  # type: ignore[method-assign]
    (reply,) = await scene.ask([a_question()])
    assert reply.content
    assert reply.content.word == "no"


@virtually
async def test_a_bug_in_a_check_loses_no_answer():
    """It is loud, and what was paid for is kept."""

    def bug(_: Verdict) -> Sequence[Problem]:
        raise ZeroDivisionError

    scene = Scene(FakeModel(yes))
    with pytest.raises(ZeroDivisionError):
        await scene.ask([a_question(problems=bug)])
    assert [data["reason"] for data in scene.kept.values()] == [None]


@virtually
async def test_a_budget_in_dollars_takes_a_price():
    """Where nobody knows what the model costs, nothing is asked."""
    scene = Scene(FakeModel(yes, name="llama-9"))
    with pytest.raises(StepError, match="give `price`") as caught:
        await scene.ask([a_question()])
    assert (caught.value.reason, scene.model.closed) == (Reason.MODEL_PRICE_UNKNOWN, True)


@virtually
async def test_without_dollars_no_price_is_needed():
    """The reply says that its cost is not known, which is not nothing."""
    scene = Scene(FakeModel(yes, name="llama-9"), settings=budget(max_calls=5))
    (reply,) = await scene.ask([a_question()])
    assert reply.dollars is None


@virtually
async def test_who_stops_listening_leaves_nothing_behind():
    """The calls that are under way end with the invocation."""
    scene = Scene(FakeModel(yes, seconds=1.0))
    await scene.start()
    assert scene.claim
    async with Asking(scene.claim, scene.settings, scene.model.open) as asking:
        await anext(asking.replies(many(50), Deadline.after(27)))
    assert (scene.model.under_way, scene.model.closed) == (0, True)
