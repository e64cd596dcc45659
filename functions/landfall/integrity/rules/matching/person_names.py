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
    " madam madame mme mlle monsieur senor senora sr sra srta dra mevr dhr dott dottssa sigra sigr"
    " mudr mvdr phdr judr rndr paeddr capt lt sgt univprof drmed dring drhc habil dipling"
)
"""Titles before a name."""

TITLES_WITH_DOTS = _set("mag avv arch hon col gen maj sig univ")
"""Those that are a title only with a dot: `Mag. Ann Lee`, but `Mag Lee`."""

TITLES_BEHIND_TITLES = _set("med phil rer nat iur jur oec hc habil")
"""Those that only continue another one: `Dr. phil.`, but `Phil Lee`."""

TITLES_BEHIND = _set("dr prof mr mrs ms")
"""Titles that are no surname, and so are titles at the end too: `Miller, Ann Dr.`"""

DEGREES = _set(
    "phd dphil bsc msc mphil dsc dds dmd mbbs llb llm edd pharmd beng meng esq bsn msn cpa dvm obe"
    " mbe cbe frcs mrcp ccna pmp acca"
)
DEGREES_OR_NAMES = _set("mba md jd rn ma ba cfa csc")
"""Degrees if they are written as such: in capitals, with dots, or after a comma."""

_GENERATIONS = {
    "jr": "jr", "jnr": "jr", "junior": "jr", "sr": "sr", "snr": "sr", "senior": "sr",
    "ii": "2nd", "2nd": "2nd", "iii": "3rd", "3rd": "3rd", "iv": "4th", "4th": "4th",
    "5th": "5th", "vi": "6th", "6th": "6th", "vii": "7th", "7th": "7th", "viii": "8th",
    "8th": "8th", "sen.": "sr", "jun.": "jr",
}  # fmt: skip
GENERATIONS = frozenset(_GENERATIONS.values())
"""Words that tell relatives of one name apart, as `name` writes them."""

PARTICLES = _set(
    "de del della di da do das dos du la le las los van von der den ter ten y al el bin ibn"
)
"""Small words of a name, which are often left out."""

_ROMAN = frozenset(("ii", "iv", "vi"))
"""Numbers that are names too (`Naosuke Ii`): those if in capitals, or behind two other words."""

_PART_END = re.compile("[,;\uff0c\u3001]")
_NOT_THE_NAME = re.compile(
    r"\((?:(?:she|he|they|her|him|his|them|hers|theirs)\b[/,\s]*)+\)|\bг-(?:н|жа)\b"  # noqa: RUF001
    r"|(?<=[\w)])[\s(,]+(?:geb\.|geborene|née|né|nee)(?=\s)|(?<=\b(?:dott|prof)\.)ssa\b"
    r"|(?<=\bsig\.)ra\b|(?<=\w\w)(?:様|さん|氏|殿|先生|女士|님|씨)\s*$",
    re.IGNORECASE,
)
"""Pronouns, `née`, and titles of other languages that are part of a word."""

_TITLES_IN_ONE = re.compile(r"(?<=\w{2}\.)(?=\w{2})")


_WORDS = re.compile(r"[A-Za-z\s]+")
_SPECIAL = frozenset().union(
    *(TITLES, TITLES_WITH_DOTS, TITLES_BEHIND_TITLES, TITLES_BEHIND, DEGREES, DEGREES_OR_NAMES),
    *(_GENERATIONS, ("nee", "geborene")),
)
"""Words that are not always a part of the name: a name of letters without them is what it says."""

_OF_MEN = _set(
    "adrian albert alexandr angel bogdan carl christian daniel denis emanuel emil eric erik felic"
    " frederic gabriel gerard henrik herman ivan joseph josef julian karl louis luis manuel marcel"
    " martin maxim michael michel milan pascal patric paul petr rafael raphael robert roman simon"
    " stefan valentin victor viktor wilhelm"
)
"""Names of men that are a woman's with an `a` behind."""


def are_two_names(one: str, other: str) -> bool:
    """Return whether one letter makes it another name, and no typing error: `Mario`, `Maria`."""
    if (one[-1] == "a") == (other[-1] == "a"):
        return False
    man, woman = (other, one) if one[-1] == "a" else (one, other)
    stem = woman[:-1]
    return (stem in _OF_MEN and man in (stem, f"{stem}o")) or (len(stem) > 2 and man == f"{stem}o")


def name(cell: str) -> Words | None:
    """Return the words of a name, without titles and degrees; `Junior`, `II` are `jr`, `2nd`."""
    if _WORDS.fullmatch(cell) and _SPECIAL.isdisjoint(tokens := cell.lower().split()):
        return in_order(tokens)
    words: list[str] = []
    generation: list[str] = []
    for part in _PART_END.split(_NOT_THE_NAME.sub(" ", together(cell))):
        tokens = _TITLES_IN_ONE.sub(" ", part).split()
        behind_comma = bool(words)
        number = len(tokens)
        while tokens and _is_title(tokens[0], len(tokens) < number):
            if len(tokens) == 1 and not (behind_comma and _letters(tokens[0]) in TITLES_BEHIND):
                break
            del tokens[0]
        while tokens:
            others = len(words) + len(tokens) - 1
            alone = behind_comma and len(tokens) == 1
            told = _generation(tokens[-1], others)
            if not others or not (told or _is_suffix(tokens[-1], cell, alone, others)):
                break
            generation += told
            del tokens[-1]
        words += [word for token in tokens for word in plain(token)]
    return in_order([*words, *generation])


def _is_title(token: str, behind_another: bool) -> bool:
    words = plain(token)
    if all(word in TITLES for word in words):
        return True
    dotted = TITLES | TITLES_WITH_DOTS if "." in token and len(words[-1]) > 1 else TITLES
    whole = "".join(words)
    return (
        whole in TITLES
        or all(word in dotted for word in words)
        or (behind_another and "." in token and whole in TITLES_BEHIND_TITLES)
    )


def _generation(token: str, others: int) -> Sequence[str]:
    letters = _letters(token)
    if letters in _ROMAN and not token.isupper() and others < 2:
        return ()
    told = _GENERATIONS.get(letters) or _GENERATIONS.get(token.lower())
    return (told,) if told else ()


def _is_suffix(token: str, cell: str, alone: bool, others: int) -> bool:
    """Return whether the last word of a name, behind so many others, is a degree or a title."""
    letters = _letters(token)
    if letters in DEGREES or letters in TITLES_BEHIND:
        return True
    if letters not in DEGREES_OR_NAMES:
        return False
    in_capitals = token.isupper() and not cell.isupper()
    return (alone and (others > 1 or len(letters) > 2)) or (
        others > 1 and ("." in token.rstrip(".") or in_capitals)
    )


def _letters(token: str) -> str:
    return "".join(plain(token))
