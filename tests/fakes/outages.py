"""A store that is away at a certain moment."""

from collections.abc import Sequence

from landfall.store.documents import StoreError, Version, Write
from tests.fakes.memory_store import MemoryStore


class AwayAfterPages(MemoryStore):
    """It goes `away`, if it is to, after a commit of pages: the work on them is cut off."""

    def __init__(self) -> None:
        super().__init__()
        self.goes_away = False
        self.away = False

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """As `Store.commit`."""
        if self.away:
            raise StoreError("no answer")
        versions = await super().commit(writes)
        self.away = self.goes_away and any("/pages/" in write.path for write in writes)
        return versions

    def is_back(self) -> None:
        """From now on it stays."""
        self.away = self.goes_away = False
