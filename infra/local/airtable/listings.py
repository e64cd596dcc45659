"""Listings in progress: each is a snapshot of its table at its first page."""

import random
import re
from dataclasses import dataclass, field

from infra.local.airtable import errors
from infra.local.airtable.bases import Record, random_id
from infra.local.airtable.list_options import ListOptions
from infra.local.airtable.tables import StoredTable

_OFFSET = re.compile(r"itr[A-Za-z0-9]+/rec[A-Za-z0-9]+")


@dataclass
class _Listing:
    table: StoredTable
    records: tuple[Record, ...]
    used: float
    positions: dict[str, int] = field(default_factory=dict)


class Listings:
    """Listings in progress. An offset sent again returns the same page again.

    A listing expires `lifetime` seconds after its last use. Times are monotonic seconds.
    """

    def __init__(self, lifetime: float, seed: int = 0) -> None:
        self._lifetime = lifetime
        self._random = random.Random(seed)
        self._running: dict[str, _Listing] = {}

    def page(
        self, table: StoredTable, options: ListOptions, now: float
    ) -> tuple[tuple[Record, ...], str | None]:
        """Return the records of a page, and the offset of the next page. Raises `RefusedError`."""
        self._drop_expired(now)
        if options.offset is None:
            key, at = self._new_key(), 0
            listing = _Listing(table, table.records[: options.max_records], now)
        else:
            key, listing, at = self._resumed(table, options.offset)
        listing.used = now
        end = at + options.page_size
        if options.page_size == 0 or end >= len(listing.records):
            return listing.records[at:end], None
        following = listing.records[end]["id"]
        listing.positions[following] = end
        self._running[key] = listing
        return listing.records[at:end], f"{key}/{following}"

    def forget(self, offset: str) -> None:
        """End the listing of an offset, as a restart of Airtable's servers would."""
        self._running.pop(offset.partition("/")[0], None)

    def _resumed(self, table: StoredTable, offset: str) -> tuple[str, _Listing, int]:
        if not _OFFSET.fullmatch(offset):
            raise errors.offset_invalid(offset)
        key, _, record_id = offset.partition("/")
        listing = self._running.get(key)
        if listing is None:
            raise errors.offset_expired()
        if listing.table is not table or record_id not in listing.positions:
            raise errors.offset_invalid(offset)
        return key, listing, listing.positions[record_id]

    def _drop_expired(self, now: float) -> None:
        live = {k: v for k, v in self._running.items() if now - v.used <= self._lifetime}
        self._running = live

    def _new_key(self) -> str:
        return random_id("itr", self._random)
