"""Runs that are started by hand have ids of their own."""

import pytest

from landfall.store.documents import ConflictError, Query
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import World


async def test_a_run_is_not_taken_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were an id drawn twice, the second request is told: it has begun no run."""
    monkeypatch.setattr("landfall.runs.runs.secrets.token_hex", lambda _: "abcdef")
    world = World(MemoryStore())
    scan = await world.save()
    head = await world.registry.head(scan.id)
    first = await world.runs.start(head, "ann", "manual")
    with pytest.raises(ConflictError):
        await world.runs.start(head, "bob", "manual")
    (run,) = await world.stored.find(Query("runs"))
    assert (run.id, run.data["started_by"]) == (first, "ann")
