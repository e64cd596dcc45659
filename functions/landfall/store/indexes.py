"""The queries that need a composite index, and a check that the database has those indexes.

Firestore indexes each single field by itself. A query over two fields, or over all collections of
a name, needs an index that is deployed (`infra/firestore.indexes.json`). Until that index is built,
the query fails. While one is missing, the scheduler starts nothing, because the watchdog might not
find it; runs in progress continue as far as they can.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from landfall.store.documents import Direction, IndexMissingError, Query, Store, together

CHECK_INTERVAL = 600.0
"""Seconds between two checks while no index is missing: a check costs one read for each index."""

RECHECK_INTERVAL = 50.0
"""Seconds between two checks while an index is missing: it may be built by the next tick."""

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
    _probe("runs", ("scan_id", "==", ""), ("status", "==", ""), order=("created_at", "desc")),
    _probe("steps", ("stale_at", "<=", _NEVER), order=("stale_at", "asc"), group=True),
)
"""One query for each index, in the form that the code uses; it matches no document."""


class Indexes:
    """A periodic check that the database has the indexes."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._checked_at = _NEVER
        self._missing: list[str] = []

    async def missing(self) -> list[str]:
        """Return the fields of each index that is missing, or not built. Raises `StoreError`."""
        now, interval = self._clock(), RECHECK_INTERVAL if self._missing else CHECK_INTERVAL
        if (now - self._checked_at).total_seconds() >= interval:
            found = await together(*map(self._missing_for, PROBES))
            self._missing = [name for name in found if name]
            self._checked_at = now
        return self._missing

    async def require(self) -> None:
        """Raise `IndexMissingError` with the missing indexes, if any. Raises `StoreError`."""
        missing = await self.missing()
        if missing:
            raise IndexMissingError(f"missing, or not built yet: {'; '.join(missing)}")

    async def _missing_for(self, probe: Query) -> str | None:
        try:
            await self._store.find(probe)
        except IndexMissingError:
            fields = [name for name, *_ in (*probe.where, *filter(None, [probe.order]))]
            return f"{probe.collection}: {', '.join(dict.fromkeys(fields))}"
        return None
