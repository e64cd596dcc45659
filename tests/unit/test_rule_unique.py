"""`unique` with case and whitespace ignored; exact comparison is in test_rules.py."""

import random
from typing import Any

import pytest

from tests.fakes.rules import report, rule

NBSP = "\u00a0"


def groups(cells: list[Any], **settings: Any) -> list[list[int]]:
    """Return the rows of each group of equal cells."""
    found = report(rule("unique", fields=["F"], **settings), [{"F": cell} for cell in cells])
    return [[int(record[3:]) for record in finding.records] for finding in found.findings]


CELLS = ["Ada Lovelace", " Ada  Lovelace", f"Ada{NBSP}Lovelace\n", "ada lovelace ", "AdaLovelace"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, []),
        ({"ignore_spaces": True}, [[0, 1, 2]]),
        ({"ignore_case": True}, [[0, 3]]),
        ({"ignore_spaces": True, "ignore_case": True}, [[0, 1, 2, 3]]),
    ],
    ids=str,
)
@pytest.mark.parametrize("more", [[], [["a list"]]], ids=["texts", "with a list"])
def test_blanks_and_case_are_folded_apart(settings, expected, more):
    """Several spaces equal one, never none; whether the column is all text or not."""
    assert groups(CELLS + more, **settings) == expected


def test_folded_texts_that_all_differ():
    """Several blank cells are not equal to each other."""
    assert groups(["a b", "a c", "", " ", "a  d"], ignore_spaces=True) == []


def test_folding_leaves_numbers_and_lists_alone():
    """1 is not "1"; texts inside a list are folded."""
    cells = [1, "1", " 1", ["a  b"], ["a b"], 1.0]
    assert groups(cells, ignore_spaces=True) == [[0, 5], [1, 2], [3, 4]]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("ignore_case", [False, True])
@pytest.mark.parametrize("ignore_spaces", [False, True])
def test_agrees_with_each_pair_compared(seed, ignore_case, ignore_spaces):
    """Random texts of few letters and many spaces."""
    rng = random.Random(seed)
    cells = ["".join(rng.choices("aB b  ", k=rng.randint(0, 4))) for _ in range(60)]

    def same(one: str, other: str) -> bool:
        if ignore_case:
            one, other = one.strip().lower(), other.strip().lower()
        if ignore_spaces:
            one, other = one.strip(), other.strip()
            for _ in range(4):
                one, other = one.replace("  ", " "), other.replace("  ", " ")
        return one == other and bool(one.strip())

    expected = {
        frozenset(n for n, other in enumerate(cells) if same(cell, other)) for cell in cells
    }
    found = groups(cells, ignore_case=ignore_case, ignore_spaces=ignore_spaces)
    assert {frozenset(group) for group in found} == {group for group in expected if len(group) > 1}
