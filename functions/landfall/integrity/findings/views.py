"""The findings that people see, and their decisions about them."""

from collections.abc import AsyncIterator, Iterator, Sequence
from itertools import zip_longest

from msgspec import structs

from landfall.api.downloads import Download
from landfall.integrity.findings.decided import PlacedDecision, id_in_bytes, placed_together
from landfall.integrity.findings.entry import Decision, FindingEntry
from landfall.integrity.findings.ledger_store import LedgerStore, StoredLedger
from landfall.integrity.findings.list_index import ListIndex
from landfall.integrity.findings.lists import NO_LIST, FindingsList, open_list
from landfall.integrity.findings.results import unpack_results
from landfall.integrity.findings.shown import FoundEntry, Listing, listed_finding
from landfall.integrity.findings.wanted import Wanted
from landfall.reasons import BadRequestError, NotFoundError
from landfall.runs.commit import Clock
from landfall.runs.documents import run_path
from landfall.store.documents import Fields, Store

COLUMNS = (
    "finding_id", "rule_id", "requirement", "owner", "severity", "state", "table", "record",
    "record_name", "record_count", "field", "value", "message", "first_seen", "last_seen",
    "occurrences", "ignored_why", "ignored_by", "ignored_until", "link",
)  # fmt: skip
"""Columns of a CSV file of findings, with a row for each of their records."""


MAX_DECIDED = 200_000
"""Findings of one decision: their ids take 3.2 MB, and the emulator takes 4 MB a commit."""


MAX_REASONS = 100
"""Reasons for which findings were ignored that one decision reopens: each is a document."""


class FindingNotFoundError(NotFoundError):
    """This scan has no such finding."""


class DecisionNotFoundError(NotFoundError):
    """This scan has no such decision about many findings, or another one has replaced it."""


def download(listing: Listing, wanted: Wanted, form: str, name: str) -> Download:
    """Return the wanted findings as a "csv", "xlsx" or "json" file."""
    findings = listing.each(wanted)
    if form == "json":
        return Download.json(findings, name)
    make = Download.xlsx if form == "xlsx" else Download.csv
    return make(_rows(findings), COLUMNS, name)


