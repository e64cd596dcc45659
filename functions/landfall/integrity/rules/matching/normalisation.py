"""Normalisation of values that should compare as equal: text without variations in writing.

Each normaliser turns a cell into something hashable, or into None if the cell has nothing to
compare. The tables here list what is dropped and replaced.
"""

import re
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, Literal

from landfall.airtable.values import comparable, has_value, values_of

Wording = Literal["name", "organisation", "address", "text"]
"""Kinds of content that consist of words, whose similarity can be computed."""

Meaning = Literal["name", "organisation", "address", "text", "email", "phone", "value"]
"""Kinds of content of a field, which decide when two of its values are the same."""

Words = tuple[str, ...]
"""Words, each once, in alphabetical order: their order in the text does not count."""


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _map(text: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in text.split())


TITLES = _set(
    "mr mrs ms miss mx dr prof professor sir dame rev reverend herr frau fr dipl ing madam"
    " madame mme mlle monsieur senor senora sr sra srta jr ii iii iv esq phd md mba bsc msc dds"
)
PARTICLES = _set(
    "de del della di da dos das du la le las los van von der den ter ten y al el bin ibn"
)
"""Small words of a person's name, which are often left out."""

LEGAL_FORMS = _set(
    "inc incorporated corp corporation co company llc llp lp pllc pc ltd limited plc gmbh ag kg"
    " ohg gbr ug ev eg mbh se sa sas sarl sasu srl spa sl slu bv nv ab oy oyj as aps pty pte kk"
    " sro zoo kft cv"
)
STOP_WORDS = _set(
    "the and of for at in a an und fur der die das et le la les de del du des y el los"
)
GENERIC = _set(
    "clinic hospital practice health healthcare care medical dental center school academy college"
    " university institute kindergarten group holding services service solutions systems partners"
    " associates association foundation international global national consulting studio shop store"
    " office department agency team"
)
"""Words that many organisations have, which hardly distinguish them."""

ORGANISATION_WORDS = _map(
    "centre=center ctr=center cntr=center centrum=center zentrum=center centro=center"
    " klinik=clinic klinikum=clinic clinica=clinic clinique=clinic klinika=clinic"
    " krankenhaus=hospital hosp=hospital praxis=practice schule=school escuela=school ecole=school"
    " academie=academy akademie=academy academia=academy acad=academy univ=university"
    " universitat=university universidad=university universite=university institut=institute"
    " instituto=institute inst=institute intl=international natl=national assoc=association"
    " assn=association fdn=foundation stiftung=foundation svc=services svcs=services"
    " service=services med=medical dept=department st=saint saints=saint gruppe=group grp=group"
    " mt=mount ft=fort"
)
ADDRESS_WORDS = _map(
    "st=street str=street strasse=street rd=road ave=avenue av=avenue blvd=boulevard dr=drive"
    " ln=lane ct=court pl=place platz=place sq=square hwy=highway pkwy=parkway ter=terrace"
    " apt=apartment ste=suite fl=floor bldg=building no=number nr=number n=north s=south e=east"
    " w=west ne=northeast nw=northwest se=southeast sw=southwest mt=mount ft=fort"
)

_APOSTROPHES = re.compile("['`\u2018\u2019\u02bc]")
_NO_WORD = re.compile(r"[^a-z0-9]+")
_DOTTED = re.compile(r"\b(?:[^\W\d_]\.){2,}")
_STREET = re.compile(r"([a-z]{3,})str(?:asse)?")


def _plain(text: str) -> list[str]:
    """Return the words in letters a-z and digits: `Żółć, O'Neill` is `zolc oneill`."""
    if not text.isascii():
        from anyascii import anyascii  # 2.6 MB of tables, for those who need them

        text = anyascii(_APOSTROPHES.sub("", text))
    return _NO_WORD.sub(" ", _APOSTROPHES.sub("", text).lower()).split()


def _sorted(words: list[str]) -> Words | None:
    return tuple(sorted(set(words))) or None


def _without(words: list[str], dropped: frozenset[str]) -> list[str]:
    """Return the words without these, unless there are no others."""
    return [word for word in words if word not in dropped] or words


def text(cell: str) -> Words | None:
    """Return the words of a text, without case, accents, script, punctuation and order."""
    return _sorted(_plain(cell))


def name(cell: str) -> Words | None:
    """Return the words of a name, as for text; without titles."""
    return _sorted(_without(_plain(cell), TITLES))


def organisation(cell: str) -> Words | None:
    """Return the words as for text, without legal forms and articles; abbreviations are
    expanded."""
    words = _plain(_DOTTED.sub(lambda dotted: f"{dotted[0].replace('.', '')} ", cell))
    return _sorted(
        [ORGANISATION_WORDS.get(word, word) for word in _without(words, LEGAL_FORMS | STOP_WORDS)]
    )


def address(cell: str) -> Words | None:
    """Return the words as for text, abbreviations expanded; `Hauptstr.` is `Haupt street`."""
    words = (_STREET.sub(r"\1 street", word) for word in _plain(cell))
    return _sorted([ADDRESS_WORDS.get(word, word) for both in words for word in both.split()])


def email(cell: str) -> str | None:
    """Return an address without case, the part after a plus, and dots of `@gmail.com`."""
    local, at, domain = cell.strip().lower().removeprefix("mailto:").partition("@")
    if not at or "@" in domain:
        return None
    local = local.partition("+")[0]
    if domain in ("gmail.com", "googlemail.com"):
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}" if local and domain else None


_EXTENSION = re.compile(r"(?:ext|extension|x|#|;)\.?\s*\d*\s*$", re.IGNORECASE)
PHONE_DIGITS = 9
"""Last digits of a phone number that count, so that it is the same with and without a country."""

MIN_PHONE_DIGITS = 7
"""Digits of the shortest phone number."""


def phone(cell: str) -> str | None:
    """Return the last nine digits, without an extension; at least seven, and not all the same."""
    digits = re.sub(r"\D", "", _EXTENSION.sub("", cell)).lstrip("0")[-PHONE_DIGITS:]
    return digits if len(digits) >= MIN_PHONE_DIGITS and len(set(digits)) > 1 else None


NORMALISERS: dict[str, Callable[[str], Hashable | None]] = {
    "name": name,
    "organisation": organisation,
    "address": address,
    "text": text,
    "email": email,
    "phone": phone,
}


def normaliser(meaning: Meaning) -> Callable[[Any], Hashable | None]:
    """Return the normaliser of a cell. Items of a list are combined; booleans and objects are
    None."""
    if meaning == "value":
        return lambda cell: comparable(cell) if has_value(cell) else None
    of_text = cache(NORMALISERS[meaning])
    return lambda cell: of_text(cell if cell.__class__ is str else cell_text(cell))


def cell_text(cell: Any) -> str:
    """Return the text of a cell; of a list, that of its items side by side."""
    if isinstance(cell, list):
        return " ".join(map(cell_text, values_of(cell)))
    if isinstance(cell, str):
        return cell
    number = isinstance(cell, int | float) and not isinstance(cell, bool)
    return f"{cell:.15g}" if number else ""
