"""Evidence that two records are of one person or organisation, in bits.

A bit makes it twice as likely, as in the model of Fellegi and Sunter. What both have speaks for it,
the more the rarer it is in the table; what differs speaks against it, and what is missing says
nothing. The figures are estimates of how people write: none was learned from labels.

Names and values are numbers here: two of them compare in no time, and what is remembered of two is
small.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from math import inf, log2
from typing import Any, NamedTuple

from landfall.airtable.snapshot import Table
from landfall.airtable.values import display
from landfall.integrity.rules.matching.common_names import MAX_CHANCE, common_names
from landfall.integrity.rules.matching.comparison import Column, Comparison
from landfall.integrity.rules.matching.field_evidence import (
    TYPING_ERROR,
    FieldEvidence,
    How,
    numbered,
    share_letters,
)
from landfall.integrity.rules.matching.pair_conditions import Similar
from landfall.integrity.rules.matching.person_names import are_two_names
from landfall.integrity.rules.matching.plain_words import Words
from landfall.integrity.rules.matching.similarity import EPSILON, NameSimilarity
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

OTHER_NAME = 10
"""Bits against it if a word of each name is another; the same words speak for it."""

SAME_OF_DIFFERENT_NAMES = 2
"""Other fields that must be the same if the names are not: a family shares a telephone."""

MAX_BLOCK = 40
"""Records of one value of which every two are candidates."""

CHECK_INTERVAL = 100
"""Records between two checks of the budget; each is compared with several times `MAX_BLOCK`."""

MAX_REMEMBERED = 20_000
"""Comparisons of two names that are remembered, to bound memory: duplicates repeat them."""

SCRAMBLED_LETTERS = 3
"""Letters from which a word is recognised by its letters in any order; one may be lost."""

LONG_WORD, SHARE_OF_LONG_WORD = 5, 0.75
"""Letters from which a word is recognised by this share of them."""

_Known = tuple[FieldEvidence, Sequence[int], int, float, float]
"""A field, its values, that of a record, its bits, and those at most if the other has another."""

_Evidence = tuple[int, float, How, int, bool, int, bool]
"""Another record, and what is `Weighed`."""

Candidates = Iterator[tuple[int, Iterable[int]]]
"""Records, each with others that it may be the same as."""


class Weighed(NamedTuple):
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
        self._similarity: NameSimilarity = columns[0].similarity
        self._name, names = numbered(columns[0].keys)
        self._names: Sequence[Words] = [name or () for name in names]
        self._fields = [FieldEvidence(column, self._name) for column in columns[1:]]
        values = zip(*(field.values for field in self._fields), strict=True)
        self._values = [*values] or [()] * len(self._name)
        others = len(names) - 1 + NAMES
        words: Counter[str] = Counter(word for name in self._names for word in name)
        self._bits = {word: -log2(max(1, count - 1) / others) for word, count in words.items()}
        common = common_names(self._names[1:])
        self._is_common = [name in common for name in self._names]
        self._name_bits = [self._of_words(name) for name in self._names]
        self._most_bits = [
            sum(max(INITIAL, self._bits[word]) for word in name) for name in self._names
        ]
        """The bits of each name at most, with whatever other name."""

        self._codes = any(field.has_codes for field in self._fields)
        self._known_of, self._known_fields = -1, list[_Known]()
        self._compared: dict[Pair, tuple[float, How, float]] = {}
        self._likely: dict[int, dict[int, float]] = defaultdict(dict)
        """Each record with those that it is likely the same as, and the bits."""

        self._possible: set[Pair] = set()
        self.enough = log2(others / MAX_CHANCE)
        """Bits from which at most one in ten such pairs is one by chance."""

    def pairs(self) -> tuple[Mapping[int, Mapping[int, float]], set[Pair]]:
        """Return each record with those that it is likely the same as, by bits; and the possible
        pairs.

        Of records with equal values, only the first is compared, unless they have no name.
        """
        first: dict[Any, int] = {}
        nameless = [
            (first[key], [record])
            for record, key in enumerate(zip(self._name, self._values, strict=True))
            if first.setdefault(key, record) != record and not key[0]
        ]
        likely, possible = self._likely, self._possible
        records = sorted(first.values(), key=self._name.__getitem__)
        for at_least, candidates in (
            (self.enough, chain(nameless, self._of_equal_values(records))),
            (self.enough, self._of_common_values(records)),
            (-inf, self._of_rare_names(records)),
        ):
            for number, (one, others) in enumerate(candidates):
                if number % CHECK_INTERVAL == 0:
                    self._check()
                for evidence in self._weigh(one, others, at_least):
                    other, bits, name, same, _, _, identified = evidence
                    if bits >= self.enough and same and (name != "different" or identified):
                        likely[one][other] = likely[other][one] = bits
                    elif self._is_possible(one, other, Weighed(*evidence[1:])):
                        possible.add((one, other) if one < other else (other, one))
        return likely, possible

    def judge(self, one: int, other: int) -> int:
        """Return 1 if two records are likely the same, -1 if rather not, and 0 if neither."""
        if one in self._likely and other in self._likely[one]:
            return 1
        weighed = self.weigh(one, other)
        if weighed.agrees or self._speaks_for(weighed):
            return 1
        return -1 if weighed.opposes else 0

    def weigh(self, one: int, other: int) -> Weighed:
        """Return what speaks for and against two records being the same."""
        return Weighed(*next(self._weigh(one, (other,), -inf))[1:])

    def _weigh(self, one: int, others: Iterable[int], at_least: float) -> Iterator[_Evidence]:
        """Yield what speaks for and against one record being the same as each of others.

        Leave out what is less than `at_least` bits, without comparing values that cannot help.
        """
        known = self._known(one)
        names, compared, most_bits = self._name, self._compared, self._most_bits
        name = names[one]
        for other in others:
            at_most = EPSILON
            bits = 0.0
            same = differ = 0
            for _, values, value, worth, unless_same in known:
                there = values[other]
                if there == value:
                    bits += worth
                    same += 1
                elif there:
                    at_most += unless_same
                    differ += 1
            its = names[other]
            of_names = compared.get((name, its) if name < its else (its, name))
            name_bits = of_names[2] if of_names else max(most_bits[name], most_bits[its])
            if bits + name_bits + at_most < at_least:
                continue
            unequal = 0.0
            alike = False
            if differ:  # before the names, which take longer
                still = at_least - bits - name_bits
                unequal, alike, differ = _unequal(known, other, at_most, still)
                if unequal + EPSILON < still:
                    continue
            _, how, name_bits = of_names or self._names_of(one, other)
            bits = bits + name_bits + unequal
            if bits >= at_least:
                identified = self._codes and self._share_a_code(one, other)
                yield other, bits, how, same, alike, differ, identified

    def _known(self, record: int) -> Sequence[_Known]:
        """Return the fields that a record has; several in a row are asked of one."""
        if self._known_of != record:
            self._known_of = record
            self._known_fields = [
                (field, field.values, value, field.bits[value], field.at_most[value])
                for field in self._fields
                if (value := field.values[record])
            ]
        return self._known_fields

    def _share_a_code(self, one: int, other: int) -> bool:
        """Return whether a number or code that few have is the same."""
        return any(
            field.values[one] == field.values[other] and field.identifies(field.values[one])
            for field in self._fields
        )

    def _speaks_for(self, weighed: Weighed) -> bool:
        """Return whether two records are likely the same by more than their name."""
        named = weighed.name != "different" or weighed.identified
        return weighed.same > 0 and named and weighed.bits >= self.enough

    def _is_possible(self, one: int, other: int, weighed: Weighed) -> bool:
        """Return whether two records that are not likely the same are possibly so; no question
        arises of those that agree."""
        if weighed.agrees:
            return False
        enough = weighed.bits >= self.enough
        match weighed.name:
            case "different":
                others_agree = weighed.same >= SAME_OF_DIFFERENT_NAMES and not weighed.differ
                return enough and others_agree and self._of_people
            case "same" if not weighed.same:
                rare = weighed.differ <= 1 and not self._is_common[self._name[one]]
                all_differ = weighed.differ == len(self._fields)
                return (enough or rare) and self._of_people and not all_differ
            case "alike" if not weighed.same:
                names = self._name[one], self._name[other]
                return (
                    not weighed.differ
                    and not any(self._is_common[name] for name in names)
                    and self._names_of(one, other)[0] >= UNCONFIRMED - EPSILON
                )
        return enough and weighed.same > 0

    def _names_of(self, one: int, other: int) -> tuple[float, How, float]:
        """Return the similarity of the names of two records, what it is, and its bits."""
        first, second = self._name[one], self._name[other]
        pair = (first, second) if first < second else (second, first)
        known = self._compared.get(pair)
        if known is None:
            if len(self._compared) >= MAX_REMEMBERED:
                self._compared.clear()
            known = self._compared[pair] = self._compare_names(*pair)
        return known

    def _compare_names(self, one: int, other: int) -> tuple[float, How, float]:
        if not one:
            return 0, "missing", 0
        if one == other:
            return 1, "same", self._name_bits[one]
        alignment = self._similarity.align(self._names[one], self._names[other])
        score, same, pairs, left, rest = alignment
        bits = self._of_words(same)
        for _, word, counterpart in pairs:
            initial = min(len(word), len(counterpart)) == 1
            bits += INITIAL if initial else self._of_pair(word, counterpart, OTHER_SPELLING)
        if score >= CONFIRMED or (self._of_people and not left):
            in_one = max(self._name_bits[one], self._name_bits[other]) - OTHER_SPELLING
            return score, "alike", max(bits, in_one) if left else bits
        scrambled = _scrambled(left, rest) if score else []
        if scrambled and not (self._of_people and any(are_two_names(*it) for it in scrambled)):
            bits += sum(self._of_pair(*it, TYPING_ERROR) for it in scrambled)
            return score, "alike", bits
        return score, "different", bits - OTHER_NAME

    def _of_words(self, words: Iterable[str]) -> float:
        return sum(map(self._bits.__getitem__, words))

    def _of_pair(self, word: str, counterpart: str, less: float) -> float:
        return max(0, min(self._bits[word], self._bits[counterpart]) - less)

    def _of_equal_values(self, records: Sequence[int]) -> Candidates:
        """Yield the pairs of these records, each once, that have a value of another field in
        common; if it is a common one, also a word of their name."""
        holders: list[dict[int, list[int]]] = []
        by_word: list[dict[int, dict[str, list[int]]]] = []
        for field in self._fields:
            self._check()
            blocks = _blocks(field.values, records)
            holders.append({it: [] for it, block in blocks.items() if len(block) <= MAX_BLOCK})
            frequent = [it for it in blocks.items() if len(it[1]) > MAX_BLOCK]
            by_word.append({value: self._words_of_several(block) for value, block in frequent})
        for record in records:
            words = self._names[self._name[record]]
            of_record: list[list[int]] = []
            for rare, common, value in zip(holders, by_word, self._values[record], strict=True):
                if value in rare:
                    of_record.append(rare[value])
                elif value in common:
                    of_word = common[value]
                    of_record += [of_word[word] for word in words if word in of_word]
            if of_record:
                yield record, set().union(*of_record)
                for block in of_record:
                    block.append(record)

    def _words_of_several(self, block: Iterable[int]) -> dict[str, list[int]]:
        """Return the words of names that some of the records have, but not many."""
        words = (self._names[self._name[record]] for record in block)
        occurs = Counter(chain.from_iterable(words))
        return {word: [] for word, number in occurs.items() if 1 < number <= MAX_BLOCK}

    def _of_common_values(self, records: Sequence[int]) -> Candidates:
        """Yield the pairs of these records that have a common value and a similar name."""
        for field in self._fields:
            for block in _blocks(field.values, records).values():
                if len(block) > MAX_BLOCK:
                    self._check()
                    yield from self._of_similar_names(block, CONFIRMED)

    def _of_rare_names(self, records: Iterable[int]) -> Candidates:
        named = [it for it in records if not self._is_common[self._name[it]]]
        return self._of_similar_names(named, UNCONFIRMED)

    def _of_similar_names(self, records: Iterable[int], at_least: float) -> Candidates:
        """Yield the pairs of records with similar names that are not likely the same already."""
        by_name = _blocks(self._name, records)
        for same in by_name.values():
            for place in range(1, len(same) if len(same) <= MAX_BLOCK else 0):
                if new := self._others(same[place], same[:place]):
                    yield same[place], new
        numbers = [*by_name]
        names = [self._names[number] for number in numbers]
        for place, others in self._similarity.candidates(names, at_least):
            here = by_name[numbers[place]]
            there = [by_name[numbers[other]] for other in others]
            near = [*chain.from_iterable(it for it in there if len(here) + len(it) <= MAX_BLOCK)]
            for record in here if near else ():
                new = [
                    other
                    for other in self._others(record, near)
                    if self._names_of(record, other)[0] >= at_least - EPSILON
                ]
                if new:
                    yield record, new

    def _others(self, record: int, others: Iterable[int]) -> Iterable[int]:
        """Return those of others that a record is not likely the same as."""
        return {*others}.difference(self._likely.get(record, ()))

    @property
    def label(self) -> str:
        """Return the fields of the name."""
        return self._conditions[0].label

    def cell(self, table: Table, record: int) -> Any:
        """Return the name of a record."""
        return self._conditions[0].cell(table, record)

    def explain(self, table: Table, one: int, other: int) -> str:
        """Return what speaks for two records being the same, and what against it."""
        how = [self._names_of(one, other)[1]]
        values = zip(self._fields, self._values[one], self._values[other], strict=True)
        how += [field.compare(here, there) for field, here, there in values]
        pro: list[str] = []
        contra: list[str] = []
        for condition, column, found in zip(self._conditions, self._columns, how, strict=True):
            if found == "same" or (found == "alike" and isinstance(condition, Similar)):
                pro.append(condition.explain(column, table, one, other))
            elif found != "missing":
                cells = ", ".join(display(condition.cell(table, record)) for record in (one, other))
                if found == "alike":
                    pro.append(f"almost the same {condition.label} ({cells})")
                else:
                    contra.append(f"another {condition.label} ({cells})")
        return " but ".join(" and ".join(phrases) for phrases in (pro, contra) if phrases)


def _unequal(
    known: Iterable[_Known], other: int, at_most: float, at_least: float
) -> tuple[float, bool, int]:
    """Return the bits of the values that differ, whether one is alike, and how many are not.

    The bits are `-inf` as soon as they are too few.
    """
    bits, alike, differ = 0.0, False, 0
    for field, values, value, _, unless_same in known:
        there = values[other]
        if there and there != value:
            found, weight = field.differ(value, there)
            bits += weight
            at_most -= unless_same
            if bits + at_most < at_least:
                return -inf, alike, differ
            if found == "alike":
                alike = True
            else:
                differ += 1
    return bits, alike, differ


def _blocks(values: Sequence[int], records: Iterable[int]) -> dict[int, list[int]]:
    """Return the records by the number of their value."""
    blocks: dict[int, list[int]] = defaultdict(list)
    for record in records:
        blocks[values[record]].append(record)
    blocks.pop(0, None)
    return blocks


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
    first, second = len(one), len(other)
    # a letter that only one of them has is at least one that differs
    differ = (_letters(one) ^ _letters(other)).bit_count()
    if differ > max(1, (first + second) * (1 - SHARE_OF_LONG_WORD)):
        return False
    shorter = min(first, second)
    if shorter < SCRAMBLED_LETTERS:
        return False
    if abs(first - second) <= 1 and _differ_by_a_letter(
        "".join(sorted(one)), "".join(sorted(other))
    ):
        return True
    return shorter >= LONG_WORD and share_letters(one, other, SHARE_OF_LONG_WORD)


@lru_cache(MAX_REMEMBERED)
def _letters(word: str) -> int:
    """Return the letters of a word as bits; some letters of other scripts have one together."""
    bits = 0
    for letter in word:
        bits |= 1 << ord(letter) % 61
    return bits


def _differ_by_a_letter(one: str, other: str) -> bool:
    from rapidfuzz.distance.Indel import distance

    return distance(one, other, score_cutoff=1) <= 1
