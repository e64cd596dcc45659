"""Classifications that ask in batches, through the real functions."""

from typing import Any

import pytest

from infra.local.stack import Stack
from landfall.llm.openai.batches import METADATA_KEY
from tests.end_to_end.acting import ended, get, start
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

ANSWERED = 30.0
"""Seconds until a batch of one second is looked at, after ten, and its answers are stored."""


def scan(scan_id: str, group_size: int) -> dict[str, Any]:
    """Return a scan of the sample catalogue, in groups that no other test asks about.

    An element that is asked about alone may have its answer from another test.
    """
    return {
        "id": scan_id,
        "kind": "classification",
        "base": "appCatalogue00001",
        "table": "Data elements",
        "mapping": {"name": "Name", "description": "Description"},
        "group_size": group_size,
        "model": {"batch": True},
        "limits": {"deadline_seconds": 86_400},
    }


def batch_of(stack: Stack, run_id: str) -> Any:
    """The only batch of a run, as the service has it."""
    assert stack.openai is not None
    found = stack.openai.batches.page(None, 100)["data"]
    (batch,) = [one for one in found if one["metadata"][METADATA_KEY].startswith(run_id)]
    return batch


async def test_a_classification_is_answered_by_a_batch(stack: Stack) -> None:
    """The run waits for it, and ends with what it has answered; nothing is asked alone."""
    run_id = await start(stack, scan("in-batches", 5))
    run = await ended(stack, run_id, ANSWERED)
    assert (run["status"], run["verdict"]) == ("done", "healthy")
    counts = batch_of(stack, run_id)["request_counts"]
    assert run["counts"]["model_calls"] == counts["completed"] == counts["total"] > 0


async def test_a_run_that_is_cancelled_stops_its_batch(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the function would have looked at it: what it has not answered by then is not paid."""
    assert stack.openai is not None
    monkeypatch.setattr(stack.openai.batches, "seconds", 600.0)
    run_id = await start(stack, scan("in-batches-too", 7))

    async def waits() -> bool:
        run = await get(stack, f"/runs/{run_id}")
        return bool(run["progress_step"] == "waiting_for_batch")

    await until(waits, 20)
    assert (await stack.call("POST", f"/runs/{run_id}/cancel")).status_code == 200

    async def stopped() -> bool:
        return bool(batch_of(stack, run_id)["status"] == "cancelled")

    await until(stopped, 20)
    assert (await get(stack, f"/runs/{run_id}"))["status"] == "cancelled"
