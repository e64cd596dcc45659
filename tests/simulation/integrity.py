"""Integrity scans in a simulation: a base that people edit, and a table for what is found."""

from collections.abc import Iterator
from random import Random
from typing import Any

from landfall.integrity.scan import IntegrityScan
from landfall.kinds.registry import Registry
from landfall.runs.runs import Runs
from landfall.store.documents import Write
from tests.fakes.clients import FakeClients
from tests.fakes.memory_store import MemoryStore
from tests.simulation.base import BASE_ID, draw_base, draw_scan
from tests.simulation.checker_integrity import IntegrityChecker, not_written
from tests.simulation.faults import Chaos
from tests.simulation.outside import IssueTable, Quiet, TreacherousBase


class IntegritySubject:
    """A `Subject`."""

    def __init__(self, chaos: Chaos) -> None:
        self._chaos = chaos
        self._base = draw_base(chaos.random)
        self._issues = IssueTable()
        self._quiet = Quiet()
        self._looks: set[tuple[str, str]] = set()

    def draw_scan(self, random: Random, number: int) -> IntegrityScan:
        """As `Subject.draw_scan`."""
        return draw_scan(random, number)

    @property
    def clients(self) -> FakeClients:
        """As `Subject.clients`."""
        return FakeClients(base=self.open_base)

    def open_base(self, base_id: str) -> TreacherousBase:
        """What the entry point makes."""
        assert base_id == BASE_ID
        tables, looks = self._base.tables, self._looks
        return TreacherousBase(self._chaos, tables, self._issues, self._quiet, looks)

    async def touch(self, _: Runs, __: Registry, ___: IntegrityScan) -> None:
        """Somebody edits a record."""
        self._base.edit(self._chaos.random)

    def written(self, memory: MemoryStore, write: Write) -> Iterator[str]:
        """What a ledger says, as it is written, of the table that it is written back to."""
        self._quiet.look_at(memory, write)
        ledger = memory.get(write.path) if "/ledgers/" in write.path else None
        if ledger:
            yield from not_written(memory, ledger, self._issues.rows)

    def checker(self) -> IntegrityChecker:
        """As `Subject.checker`."""
        rows: list[dict[str, Any]] = list(self._issues.rows.values())
        return IntegrityChecker({BASE_ID: self._base}, {BASE_ID: rows}, self._looks)

    def broken(self, _: MemoryStore) -> Iterator[str]:
        """Yield remarks of people that are gone, and requests that came too early."""
        yield from self._issues.lost_remarks()
        yield from self._quiet.broken
