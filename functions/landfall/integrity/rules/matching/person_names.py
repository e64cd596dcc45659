"""Names of people: which of their words are titles and degrees, and what tells relatives apart.

A title stands before a name and a degree behind it. Many of them are names too (`Peter Mba`, `Judi
Dame`), so they are dropped by their place and by how they are written, and never if no name is
left.
"""

import re
from collections.abc import Sequence

from landfall.integrity.rules.matching.plain_words import Words, in_order, plain, together


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


TITLES = _set(
    "mr mrs ms miss mx dr prof professor sir dame lord lady rev reverend herr frau fr dipl ing"
    " madam madame mme mlle monsieur senor senora sr sra srta"
)
"""Titles before a name."""

TITLES_BEHIND = _set("dr prof mr mrs ms")
"""Titles that are no surname, and so are titles at the end too: `Miller, Ann Dr.`"""

DEGREES = _set("phd dphil bsc msc mphil dsc dds dmd mbbs llb llm edd pharmd beng meng esq")
DEGREES_OR_NAMES = _set("mba md jd rn")
"""Degrees if they are written as such: in capitals, with dots, or after a comma."""

_GENERATIONS = {
    "jr": "jr", "jnr": "jr", "junior": "jr", "sr": "sr", "snr": "sr", "senior": "sr",
    "ii": "2nd", "2nd": "2nd", "iii": "3rd", "3rd": "3rd", "iv": "4th", "4th": "4th",
}  # fmt: skip
GENERATIONS = frozenset(_GENERATIONS.values())
"""Words that tell relatives of one name apart, as `name` writes them."""

PARTICLES = _set(
    "de del della di da do das dos du la le las los van von der den ter ten y al el bin ibn"
)
"""Small words of a name, which are often left out."""

_ROMAN = frozenset(("ii", "iii", "iv"))
_PART_END = re.compile("[,;\uff0c\u3001]")
_TITLES_IN_ONE = re.compile(r"(?<=\w{2}\.)(?=\w{2})")


def name(cell: str) -> Words | None:
    """Return the words of a name, without titles and degrees; `Junior`, `II` are `jr`, `2nd`."""
    words: list[str] = []
    generation: list[str] = []
    for part in _PART_END.split(together(cell)):
        tokens = _TITLES_IN_ONE.sub(" ", part).split()
        behind_comma = bool(words)
        while tokens and all(word in TITLES for word in plain(tokens[0])):
            if len(tokens) == 1 and not (behind_comma and _letters(tokens[0]) in TITLES_BEHIND):
                break
            del tokens[0]
        while tokens:
            others = len(words) + len(tokens) - 1
            alone = behind_comma and len(tokens) == 1
            told = _generation(tokens[-1])
            if not others or not (told or _is_suffix(tokens[-1], cell, alone, others)):
                break
            generation += told
            del tokens[-1]
        words += [word for token in tokens for word in plain(token)]
    return in_order([*words, *generation])


def _generation(token: str) -> Sequence[str]:
    letters = _letters(token)
    if letters not in _GENERATIONS or (letters in _ROMAN and not token.isupper()):
        return ()
    return (_GENERATIONS[letters],)


def _is_suffix(token: str, cell: str, alone: bool, others: int) -> bool:
    """Return whether the last word of a name, behind so many others, is a degree or a title."""
    letters = _letters(token)
    if letters in DEGREES or letters in TITLES_BEHIND:
        return True
    if letters not in DEGREES_OR_NAMES:
        return False
    in_capitals = token.isupper() and not cell.isupper()
    return alone or "." in token.rstrip(".") or (in_capitals and others > 1)


def _letters(token: str) -> str:
    return "".join(plain(token))
