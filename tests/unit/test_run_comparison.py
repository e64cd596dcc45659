"""Two lists of findings compared, as one would by reading both whole."""

from collections.abc import Sequence
from random import Random

import pytest
from msgspec import structs

from landfall.airtable.links import Origin
from landfall.integrity.findings import lists, packing
from landfall.integrity.findings.entry import LIVE, FindingEntry
from landfall.integrity.findings.list_index import in_order
from landfall.integrity.findings.lists import FindingsList, open_list
from landfall.integrity.findings.run_comparison import (
    CHANGES,
    Change,
    Compared,
    RunComparison,
    compare,
)
from landfall.store.versioned import VersionedStore
from tests.fakes.ledgers import BASE, RULES, entries, entry_of, store_ledger
from tests.fakes.memory_store import MemoryStore

EVERY = frozenset(RULES)


class Runs:
    """Two lists of one scan, the later one with other states, other findings, and some gone."""

    def __init__(self, count: int, seed: int) -> None:
        random = Random(seed)
        self.raw = MemoryStore()
        self.store = VersionedStore(self.raw)
        self.before = entries(count, random)
        moved = [
            structs.replace(it, state=random.choice(("open", "ignored", "resolved")))
            for it in random.sample(self.before, count // 10)
        ]
        ids = {it.id for it in moved}
        more = [
            entry_of(count + n, random.choice(list(RULES)), "open", random)
            for n in range(count // 20)
        ]
        self.now = [it for it in self.before if it.id not in ids][3:] + moved + more
        self.random = random

    async def compared(
        self, rules: Sequence[frozenset[str]] = (EVERY, EVERY)
    ) -> tuple[RunComparison, dict[Change, list[str]]]:
        """Compare them, and work out what is expected; a run has evaluated some of the rules."""
        sides: list[Compared] = []
        for run_id, some, its in zip(("m-1", "m-2"), (self.before, self.now), rules, strict=True):
            where: FindingsList = await store_ledger(self.store, some, run_id)
            known = {key: vars(RULES[key]) for key in its}
            sides.append(Compared(await open_list(self.store, where), known, Origin(BASE, {})))
        common = rules[0] & rules[1]
        before, now = (_by_id(some, common) for some in (self.before, self.now))
        open_before = [one for one, it in before.items() if it.state in LIVE]
        open_now = [one for one, it in now.items() if it.state in LIVE]
        ignored = [one for one, it in now.items() if it.state == "ignored"]
        return await compare(*sides), {
            "new": [one for one in open_now if one not in open_before],
            "resolved": [one for one in open_before if one not in open_now and one not in ignored],
            "ignored": [one for one in ignored if one in open_before],
            "still": [one for one in open_now if one in open_before],
        }


def _by_id(some: Sequence[FindingEntry], rules: frozenset[str]) -> dict[str, FindingEntry]:
    return {it.id: it for it in in_order(some, RULES) if it.rule_key in rules}


async def check(compared: RunComparison, expected: dict[Change, list[str]]) -> None:
    """Compare the numbers, and the findings in pages of seven."""
    assert compared.counts == {change: len(ids) for change, ids in expected.items()}
    for change in CHANGES:
        found: list[str] = []
        while len(page := await compared.page(change, 7, len(found))) == 7:
            found += [it["finding_id"] for it in page]
        assert [*found, *(it["finding_id"] for it in page)] == expected[change]


@pytest.mark.parametrize("seed", range(3))
async def test_it_is_what_one_would_get_from_the_whole_lists(
    monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """Numbers, findings and their order, over pieces that are mixed and pieces that are not."""
    monkeypatch.setattr(packing, "PIECE_SIZE", 20)
    monkeypatch.setattr(lists, "MAX_LIST_BYTES", 5_000)
    compared, expected = await Runs(600, seed).compared()
    assert all(expected.values())
    await check(compared, expected)


async def test_rules_of_one_run_alone_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what another run would have found."""
    monkeypatch.setattr(packing, "PIECE_SIZE", 20)
    compared, expected = await Runs(300, 1).compared(
        (frozenset({"email/People", "place/Rooms"}), frozenset({"email/People", "phone/People"}))
    )
    assert expected["new"]
    await check(compared, expected)


async def test_ids_that_begin_alike_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where one is resolved and the other new, as well as where both are in one run."""
    monkeypatch.setattr(packing, "PIECE_SIZE", 20)
    runs = Runs(200, 1)
    alike = [
        structs.replace(entry_of(1_000 + n, "email/People", "open", runs.random), id=f"{n:032x}")
        for n in range(4)
    ]
    first, second, third, fourth = alike
    runs.before += [first, second, fourth]
    runs.now += [second, third, structs.replace(first, state="resolved"), fourth]
    compared, expected = await runs.compared()
    assert third.id in expected["new"]
    assert first.id in expected["resolved"]
    await check(compared, expected)


async def test_few_findings_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two lists, what is between two states, and what is shown."""
    monkeypatch.setattr(packing, "PIECE_SIZE", 20)
    runs = Runs(800, 1)
    compared, _ = await runs.compared()
    read: list[int] = []
    for side in (compared.earlier, compared.later):
        piece = side.opened.piece

        async def counted(number: int, piece=piece) -> list[FindingEntry]:
            read.append(number)
            found: list[FindingEntry] = await piece(number)
            return found

        monkeypatch.setattr(side.opened, "piece", counted)
    again = await compare(compared.earlier, compared.later)
    assert again.counts == compared.counts
    assert len(read) <= 2 + 4
    await again.page("new", 5, 0)
    assert len(read) <= 2 + 4 + 5
