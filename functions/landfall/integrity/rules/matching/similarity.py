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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations
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

_EPSILON = 1e-9

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

_SOUNDS = [
    (re.compile(pattern), sound)
    for pattern, sound in (
        ("sch|sh", "s"), ("ph", "f"), ("th|dt", "t"), ("ck|q|c(?!h)", "k"), ("ks|x", "k"),
        ("z", "s"), ("w", "v"), ("[yj]", "i"), ("ae", "a"), ("oe", "o"), ("ue", "u"),
        ("(?<=.)h", ""), (r"(.)\1+", r"\1"),
    )
]  # fmt: skip


def phonetic_key(word: str) -> str:
    """Return a word with one spelling for each sound: `Catherine` and `Katharine` differ by an
    `a`."""
    for pattern, instead in _SOUNDS:
        word = pattern.sub(instead, word)
    return word


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
        self, wording: str, names: Iterable[Words], check: Callable[[], None] = lambda: None
    ) -> None:
        self._small = _SMALL.get(wording, frozenset())
        self._check = check
        self._of_people = wording == "name"
        vocabulary = sorted({word for name in names for word in name})
        self._generations = (
            GENERATIONS.intersection(vocabulary) if wording == "name" else frozenset()
        )
        self._in_latin_letters = all(map(str.isascii, vocabulary))
        self._near: dict[str, dict[str, float]] = defaultdict(dict)
        self._add_typing_errors([word for word in vocabulary if word.isascii() and word.isalpha()])
        if wording == "name":
            self._add_nicknames(vocabulary)
            self._add_initials(vocabulary)
        self._accepted = {word: {word, *self._near.get(word, ())} for word in vocabulary}

    def score(self, one: Words, other: Words) -> float:
        """Return the similarity from 0 to 1; 1 is the same words."""
        return 1.0 if one == other else self.align(one, other).score

    def align(self, one: Words, other: Words) -> "Alignment":
        """Return which words of two different names are counterparts, and their similarity."""
        shorter, longer = sorted((one, other), key=self._order)
        here, there = (set(it) if len(it) > LONG_NAME else it for it in (shorter, longer))
        same = [word for word in shorter if word in there]
        left = [word for word in shorter if word not in there]
        rest = [word for word in longer if word not in here]
        pairs = []
        for likeness, word, counterpart in self._counterparts(left, rest):
            if word in left and counterpart in rest:
                pairs.append((likeness, word, counterpart))
                left.remove(word)
                rest.remove(counterpart)
        if self._are_relatives(one, other):
            score = 0.0
        else:
            score = max(
                self._mean(shorter, same, pairs, left, rest),
                SAME_SOUND if self._sound_alike(one, other) else 0.0,
            )
        return Alignment(score, same, pairs, left, rest)

    def _are_relatives(self, one: Words, other: Words) -> bool:
        """Return whether `Jr.`, `II` and the like tell the two apart, each of whom has one."""
        if not self._generations:
            return False
        first, second = self._generations.intersection(one), self._generations.intersection(other)
        return bool(first and second) and first != second

    def _sound_alike(self, one: Words, other: Words) -> bool:
        """Return whether names differ by a space only, or by the script of one of them."""
        if self._in_latin_letters:
            return len(one) != len(other) and _letters(one) == _letters(other)
        scripts = [all(map(str.isascii, name)) for name in (one, other)]
        if not any(scripts) or (all(scripts) and len(one) == len(other)):
            return False
        return _letters(one) == _letters(other)

    def reaches(self, one: Words, other: Words, at_least: float) -> bool:
        """Return whether the score is at least this."""
        return self.score(one, other) >= at_least - _EPSILON

    def pairs(self, names: Sequence[Words], at_least: float) -> Iterator[tuple[int, int]]:
        """Yield the places of all pairs of different names whose score is at least this."""
        holders: dict[str, list[int]] = defaultdict(list)
        spelt: dict[str, list[int]] = defaultdict(list)
        occurs = Counter(word for name in names for word in name)
        rarity = {word: sum(occurs[near] for near in self._accepted[word]) for word in occurs}
        # the longest first, so that a name is compared with those that are not shorter
        for place in sorted(range(len(names)), key=lambda it: self._order(names[it]), reverse=True):
            self._check()
            name = names[place]
            spelling = _letters(name)
            probed, needed = self._probed(name, rarity, at_least - _EPSILON)
            found = self._holding(probed, holders)
            for accepted in needed:
                found = {other for other in found if not accepted.isdisjoint(names[other])}
            if len(name) > LONG_NAME:
                found = self._with_counterparts(name, found, names, at_least - _EPSILON)
            for other in sorted(found.union(spelt[spelling])):
                if self.reaches(name, names[other], at_least):
                    yield other, place
            for word in name:
                holders[word].append(place)
            spelt[spelling].append(place)

    def _probed(
        self, name: Words, rarity: Mapping[str, int], bound: float
    ) -> tuple[list[str], list[set[str]]]:
        """Return words of which another name must hold a counterpart to reach the bound.

        Of the first list, it must hold a counterpart of at least one: they are the rarest that
        together weigh more than may be missing. Of each in the second list, it must hold an
        accepted word.
        """
        weights = {word: self._weight(word) for word in sorted(name, key=rarity.__getitem__)}
        slack = sum(weights.values()) * (1 - bound)
        needed = [word for word in weights if weights[word] > slack]
        if needed:
            return needed[:1], [self._accepted[word] for word in needed[1:]]
        probed: list[str] = []
        weight = 0.0
        for word in weights:
            if weight > slack:
                break
            probed.append(word)
            weight += weights[word]
        return probed, []

    def _with_counterparts(
        self, name: Words, found: Iterable[int], names: Sequence[Words], bound: float
    ) -> set[int]:
        """Return those of the found that have enough words which may be counterparts.

        Words that have none count in full: the others must weigh enough to reach the bound.
        """
        accepted = set().union(*(self._accepted[word] for word in name))
        missing = self._weights(name) * (1 - bound) / bound
        return {
            other
            for other in found
            if len(accepted.intersection(names[other])) >= len(name) - missing
        }

    def _holding(self, words: Iterable[str], holders: Mapping[str, list[int]]) -> set[int]:
        accepted = {near for word in words for near in self._accepted[word]}
        return set().union(*(holders[near] for near in accepted if near in holders))

    def _weight(self, word: str) -> float:
        return SMALL_WEIGHT if word in self._small else 1.0

    def _weights(self, words: Sequence[str]) -> float:
        if self._small.isdisjoint(words):
            return float(len(words))
        return sum(map(self._weight, words))

    def _order(self, name: Words) -> tuple[float, Words]:
        return self._weights(name), name

    def _mean(
        self,
        shorter: Words,
        same: Sequence[str],
        pairs: Iterable[tuple[float, str, str]],
        left: Sequence[str],
        rest: Sequence[str],
    ) -> float:
        if all(len(word) == 1 for word in shorter):
            return 0.0  # initials alone identify nobody
        alike = whole = self._weights(same)
        for likeness, word, _ in pairs:
            alike += self._weight(word) * likeness
            whole += self._weight(word)
        absent = self._weights(rest) - self._weights(left)
        return alike / (whole + len(left) + EXTRA_WEIGHT * max(0.0, absent))

    def _counterparts(
        self, words: Sequence[str], others: Sequence[str]
    ) -> list[tuple[float, str, str]]:
        """Return the counterparts, the most similar first."""
        found = [
            (near[other], word, other)
            for word in words
            if (near := self._near.get(word))
            for other in others
            if other in near
        ]
        return sorted(found, reverse=True) if len(found) > 1 else found

    def _relate(self, one: str, other: str, likeness: float) -> None:
        if likeness > self._near[one].get(other, 0.0):
            self._near[one][other] = self._near[other][one] = likeness

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
        initials = {word for word in vocabulary if len(word) == 1 and word.isalpha()}
        for word in vocabulary:
            if len(word) > 1 and word[0] in initials:
                self._relate(word, word[0], INITIAL)


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
        for spelling in {sounding, *words}:
            of = words if spelling == sounding else [spelling]
            by_length[len(spelling)].append((spelling, of))
    for length in {near for known in by_length for near in (known - 1, known)}:
        holders: dict[str, list[str]] = defaultdict(list)  # of one length, to bound memory
        for spelling, of in by_length.get(length, ()):
            holders[spelling] += of
        for place, (spelling, of) in enumerate(by_length.get(length + 1, ())):
            if place % CHECK_INTERVAL == 0:
                check()
            for shortened in {spelling[:at] + spelling[at + 1 :] for at in range(len(spelling))}:
                holders[shortened] += of
        for alike in holders.values():
            if len(alike) > 1:
                yield from combinations(dict.fromkeys(alike), 2)
