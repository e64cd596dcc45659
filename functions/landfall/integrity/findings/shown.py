"""Findings of a list as people ask for them: a page, counts, or one after the other.

Whatever is asked costs what it shows: the index of the list says which pieces have wanted findings,
and those alone are read, one at a time. A listing is of one list and one moment, however long it is
read: a later list, or a later decision, is not in it.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from msgspec import structs

from landfall.airtable.links import Origin
from landfall.integrity.findings.decided import (
    ID_BYTES,
    Before,
    Place,
    PlacedDecision,
    has_id,
    id_in_bytes,
    ids_in,
)
from landfall.integrity.findings.entry import (
    Decision,
    FindingEntry,
    Move,
    State,
    finding_fields,
    state_after,
    state_with,
)
from landfall.integrity.findings.list_index import Facts, facts_of
from landfall.integrity.findings.lists import OpenList
from landfall.integrity.findings.wanted import FACETS, Wanted
from landfall.store.documents import Fields

MAX_FOUND_SINGLY = 20
"""Findings that are looked up one by one; for more, the whole list is read once."""

MAX_LINKS = 10
"""Records of a finding that are linked to."""

MAX_SORTED = 10_000
"""Findings that are read to sort them: 20 pieces of a list."""

Tally = Counter[tuple[int, State]]
"""Numbers of findings, by their number of facts and their state now."""


@dataclass(frozen=True)
class FoundEntry:
    """A finding of a list: its position and place there, and its state now.

    `decision` is that of a person since the list was made.
    """

    position: int
    place: Place
    entry: FindingEntry
    state: State
    decision: Decision | None

    @property
    def last(self) -> Decision | Move:
        """Its last move, or the decision after it."""
        move = self.entry.history[-1]
        return self.decision if self.decision and self.decision.at >= move.at else move

    @property
    def before_another(self) -> Before:
        """The state that another decision would change, with its reason."""
        if self.state != "ignored":
            return Before("open")
        return Before("ignored", self.last.why, self.last.until)


ORDERS: Mapping[str, Callable[[FoundEntry], float]] = {
    "newest": lambda found: -found.entry.first_seen.timestamp(),
    "oldest": lambda found: found.entry.first_seen.timestamp(),
    "records": lambda found: -found.entry.finding.record_count,
}
"""Orders beside that of the list: by the time when a finding was first seen, or its records."""


@dataclass(frozen=True)
class FindingsPage:
    """Some findings, the number of all that are wanted, and the position of the next one."""

    findings: Sequence[Fields]
    count: int
    next: int | None


class Listing:
    """The findings of a list, as it has them, or with people's decisions since.

    `rules` are those whose findings are listed, by their key: with `rule_id`, `evaluations`,
    `evaluated_at` and perhaps `owner` and `requirement`. Decisions end at `now`, if it is given.
    """

    def __init__(
        self,
        opened: OpenList,
        rules: Mapping[str, Mapping[str, Any]],
        origin: Origin,
        now: datetime | None = None,
    ) -> None:
        self._opened = opened
        self._index = opened.index
        self._rules = rules
        self._origin = origin
        self._now = now
        self._decided: dict[Place, list[tuple[Decision, bytes]]] = defaultdict(list)
        self._numbers = {facts: number for number, facts in enumerate(self._index.facts)}
        self._states = [self._ended(it.state, it.until) for it in self._index.facts]
        # what decisions since have changed, by piece
        self._changes: dict[int, Tally] = defaultdict(Tally)

    @property
    def of_run(self) -> str:
        """The run that wrote the list."""
        return self._opened.where.run_id

    async def decide(self, decisions: Iterable[PlacedDecision]) -> None:
        """Add people's decisions since the list was made, the earlier ones first."""
        for placed in decisions:
            ids = placed.ids
            if placed.list != self.of_run:
                ids = await self._places_of(placed)
            for place, some in ids.items():
                self._decided[place].append((placed.decision, some))
        self._changes = defaultdict(Tally)
        for (piece, number), made in self._decided.items():
            change = self._changes[piece]
            for decision, count in _newest(made).items():
                change[number, self._states[number]] -= count
                change[number, self._after(number, decision)] += count

    async def find(self, finding_id: str) -> FoundEntry | None:
        """Return a finding; None if the list does not have it."""
        found = await self._opened.find(finding_id)
        return found and self._found(*found)

    async def places(self, wanted: Wanted) -> dict[Before, dict[Place, bytes]]:
        """Return the ids of the wanted findings, by what they are and by their place."""
        ids: dict[Before, dict[Place, bytes]] = defaultdict(lambda: defaultdict(bytes))
        async for found in self._wanted(wanted):
            ids[found.before_another][found.place] += id_in_bytes(found.entry.id)
        return ids

    async def standing(self, placed: PlacedDecision) -> dict[Place, bytes]:
        """Return the ids of those findings of a decision that nothing has moved since."""
        ids = placed.ids if placed.list == self.of_run else await self._places_of(placed)
        sought = {finding_id for some in ids.values() for finding_id in ids_in(some)}
        there: dict[Place, bytes] = defaultdict(bytes)
        for number in sorted({piece for piece, _ in ids}):
            for entry in await self._opened.piece(number):
                if entry.id in sought:
                    found = self._found(number, entry)
                    if found.last.at <= placed.decision.at:
                        there[found.place] += id_in_bytes(entry.id)
            await asyncio.sleep(0)
        return there

    async def _places_of(self, placed: PlacedDecision) -> dict[Place, bytes]:
        """Return where findings are by now that a person decided on in another list."""
        ids: dict[Place, bytes] = defaultdict(bytes)
        sought = set(placed.finding_ids)
        if len(sought) <= MAX_FOUND_SINGLY:
            for finding_id in sought:
                if found := await self.find(finding_id):
                    ids[found.place] += id_in_bytes(finding_id)
            return ids
        for number in range(len(self._index.pieces)):
            for entry in await self._opened.piece(number):
                if entry.id in sought:
                    ids[number, self._number(entry)] += id_in_bytes(entry.id)
            await asyncio.sleep(0)
        return ids

    async def page(
        self, wanted: Wanted, limit: int, start: int = 0, skip: int = 0, most_bytes: int = 2**63
    ) -> FindingsPage:
        """Return wanted findings from a position on, less the first `skip` of them.

        There are at most `limit`; their records have at most `most_bytes`, unless it is one.
        """
        shown: list[Fields] = []
        room, following = most_bytes, None
        async for found in self._wanted(wanted, start, skip):
            finding = self.shown(found)
            room -= _bytes_of_records(finding)
            if len(shown) == limit or (shown and room < 0):
                following = found.position
                break
            shown.append(finding)
        return FindingsPage(shown, await self.count(wanted), following)

    async def sorted_page(
        self, wanted: Wanted, order: str, limit: int, start: int = 0, most_bytes: int = 2**63
    ) -> FindingsPage:
        """Return a page of the wanted findings in one of the `ORDERS`, from a position on.

        Raises `ValueError` where they are more than `MAX_SORTED`.
        """
        count = await self.count(wanted)
        if count > MAX_SORTED:
            raise ValueError(
                f"these are {count:,} findings, and at most {MAX_SORTED:,} are sorted; narrow the "
                "filters"
            )
        found = [one async for one in self._wanted(wanted)]
        found.sort(key=ORDERS[order])
        shown: list[Fields] = []
        room = most_bytes
        for one in found[start : start + limit]:
            finding = self.shown(one)
            room -= _bytes_of_records(finding)
            if shown and room < 0:
                break
            shown.append(finding)
        end = start + len(shown)
        return FindingsPage(shown, count, end if end < len(found) else None)

    async def each(self, wanted: Wanted) -> AsyncIterator[Fields]:
        """Yield the wanted findings."""
        async for found in self._wanted(wanted):
            yield self.shown(found)

    async def count(self, wanted: Wanted) -> int:
        """Return the number of wanted findings."""
        return (await self._tally(wanted)).total()

    async def counts(self, wanted: Wanted) -> dict[str, dict[str, int]]:
        """Return the numbers of wanted findings by `rule`, `table`, `severity`, `owner`, `state`.

        Each of them disregards its own filter: these are the numbers that other values of it
        would have.
        """
        tally = await self._tally(wanted.but_any(*FACETS))
        counts: dict[str, dict[str, int]] = {}
        for facet in FACETS:
            others = wanted.but_any(facet)
            fits = self._fits(others)
            numbers = defaultdict[str, int](int)
            for (number, state), count in tally.items():
                if count and fits[number] and state in others.states:
                    numbers[self._value(facet, number, state)] += count
            counts[facet] = dict(sorted(numbers.items()))
        return counts

    def shown(self, found: FoundEntry) -> Fields:
        """Return a finding as people see it."""
        entry, state, decision = found.entry, found.state, found.decision
        fields = listed_finding(entry, self._rules[entry.rule_key], self._origin)
        if decision and (state != entry.state or decision.state == state == "ignored"):
            return fields | {"state": state, "decision": asdict(decision)}
        if state != entry.state:  # ignoring it has ended
            return fields | {"state": state, "decision": structs.asdict(entry.history[-1])}
        return fields

    async def _wanted(
        self, wanted: Wanted, start: int = 0, skip: int = 0
    ) -> AsyncIterator[FoundEntry]:
        """Yield the wanted findings from a position of the list on, less the first `skip`."""
        fits = self._fits(wanted)
        end = 0
        for number, piece in enumerate(self._index.pieces):
            first, end = end, end + piece.findings
            if end <= start or (wanted.since and piece.newest < wanted.since):
                continue
            there = self._in_piece(number, wanted, fits).total()
            if there == 0:
                continue
            if wanted.by_facts and first >= start and skip >= there:
                skip -= there
                continue
            for found in await self._read(number, first, wanted, fits):
                if found.position < start:
                    continue
                if skip:
                    skip -= 1
                else:
                    yield found

    async def _read(
        self, number: int, first: int, wanted: Wanted, fits: Sequence[bool]
    ) -> list[FoundEntry]:
        """Return the wanted findings of a piece, which begins at the position `first`."""
        entries = await self._opened.piece(number)
        await asyncio.sleep(0)  # others, too, want to go on
        return [
            found
            for position, entry in enumerate(entries, first)
            if fits[self._number(entry)]
            and (found := self._found(number, entry, position)).state in wanted.states
            and wanted.fits_entry(entry)
        ]

    async def _tally(self, wanted: Wanted) -> Tally:
        """Return the numbers of the wanted findings."""
        fits = self._fits(wanted)
        if wanted.by_facts:
            return self._adding(enumerate(self._index.totals), self._changes.values(), wanted, fits)
        tally = Tally()
        async for found in self._wanted(wanted):
            tally[self._number(found.entry), found.state] += 1
        return tally

    def _in_piece(self, number: int, wanted: Wanted, fits: Sequence[bool]) -> Tally:
        """Return the numbers of findings of a piece that facts do not exclude."""
        changes = [self._changes[number]] if number in self._changes else []
        return self._adding(self._index.pieces[number].counts, changes, wanted, fits)

    def _adding(
        self,
        counts: Iterable[tuple[int, int]],
        changes: Iterable[Tally],
        wanted: Wanted,
        fits: Sequence[bool],
    ) -> Tally:
        """Return counts of findings, with changes of them, as far as facts do not exclude them."""
        states = self._states
        tally = Tally(
            {
                (number, states[number]): count
                for number, count in counts
                if fits[number] and states[number] in wanted.states
            }
        )
        for change in changes:
            for (number, state), count in change.items():
                if fits[number] and state in wanted.states:
                    tally[number, state] += count
        return tally

    def _fits(self, wanted: Wanted) -> list[bool]:
        """Return for each number of facts whether findings of them may be wanted."""
        rules = {key: wanted.fits_rule(rule) for key, rule in self._rules.items()}
        return [
            rules.get(facts.rule_key, False) and wanted.fits(facts) for facts in self._index.facts
        ]

    def _number(self, entry: FindingEntry) -> int:
        return self._numbers[facts_of(entry, self._index.since)]

    def _found(self, piece: int, entry: FindingEntry, position: int = 0) -> FoundEntry:
        place = piece, self._number(entry)
        decision = None
        if place in self._decided:
            finding_id = id_in_bytes(entry.id)
            made = reversed(self._decided[place])
            decision = next((it for it, ids in made if has_id(ids, finding_id)), None)
        if decision and self._now:
            state = state_with(entry, decision, self._now)
        else:
            state = self._states[place[1]]
        return FoundEntry(position, place, entry, state, decision)

    def _after(self, number: int, decision: Decision) -> State:
        facts = self._index.facts[number]
        return state_after(facts.state, facts.moved_at, decision, self._now or decision.at)

    def _ended(self, state: State, until: datetime | None) -> State:
        is_over = state == "ignored" and until and self._now and until <= self._now
        return "reopened" if is_over else state

    def _value(self, facet: str, number: int, state: State) -> str:
        facts: Facts = self._index.facts[number]
        rule = self._rules[facts.rule_key]
        match facet:
            case "rule":
                return str(rule["rule_id"])
            case "owner":
                return str(rule.get("owner", ""))
            case "state":
                return state
            case _:
                return str(getattr(facts, facet))


def _newest(made: Sequence[tuple[Decision, bytes]]) -> dict[Decision, int]:
    """Return the numbers of findings of a place by their newest decision."""
    if len({ids for _, ids in made}) == 1:  # as good as always
        decision, ids = made[-1]
        return {decision: len(ids) // ID_BYTES}
    return Counter(
        {finding_id: decision for decision, ids in made for finding_id in ids_in(ids)}.values()
    )


def listed_finding(entry: FindingEntry, rule: Mapping[str, Any], origin: Origin) -> Fields:
    """Return a finding as its list has it. `rule` is as for `finding_fields`."""
    finding = entry.finding
    links = [origin.link(finding.table, record) for record in finding.records[:MAX_LINKS]]
    return finding_fields(entry, rule) | {"links": links}


def _bytes_of_records(finding: Fields) -> int:
    texts = (*finding["records"], *finding["record_names"])
    return sum(len(text.encode()) + 4 for text in texts)
