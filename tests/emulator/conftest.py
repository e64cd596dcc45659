"""Every test here that asks for `store` or `world` runs twice: in memory and over Firestore."""

import pytest

from landfall.store.firestore import FirestoreStore
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import World

AnyStore = MemoryStore | FirestoreStore


@pytest.fixture(params=["memory", "firestore"])
def store(request: pytest.FixtureRequest) -> AnyStore:
    """An empty store: the one in memory, then the real one over the emulator."""
    if request.param == "memory":
        return MemoryStore()
    real: FirestoreStore = request.getfixturevalue("firestore_store")
    return real


@pytest.fixture
def world(store: AnyStore) -> World:
    """Landfall over that store, with a clock and a queue that the test moves."""
    return World(store)
