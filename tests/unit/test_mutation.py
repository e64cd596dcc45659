"""Changes to the code are of the size of a mistake, and each is what it says."""

import os
import signal
import time
from collections import Counter
from typing import Any

import pytest

from tests.mutation.__main__ import accepted_survivors
from tests.mutation.alterations import MARKS, Alteration, alterations, altered, marked
from tests.mutation.forks import Result, results

LIFECYCLE = "landfall.runs.lifecycle"


def test_every_accepted_survivor_is_a_change_to_the_code_of_today() -> None:
    """The table does not outlive what it is about, and has a reason in each row."""
    accepted = accepted_survivors()
    keys = {one.key for module in {key[0] for key in accepted} for one in alterations(module)}
    assert accepted.keys() - keys == set()
    assert [key for key, why in accepted.items() if len(why.split()) < 3] == []


def test_changes_are_many_and_different() -> None:
    """Each compiles, and none is the code as it is."""
    found = alterations(LIFECYCLE)
    assert len(found) > 30
    assert [one for one in found if one.before == one.after] == []
    assert max(Counter(one.key for one in found).values()) < 6
    for one in found:
        altered(one)
    with pytest.raises(LookupError):
        altered(Alteration(LIFECYCLE, "", 0, 0, "", "", len(found)))


def test_a_change_is_where_it_says() -> None:
    """`new not in RUN_MOVES[old]` becomes `new in ...`, and nothing else changes."""
    (one,) = (
        one
        for one in alterations(LIFECYCLE)
        if one.place == "check_run_move" and one.after == "new in RUN_MOVES[old]"
    )
    assert one.before == "new not in RUN_MOVES[old]"
    names: dict[str, Any] = {"__name__": LIFECYCLE}
    exec(altered(one), names)  # noqa: S102
    check, statuses = names["check_run_move"], names["RunStatus"]
    check(statuses.DONE, statuses.QUEUED)
    with pytest.raises(names["IllegalMoveError"]):
        check(statuses.QUEUED, statuses.RUNNING)


def test_a_marked_module_tells_which_blocks_have_run() -> None:
    """By their first lines, which are those of the changes in them; docstrings stay first."""
    marks: set[int] = set()
    names: dict[str, Any] = {"__name__": LIFECYCLE, MARKS: marks}
    exec(marked(LIFECYCLE), names)  # noqa: S102
    assert marks == set()
    names["check_run_move"](names["RunStatus"].QUEUED, names["RunStatus"].RUNNING)
    blocks = {one.block for one in alterations(LIFECYCLE) if one.place == "check_run_move"}
    assert len(blocks) == 2
    assert len(marks & blocks) == 1
    assert names["check_run_move"].__doc__


def test_a_work_that_does_not_end_is_stopped() -> None:
    """And one that dies has no answer; the others have theirs."""
    works = [
        ("hangs", lambda: time.sleep(60), 0.2),
        ("dies", lambda: os._exit(3), 30.0),
        ("works", lambda: "x" * 10**6, 30.0),
    ]
    found = {one.subject: one for one in results(works, 2)}
    assert found["hangs"] == Result("hangs", None, stopped=True)
    (alarm,) = (one.answer for one in results([("x", lambda: signal.alarm(0), 30.0)], 1))
    assert 30 <= alarm <= 35  # without us, it would end by itself
    assert found["dies"] == Result("dies", None, stopped=False)
    assert found["works"] == Result("works", "x" * 10**6, stopped=False)
