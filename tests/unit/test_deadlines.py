import asyncio
import json
from dataclasses import asdict, replace
from itertools import pairwise

import pytest

from landfall.deadlines import LADDER, TICK, TICK_MISSING, Deadline, Ladder

RUNGS = [
    *("run", "stale", "lease", "dispatch", "function", "answer", "record"),
    *("step", "item", "request", "connect"),
]
RESERVES = [
    *("last_batch", "last_write", "last_rule", "last_page"),
    *("last_suggestion", "last_reply", "last_listing"),
]


def test_the_ladder_is_the_designs() -> None:
    """The rungs come in the design's order, each longer than what it waits for."""
    limits = asdict(LADDER)
    assert list(limits) == [*RUNGS, *RESERVES]
    for chain in (RUNGS, ["step", *RESERVES]):
        seconds = [limits[name] for name in chain]
        assert seconds == sorted(set(seconds), reverse=True)


def test_what_is_not_given_follows_from_the_budget() -> None:
    """A ladder with a shorter budget leaves less of it for its end."""
    short = Ladder(step=9.0, item=8.0, request=7.0)
    assert (short.answer, short.record) == (10.53, 10.35)
    assert (short.last_batch, short.last_page) == (3.0, 1.0)
    assert Ladder(step=9.0, item=8.0, request=7.0, last_page=0.8).last_page == 0.8


@pytest.mark.parametrize(("outer", "inner"), [*pairwise(RUNGS), *pairwise(RESERVES)])
def test_two_rungs_in_the_wrong_order_are_refused(outer: str, inner: str) -> None:
    """A limit that is not longer than the next is found on import, and both are named."""
    equal = {outer: getattr(LADDER, inner)}
    with pytest.raises(ValueError, match=f"deadline {outer}=.* must exceed {inner}="):
        replace(LADDER, **equal)


@pytest.mark.parametrize("seconds", [0, -1.0])
def test_the_innermost_rung_is_positive(seconds: float) -> None:
    """Nothing can be done in no time."""
    with pytest.raises(ValueError, match="connect"):
        Ladder(connect=seconds)


def test_platform_limits_hold() -> None:
    """Cloud Tasks takes 15 s to 30 min; a run that is stuck is not what shows a lost tick."""
    assert 15 <= LADDER.dispatch <= 1800
    assert TICK < TICK_MISSING < LADDER.run


@pytest.mark.parametrize(
    ("text", "changed"),
    [("", {}), ("{}", {}), ('{"stale": 46, "lease": 44.5}', {"stale": 46, "lease": 44.5})],
)
def test_parse_keeps_the_default_of_what_is_absent(text: str, changed: dict[str, float]) -> None:
    """A deployment names only the limits that it changes."""
    assert Ladder.parse(text) == replace(LADDER, **changed)


def test_parse_takes_a_ladder_with_every_limit() -> None:
    """As a deployment may write it out."""
    assert Ladder.parse(json.dumps(asdict(LADDER))) == LADDER


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "Expecting"),
        ("[1]", "some of run, stale, lease"),
        ('{"leese": 1}', "some of run, stale, lease"),
        ('{"lease": "42"}', "numbers of seconds"),
        ('{"lease": null}', "numbers of seconds"),
        ('{"run": NaN}', "must exceed"),
        ('{"run": Infinity}', "run=inf s exceeds 86400 s, a day"),
        ('{"run": 1e999}', "exceeds 86400 s"),
        ('{"run": 86401}', "exceeds 86400 s"),
        ('{"lease": 48}', "stale=48 s must exceed lease=48 s"),
    ],
)
def test_parse_refuses(text: str, message: str) -> None:
    """What is no ladder is refused with what is wrong."""
    with pytest.raises(ValueError, match=message):
        Ladder.parse(text)


async def test_a_deadline_can_only_come_sooner() -> None:
    """What is passed down never outlives what it was made from."""
    outer = Deadline.after(10)
    assert outer.sooner(20) is outer
    assert outer.sooner(1).at < outer.at
    assert 0 < outer.sooner(1).remaining() <= 1


async def test_a_deadline_that_passed_has_less_than_nothing_left() -> None:
    """`remaining` counts on below zero."""
    assert Deadline.after(-3).remaining() <= -3


async def test_limit_ends_its_body_at_the_deadline() -> None:
    """A wait without an end of its own ends in `TimeoutError`."""
    with pytest.raises(TimeoutError):
        async with Deadline.after(0.01).limit():
            await asyncio.Event().wait()


async def test_limit_leaves_a_body_alone_that_is_in_time() -> None:
    """What ends before the deadline is not disturbed."""
    async with Deadline.after(10).limit() as limit:
        await asyncio.sleep(0)
    assert not limit.expired()
