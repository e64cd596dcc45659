"""Findings of a list as people ask for them: a page, counts, or one after the other.

Whatever is asked costs what it shows: the index of the list says which pieces have wanted findings,
and those alone are read, one at a time. A listing is of one list and one moment, however long it is
read: a later list, or a later decision, is not in it.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from msgspec import structs

from landfall.airtable.links import Origin
from landfall.integrity.findings.entry import (
    Decision,
    FindingEntry,
    Place,
    PlacedDecision,
    State,
    finding_fields,
    state_after,
    state_with,
)
from landfall.integrity.findings.list_index import Facts, facts_of
from landfall.integrity.findings.lists import OpenList
from landfall.integrity.findings.wanted import FACETS, Wanted
from landfall.store.documents import Fields

MAX_LINKS = 10
"""Records of a finding that are linked to."""

Tally = Counter[tuple[int, State]]
"""Numbers of findings, by their number of facts and their state now."""


@dataclass(frozen=True)
class FoundEntry:
    """A finding of a list: its position there, and its state now."""

    position: int
    entry: FindingEntry
    state: State


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
        self._decisions: dict[str, Decision] = {}
        self._numbers = {facts: number for number, facts in enumerate(self._index.facts)}
        self._states = [self._ended(it.state, it.until) for it in self._index.facts]
        # what decisions since have changed, by piece
        self._changes: dict[int, Tally] = defaultdict(Tally)

    @property
    def of_run(self) -> str:
        """The run that wrote the list."""
        return self._opened.where.run_id

    async def decide(self, decisions: Mapping[str, PlacedDecision]) -> None:
        """Add people's decisions since the list was made, by finding."""
        for finding_id, placed in decisions.items():
            place = placed.place
            if place is None or place.list != self.of_run:
                found = await self.find(finding_id)
                if found is None:  # it is forgotten by now
                    continue
                place = found[1]
            self._decisions[finding_id] = placed.decision
            change = self._changes[place.piece]
            change[place.facts, self._states[place.facts]] -= 1
            change[place.facts, self._decided(place.facts, placed.decision)] += 1

    async def find(self, finding_id: str) -> tuple[FindingEntry, Place] | None:
        """Return a finding and its place; None if the list does not have it."""
        found = await self._opened.find(finding_id)
        if found is None:
            return None
        piece, entry = found
        return entry, Place(self.of_run, piece, self._number(entry))

    async def page(
        self, wanted: Wanted, limit: int, start: int = 0, skip: int = 0, most_bytes: int = 2**63
    ) -> FindingsPage:
        """Return wanted findings from a position on, less the first `skip` of them.

        There are at most `limit`; their records have at most `most_bytes`, unless it is one.
        """
        shown: list[Fields] = []
        room, following = most_bytes, None
        async for found in self._wanted(wanted, start, skip):
            finding = self.shown(found.entry)
            room -= _bytes_of_records(finding)
            if len(shown) == limit or (shown and room < 0):
                following = found.position
                break
            shown.append(finding)
        return FindingsPage(shown, await self.count(wanted), following)

    async def each(self, wanted: Wanted) -> AsyncIterator[Fields]:
        """Yield the wanted findings."""
        async for found in self._wanted(wanted):
            yield self.shown(found.entry)

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

    def shown(self, entry: FindingEntry) -> Fields:
        """Return a finding as people see it."""
        fields = listed_finding(entry, self._rules[entry.rule_key], self._origin)
        state, decision = self._state_of(entry), self._decisions.get(entry.id)
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
            FoundEntry(position, entry, state)
            for position, entry in enumerate(entries, first)
            if fits[self._number(entry)]
            and (state := self._state_of(entry)) in wanted.states
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

    def _state_of(self, entry: FindingEntry) -> State:
        decision = self._decisions.get(entry.id)
        if decision and self._now:
            return state_with(entry, decision, self._now)
        return self._ended(entry.state, entry.history[-1].until)

    def _decided(self, number: int, decision: Decision) -> State:
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


def listed_finding(entry: FindingEntry, rule: Mapping[str, Any], origin: Origin) -> Fields:
    """Return a finding as its list has it. `rule` is as for `finding_fields`."""
    finding = entry.finding
    links = [origin.link(finding.table, record) for record in finding.records[:MAX_LINKS]]
    return finding_fields(entry, rule) | {"links": links}


def _bytes_of_records(finding: Fields) -> int:
    texts = (*finding["records"], *finding["record_names"])
    return sum(len(text.encode()) + 4 for text in texts)
