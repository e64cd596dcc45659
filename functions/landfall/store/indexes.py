"""The queries that need an index of their own, and which of them the database does not have.

Firestore makes an index of each field by itself. A query over two fields, or over all collections
of a name, needs one that is deployed (`infra/firestore.indexes.json`); until it is there, and
built, the query fails. The scheduler begins nothing as long as one is missing: the watchdog might
not find what it began. What is under way goes on, as far as it can.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from landfall.store.documents import Direction, IndexMissingError, Query, Store

LOOK = 600.0
"""Seconds for which it is taken to be so that none is missing: a look is a read for each index."""

LOOK_AGAIN = 50.0
"""The same where one is missing: by the next tick it may be built."""

_NEVER = datetime(1970, 1, 1, tzinfo=UTC)


def _probe(
    collection: str, *where: tuple[str, str, Any], order: tuple[str, Direction], group: bool = False
) -> Query:
    return Query(collection, where, order, limit=1, group=group)


PROBES = (
    _probe(
        "schedules",
        ("paused", "==", False),
        ("next_run_at", "<=", _NEVER),
        order=("next_run_at", "asc"),
    ),
    _probe(
        "runs",
        ("status", "in", [""]),
        ("deadline_at", "<=", _NEVER),
        order=("deadline_at", "asc"),
    ),
    _probe("runs", ("scan_id", "==", ""), order=("created_at", "desc")),
    _probe("runs", ("status", "==", ""), order=("created_at", "desc")),
    _probe("steps", ("stale_at", "<=", _NEVER), order=("stale_at", "asc"), group=True),
)
"""For each index a query that needs it, as the code makes one, and that finds nothing."""


class Indexes:
    """Looks whether the database has the indexes, once in a while."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._looked_at = _NEVER
        self._missing: list[str] = []

    async def missing(self) -> list[str]:
        """What each of those is of that is not there, or not built. Raises `StoreError`."""
        now, lasts = self._clock(), LOOK_AGAIN if self._missing else LOOK
        if (now - self._looked_at).total_seconds() >= lasts:
            self._missing = [name for probe in PROBES if (name := await self._lacks(probe))]
            self._looked_at = now
        return self._missing

    async def require(self) -> None:
        """Raise `IndexMissingError` that names those that are missing; `StoreError`."""
        missing = await self.missing()
        if missing:
            raise IndexMissingError(f"not there, or not built yet: {'; '.join(missing)}")

    async def _lacks(self, probe: Query) -> str | None:
        try:
            await self._store.find(probe)
        except IndexMissingError:
            fields = [name for name, *_ in (*probe.where, *filter(None, [probe.order]))]
            return f"{probe.collection}: {', '.join(dict.fromkeys(fields))}"
        return None
