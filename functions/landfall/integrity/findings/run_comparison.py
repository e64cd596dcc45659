"""Two runs of a scan compared: what is new, resolved, ignored since, or still open.

Findings are compared by the beginnings of their ids, which a list has in tables of their own, and
by what its index says of its pieces: so few findings are read. A beginning that two findings share
says nothing, and those are compared by their whole ids.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import compress, islice
from operator import eq
from typing import Any, Literal, get_args
from weakref import WeakKeyDictionary

from landfall.airtable.links import Origin
from landfall.integrity.findings.entry import LIVE, State
from landfall.integrity.findings.list_index import ListIndex, prefix_of
from landfall.integrity.findings.lists import OpenList
from landfall.integrity.findings.shown import listed_finding
from landfall.store.documents import Fields, both

Change = Literal["new", "resolved", "ignored", "still"]

CHANGES: tuple[Change, ...] = get_args(Change)
"""`new`: open in the later run alone. `resolved`: open in the earlier one alone, and not ignored
since. `still`: open in both."""

_IGNORED: tuple[State, ...] = ("ignored",)

Key = int | str
"""The beginning of a finding's id, or the whole of it where another one begins alike."""


@dataclass(frozen=True)
class Compared:
    """A run's list of findings, and its rules by their keys, as for `Listing`."""

    opened: OpenList
    rules: Mapping[str, Mapping[str, Any]]
    origin: Origin


@dataclass(frozen=True)
class RunComparison:
    """The findings by what became of them: their keys, and the piece of the list that has each.

    Those that are resolved are in the earlier list, the others in the later one.
    """

    earlier: Compared
    later: Compared
    places: Mapping[Change, Mapping[Key, int]]

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of findings by what became of them."""
        return {change: len(self.places[change]) for change in CHANGES}

    async def page(self, change: Change, limit: int, skip: int) -> list[Fields]:
        """Return so many of the findings, in the order of their list, less the first ones."""
        side = self.earlier if change == "resolved" else self.later
        places = self.places[change]
        found: list[Fields] = []
        for number, count in sorted(Counter(places.values()).items()):
            if skip >= count:
                skip -= count
                continue
            entries = [
                entry
                for entry in await side.opened.piece(number)
                if places.get(entry.id, places.get(prefix_of(entry.id))) == number
                and entry.rule_key in side.rules
                and entry.state in (_IGNORED if change == "ignored" else LIVE)
            ]
            found += [
                listed_finding(entry, side.rules[entry.rule_key], side.origin)
                for entry in entries[skip : skip + limit - len(found)]
            ]
            skip = 0
            if len(found) == limit:
                break
            await asyncio.sleep(0)
        return found


_COMPARING: MutableMapping[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def compare(earlier: Compared, later: Compared) -> RunComparison:
    """Compare two lists by the rules that both have. Raises `ListMissingError`."""
    rules = earlier.rules.keys() & later.rules.keys()
    # one at a time: the tables of 200,000 findings take 40 MB while they are compared
    async with _COMPARING.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
        tables = await both(earlier.opened.places(), later.opened.places())
        shared = _shared_beginnings(tables[0][0]) | _shared_beginnings(tables[1][0])
        (before,), (now, ignored) = await both(
            _selected(earlier.opened, tables[0], rules, shared, LIVE),
            _selected(later.opened, tables[1], rules, shared, LIVE, _IGNORED),
        )
        gone = before.keys() - now.keys()
        places: dict[Change, dict[Key, int]] = {
            "new": {key: now[key] for key in now.keys() - before.keys()},
            "resolved": {key: before[key] for key in gone - ignored.keys()},
            "ignored": {key: ignored[key] for key in gone & ignored.keys()},
            "still": now,
        }
        for key in places["new"]:
            del now[key]
    return RunComparison(earlier, later, places)


def _shared_beginnings(prefixes: Sequence[int]) -> set[int]:
    """Return the beginnings of ids that several findings have; they are in order."""
    return set(compress(prefixes, map(eq, prefixes, islice(prefixes, 1, None))))


async def _selected(
    opened: OpenList,
    places: tuple[Sequence[int], Sequence[int]],
    rules: Collection[str],
    shared: Collection[int],
    *wanted: Collection[State],
) -> list[dict[Key, int]]:
    """Return the findings of a list in each of the wanted states, and of one of these rules."""
    prefixes, pieces = places
    apart = set(compress(pieces, map(shared.__contains__, prefixes)))
    selections: list[tuple[Collection[State], dict[Key, int], set[int]]] = []
    read: set[int] = set()
    for states in wanted:
        whole, mixed = _pieces_with(opened.index, states, rules)
        is_whole = [number in whole for number in range(len(opened.index.pieces))]
        found: dict[Key, int] = dict(
            compress(zip(prefixes, pieces, strict=True), map(is_whole.__getitem__, pieces))
        )
        for prefix in shared:
            found.pop(prefix, None)
        selections.append((states, found, mixed))
        read |= mixed | (apart & whole)
    async for number, entries in opened.pieces(sorted(read)):
        for entry in entries:
            if entry.rule_key not in rules:
                continue
            prefix = prefix_of(entry.id)
            is_shared = prefix in shared
            for states, found, mixed in selections:
                if entry.state in states and (is_shared or number in mixed):
                    found[entry.id if is_shared else prefix] = number
        await asyncio.sleep(0)
    return [found for _, found, _ in selections]


def _pieces_with(
    index: ListIndex, states: Collection[State], rules: Collection[str]
) -> tuple[set[int], set[int]]:
    """Return the pieces of which every finding, and of which some, are in these states and of
    these rules."""
    fits = [facts.state in states and facts.rule_key in rules for facts in index.facts]
    whole, mixed = set[int](), set[int]()
    for number, piece in enumerate(index.pieces):
        fitting = {fits[facts] for facts, _ in piece.counts}
        if fitting == {True}:
            whole.add(number)
        elif True in fitting:
            mixed.add(number)
    return whole, mixed
