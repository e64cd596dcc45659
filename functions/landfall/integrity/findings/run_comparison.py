"""Two runs of a scan compared: what is new, resolved, ignored since, or still open.

Findings are compared by the beginnings of their ids, which a list has in tables of their own, and
by what its index says of its pieces: so few findings are read. A beginning that two findings share
says nothing, and those are compared by their whole ids.
"""

import asyncio
from collections import Counter
from collections.abc import Collection, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, get_args
from weakref import WeakKeyDictionary

from landfall.airtable.links import Origin
from landfall.integrity.findings.entry import LIVE, FindingEntry, State
from landfall.integrity.findings.list_index import prefix_of
from landfall.integrity.findings.lists import OpenList
from landfall.integrity.findings.shown import listed_finding
from landfall.store.documents import Fields

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
        tables = [await side.opened.places() for side in (earlier, later)]
        shared = _shared_beginnings(tables[0]) | _shared_beginnings(tables[1])
        before = await _selected(earlier.opened, tables[0], LIVE, rules, shared)
        now = await _selected(later.opened, tables[1], LIVE, rules, shared)
        ignored = await _selected(later.opened, tables[1], _IGNORED, rules, shared)
        gone = {key: piece for key, piece in before.items() if key not in now}
        places: dict[Change, dict[Key, int]] = {
            "new": {key: piece for key, piece in now.items() if key not in before},
            "resolved": {key: piece for key, piece in gone.items() if key not in ignored},
            "ignored": {key: piece for key, piece in ignored.items() if key in gone},
            "still": {key: piece for key, piece in now.items() if key in before},
        }
    return RunComparison(earlier, later, places)


def _shared_beginnings(places: Sequence[tuple[int, int]]) -> set[int]:
    """Return the beginnings of ids that several findings have; they are in order."""
    return {prefix for (prefix, _), (following, _) in pairwise(places) if prefix == following}


async def _selected(
    opened: OpenList,
    places: Sequence[tuple[int, int]],
    states: Collection[State],
    rules: Collection[str],
    shared: Collection[int],
) -> dict[Key, int]:
    """Return the findings of a list in one of these states, and of one of these rules."""
    fits = [facts.state in states and facts.rule_key in rules for facts in opened.index.facts]
    whole, mixed = set[int](), set[int]()
    for number, piece in enumerate(opened.index.pieces):
        fitting = {fits[facts] for facts, count in piece.counts if count}
        if fitting == {True}:
            whole.add(number)
        elif True in fitting:
            mixed.add(number)
    found: dict[Key, int] = {
        prefix: number for prefix, number in places if number in whole and prefix not in shared
    }

    def wanted(entry: FindingEntry) -> bool:
        return entry.state in states and entry.rule_key in rules

    apart = {number for prefix, number in places if prefix in shared}
    for number in sorted(mixed | (apart & whole)):
        for entry in await opened.piece(number):
            prefix = prefix_of(entry.id)
            if wanted(entry) and (number in mixed or prefix in shared):
                found[entry.id if prefix in shared else prefix] = number
        await asyncio.sleep(0)
    return found
