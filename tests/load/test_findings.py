"""50,000 findings, over the emulator: complete, in few writes, and each step within its budget.

The times are printed (`-s`).
"""

import asyncio
from collections.abc import Iterable

from landfall.airtable.fetch_cursor import FetchCursor, TableCursor
from landfall.airtable.records import ReadPage, pack
from landfall.deadlines import LADDER
from landfall.integrity.findings.ledger_store import MAX_DOCUMENTED
from landfall.store.documents import Create, Fields
from landfall.store.firestore import FirestoreStore
from landfall.store.packed import packed_documents
from tests.fakes.clients import FakeClients
from tests.fakes.workers import findings, work_with
from tests.fakes.world import World

RECORDS = 50_000
SCORE_WRITES = 12
"""Documents that the score step of an unchanged rescan may write."""

LIST_WRITES = 12
"""Documents of a list of so many findings, with its index, which a changed rescan writes anew."""

PAGE = 100
TOGETHER = 4
"""Page documents of a commit that seeds."""


class Scanned:
    """Runs of a scan whose records are put where a fetch step would have left them."""

    def __init__(self, store: FirestoreStore) -> None:
        self._store = store
        self.world = World(store)
        self.runs = 0

    async def run(self, fine: Iterable[int] = ()) -> tuple[Fields, int, float]:
        """A run; its document, and the writes and seconds of its score step.

        `fine` are the numbers of the records that are no finding.
        """
        scan = await self.world.save(
            tables={"People": ["Name", "Email"]},
            rules=[{"id": "email", "kind": "required", "table": "People", "field": "Email"}],
        )
        self.runs += 1
        run_id = f"m-{self.runs}"
        self.world.clock.advance(3600)
        await self.world.start(scan, run_id)
        await self._fetched(run_id, set(fine))
        writes, started = self._store.meter.writes, asyncio.get_running_loop().time()
        task = self.world.queue.tasks[-1]
        assert await work_with(self.world, task, FakeClients()) == "finished"
        seconds = asyncio.get_running_loop().time() - started
        run = (await self.world.run(run_id)).data
        return run, self._store.meter.writes - writes, seconds

    async def _fetched(self, run_id: str, fine: set[int]) -> None:
        claim = await self.world.runs.claim(run_id, "fetch", 0, "w1")
        records = [
            {
                "id": f"rec{n:014}",
                "createdTime": "2026-01-01T00:00:00.000Z",
                "fields": {"Name": f"Person {n}"} | ({"Email": "x"} if n in fine else {}),
            }
            for n in range(RECORDS)
        ]
        pages = [ReadPage("People", 1, records[n : n + PAGE]) for n in range(0, RECORDS, PAGE)]
        made = packed_documents(piece for page in pages for piece in pack(page))
        names = ["Name", "Email"]
        table = TableCursor("tblPeople", names, names, names, records=RECORDS, done=True)
        cursor = FetchCursor(tables={"People": table}, documents=len(made))
        path = f"runs/{run_id}/pages"
        writes = [Create(f"{path}/{n:06d}", fields) for n, fields in enumerate(made)]
        for n in range(0, len(writes), TOGETHER):
            await claim.checkpoint(cursor, writes=writes[n : n + TOGETHER])
        await claim.finish_step("score", {}, handover=cursor.fetched().store(), cursor=cursor)


async def test_fifty_thousand_findings(firestore_store: FirestoreStore) -> None:
    """New, unchanged, one changed, one back: exact counts, the list complete, few writes."""
    scanned = Scanned(firestore_store)
    first, writes, seconds = await scanned.run()
    print(f"\n{RECORDS} new findings: {writes} writes, {seconds:.1f} s")
    assert (first["counts"]["findings"], first["counts"]["findings_new"]) == (RECORDS, RECORDS)
    assert writes <= MAX_DOCUMENTED * 1.02 + 2 * SCORE_WRITES
    for fine, moves in (((), 0), ((7,), 1), ((7,), 0), ((), 1)):
        run, writes, seconds = await scanned.run(fine)
        print(f"{moves} changed: {writes} writes, {seconds:.1f} s")
        assert run["counts"]["findings"] == RECORDS - len(fine)
        assert writes <= SCORE_WRITES + (LIST_WRITES if moves else 0)
        assert seconds < LADDER.step
    assert run["counts"]["findings_reopened"] == 1
    listed = await findings(scanned.world, f"m-{scanned.runs}")
    assert {finding["records"][0] for finding in listed} == {f"rec{n:014}" for n in range(RECORDS)}
    assert {finding["occurrences"] for finding in listed} == {5, 3}
