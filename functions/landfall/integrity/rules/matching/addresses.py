"""Addresses: abbreviations by their place, since `St` is a street or a saint."""

import re

from landfall.integrity.rules.matching.plain_words import Words, in_order, plain, word_map

_STREETS = word_map(
    "st=street str=street strasse=street rd=road ave=avenue av=avenue blvd=boulevard dr=drive"
    " ln=lane ct=court pl=place platz=place sq=square hwy=highway pkwy=parkway ter=terrace"
    " cres=crescent crt=court"
)
"""Kinds of streets, which stand behind a name."""

_OTHERS = word_map(
    "apt=apartment fl=floor bldg=building no=number nr=number n=north s=south e=east"
    " w=west ne=northeast nw=northwest se=southeast sw=southwest mt=mount ft=fort"
)
_SAINTS = word_map("st=saint ste=saint dr=doctor")
"""Words in front of a name: `St James Street`, `Dr Martin Luther King Blvd`."""

_KINDS = frozenset(_STREETS) | frozenset(_STREETS.values())
_PART_END = re.compile("[,;\n]")
_STREET_IN_ONE = re.compile(r"([a-z]{3,})str(?:asse)?")


def address(cell: str) -> Words | None:
    """Return the words as for text, abbreviations expanded; `Hauptstr.` is `Haupt street`."""
    words: list[str] = []
    for part in _PART_END.split(cell):
        of_part = plain(part)
        if any("str" in word for word in of_part):
            split = (_STREET_IN_ONE.sub(r"\1 street", word) for word in of_part)
            of_part = [word for both in split for word in both.split()]
        words += _expanded(of_part)
    return in_order(words)


def _expanded(words: list[str]) -> list[str]:
    return [_expand(words, place) for place in range(len(words))]


def _expand(words: list[str], place: int) -> str:
    word = words[place]
    if word in _SAINTS:
        behind = words[place + 1] if place + 1 < len(words) else ""
        in_front = behind.isalpha() and len(behind) > 1 and behind not in _OTHERS
        if word == "ste":
            return "saint" if in_front else "suite"
        before = next((words[at] for at in range(place - 1, -1, -1) if words[at].isalpha()), "")
        named = bool(before) and before not in _OTHERS and before not in _OTHERS.values()
        # a street that follows at once has this one as a part of its name: `Upper St Martins Lane`
        of_a_name = not _KINDS.isdisjoint(words[place + 2 : place + 3])
        if in_front and (not named or before in _KINDS or of_a_name):
            return _SAINTS[word]
    return _STREETS.get(word) or _OTHERS.get(word, word)
