"""Word to people, over a store in memory and a real receiver: sent once, under one id, or visible.

The signature is compared with the example of Standard Webhooks itself, too.
"""

import base64
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from infra.local.channels import LocalChannels
from infra.local.wire.faults import Fault, FaultKind, FaultRule
from landfall.deadlines import Deadline
from landfall.process.redaction import OURS
from landfall.reasons import Reason, StepError
from landfall.runs.claim import Claim
from landfall.runs.documents import RunFields
from landfall.runs.kind import Again, Outcome
from landfall.runs.outbox import TRIED_FOR
from landfall.runs.tasks import MessageTask
from landfall.site.urls import host_of
from landfall.store.documents import Document, Query
from landfall.tell import webhook
from landfall.tell.sender import Sender
from landfall.ticks.watchdog import Watchdog
from tests.fakes.workers import work_on
from tests.fakes.world import START, World

SECRET = base64.b64encode(b"s" * 32).decode()
OLD = base64.b64encode(b"o" * 32).decode()
ALL = ["new", "reopened", "worse", "mended", "failed", "inconclusive"]


@pytest.fixture
async def receiver() -> AsyncIterator[LocalChannels]:
    async with LocalChannels(SECRET, now=START.timestamp()) as server:
        yield server


def sender(world: World, receiver: LocalChannels) -> Sender:
    """Return a sender whose channels are the stand-in's."""
    channels = {
        "ops": {"kind": "slack", "url": f"{receiver.url}/slack"},
        "erp": {
            "kind": "webhook",
            "url": f"{receiver.url}/webhook",
            "secret": [f"whsec_{SECRET}", f"whsec_{OLD}"],
        },
    }
    text = json.dumps(channels)
    return Sender(world.runs, text, [host_of(receiver.url)], "https://window.example", OURS)


async def ended(world: World, run_id: str, report: RunFields | StepError, *to: str) -> None:
    """Have a run of a scan that tells these channels end in this way."""
    notify = [{"channel": name, "when": ALL} for name in to]
    scan = await world.save(name="Our <people> & more", notify=notify)
    task = await world.start(scan, run_id)

    async def fetch(claim: Claim, _scan: Any, _deadline: Deadline) -> Outcome | Again:
        await claim.finish_step("score", {})
        return Outcome.FINISHED

    async def score(claim: Claim, _scan: Any, _deadline: Deadline) -> Outcome | Again:
        if isinstance(report, StepError):
            raise report
        await claim.finish_run(report)
        return Outcome.FINISHED

    await work_on(world, task, fetch)
    (task,) = [it for it in world.queue.tasks if (it.run_id, it.step_id) == (run_id, "score")]
    await work_on(world, task, score)


def healthy() -> RunFields:
    return {"verdict": "healthy", "report": {}}


def found(*to: str, new: int = 12) -> RunFields:
    """Return the fields of a run with new findings."""
    finding = {
        "event": "new",
        "severity": "critical",
        "rule": "Has a class",
        "table": "People",
        "records": 1,
        "record_name": "Eve <!channel>|x",
        "link": "https://airtable.com/app/tbl/rec",
    }
    numbers = {"new": {"critical": new}, "open": {"critical": new}}
    news = [
        {"channel": name, "findings": [finding] * min(new, 10), "more": max(0, new - 10)} | numbers
        for name in to
    ]
    return {"verdict": "critical", "report": {"news": news}}


async def outbox(world: World) -> list[Document]:
    return await world.store.find(Query("outbox"))


def tasks(world: World) -> list[MessageTask]:
    return [task for task in world.queue.tasks if isinstance(task, MessageTask)]


async def send_last(world: World, receiver: LocalChannels) -> Outcome:
    """Deliver the newest task of a message, at its time."""
    task = tasks(world)[-1]
    world.clock.now = max(world.clock.now, task.at)
    receiver._now = world.clock.now.timestamp()
    return await sender(world, receiver).send(task.message_id, task.attempt)


async def test_each_channel_is_told_what_changed(receiver: LocalChannels) -> None:
    """The first run is a summary; then what changed alone. No name of a record is markup."""
    world = World()
    await ended(world, "m-1", healthy(), "ops", "erp")
    await ended(world, "m-2", healthy(), "ops", "erp")
    assert {one.id for one in await outbox(world)} == {"m-1.ops", "m-1.erp"}
    await ended(world, "m-3", found("ops", "erp"), "ops", "erp")
    for task in tasks(world):
        outcome = await sender(world, receiver).send(task.message_id, task.attempt)
        assert outcome == Outcome.FINISHED
    assert {one.data["status"] for one in await outbox(world)} == {"sent"}
    slack = [body for body in receiver.received if "blocks" in body]
    assert [body["text"] for body in slack] == [
        "Our &lt;people&gt; &amp; more: healthy (first message about this scan)",
        "Our &lt;people&gt; &amp; more: critical, 12 new",
    ]
    shown = json.dumps(slack[1]["blocks"], ensure_ascii=False)
    assert "<https://airtable.com/app/tbl/rec|Eve &lt;!channel&gt;/x>" in shown
    assert "<!channel>" not in shown
    assert "and 2 more" in shown
    assert "https://window.example/runs/m-3" in shown
    signed = [body for body in receiver.received if "type" in body]
    assert [one["data"]["run_id"] for one in signed] == ["m-1", "m-3"]
    assert signed[1]["data"]["numbers"]["new"] == {"critical": 12}


