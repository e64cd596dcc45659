"""Evidence of a field beside the name that two records are the same, in bits.

`WEIGHTS` are estimates of how people write: none was learned from labels.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from math import log2
from operator import ne
from typing import Any, Literal

from landfall.integrity.rules.matching.comparison import Column
from landfall.integrity.rules.matching.plain_words import Words

How = Literal["same", "alike", "missing", "different"]

TYPING_ERROR = 7
"""Bits that a value says less if it has a typing error: few are alike by chance, but more than the
same."""

NEAR_DATE = 2
"""Bits of two dates within a year."""

DAYS_OF_A_YEAR = 366

IDENTIFYING = 9
"""Bits from which a `value` that is the same is a number or code of one person."""

MAX_REMEMBERED = 5_000
"""Comparisons of two values that are remembered, to bound memory: duplicates repeat them."""

MIN_LETTERS = 4
"""Letters from which a value can have a typing error."""


@dataclass(frozen=True)
class Weight:
    """The weight of a kind of content.

    `others` are records that are assumed beside those of the table, none of which shares a value:
    few share a telephone and many a city. `against` are the bits of a difference. `alike` is the
    share of letters in common from which a difference is a typing error.
    """

    others: int
    against: float
    alike: float = 1


WEIGHTS: Mapping[str, Weight] = {
    "name": Weight(1_000, 2, 0.8),
    "organisation": Weight(500, 2, 0.8),
    "email": Weight(20_000, 2, 0.8),
    "phone": Weight(10_000, 2),
    "date": Weight(5_000, 8),
    "address": Weight(5_000, 3, 0.8),
    "postcode": Weight(1_000, 2, 0.7),
    "text": Weight(50, 2, 0.7),
    "value": Weight(500, 4),
}


class FieldEvidence:
    """The values of a field, by number, and what each of them says.

    Numbers compare faster than the words of an address.
    """

    values: Sequence[int]
    """The number of each record's value; 0 if it has none."""

    bits: Sequence[float]
    """The bits of each value if both records have it."""

    at_most: Sequence[float]
    """The bits of each value, at most, if the other record has another one."""

    def __init__(self, column: Column, names: Sequence[int]) -> None:
        """Take the keys of a field, and the number of each record's name."""
        self.values, self._keys = numbered(column.keys)
        self._meaning, self._weight = column.meaning, WEIGHTS[column.meaning]
        counts = Counter(value for value, _ in {*zip(self.values, names, strict=True)})
        counts[0] = 0
        others = counts.total() + self._weight.others
        self.bits = [
            -log2(max(1, counts[value] - 1) / others) if value else 0.0
            for value in range(len(self._keys))
        ]
        self.at_most = [self._unless_same(bits) for bits in self.bits]
        self._compared: dict[tuple[int, int], tuple[How, float]] = {}

    def _unless_same(self, bits: float) -> float:
        if self._meaning == "date":
            return max(NEAR_DATE, bits - TYPING_ERROR)
        return -self._weight.against if self._weight.alike == 1 else max(0, bits - TYPING_ERROR)

    @property
    def has_codes(self) -> bool:
        """Return whether the values may be numbers or codes."""
        return self._meaning == "value"

    def identifies(self, value: int) -> bool:
        """Return whether a value is a number or code of one person."""
        return self.has_codes and self.bits[value] >= IDENTIFYING

    def compare(self, one: int, other: int) -> How:
        """Return how the values of two records compare."""
        if not one or not other:
            return "missing"
        return "same" if one == other else self.differ(one, other)[0]

    def differ(self, one: int, other: int) -> tuple[How, float]:
        """Return how two different values compare, and the bits that this says."""
        pair = (one, other) if one < other else (other, one)
        known = self._compared.get(pair)
        if known is None:
            if len(self._compared) >= MAX_REMEMBERED:
                self._compared.clear()
            known = self._compared[pair] = self._differ(one, other)
        return known

    def _differ(self, one: int, other: int) -> tuple[How, float]:
        first, second = self._keys[one], self._keys[other]
        if self._is_typing_error(first, second):
            return "alike", max(0, min(self.bits[one], self.bits[other]) - TYPING_ERROR)
        if self._meaning == "date" and abs(first - second) <= DAYS_OF_A_YEAR:
            return "alike", NEAR_DATE
        return "different", -self._weight.against

    def _is_typing_error(self, first: Any, second: Any) -> bool:
        """Return whether two values are one but for a typing error.

        Not so numbers: the next one is another person's.
        """
        least = self._weight.alike
        if self._meaning == "date":
            return _differ_by_typing(first, second)
        if least == 1:
            return False
        if self._meaning == "address" and _numbers(first) != _numbers(second):
            return False
        if self._meaning == "email":
            local, other_local = first.partition("@")[0], second.partition("@")[0]
            if not share_letters(local, other_local, least):
                return False
        if first.__class__ is tuple:
            first, second = " ".join(first), " ".join(second)
        return share_letters(first, second, least)


def numbered(keys: Sequence[Any]) -> tuple[list[int], list[Any]]:
    """Return a number for each key, the same for equal ones and 0 for None; and keys by number."""
    numbers: dict[Any, int] = {None: 0}
    return [numbers.setdefault(key, len(numbers)) for key in keys], [*numbers]


def share_letters(one: str, other: str, share: float) -> bool:
    """Return whether two texts have this share of their letters in common, in one order."""
    if min(len(one), len(other)) < MIN_LETTERS:
        return False
    return _letters_in_common()(one, other, score_cutoff=share) >= share


@cache
def _letters_in_common() -> Callable[..., float]:
    from rapidfuzz.distance.Indel import normalized_similarity

    return normalized_similarity


def _numbers(words: Words) -> list[str]:
    return [word for word in words if word[0].isdigit()]


def _differ_by_typing(one: int, other: int) -> bool:
    """Return whether two days differ by one digit, or by two that changed places."""
    first, second = _digits(one), _digits(other)
    number = sum(map(ne, first, second))
    if number == 1 or (first[:4] == second[:4] and first[4:] == second[6:] + second[4:6]):
        return True
    if number != 2:
        return False
    one_place, other_place = (it for it in zip(first, second, strict=True) if it[0] != it[1])
    return one_place == other_place[::-1]


@lru_cache(MAX_REMEMBERED)
def _digits(day: int) -> str:
    return date.fromordinal(day).isoformat().replace("-", "")
