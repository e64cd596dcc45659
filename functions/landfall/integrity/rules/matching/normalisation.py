"""What is compared where values should be the same: text without the ways of writing it.

Each normaliser turns a cell into something hashable, or None where the cell holds nothing that
could be compared. What is dropped and replaced is in the tables here.
"""

import re
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, Literal

from landfall.airtable.values import comparable, has_value, values_of

Wording = Literal["name", "organisation", "address", "text"]
"""What is words, whose similarity can be told."""

Meaning = Literal["name", "organisation", "address", "text", "email", "phone", "value"]
"""What a field holds, which says when two of its values are the same."""

Words = tuple[str, ...]
"""Each once, in alphabetical order: the order in which they were written does not count."""


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
"""Words that many organisations have, which say little about which one it is."""

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
    """The words in lower case, of letters a-z and digits: `Żółć, O'Neill` is `zolc oneill`."""
    if not text.isascii():
        from anyascii import anyascii  # 2.6 MB of tables, for those who need them

        text = anyascii(_APOSTROPHES.sub("", text))
    return _NO_WORD.sub(" ", _APOSTROPHES.sub("", text).lower()).split()


def _sorted(words: list[str]) -> Words | None:
    return tuple(sorted(set(words))) or None


def _without(words: list[str], dropped: frozenset[str]) -> list[str]:
    """Without these words, unless there are no others."""
    return [word for word in words if word not in dropped] or words


def text(cell: str) -> Words | None:
    """Case, accents, script, punctuation and the order of the words do not count."""
    return _sorted(_plain(cell))


def name(cell: str) -> Words | None:
    """As for text; titles do not count either."""
    return _sorted(_without(_plain(cell), TITLES))


def organisation(cell: str) -> Words | None:
    """As for text; legal forms and articles do not count, abbreviations are written out."""
    words = _plain(_DOTTED.sub(lambda dotted: f"{dotted[0].replace('.', '')} ", cell))
    return _sorted(
        [ORGANISATION_WORDS.get(word, word) for word in _without(words, LEGAL_FORMS | STOP_WORDS)]
    )


def address(cell: str) -> Words | None:
    """As for text; common abbreviations are written out, and `Hauptstr.` is `Haupt street`."""
    words = (_STREET.sub(r"\1 street", word) for word in _plain(cell))
    return _sorted([ADDRESS_WORDS.get(word, word) for both in words for word in both.split()])


def email(cell: str) -> str | None:
    """Case and what stands after a plus do not count, nor do dots before `@gmail.com`."""
    local, at, domain = cell.strip().lower().removeprefix("mailto:").partition("@")
    if not at or "@" in domain:
        return None
    local = local.partition("+")[0]
    if domain in ("gmail.com", "googlemail.com"):
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}" if local and domain else None


_EXTENSION = re.compile(r"(?:ext|extension|x|#|;)\.?\s*\d*\s*$", re.IGNORECASE)
PHONE_DIGITS = 9
"""The last digits of a phone number that count, so with and without a country it is the same."""

PHONE_LEAST = 7
"""A shorter number is none."""


def phone(cell: str) -> str | None:
    """The last nine digits, without an extension; less than seven, or all the same, is none."""
    digits = re.sub(r"\D", "", _EXTENSION.sub("", cell)).lstrip("0")[-PHONE_DIGITS:]
    return digits if len(digits) >= PHONE_LEAST and len(set(digits)) > 1 else None


NORMALISERS: dict[str, Callable[[str], Hashable | None]] = {
    "name": name,
    "organisation": organisation,
    "address": address,
    "text": text,
    "email": email,
    "phone": phone,
}


def normaliser(meaning: Meaning) -> Callable[[Any], Hashable | None]:
    """Of a cell. The items of a list count together; what is no text or number is nothing."""
    if meaning == "value":
        return lambda cell: comparable(cell) if has_value(cell) else None
    of_text = cache(NORMALISERS[meaning])
    return lambda cell: of_text(cell if cell.__class__ is str else written(cell))


def written(cell: Any) -> str:
    """The text of a cell; of a list, that of its items side by side."""
    if isinstance(cell, list):
        return " ".join(map(written, values_of(cell)))
    if isinstance(cell, str):
        return cell
    number = isinstance(cell, int | float) and not isinstance(cell, bool)
    return f"{cell:.15g}" if number else ""
