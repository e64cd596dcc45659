"""Normalisation of values that should compare as equal: text without variations in writing.

Each normaliser turns a cell into something hashable, or into None if the cell has nothing to
compare.
"""

import re
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, Literal

from landfall.airtable.cells import values_of
from landfall.airtable.numbers import counted, is_number
from landfall.airtable.values import comparable
from landfall.integrity.rules.matching import phones
from landfall.integrity.rules.matching.addresses import address
from landfall.integrity.rules.matching.organisation_names import organisation
from landfall.integrity.rules.matching.person_names import name
from landfall.integrity.rules.matching.plain_words import Words, in_order, plain

Wording = Literal["name", "organisation", "address", "text"]
"""Kinds of content that consist of words, whose similarity can be computed."""

Meaning = Literal["name", "organisation", "address", "text", "email", "phone", "postcode", "value"]
"""Kinds of content of a field, which decide when two of its values are the same."""


def text(cell: str) -> Words | None:
    """Return the words of a text, without case, accents, script, punctuation and order."""
    return in_order(plain(cell))


def email(cell: str) -> str | None:
    """Return an address without case, the part after a plus, and dots of `@gmail.com`."""
    local, at, domain = cell.strip().lower().removeprefix("mailto:").partition("@")
    if not at or "@" in domain:
        return None
    local = local.partition("+")[0]
    if domain in ("gmail.com", "googlemail.com"):
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}" if local and domain else None


_ZIP_AND_FOUR = re.compile(r"(\d{5})-\d{4}")


def postcode(cell: str) -> str | None:
    """Return letters and digits without blanks and leading zeros, which a number has lost; of
    `12345-6789` the first five."""
    code = "".join(plain(_ZIP_AND_FOUR.sub(r"\1", cell)))
    return code.lstrip("0") or None


NORMALISERS: dict[str, Callable[[str], Hashable | None]] = {
    "name": name,
    "organisation": organisation,
    "address": address,
    "text": text,
    "email": email,
    "phone": phones.reading(None),
    "postcode": postcode,
}


_NO_VALUE = re.compile(
    r"n\s?/\s?a|n\.\s?a\.|none|null|nil|unknown|tb[acd]|x{3,}|[\W_]*"
    r"|not? (?:applicable|available|given|known|provided|yet known|name|address|data|value)"
    r"|unbekannt|keine?|inconnue?|desconocid[ao]|sconosciut[ao]|onbekend|desconhecid[ao]",
    re.IGNORECASE,
)
"""Texts that say that there is no value: two people without an address share none."""

_BEGINNINGS = frozenset("dikonstux")
"""Letters with which these texts begin, if with one: most others need no search."""

_ONE_OF_A_LIST = ("email", "phone", "postcode")
"""Kinds of content of which a list has several, where words would be combined."""


def normaliser(meaning: Meaning, region: str | None = None) -> Callable[[Any], Hashable | None]:
    """Return the normaliser of a cell; of one with booleans or objects, the key is None.

    Words of a list are combined; of e-mail addresses, phone numbers and postcodes, the first one is
    taken. Phone numbers without a country are of the region. A text such as `n/a` is no value.
    """
    if meaning == "value":
        return lambda cell: None if _says_nothing(cell) else comparable(cell)
    normal = phones.reading(region) if region and meaning == "phone" else NORMALISERS[meaning]
    of_text = cache(lambda text: None if _is_no_value(text) else normal(text))

    def of_cell(cell: Any) -> Hashable | None:
        if cell.__class__ is str:
            return of_text(cell)
        if meaning not in _ONE_OF_A_LIST:
            return of_text(cell_text(cell))
        keys = (of_text(cell_text(item)) for item in values_of(cell))
        return next((key for key in keys if key is not None), None)

    return of_cell


def _says_nothing(cell: Any) -> bool:
    items = values_of(cell)
    return all(isinstance(item, str) and _is_no_value(item) for item in items)


def _is_no_value(text: str) -> bool:
    first = text[:1].casefold()[:1]
    return (first in _BEGINNINGS or not first.isalnum()) and bool(_NO_VALUE.fullmatch(text.strip()))


def cell_text(cell: Any) -> str:
    """Return the text of a cell; of a list, that of its items side by side."""
    if isinstance(cell, list):
        return " ".join(map(cell_text, values_of(cell)))
    if isinstance(cell, str):
        return cell
    if not is_number(cell):
        return ""
    number = counted(cell)
    return str(int(number)) if number == int(number) else f"{number:.15g}"
