"""What a simulation asks of each kind of scan."""

from collections.abc import Iterator
from random import Random
from typing import Any, Protocol

from landfall.kinds.registry import Registry
from landfall.runs.runs import Runs
from landfall.store.documents import Write
from tests.fakes.clients import FakeClients
from tests.fakes.memory_store import MemoryStore
from tests.simulation.checker import KindChecker


class Subject(Protocol):
    """What scans of one kind look at in a simulation, and what must come of it."""

    def draw_scan(self, random: Random, number: int) -> Any:
        """A scan of this kind that runs a few times."""
        ...

    @property
    def clients(self) -> FakeClients:
        """The clients that the entry points make for its steps."""
        ...

    async def touch(self, runs: Runs, registry: Registry, scan: Any) -> None:
        """What people do meanwhile, with what a scan looks at or with what it has found."""
        ...

    def written(self, memory: MemoryStore, write: Write) -> Iterator[str]:
        """What is wrong with a document, at the moment when it is written."""
        ...

    def checker(self) -> KindChecker:
        """Judges what is left in the end."""
        ...

    def broken(self, memory: MemoryStore) -> Iterator[str]:
        """What went wrong outside of the store, by what is in there."""
        ...