class ScanFindings:
    """The current findings of a scan, after its last run and people's decisions."""

    def __init__(self, store: Store, clock: Clock, scan_id: str, base: str) -> None:
        self._store = store
        self._clock = clock
        self._scan_id = scan_id
        self._ledgers = LedgerStore(store, scan_id, base)

    async def listing(self, run_id: str = "") -> Listing:
        """Return the findings of the current list, or of an earlier one that this run wrote.

        Raises `BadRequestError` for a list that is not of this scan.
        """
        listing, index = await self._undecided(run_id)
        await listing.decide(await self._ledgers.decisions_unknown_to(index))
        return listing

    async def results(self) -> Fields:
        """Return the last runs with the records of their tables, and their results by rule.

        The newest run comes first, and has all of the rules; a rule has None for a run without it.
        """
        ledger = (await self._ledgers.load_head()).ledger
        runs = unpack_results(ledger.results)
        rules = [
            {
                "rule_id": state.rule_id,
                "table": state.table,
                "owner": state.owner,
                "requirement": state.requirement,
                "results": [
                    structs.asdict(run.rules[key]) if key in run.rules else None for run in runs
                ],
            }
            for key, state in ledger.rules.items()
            if runs and key in runs[0].rules
        ]
        known = [
            {"run_id": run.run_id, "created_at": run.created_at, "records": run.records}
            for run in runs
        ]
        return {"runs": known, "rules": rules}

    async def one(self, finding_id: str) -> Fields:
        """Return a finding with its history. Raises `FindingNotFoundError`."""
        listing = await self.listing()
        return _with_history(listing, await _find(listing, finding_id))

    async def decide(self, finding_id: str, decision: Decision) -> Fields:
        """Store a person's decision about a finding, which the next run applies.

        Raises `FindingNotFoundError`, and `ValueError` if it has been resolved.
        """
        listing, _ = await self._undecided()
        found = await _find(listing, finding_id)
        if found.entry.state == "resolved":
            raise ValueError("the finding is resolved, so there is nothing to decide")
        ids = {found.place: id_in_bytes(finding_id)}
        placed = PlacedDecision(decision, listing.of_run, ids)
        await self._store.commit([self._ledgers.decision(placed)])
        await listing.decide([placed])
        return _with_history(listing, await _find(listing, finding_id))

    async def decide_all(
        self, wanted: Wanted, decision: Decision, count: int, together: str = ""
    ) -> int:
        """Store a person's decision about all wanted findings, and return their number.

        By `together` it can be undone. Raises `ValueError` if there are not as many as the person
        saw, or too many.
        """
        listing = await self.listing()
        there = await listing.count(wanted)
        if there != count:
            raise ValueError(f"by now these filters have {there} findings, not {count}: look again")
        if count > MAX_DECIDED:
            raise ValueError(f"these are more than {MAX_DECIDED:,} findings; narrow the filters")
        places = await listing.places(wanted)
        if len(places) > MAX_REASONS:
            raise ValueError(
                f"these were ignored for more than {MAX_REASONS} reasons; narrow the filters"
            )
        await self._put(
            [
                part
                for before, ids in places.items()
                for part in placed_together(decision, listing.of_run, ids, together, before)
            ]
        )
        return count

    async def decided_all(self, together: str) -> list[PlacedDecision]:
        """Return the parts of a decision about many. Raises `DecisionNotFoundError`."""
        if parts := await self._ledgers.decided_together(together):
            return parts
        raise DecisionNotFoundError(
            f"there is no decision {together!r} by now: it never was, or another one about the "
            "same findings has replaced it"
        )

    async def undo(self, together: str, by: str) -> tuple[int, int]:
        """Restore what a decision about many has changed, where it still holds.

        Return the numbers of findings that were restored, and that something has moved since.
        Raises `DecisionNotFoundError`.
        """
        parts = await self.decided_all(together)
        listing, now = await self.listing(), self._clock()
        restored: list[PlacedDecision] = []
        for part in parts:
            if part.before:
                ids = await listing.standing(part)
                restored += placed_together(part.before.again(now, by), listing.of_run, ids)
        await self._put(restored)
        undone = sum(it.count for it in restored)
        return undone, sum(it.count for it in parts) - undone

    async def _put(self, placed: Sequence[PlacedDecision]) -> None:
        if placed:
            await self._store.commit([self._ledgers.decision(it) for it in placed])

    async def _undecided(self, run_id: str = "") -> tuple[Listing, ListIndex]:
        """Return a list without the decisions since, and its index."""
        stored = await self._ledgers.load_head()
        where = stored.list or NO_LIST
        if run_id not in ("", where.run_id):
            where = await self._earlier(run_id)
        opened = await open_list(self._store, where)
        rules = {key: vars(state) for key, state in stored.ledger.rules.items()}
        listing = Listing(opened, rules, stored.origin, self._clock())
        return listing, opened.index

    async def _earlier(self, run_id: str) -> FindingsList:
        (run,) = await self._store.read(run_path(run_id))
        if run and run.data.get("scan_id") == self._scan_id and run.data.get("findings_list"):
            where = FindingsList(**run.data["findings_list"])
            if where.run_id == run_id:
                return where
        raise BadRequestError(
            f"`page_token` is of a list of run {run_id!r} that is not there; begin without one"
        )


async def _rows(findings: AsyncIterator[Fields]) -> AsyncIterator[Fields]:
    async for finding in findings:
        for row in rows_of(finding):
            yield row


async def _find(listing: Listing, finding_id: str) -> FoundEntry:
    found = await listing.find(finding_id)
    if found is None:
        raise FindingNotFoundError(f"this scan has no finding {finding_id!r}")
    return found


def _with_history(listing: Listing, found: FoundEntry) -> Fields:
    history = [structs.asdict(move) for move in found.entry.history]
    return listing.shown(found) | {"history": history}


def stored_finding(stored: StoredLedger, entry: FindingEntry) -> Fields:
    """Return a finding from the ledger."""
    return listed_finding(entry, vars(stored.ledger.rules[entry.rule_key]), stored.origin)


def rows_of(finding: Fields) -> Iterator[Fields]:
    """Yield for each record of a finding, or once where it has none, a value for each column."""
    decision = finding["decision"]
    ignored = decision if decision and decision["state"] == "ignored" else {}
    row = finding | {f"ignored_{name}": ignored.get(name) for name in ("why", "by", "until")}
    records = finding["records"]
    table_link = finding["links"][0].removesuffix(records[0]) if records else ""
    for record, name in zip_longest(records or [""], finding["record_names"], fillvalue=""):
        yield row | {"record": record, "record_name": name, "link": f"{table_link}{record}"}
