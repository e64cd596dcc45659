import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from landfall.runs.tasks import Task

AT = datetime(2026, 3, 2, 6, 0, tzinfo=UTC)
TASK = Task("s-people-20260302T060000Z", "fetch", attempt=2, dispatch=3, at=AT)


def test_a_name_is_the_same_every_time() -> None:
    """Enqueueing twice is enqueueing once: the name is made of ids and counts, not of a moment."""
    again = replace(TASK, at=AT + timedelta(seconds=30))
    assert TASK.name == again.name == "843ac784-s-people-20260302T060000Z-fetch-2-3"


@pytest.mark.parametrize(
    "other", [{"run_id": "m-1"}, {"step_id": "score"}, {"attempt": 3}, {"dispatch": 4}]
)
def test_another_task_has_another_name(other: dict[str, Any]) -> None:
    """Cloud Tasks keeps a name for an hour: what is to be delivered again needs a new one."""
    assert replace(TASK, **other).name != TASK.name


def test_names_do_not_share_a_prefix() -> None:
    """A hash comes first: Cloud Tasks slows down on names that begin alike."""
    firsts = {replace(TASK, dispatch=number).name[:8] for number in range(100)}
    assert len(firsts) == 100
    assert all(re.fullmatch("[0-9a-f]{8}", first) for first in firsts)


def test_names_have_only_what_cloud_tasks_takes() -> None:
    """Letters, digits, hyphens and underscores, 500 at most: also for the longest scan id."""
    longest = replace(TASK, run_id=f"m-{'a' * 60}-20260302T060000Z-abcdef", attempt=10**6)
    assert re.fullmatch("[A-Za-z0-9_-]{1,500}", longest.name)


def test_only_ids_travel() -> None:
    """The body says which step, and the attempt that fences it; the rest is in Firestore."""
    assert TASK.body == {"run_id": TASK.run_id, "step_id": "fetch", "attempt": 2}