async def test_the_same_failure_is_told_once() -> None:
    """However often the scan runs; another one, and the end of it, are told."""
    world = World()
    await ended(world, "m-1", healthy(), "ops")
    for number, reason in enumerate([Reason.BASE_FORBIDDEN] * 3 + [Reason.BASE_NOT_FOUND], 2):
        await ended(world, f"m-{number}", StepError(reason, "the base"), "ops")
    await ended(world, "m-6", healthy(), "ops")
    await ended(world, "m-7", healthy(), "ops")
    events = {one.data["run_id"]: one.data["content"]["events"] for one in await outbox(world)}
    assert events == {"m-1": ["first"], "m-2": ["failed"], "m-5": ["failed"], "m-6": ["mended"]}


@pytest.mark.parametrize(
    "fault",
    [Fault(FaultKind.RESET), Fault(FaultKind.CUT_BODY), Fault(FaultKind.STATUS, status=503)],
)
async def test_a_lost_answer_is_tried_again_under_the_same_id(
    receiver: LocalChannels, fault: Fault
) -> None:
    """The receiver knows it by its id, and acts once. The run stays as it is."""
    world = World()
    await ended(world, "m-1", healthy(), "erp")
    receiver.faults = [FaultRule(fault, times=1)]
    before = await world.run()
    assert await send_last(world, receiver) == Outcome.WAITING
    assert await send_last(world, receiver) == Outcome.FINISHED
    assert set(receiver.ids) == {"m-1.erp"}
    assert len(receiver.ids) == 2
    assert len(receiver.received) == 1
    assert (await world.run()).version == before.version


async def test_a_busy_channel_says_when(receiver: LocalChannels) -> None:
    """429 with Retry-After is obeyed; after a day the message has failed, and shows why."""
    world = World()
    await ended(world, "m-1", healthy(), "ops")
    busy = Fault(FaultKind.STATUS, status=429, headers={"Retry-After": "3600"})
    receiver.faults = [FaultRule(busy, times=None)]
    assert await send_last(world, receiver) == Outcome.WAITING
    assert tasks(world)[-1].at >= START + timedelta(hours=1)
    for _ in range(30):
        if await send_last(world, receiver) == Outcome.FINISHED:
            break
    (message,) = await outbox(world)
    assert message.data["status"] == "failed"
    assert world.clock.now <= START + TRIED_FOR
    assert "answered 429" in message.data["last_error"]["message"]
    assert receiver.url not in json.dumps(message.data, default=str)


async def test_410_switches_a_channel_off(receiver: LocalChannels) -> None:
    """No further message is sent to it."""
    world = World()
    await ended(world, "m-1", healthy(), "erp")
    receiver.faults = [FaultRule(Fault(FaultKind.STATUS, status=410), times=1)]
    assert await send_last(world, receiver) == Outcome.FINISHED
    await ended(world, "m-2", found("erp"), "erp")
    assert await send_last(world, receiver) == Outcome.FINISHED
    assert len(receiver.ids) == 1
    assert ["410" in one.data["last_error"]["message"] for one in await outbox(world)] == [True] * 2


async def test_lost_tasks_and_workers_are_made_good(receiver: LocalChannels) -> None:
    """A task that the queue lost, and a worker that is gone: the watchdog sends again."""
    world = World()
    world.queue.broken = False
    await ended(world, "m-1", healthy(), "erp")
    first = tasks(world)[0]
    world.clock.advance(60)
    await Watchdog(world.runs, "watchdog").tick(Deadline.after(10))
    assert tasks(world)[-1].dispatch == 2
    claimed = await sender(world, receiver)._claim(first.message_id, 0)
    assert claimed
    assert await send_last(world, receiver) == Outcome.DECLINED
    world.clock.advance(60)
    watch = await Watchdog(world.runs, "watchdog").tick(Deadline.after(10))
    assert watch.messages == 1
    assert await send_last(world, receiver) == Outcome.FINISHED
    assert await sender(world, receiver)._record(claimed, None) == Outcome.FENCED
    assert len(receiver.received) == 1


async def test_a_channel_that_is_not_there_is_named(receiver: LocalChannels) -> None:
    """And is tried again, for a deployment may add it."""
    world = World()
    await ended(world, "m-1", healthy(), "opps")
    assert await send_last(world, receiver) == Outcome.WAITING
    (message,) = await outbox(world)
    said: Any = message.data["last_error"]
    assert said["message"] == "there is no channel 'opps'; there are erp, ops"


def test_a_signature_is_that_of_the_standard() -> None:
    """The example in the specification of Standard Webhooks."""
    signed = b'msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}'
    expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert webhook._signature("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", signed) == expected
