"""A restart of Firestore, as its clients see it."""

import asyncio
import os

import pytest
from google.cloud.firestore import AsyncClient

from infra.local.stack import StackOptions, running
from landfall.store.documents import ConflictError, Create, Query, StoreError, Update
from landfall.store.firestore import FirestoreStore
from tests.chaos.gate import restart_firestore, shut_at_the_end
from tests.waiting import until

AWAY = 5.0
ALL = Query("runs")


async def test_a_restart_keeps_the_documents_and_no_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Clients are cut off at once, refused, and then find all; what they had decided conflicts."""
    async with shut_at_the_end() as gate, running(StackOptions(tick_seconds=None)) as stack:
        await gate.open(stack.addresses.firestore)
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", gate.address)
        client = AsyncClient(project=stack.addresses.project)
        store = FirestoreStore(client, 30.0)
        paths = [f"runs/r{number}" for number in range(50)]
        await store.commit([Create(path, {"path": path, "part": b"\x00\xff"}) for path in paths])
        before = await store.find(ALL)
        old = stack.processes["firestore"].pid

        restart = asyncio.create_task(restart_firestore(stack, gate, AWAY))
        await asyncio.sleep(0)
        with pytest.raises(StoreError):
            await store.find(ALL)
        assert not restart.done()
        await restart
        with pytest.raises(ProcessLookupError):
            os.kill(old, 0)

        after = await until(lambda: _found(store), 20)
        assert [run.data for run in after] == [run.data for run in before]
        with pytest.raises(ConflictError):
            await store.commit([Update(paths[0], {"path": ""}, before[0].version)])
        await store.commit([Update(paths[0], {"path": ""}, after[0].version)])
        await client._firestore_api.transport.close()


async def _found(store: FirestoreStore):
    """A client connects again by its own back-off."""
    try:
        return await store.find(ALL)
    except StoreError:
        return None
