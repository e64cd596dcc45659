"""Which names are so common that they are no sign that two records are of one.

Words are taken as independent: where 60 of 10,000 other names have `Elizabeth` and 80 `Jones`, 0.5
have both by chance.
"""

from collections import Counter
from collections.abc import Collection
from math import prod

from landfall.integrity.rules.matching.normalisation import Words

BY_CHANCE = 0.1
"""A name is common where, of ten that are as common, more than one has a namesake by chance."""

NAMES_LEAST = 1000
"""Fewer different names do not tell how common a word is."""


def common(names: Collection[Words]) -> set[Words]:
    """Those of different names that are common among them."""
    size = len(names)
    if size < NAMES_LEAST:
        return set()
    occurs = Counter(word for name in names for word in name)
    return {
        name for name in names if size * prod((occurs[it] - 1) / size for it in name) > BY_CHANCE
    }
