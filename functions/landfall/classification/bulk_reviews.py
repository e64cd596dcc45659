"""One decision about many elements: all that a person saw with some filters."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from landfall.classification.element_store import ElementStore
from landfall.classification.review_filters import WantedElements, seen_together, wanted_of
from landfall.classification.review_index import Lines, ReviewIndex, shard_number
from landfall.classification.scan import ClassificationScan
from landfall.classification.views import Decision, ElementReviews, OutdatedError
from landfall.deadlines import Deadline
from landfall.runs.commit import Clock
from landfall.store.conflicts import until_committed
from landfall.store.documents import Fields, Store, Write, both

AT_ONCE = 100
"""Elements of one commit, with a review each, of up to some 5 kB together."""

SECONDS = 8.0
"""Seconds after which a request begins no further commit, and says how many elements are left."""

MAX_TRIES = 5
"""Attempts at a commit while others review the same elements."""


class BulkReviews:
    """Decisions about many elements of a scan."""

    def __init__(self, store: Store, clock: Clock, scan: ClassificationScan) -> None:
        self._store = store
        self._elements = ElementStore(store, scan.id)
        self._index = ReviewIndex(store, clock, scan.id)
        self._reviews = ElementReviews(store, clock, scan)

    async def lines(self) -> Lines:
        """Return what is known of all elements."""
        return await self._index.lines()

    async def decide(self, wanted: WantedElements, decision: Decision, count: int) -> Fields:
        """Decide about all wanted elements, as far as the time goes.

        One that has changed since it was counted is passed over. The same `act`, with the count and
        `seen` of what is left, goes on. Raises `OutdatedError` if others
        are wanted than the person saw.
        """
        before = await self.lines()
        found = wanted_of(before, wanted)
        if len(found) != count:
            raise OutdatedError(
                f"by now these filters have {len(found):,} elements, not {count:,}: look again"
            )
        if decision.seen not in (None, seen_together(before, found)):
            raise OutdatedError(
                "some of these elements have changed since you saw them: look again"
            )
        decision = replace(decision, act=decision.act or secrets.token_hex(6))
        until, begun, decided = Deadline.after(SECONDS), list[str](), 0
        for some in _groups(found):
            if begun and until.remaining() < 0:
                break
            begun += some
            decided += await self._decide_some(some, before, decision)
        done = set(begun)
        rest = [record_id for record_id in found if record_id not in done]
        return {
            "act": decision.act,
            "decided": decided,
            "passed_over": len(begun) - decided,
            "left": len(rest),
            "seen": seen_together(before, rest),
        }

    async def _decide_some(self, some: Sequence[str], before: Lines, decision: Decision) -> int:
        """Decide about elements of one document of the index, and return how many."""

        async def attempt() -> int:
            stored, shard = await both(self._elements.read(some), self._index.shard_of(some[0]))
            writes, changes, decided = list[Write](), Lines(), 0
            for record_id, one in stored.items():
                if one.document is None:
                    continue
                if one.seen != before[record_id].seen:
                    changes |= self._reviews.changes(one, one.review)
                    continue
                if decision.state == "reopened":
                    review = self._reviews.without(one, decision.by, None)
                else:
                    review = self._reviews.reviewed(one, decision)
                writes += self._reviews.writes(one, review)
                changes |= self._reviews.changes(one, review)
                decided += 1
            if changes:
                await self._store.commit([*writes, shard.changed(changes)])
            return decided

        return await until_committed(attempt, tries=MAX_TRIES, what="a group of elements")


def _groups(found: Sequence[str]) -> list[Sequence[str]]:
    """Return the ids in groups of one document of the index each."""
    by_shard: dict[int, list[str]] = {}
    for record_id in found:
        by_shard.setdefault(shard_number(record_id), []).append(record_id)
    return [
        its[begin : begin + AT_ONCE]
        for its in by_shard.values()
        for begin in range(0, len(its), AT_ONCE)
    ]
