"""Names so common that they are no sign that two records are of one person.

Words are assumed to be independent: if 60 of 10,000 other names have `Elizabeth` and 80 `Jones`,
0.5 have both by chance.
"""

from collections import Counter
from collections.abc import Collection
from math import prod

from landfall.integrity.rules.matching.plain_words import Words

MAX_CHANCE = 0.1
"""Expected namesakes by chance, above which a name is common: one in ten such names has one."""

MIN_NAMES = 1000
"""Different names from which the frequency of a word is known well enough."""


def common_names(names: Collection[Words]) -> set[Words]:
    """Return those of different names that are common among them."""
    size = len(names)
    if size < MIN_NAMES:
        return set()
    occurs = Counter(word for name in names for word in name)
    return {
        name for name in names if size * prod((occurs[it] - 1) / size for it in name) > MAX_CHANCE
    }
