"""Everything that a store holds, and stores in which something happens in between."""

from collections.abc import Awaitable, Callable, Sequence

from landfall.store.documents import Document, Query, Store, Update, Version, Write

COLLECTIONS = ("scans", "schedules", "runs", "bases", "system", "findings")
GROUPS = ("versions", "steps", "events", "pages", "results")


async def everything(store: Store) -> dict[str, Document]:
    """Every document by its path: equal only when nothing was written in between."""
    queries = [Query(name) for name in COLLECTIONS] + [Query(name, group=True) for name in GROUPS]
    return {found.path: found for query in queries for found in await store.find(query)}


class Interrupted:
    """A store in which something happens once, right after the first answer that it gives."""

    def __init__(self, store: Store, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self._store = store
        self._meanwhile: list[Callable[[], Awaitable[object]]] = [meanwhile]

    async def read(self, *paths: str) -> list[Document | None]:
        """As the store."""
        found = await self._store.read(*paths)
        await self._interrupt()
        return found

    async def find(self, query: Query) -> list[Document]:
        """As the store."""
        found = await self._store.find(query)
        await self._interrupt()
        return found

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """As the store."""
        return await self._store.commit(writes)

    async def _interrupt(self) -> None:
        if self._meanwhile:
            await self._meanwhile.pop()()


class Contended:
    """A store in which somebody else writes a run just before each commit, some times over."""

    def __init__(self, store: Store, path: str, times: int) -> None:
        self._store = store
        self._path = path
        self._left = times

    async def read(self, *paths: str) -> list[Document | None]:
        """As the store."""
        return await self._store.read(*paths)

    async def find(self, query: Query) -> list[Document]:
        """As the store."""
        return await self._store.find(query)

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        """As the store, after somebody else's write."""
        if self._left:
            self._left -= 1
            await edit(self._store, self._path, note=f"{self._left} left")
        return await self._store.commit(writes)


async def edit(store: Store, path: str, **fields: object) -> None:
    """What a person does in the console: change some fields of a document."""
    (found,) = await store.read(path)
    assert found is not None
    await store.commit([Update(path, fields, found.version)])
