"""The similarity of two names, word by word, and the similar pairs of many names.

Words are counterparts if they are the same, sound the same, are a name and its nickname, are an
initial and its word, or are the same except for one letter left out of each. The similarity of two
counterparts is that of Jaro-Winkler, or a fixed figure. The similarity of two names is the weighted
mean over the words of the shorter one. A word of it without a counterpart counts as 0, with full
weight; words that only the longer name has count a little. So a missing middle name or `Clinic`
lowers the similarity slightly, while `Clinic` in one name and `School` in the other make them
different.

Nothing is skipped: `NameSimilarity.pairs` finds every pair whose `score` reaches the bound. It
compares the names that share a counterpart of a word without which the bound is out of reach.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from itertools import chain, combinations
from math import inf
from typing import NamedTuple

from landfall.integrity.rules.matching.organisation_names import GENERIC
from landfall.integrity.rules.matching.person_names import GENERATIONS, PARTICLES, are_two_names
from landfall.integrity.rules.matching.plain_words import Words, sound

SAME_SOUND = 0.97
"""Similarity of words that sound the same, and of names that differ by a space (`Mary Ann`)."""

NICKNAME = 0.95
INITIAL = 0.75

EXTRA_WEIGHT = 0.15
"""Share of its weight with which a word counts that only the longer name has."""

SMALL_WEIGHT = 0.2
"""The weight of a generic word or a particle; other words have 1."""

MIN_TYPO_LETTERS = 4
"""Letters from which a word is compared for typing errors; one of the two must have them."""

MAX_TYPO_LETTERS = 60
"""Letters to which it is, to bound memory, which grows by their square."""

MAX_SAME_SOUND = 100
"""Words of one sound of which every two are counterparts; more are no words of a language."""

LONG_NAME = 8
"""Words beyond which a name is looked at as a whole before its words are paired, one by one."""

CHECK_INTERVAL = 1000
"""Words between two checks of the budget."""

EPSILON = 1e-9
"""By which a score may be less than its bound: 0.8 is not exact."""

_SPELLINGS = tuple(
    frozenset(names.split())
    for names in (
        "mohammed muhammad mohamed mohammad mohamad muhammed muhamad mohd",
        "yusuf yousef youssef yousuf yusef yousif",
        "hussein hussain husain husein hossain",
        "yuri yury yuriy iurii jurij",
        "sergey sergei sergej serguei",
        "petr pyotr piotr",
    )
)
"""Names that are written in Latin letters in more ways than by one letter."""

_SMALL: Mapping[str, frozenset[str]] = {"name": PARTICLES | GENERATIONS, "organisation": GENERIC}

_SOUNDS = (
    ("sch", "s"), ("sh", "s"), ("ph", "f"), ("th", "t"), ("dt", "t"), ("ck", "k"), ("q", "k"),
    ("ch", "C"), ("c", "k"), ("C", "ch"), ("ks", "k"), ("x", "k"), ("z", "s"), ("w", "v"),
    ("y", "i"), ("j", "i"), ("ae", "a"), ("oe", "o"), ("ue", "u"),
)  # fmt: skip
"""Letters and those that sound the same, in this order; `ch` is set aside while `c` is replaced."""

_DOUBLED = re.compile(r"(.)\1+")


def phonetic_key(word: str) -> str:
    """Return a word with one spelling for each sound: `Catherine` and `Katharine` differ by an
    `a`."""
    for letters, instead in _SOUNDS:
        if letters in word:
            word = word.replace(letters, instead)
    return _DOUBLED.sub(r"\1", word[:1] + word[1:].replace("h", ""))


class Alignment(NamedTuple):
    """The similarity of two names, the words that both have, the counterparts with their
    similarity, and the other words of the shorter and of the longer name."""

    score: float
    same: list[str]
    pairs: list[tuple[float, str, str]]
    left: list[str]
    rest: list[str]


class NameSimilarity:
    """The similarity of names whose words are among these."""

    def __init__(
        self, wording: str, names: Collection[Words], check: Callable[[], None] = lambda: None
    ) -> None:
        self._check, self._names = check, names
        self._of_people = wording == "name"
        vocabulary = sorted({word for name in names for word in name})
        self._generations = (
            GENERATIONS.intersection(vocabulary) if wording == "name" else frozenset()
        )
        self._small = _SMALL.get(wording, frozenset()).intersection(vocabulary)
        self._in_latin_letters = all(map(str.isascii, vocabulary))
        self._near: dict[str, dict[str, float]] = {}
        """Words that have counterparts, each with these and itself, without initials."""

        self._initials: dict[str, set[str]] = {}
        """Each initial, with the words that begin with it."""

        self._add_typing_errors([word for word in vocabulary if word.isascii() and word.isalpha()])
        if wording == "name":
            self._add_nicknames(vocabulary)
            self._add_initials(vocabulary)
        for word, near in self._near.items():
            near[word] = 1.0

    def score(self, one: Words, other: Words) -> float:
        """Return the similarity from 0 to 1; 1 is the same words."""
        return 1.0 if one == other else self.align(one, other).score

    def align(self, one: Words, other: Words) -> "Alignment":
        """Return which words of two different names are counterparts, and their similarity."""
        if len(one) == 2 == len(other) and (found := self._of_two_words(one, other)):
            return found
        first, second = self._weights(one), self._weights(other)
        shorter, longer = (one, other) if (first, one) < (second, other) else (other, one)
        there = longer if len(longer) <= LONG_NAME else set(longer)
        same = [word for word in shorter if word in there]
        left = [word for word in shorter if word not in there]
        here = shorter if len(shorter) <= LONG_NAME else set(shorter)
        rest = [word for word in longer if word not in here]
        pairs = []
        for pair in self._counterparts(left, rest) if left else ():
            _, word, counterpart = pair
            if word in left and counterpart in rest:
                pairs.append(pair)
                left.remove(word)
                rest.remove(counterpart)
        if self._generations and self._are_relatives(one, other):
            return Alignment(0.0, same, pairs, left, rest)
        if len(shorter[0]) == 1 and all(len(word) == 1 for word in shorter):
            score = 0.0  # initials alone identify nobody
        elif first + second == len(one) + len(other):  # without small words
            alike = sum((likeness for likeness, _, _ in pairs), len(same))
            longer_by = max(0, len(rest) - len(left))
            score = alike / (len(shorter) + EXTRA_WEIGHT * longer_by)
        else:
            score = self._mean(same, pairs, left, rest)
        if score < SAME_SOUND and self._sound_alike(one, other):
            score = SAME_SOUND
        return Alignment(score, same, pairs, left, rest)

    def _of_two_words(self, one: Words, other: Words) -> "Alignment | None":
        """Return what `align` does for names of two words, if it is simple: one is the same."""
        if one[0] in other:
            same, left = one
        elif one[1] in other:
            left, same = one
        else:
            return None
        rest = other[1] if other[0] == same else other[0]
        if len(same) == 1 or not (left.isascii() and rest.isascii() and same.isascii()):
            return None
        if self._small and not self._small.isdisjoint((same, left, rest)):
            return None
        near = self._near.get(left)
        likeness = near.get(rest) if near else None
        if likeness is None:
            is_initial = left[0] == rest[0] in self._initials and 1 in (len(left), len(rest))
            if not is_initial:
                return Alignment(0.5, [same], [], [left], [rest])
            likeness = INITIAL
        return Alignment((1 + likeness) / 2, [same], [(likeness, left, rest)], [], [])

    def _are_relatives(self, one: Words, other: Words) -> bool:
        """Return whether `Jr.`, `II` and the like tell the two apart, each of whom has one."""
        first, second = self._generations.intersection(one), self._generations.intersection(other)
        return bool(first and second) and first != second

    def _sound_alike(self, one: Words, other: Words) -> bool:
        """Return whether names differ by a space only, or by the script of one of them."""
        if self._in_latin_letters:
            if len(one) == len(other) or sum(map(len, one)) != sum(map(len, other)):
                return False
            return _letters(one) == _letters(other)
        scripts = [all(map(str.isascii, name)) for name in (one, other)]
        if not any(scripts) or (all(scripts) and len(one) == len(other)):
            return False
        return _letters(one) == _letters(other)

    def reaches(self, one: Words, other: Words, at_least: float) -> bool:
        """Return whether the score is at least this."""
        return self.score(one, other) >= at_least - EPSILON

    def pairs(self, names: Sequence[Words], at_least: float) -> Iterator[tuple[int, int]]:
        """Yield the places of all pairs of different names whose score is at least this."""
        for place, others in self.candidates(names, at_least):
            for other in sorted(others):
                if self.reaches(names[place], names[other], at_least):
                    yield other, place

    def candidates(
        self, names: Sequence[Words], at_least: float
    ) -> Iterator[tuple[int, Iterable[int]]]:
        """Yield places of names, each with those of others whose score may be at least this.

        Every two names whose score is, are among them once.
        """
        holders: dict[str, list[int]] = defaultdict(list)
        of_same_letters: dict[int, list[int]] = defaultdict(list)
        bound = at_least - EPSILON
        order = [self._weights(name) for name in names]
        most = max(order, default=0)
        # the longest first, so that a name is compared with those that are not shorter
        in_order = sorted(range(len(names)), key=names.__getitem__, reverse=True)
        in_order.sort(key=order.__getitem__, reverse=True)
        for number, place in enumerate(in_order):
            if number % CHECK_INTERVAL == 0:
                self._check()
            name, slack = names[place], order[place] * (1 - bound)
            probed, needed = self._probed(name, slack)
            found = self._holding(probed, holders, slack)
            # a longer name has words that nothing of this one is a counterpart of
            longest = len(name) + order[place] * (1 / bound - 1) / EXTRA_WEIGHT
            if longest < most:
                found = {other for other in found if order[other] <= longest}
            for word in needed:
                if not found:
                    break
                accepted = self._counterparts_of(word, slack)
                found = {other for other in found if not accepted.isdisjoint(names[other])}
            if len(name) > LONG_NAME:
                found = self._with_counterparts(name, found, names, bound)
            if name in self._of_same_letters:
                same = of_same_letters[self._of_same_letters[name]]
                found.update(same)
                same.append(place)
            if found:
                yield place, found
            for word in name:
                holders[word].append(place)

    def _probed(self, name: Words, slack: float) -> tuple[Sequence[str], Sequence[str]]:
        """Return words of which another name must hold a counterpart to reach the bound.

        Of the first list, it must hold a counterpart of at least one: they are the rarest that
        together weigh more than may be missing. Of the second list, it must hold one of each.
        """
        words = sorted(name, key=self._rarity.__getitem__)
        needed = [word for word in words if self._weight(word) > slack]
        if needed:
            return needed[:1], needed[1:]
        weight = 0.0
        for number, word in enumerate(words):
            if weight > slack:
                return words[:number], ()
            weight += self._weight(word)
        return words, ()

    def _with_counterparts(
        self, name: Words, found: Iterable[int], names: Sequence[Words], bound: float
    ) -> set[int]:
        """Return those of the found that have enough words which may be counterparts.

        Words that have none count in full: the others must weigh enough to reach the bound.
        """
        accepted = set().union(*(self._counterparts_of(word, inf) for word in name))
        missing = self._weights(name) * (1 - bound) / bound
        return {
            other
            for other in found
            if len(accepted.intersection(names[other])) >= len(name) - missing
        }

    def _holding(
        self, words: Iterable[str], holders: Mapping[str, list[int]], slack: float
    ) -> set[int]:
        """Return the names that hold a counterpart of one of the words."""
        accepted = [self._counterparts_of(word, slack) for word in words]
        near = accepted[0] if len(accepted) == 1 else set().union(*accepted)
        return set().union(*[holders[word] for word in near if word in holders])

    def _counterparts_of(self, word: str, slack: float) -> AbstractSet[str]:
        """Return the words that may be the counterpart of one, if so much may be missing."""
        accepted = self._near[word].keys() if word in self._near else {word}
        if word[0] not in self._initials or self._weight(word) * (1 - INITIAL) > slack:
            return accepted
        return self._initials[word] if len(word) == 1 else accepted | {word[0]}

    @cached_property
    def _rarity(self) -> dict[str, float]:
        """Return in how many names a counterpart of each word occurs; initials say the least."""
        occurs = Counter(chain.from_iterable(self._names))
        occurs_near: dict[str, float] = {**occurs}
        for word, near in self._near.items():
            occurs_near[word] = sum(map(occurs.__getitem__, near))
        return occurs_near | dict.fromkeys(self._initials, inf)

    @cached_property
    def _of_same_letters(self) -> dict[Words, int]:
        """Return the names that have the same letters as another one, with a number of these."""
        letters = [hash(_letters(name)) for name in self._names]
        occurs = Counter(letters)
        return {
            name: number
            for name, number in zip(self._names, letters, strict=True)
            if occurs[number] > 1
        }

    def _weight(self, word: str) -> float:
        return SMALL_WEIGHT if word in self._small else 1.0

    def _weights(self, words: Sequence[str]) -> float:
        if not self._small or self._small.isdisjoint(words):
            return float(len(words))
        return sum(map(self._weight, words))

    def _mean(
        self,
        same: Sequence[str],
        pairs: Iterable[tuple[float, str, str]],
        left: Sequence[str],
        rest: Sequence[str],
    ) -> float:
        alike = whole = self._weights(same)
        for likeness, word, _ in pairs:
            weight = self._weight(word)
            alike += weight * likeness
            whole += weight
        whole += len(left)
        absent = max(0.0, self._weights(rest) - self._weights(left))
        return alike / (whole + EXTRA_WEIGHT * absent)

    def _counterparts(
        self, words: Sequence[str], others: Sequence[str]
    ) -> list[tuple[float, str, str]]:
        """Return the counterparts, the most similar first."""
        found = []
        for word in words:
            near = self._near.get(word)
            for other in others:
                if near and other in near:
                    found.append((near[other], word, other))
                elif (
                    word[0] == other[0]
                    and 1 in (len(word), len(other))
                    and word[0] in self._initials
                ):
                    found.append((INITIAL, word, other))
        return sorted(found, reverse=True) if len(found) > 1 else found

    def _relate(self, one: str, other: str, likeness: float) -> None:
        near = self._near.setdefault(one, {})
        if likeness > near.get(other, 0.0):
            near[other] = self._near.setdefault(other, {})[one] = likeness

    def _add_typing_errors(self, words: Iterable[str]) -> None:
        from rapidfuzz.distance.JaroWinkler import similarity

        by_sound: dict[str, list[str]] = defaultdict(list)
        for word in words:
            if 1 < len(word) <= MAX_TYPO_LETTERS:
                by_sound[phonetic_key(word)].append(word)
        for sounding in [it for it, same in by_sound.items() if len(same) > MAX_SAME_SOUND]:
            for word in by_sound.pop(sounding):
                by_sound[word].append(word)
        for same in by_sound.values():
            for one, other in combinations(same, 2):
                self._relate(one, other, SAME_SOUND)
        for one, other in _one_letter_apart(by_sound, self._check):
            two = self._of_people and are_two_names(one, other)
            if not two and max(len(one), len(other)) >= MIN_TYPO_LETTERS:
                self._relate(one, other, similarity(one, other))

    def _add_nicknames(self, vocabulary: Iterable[str]) -> None:
        from nicknames import NickNamer

        formal = NickNamer().canonical_lookup
        words = set(vocabulary)
        for nickname in words & formal.keys():
            for name in words & formal[nickname] - {nickname}:
                self._relate(name, nickname, NICKNAME)
        for names in _SPELLINGS:
            for one, other in combinations(sorted(words & names), 2):
                self._relate(one, other, SAME_SOUND)

    def _add_initials(self, vocabulary: Sequence[str]) -> None:
        self._initials = {word: {word} for word in vocabulary if len(word) == 1 and word.isalpha()}
        for word in vocabulary:
            if word[0] in self._initials:
                self._initials[word[0]].add(word)


def _letters(name: Words) -> str:
    return "".join(sorted("".join(map(sound, name))))


def _one_letter_apart(
    by_sound: Mapping[str, Sequence[str]], check: Callable[[], None]
) -> Iterator[tuple[str, str]]:
    """Yield the words that are the same when at most one letter is left out of each.

    Both their spelling and their sound are compared.
    """
    by_length: dict[int, list[tuple[str, Sequence[str]]]] = defaultdict(list)
    for sounding, words in by_sound.items():
        yield from combinations(words, 2)
        for spelling in {sounding, *words}:
            of = words if spelling == sounding else [spelling]
            by_length[len(spelling)].append((spelling, of))
    for length in {near for known in by_length for near in (known - 1, known)}:
        first: dict[str, Sequence[str]] = {}  # of one length, to bound memory
        alike: dict[str, list[str]] = {}  # few have another one
        for place, (spelling, of) in enumerate(
            chain(by_length.get(length, ()), by_length.get(length + 1, ()))
        ):
            if place % CHECK_INTERVAL == 0:
                check()
            if len(spelling) == length:
                shorter = {spelling}
            else:
                shorter = {spelling[:at] + spelling[at + 1 :] for at in range(length + 1)}
            for shortened in shorter:
                held = first.setdefault(shortened, of)
                if held is not of:
                    alike.setdefault(shortened, [*held]).extend(of)
        for words in alike.values():
            yield from combinations(dict.fromkeys(words), 2)
