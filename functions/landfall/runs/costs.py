"""The costs of a run, added up in its `counts`.

A meter (`store.metering`) counts the operations of one invocation. Every commit that moves a run
has the sum so far, itself included, so counting costs no write of its own. The share of a worker is
stored in its step (`spent`), and a later commit of the same attempt replaces it: nothing is counted
twice, even if the answer to the commit before was lost.

Not counted are the operations of an attempt after its last commit (it was killed or fenced),
deliveries that were declined, and the reads of ticks and people.
"""

from dataclasses import replace

from landfall.runs.changes import Change, State
from landfall.runs.documents import StepFields
from landfall.runs.steps import ROLES, StepId
from landfall.store.documents import Create, Fields, UnreadableError
from landfall.store.metering import current_account, seconds_now

INITIAL_COUNTS: Fields = {
    "firestore_reads": 0,
    "firestore_writes": 3,
    "tasks": 1,
    "function_seconds": 0.0,
    "airtable_requests": 0,
    "model_tokens": 0,
    "model_cost": 0.0,
}
"""The `counts` of a new run: three writes (the run, its first step and an event) and a task. Those
of a model are counted with its answers (`llm.budget`)."""


def with_costs(state: State, change: Change, moves: int, step_id: StepId | None) -> Change:
    """Return the change with the costs of the run as of its commit, which makes so many moves.

    `step_id` is the step whose worker commits; None is another writer. Raises `UnreadableError`.
    """
    account = current_account()
    if account is None:
        return change
    had, spent = state.run.counts, account.spent()
    before: Fields = {}
    if step_id:
        step = change.steps[step_id]
        # the costs of earlier attempts are not replaced
        before = {} if "attempt" in step else state.steps[step_id].spent or {}
        seconds = round(seconds_now() - account.began, 3)
        spent |= {
            "airtable_requests": account.airtable_requests,
            "function_seconds": seconds,
            f"{ROLES[step_id].function}_seconds": seconds,
        }
        with_spent: StepFields = {**step, "spent": spent}
        change = replace(change, steps={**change.steps, step_id: with_spent})
    spent["firestore_writes"] += 1 + len(change.steps) + moves + len(change.writes)
    counts: Fields = {**change.run.get("counts", {})}
    try:
        for name, amount in spent.items():
            counts[name] = round(had.get(name, 0) - before.get(name, 0) + amount, 3)
        counts["tasks"] = had.get("tasks", 0) + _tasks(change)
    except TypeError:
        raise UnreadableError(f"{state.run.path} cannot be read: `counts` has no numbers") from None
    return replace(change, run={**change.run, "counts": counts})


def _tasks(change: Change) -> int:
    """Count the steps that wait for a task from this commit on, by their new `dispatch`."""
    begun = [write.data for write in change.writes if isinstance(write, Create)]
    return sum("dispatch" in fields for fields in (*change.steps.values(), *begun))
