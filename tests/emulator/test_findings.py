"""Findings over the Firestore emulator, through the routes of the api: a part of the list is read.

Reads are as Firestore bills them; memory is what Python allocates meanwhile, beside what was there.
"""

import tracemalloc
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from landfall.api.downloads import Download
from landfall.api.request import Request
from landfall.integrity.routes import finding, ignore, scan_findings
from landfall.store.firestore import FirestoreStore
from tests.fakes.callers import ask
from tests.fakes.ledgers import BASE, entries, store_ledger
from tests.fakes.world import World

FINDINGS = 20_000

MAX_PEAK = 10_000_000
"""Bytes; all findings of the list take 30 MB, and 60 MB as they are shown."""


async def measured(
    answered: Callable[[], Awaitable[Any]], store: FirestoreStore
) -> tuple[Any, int, int]:
    """Return an answer, the documents read for it, and the bytes of memory that it took."""
    reads = store.meter.reads
    tracemalloc.start()
    try:
        answer = await answered()
        return answer, store.meter.reads - reads, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


async def test_an_answer_costs_what_it_shows(firestore_store: FirestoreStore) -> None:
    """A page, a finding, a decision and a file, of a list that would take six times the memory."""
    world = World(firestore_store)
    await world.save(base=BASE)
    found = entries(FINDINGS, Random(1))
    await store_ledger(world.store, found)
    some = next(entry for entry in found if entry.state == "open")

    def asked(body: Any = None, **query: str) -> Request:
        return ask(world, body, query)

    async def file() -> list[int]:
        answer = await scan_findings(asked(format="csv"), "people")
        assert isinstance(answer, Download)
        return [piece.count("\n") async for piece in answer.pieces]

    for answered, reads in (
        (lambda: scan_findings(asked(limit="10"), "people"), 7),
        (lambda: scan_findings(asked(**{"limit": "10", "page_token": "15000"}), "people"), 7),
        (lambda: scan_findings(asked(limit="10", state="ignored", rule="place"), "people"), 7),
        (lambda: finding(asked(), "people", some.id), 7),
        (lambda: ignore(asked({"why": "known"}), "people", some.id), 8),
    ):
        answer, documents, peak = await measured(answered, firestore_store)
        assert len(answer.get("findings", range(10))) == 10
        assert documents <= reads
        assert peak <= MAX_PEAK
    lines, documents, peak = await measured(file, firestore_store)
    page = await scan_findings(asked(limit="1"), "people")
    assert not isinstance(page, Download)
    assert sum(lines) == 1 + page["count"]
    assert peak <= MAX_PEAK
