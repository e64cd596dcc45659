"""A page of findings from their whole list: `python -m tests.bench.whole_list PROJECT RUN COUNT`.

COUNT is the number of its documents. Prints the seconds that it took, and the ids of the page.
"""

import asyncio
import sys
import time

from landfall.airtable.links import Origin
from landfall.integrity.findings.entry import LIVE
from landfall.integrity.findings.lists import FindingsList, all_entries
from landfall.integrity.findings.shown import listed_finding
from landfall.store.firestore import FirestoreStore, firestore_client
from tests.fakes.ledgers import RULES


async def main(project: str, run_id: str, documents: str) -> None:
    """Read the list, make all its findings, and print the first ten."""
    store = FirestoreStore(firestore_client(project))
    started = time.perf_counter()
    entries = await all_entries(store, FindingsList(run_id, int(documents)))
    found = [listed_finding(it, vars(RULES[it.rule_key]), Origin("", {})) for it in entries]
    page = [finding for finding in found if finding["state"] in LIVE][:10]
    print(time.perf_counter() - started, *(finding["finding_id"] for finding in page))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
