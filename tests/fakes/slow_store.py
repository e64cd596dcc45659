"""A store in memory that takes its time, and refuses some commits."""

import asyncio
from collections.abc import Callable, Sequence

from landfall.store.documents import Document, Query, StoreError, Version, Write
from tests.fakes.memory_store import MemoryStore


class SlowStore(MemoryStore):
    """Each call takes `seconds`; a commit that `refuses` is not made."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.refuses: Callable[[], bool] = lambda: False

    async def read(self, *paths: str) -> list[Document | None]:
        """As `Store.read`."""
        await asyncio.sleep(self.seconds)
        return await super().read(*paths)

    async def find(self, query: Query) -> list[Document]:
        """As `Store.find`."""
        await asyncio.sleep(self.seconds)
        return await super().find(query)

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """As `Store.commit`."""
        await asyncio.sleep(self.seconds)
        if self.refuses():
            raise StoreError("no answer")
        return await super().commit(writes)
