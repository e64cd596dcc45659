from itertools import product

import pytest

from landfall.runs.lifecycle import (
    RUN_ENDED,
    RUN_LIVE,
    STEP_ENDED,
    IllegalMoveError,
    RunStatus,
    StepStatus,
    check_run_move,
    check_step_move,
)

# the graph, as the design draws it
RUN_GRAPH = """
    queued  > running error timed_out cancelled
    running > scoring error timed_out cancelled
    scoring > done    error timed_out cancelled
"""
# a continuation or a delayed retry is queued again; a step that waits fails with its run
STEP_GRAPH = """
    queued  > running failed
    running > queued  done failed
"""


def arrows(graph: str) -> set[tuple[str, str]]:
    lines = [line.split(" > ") for line in graph.strip().splitlines()]
    return {(old.strip(), new) for old, news in lines for new in news.split()}


@pytest.mark.parametrize(("old", "new"), [*product(RunStatus, RunStatus)])
def test_a_run_makes_only_the_moves_of_the_graph(old: RunStatus, new: RunStatus) -> None:
    """Every pair is tried: what the graph has not is refused, also a move to where it is."""
    if (old, new) in arrows(RUN_GRAPH):
        check_run_move(old, new)
    else:
        with pytest.raises(IllegalMoveError, match=f"from {old} to {new}"):
            check_run_move(old, new)


@pytest.mark.parametrize(("old", "new"), [*product(StepStatus, StepStatus)])
def test_a_step_makes_only_the_moves_of_the_graph(old: StepStatus, new: StepStatus) -> None:
    """Every pair is tried: what the graph has not is refused, also a move to where it is."""
    if (old, new) in arrows(STEP_GRAPH):
        check_step_move(old, new)
    else:
        with pytest.raises(IllegalMoveError, match=f"from {old} to {new}"):
            check_step_move(old, new)


def test_ended_is_what_no_move_leaves() -> None:
    """Live and ended share out all statuses, and only live ones have a way on."""
    assert set(RunStatus) - {old for old, _ in arrows(RUN_GRAPH)} == RUN_ENDED
    assert set(StepStatus) - {old for old, _ in arrows(STEP_GRAPH)} == STEP_ENDED
    assert set(RunStatus) - RUN_ENDED == RUN_LIVE


def test_every_status_can_be_reached_from_queued() -> None:
    """There is no status that a run or a step never has."""
    for graph, statuses in ((RUN_GRAPH, RunStatus), (STEP_GRAPH, StepStatus)):
        assert {"queued"} | {new for _, new in arrows(graph)} == set(statuses)


def test_the_names_of_statuses_are_those_that_are_stored() -> None:
    """Documents, queries and indexes have them; another version reads what this one wrote."""
    assert set(RunStatus) == {
        *("queued", "running", "scoring", "done", "error", "timed_out", "cancelled")
    }
    assert set(StepStatus) == {"queued", "running", "done", "failed"}
