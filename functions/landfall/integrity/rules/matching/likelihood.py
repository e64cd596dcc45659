"""Evidence that two records are of one person or organisation, in bits.

A bit makes it twice as likely, as in the model of Fellegi and Sunter. What both have speaks for it,
the more the rarer it is in the table; what differs speaks against it, and what is missing says
nothing. `NAMES` and `WEIGHTS` are estimates of how people write: none was learned from labels.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import chain, combinations, product
from math import log2
from typing import Any, Literal

from landfall.airtable.snapshot import Table
from landfall.airtable.values import display
from landfall.integrity.rules.matching.common_names import (
    MAX_CHANCE,
    common_names,
)
from landfall.integrity.rules.matching.comparison import Column, Comparison
from landfall.integrity.rules.matching.pair_conditions import Similar
from landfall.integrity.rules.matching.person_names import are_two_names
from landfall.integrity.rules.matching.plain_words import Words
from landfall.integrity.rules.matching.similarity import NameSimilarity
from landfall.integrity.rules.matching.union_find import Pair

CONFIRMED = 0.8
"""Similarity from which names are alike, if something else is the same."""

UNCONFIRMED = 0.92
"""Similarity from which they are, if nothing else is."""

NAMES = 1_000
"""People who are assumed beside those of the table, none of whom shares a word of a name: a small
table does not show how rare a name is."""

OTHER_SPELLING = 3
"""Bits that a word of a name says less if it is spelt in another way, or is a nickname."""

INITIAL = 3
"""Bits of an initial."""

TYPING_ERROR = 7
"""Bits that a value says less if it has a typing error: few are alike by chance, but more than the
same."""

NEAR_DATE = 2
"""Bits of two dates within a year."""

DAYS_OF_A_YEAR = 366

OTHER_NAME = 10
"""Bits against it if a word of each name is another; the same words speak for it."""

IDENTIFYING = 9
"""Bits from which a `value` that is the same is a number or code of one person."""

SAME_OF_DIFFERENT_NAMES = 2
"""Other fields that must be the same if the names are not: a family shares a telephone."""

MAX_BLOCK = 40
"""Records of one value of which every two are candidates."""

CHECK_INTERVAL = 1000
"""Candidates between two checks of the budget."""

MAX_REMEMBERED = 5_000
"""Comparisons of two values that are remembered, to bound memory: duplicates repeat them."""

MIN_LETTERS = 4
"""Letters from which a value can have a typing error."""

SCRAMBLED_LETTERS = 3
"""Letters from which a word is recognised by its letters in any order; one may be lost."""

LONG_WORD, SHARE_OF_LONG_WORD = 5, 0.75
"""Letters from which a word is recognised by this share of them."""

How = Literal["same", "alike", "missing", "different"]


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


@dataclass(frozen=True, slots=True)
class Weighed:
    """The evidence for and against two records being the same."""

    bits: float
    name: How
    same: int
    """Number of other fields than the name that are the same."""

    alike: bool
    """True if another one is the same but for a typing error, or a near date."""

    differ: int
    """Number of other fields that differ."""

    identified: bool
    """True if a number or code that few have is the same."""

    @property
    def opposes(self) -> bool:
        """Return whether they are rather two than one."""
        return self.name == "different" or (self.differ > 0 and self.same == 0)

    @property
    def agrees(self) -> bool:
        """Return whether they have one name, and nothing that is known of both differs."""
        return self.name == "same" and not (self.alike or self.differ)


class Likelihood:
    """The evidence between the records of a table, by their name and by other fields."""

    def __init__(
        self,
        of: str,
        conditions: Sequence[Comparison],
        columns: Sequence[Column],
        check: Callable[[], None],
    ) -> None:
        """Take the conditions of the name and of the other fields, and their columns."""
        self._of_people = of == "person"
        self._conditions, self._columns, self._check = conditions, columns, check
        keys: Any = columns[0].keys
        self._names: Sequence[Any] = keys
        self._similarity: NameSimilarity = columns[0].similarity
        self._fields = [_OtherField(column, self._names) for column in columns[1:]]
        names = {name for name in self._names if name}
        others = len(names) + NAMES
        words: Counter[str] = Counter(word for name in names for word in name)
        self._bits = {word: -log2(max(1, count - 1) / others) for word, count in words.items()}
        self._common = common_names(names)
        self._name_bits = [self._of_words(name or ()) for name in self._names]
        self._names_compared = lru_cache(MAX_REMEMBERED)(self._compare_names)
        self.enough = log2(others / MAX_CHANCE)
        """Bits from which at most one in ten such pairs is one by chance."""

    def pairs(self) -> tuple[dict[Pair, float], set[Pair]]:
        """Return the likely pairs with their bits, and the possible ones.

        Of records with equal values, only the first is compared, unless they have no name.
        """
        keys = zip(*(column.keys for column in self._columns), strict=True)
        first: dict[Any, int] = {}
        nameless = [
            (first[key], record)
            for record, key in enumerate(keys)
            if first.setdefault(key, record) != record and key[0] is None
        ]
        likely: dict[Pair, float] = {}
        possible: set[Pair] = set()
        records = [*first.values()]
        found = chain(nameless, self._of_equal_values(records))
        for weigh, candidates in (
            (self._weigh_if_enough, found),
            (self.weigh, self._of_rare_names(records)),
        ):
            for number, (one, other) in enumerate(candidates):
                if number % CHECK_INTERVAL == 0:
                    self._check()
                pair = (one, other) if one < other else (other, one)
                if pair in likely or pair in possible or not (weighed := weigh(*pair)):
                    continue
                if self._speaks_for(weighed):
                    likely[pair] = weighed.bits
                elif not weighed.agrees and self._is_possible(*pair, weighed):
                    possible.add(pair)
        return likely, possible

    def judge(self, one: int, other: int) -> int:
        """Return 1 if two records are likely the same, -1 if rather not, and 0 if neither."""
        weighed = self.weigh(one, other)
        if weighed.agrees or self._speaks_for(weighed):
            return 1
        return -1 if weighed.opposes else 0

    def weigh(self, one: int, other: int) -> Weighed:
        """Return what speaks for and against two records being the same."""
        return self._weigh(one, other, *self._names_compared(self._names[one], self._names[other]))

    def _weigh_if_enough(self, one: int, other: int) -> Weighed | None:
        """Return the same, or None as soon as it is too little."""
        at_most = sum(field.upper_bound(one, other) for field in self._fields)
        if at_most + max(self._name_bits[one], self._name_bits[other]) < self.enough:
            return None
        how, bits = self._names_compared(self._names[one], self._names[other])
        return self._weigh(one, other, how, bits) if at_most + bits >= self.enough else None

    def _weigh(self, one: int, other: int, how: How, bits: float) -> Weighed:
        same = differ = 0
        alike = identified = False
        for field in self._fields:
            found, weight = field.compare(one, other)
            bits += weight
            if found == "same":
                same += 1
                identified = identified or (field.meaning == "value" and weight >= IDENTIFYING)
            elif found == "alike":
                alike = True
            elif found == "different":
                differ += 1
        return Weighed(bits, how, same, alike, differ, identified)

    def _speaks_for(self, weighed: Weighed) -> bool:
        """Return whether two records are likely the same by more than their name."""
        named = weighed.name != "different" or weighed.identified
        return weighed.same > 0 and named and weighed.bits >= self.enough

    def _is_possible(self, one: int, other: int, weighed: Weighed) -> bool:
        """Return whether two records that are not likely the same are possibly so."""
        enough = weighed.bits >= self.enough
        match weighed.name:
            case "different":
                others_agree = weighed.same >= SAME_OF_DIFFERENT_NAMES and not weighed.differ
                return enough and others_agree and self._of_people
            case "same" if not weighed.same:
                rare = weighed.differ <= 1 and self._names[one] not in self._common
                return (enough or rare) and self._of_people and not self._all_differ(one, other)
            case "alike" if not weighed.same:
                names = self._names[one], self._names[other]
                return (
                    not weighed.differ
                    and self._common.isdisjoint(names)
                    and self._similarity.reaches(*names, UNCONFIRMED)
                )
        return enough and weighed.same > 0

    def _all_differ(self, one: int, other: int) -> bool:
        return all(field.compare(one, other)[0] == "different" for field in self._fields)

    def _compare_names(self, one: Words | None, other: Words | None) -> tuple[How, float]:
        if one is None or other is None:
            return "missing", 0
        if one == other:
            return "same", self._of_words(one)
        score, same, pairs, left, rest = self._similarity.align(one, other)
        bits = self._of_words(same)
        for _, word, counterpart in pairs:
            initial = min(len(word), len(counterpart)) == 1
            bits += INITIAL if initial else self._of_pair(word, counterpart, OTHER_SPELLING)
        if score >= CONFIRMED or (self._of_people and not left):
            in_one = max(self._of_words(one), self._of_words(other)) - OTHER_SPELLING
            return "alike", max(bits, in_one) if left else bits
        scrambled = _scrambled(left, rest) if score else []
        if scrambled and not (self._of_people and any(are_two_names(*it) for it in scrambled)):
            return "alike", bits + sum(self._of_pair(*it, TYPING_ERROR) for it in scrambled)
        return "different", bits - OTHER_NAME

    def _of_words(self, words: Iterable[str]) -> float:
        return sum(map(self._bits.__getitem__, words))

    def _of_pair(self, word: str, counterpart: str, less: float) -> float:
        return max(0, min(self._bits[word], self._bits[counterpart]) - less)

    def _of_equal_values(self, records: Sequence[int]) -> Iterator[Pair]:
        """Yield the pairs of these records that have a value of another field in common, some of
        them several times; if it is a common one, also a word of their name or a similar name."""
        for field in self._fields:
            for block in _blocks(field.keys, records):
                self._check()
                if len(block) <= MAX_BLOCK:
                    yield from combinations(block, 2)
                else:
                    yield from self._of_common_value(block)

    def _of_rare_names(self, records: Iterable[int]) -> Iterator[Pair]:
        named = [it for it in records if self._names[it] not in self._common]
        return self._of_similar_names(named, UNCONFIRMED)

    def _of_common_value(self, block: Sequence[int]) -> Iterator[Pair]:
        by_word: dict[str, list[int]] = defaultdict(list)
        for record in block:
            for word in self._names[record] or ():
                by_word[word].append(record)
        for records in by_word.values():
            if len(records) <= MAX_BLOCK:
                yield from combinations(records, 2)
        yield from self._of_similar_names(block, CONFIRMED)

    def _of_similar_names(self, records: Iterable[int], at_least: float) -> Iterator[Pair]:
        by_name: dict[Words, list[int]] = defaultdict(list)
        for record in records:
            if name := self._names[record]:
                by_name[name].append(record)
        for same in by_name.values():
            if len(same) <= MAX_BLOCK:
                yield from combinations(same, 2)
        names = list(by_name)
        for one, other in self._similarity.pairs(names, at_least):
            first, second = by_name[names[one]], by_name[names[other]]
            if len(first) + len(second) <= MAX_BLOCK:
                yield from product(first, second)

    @property
    def label(self) -> str:
        """Return the fields of the name."""
        return self._conditions[0].label

    def cell(self, table: Table, record: int) -> Any:
        """Return the name of a record."""
        return self._conditions[0].cell(table, record)

    def explain(self, table: Table, one: int, other: int) -> str:
        """Return what speaks for two records being the same, and what against it."""
        how = [self._names_compared(self._names[one], self._names[other])[0]]
        how += [field.compare(one, other)[0] for field in self._fields]
        pro: list[str] = []
        contra: list[str] = []
        for condition, column, found in zip(self._conditions, self._columns, how, strict=True):
            cells = ", ".join(display(condition.cell(table, record)) for record in (one, other))
            if found == "alike" and not isinstance(condition, Similar):
                pro.append(f"almost the same {condition.label} ({cells})")
            elif found in ("same", "alike"):
                pro.append(condition.explain(column, table, one, other))
            elif found == "different":
                contra.append(f"another {condition.label} ({cells})")
        return " but ".join(" and ".join(phrases) for phrases in (pro, contra) if phrases)


class _OtherField:
    """The keys of a field beside the name, and what they say."""

    def __init__(self, column: Column, names: Sequence[Any]) -> None:
        self.keys: Sequence[Any] = column.keys
        self.meaning = column.meaning
        self._weight = WEIGHTS[column.meaning]
        held = {it for it in zip(self.keys, names, strict=True) if it[0] is not None}
        counts = Counter(key for key, _ in held)
        others = sum(counts.values()) + self._weight.others
        self._bits = {key: -log2(max(1, count - 1) / others) for key, count in counts.items()}
        self._unequal = lru_cache(MAX_REMEMBERED)(self._compare)

    def compare(self, one: int, other: int) -> tuple[How, float]:
        """Return how two records compare in the field, and the bits that this says."""
        first, second = self.keys[one], self.keys[other]
        if first is None or second is None:
            return "missing", 0
        if first == second:
            return "same", self._bits[first]
        return self._unequal(first, second)

    def _compare(self, first: Any, second: Any) -> tuple[How, float]:
        if self._is_typing_error(first, second):
            return "alike", max(0, min(self._bits[first], self._bits[second]) - TYPING_ERROR)
        if self.meaning == "date" and abs(first - second) <= DAYS_OF_A_YEAR:
            return "alike", NEAR_DATE
        return "different", -self._weight.against

    def upper_bound(self, one: int, other: int) -> float:
        """Return bits that the field cannot exceed, without a comparison of letters."""
        first, second = self.keys[one], self.keys[other]
        if first is None or second is None:
            return 0
        bits = self._bits[first]
        return bits if first == second else max(0, NEAR_DATE, bits - TYPING_ERROR)

    def _is_typing_error(self, first: Any, second: Any) -> bool:
        """Return whether two values are one but for a typing error.

        Not so numbers: the next one is another person's.
        """
        if self.meaning == "date":
            return _differ_by_typing(first, second)
        if self._weight.alike == 1:
            return False
        if self.meaning == "address" and _numbers(first) != _numbers(second):
            return False
        if self.meaning == "email":
            local, other_local = first.partition("@")[0], second.partition("@")[0]
            if not _share_letters(local, other_local, self._weight.alike):
                return False
        return _share_letters(_text(first), _text(second), self._weight.alike)


def _blocks(keys: Sequence[Any], records: Iterable[int]) -> Iterator[list[int]]:
    blocks: dict[Any, list[int]] = defaultdict(list)
    for record in records:
        if keys[record] is not None:
            blocks[keys[record]].append(record)
    return (block for block in blocks.values() if len(block) > 1)


def _numbers(words: Words) -> list[str]:
    return [word for word in words if word[0].isdigit()]


def _text(key: Any) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _share_letters(one: str, other: str, share: float) -> bool:
    from rapidfuzz.distance.Indel import normalized_similarity

    if min(len(one), len(other)) < MIN_LETTERS:
        return False
    return normalized_similarity(one, other, score_cutoff=share) >= share


def _differ_by_typing(one: int, other: int) -> bool:
    """Return whether two days differ by one digit, or by two that changed places."""
    first, second = date.fromordinal(one), date.fromordinal(other)
    if first.year == second.year and (first.month, first.day) == (second.day, second.month):
        return True
    digits = zip(first.isoformat(), second.isoformat(), strict=True)
    differ = [pair for pair in digits if pair[0] != pair[1]]
    return len(differ) == 1 or (len(differ) == 2 and differ[0] == differ[1][::-1])


def _scrambled(left: Sequence[str], rest: Iterable[str]) -> list[tuple[str, str]]:
    """Return each word with one that has its letters in another order, or most of them; nothing if
    a word has none."""
    found: list[Any] = []
    others = list(rest)
    for word in left:
        counterpart = next((it for it in others if _have_letters_in_common(word, it)), None)
        if counterpart is None:
            return []
        others.remove(counterpart)
        found.append((word, counterpart))
    return found


def _have_letters_in_common(one: str, other: str) -> bool:
    from rapidfuzz.distance.Indel import distance

    shorter = min(len(one), len(other))
    if shorter < SCRAMBLED_LETTERS:
        return False
    if distance("".join(sorted(one)), "".join(sorted(other)), score_cutoff=1) <= 1:
        return True
    return shorter >= LONG_WORD and _share_letters(one, other, SHARE_OF_LONG_WORD)
