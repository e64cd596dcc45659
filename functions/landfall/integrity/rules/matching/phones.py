"""Phone numbers: when two are the same, by what Google's libphonenumber knows of each country.

A number is compared with its country. One without (`030 1234567`) is of the rule's region; without
a region it has the country of the only number in the field that it can be, written in full.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

MIN_DIGITS = 7
"""Digits of the shortest phone number, without country and leading zeros."""

MAX_TEXT = 60
"""Characters of the longest text that is read; libphonenumber needs time for long ones."""

MAX_LIST = 500
"""Characters in which the first of several numbers is looked for."""

DIGITS_WITH_COUNTRY = 11
"""Digits from which a number that does not begin with 0 may have its country without a `+`."""

MAX_REMEMBERED = 1_000
"""Numbers that are remembered as they were read, to bound memory: duplicates repeat them."""

MAX_PREFIX = 3
"""Digits of the longest code of a country, and of the longest with which numbers begin in it."""

Known = tuple[int, str]
"""Country code, and number within the country."""

Number = Known | str
"""A number in full, or the digits of one without country."""

_EXTENSION = re.compile(r"(?:ext|extension|x|#|;)\.?\s*\d*\s*$", re.IGNORECASE)
_WORD_BEHIND = re.compile(r"[\s(\[,;:/-]*[^\W\d_]\D*\d{0,6}\W*$")
"""A word behind a number, with an extension or without: `Durchwahl 12`, `poste 12`, `(home)`."""

_SEPARATORS = (re.compile(r"[,;|&\n]|\s(?:or|oder|ou|o|und|and|et|y|e)\s"), re.compile("/"))
"""Separators of numbers; `/` stands within one too: `030/1234567`."""

_ONLY_DIGITS = re.compile(r"\+?[\d\s().-]*\d[\d\s().-]*", re.ASCII)
"""A number of which nothing but the digits counts."""

_ONE_NUMBER = re.compile(r"\+?[\d .()-]*", re.ASCII)
"""A text that is one number at most, without extension and without words."""

_NO_DIGIT = re.compile(r"\D+")


def reading(region: str | None) -> Callable[[str], Number | None]:
    """Return a function that reads a number, without extension; None if it is none.

    Of several in a text, it reads the first.
    """

    def number(cell: str) -> Number | None:
        text = cell.strip()
        if len(text) > MAX_TEXT or not _ONE_NUMBER.fullmatch(text):
            text = _without_words(_EXTENSION.sub("", _first(text[:MAX_LIST].strip())[:MAX_TEXT]))
        digits = _digits(text)
        full: Known | None = None
        if region:
            full = _parsed(text, region, valid=digits.startswith("00"))
            if not full and digits.startswith("00"):  # so written where another prefix is dialled
                full = _parsed(f"+{digits[2:]}", None)
        elif "+" in text:
            full = _parsed(text[text.index("+") :], None)
        elif digits.startswith("00"):
            full = _parsed(f"+{digits[2:]}", None)
        if full and _is_long_enough(full[1]):
            return full
        return digits if _is_long_enough(digits.lstrip("0")) else None

    return number


def _first(text: str) -> str:
    """Return the first number of a text with several; the text, if a part is too short for one."""
    for separator in _SEPARATORS:
        parts = separator.split(text, 2)
        if all(_is_long_enough(_digits(part).lstrip("0")) for part in parts[:2]):
            text = parts[0].strip()
    return text


def _without_words(text: str) -> str:
    """Return a number without a word behind it; one in capitals stands for digits."""
    behind = _WORD_BEHIND.search(text)
    if not behind or behind[0].isupper() or not _is_long_enough(_digits(text[: behind.start()])):
        return text
    return text[: behind.start()]


def _digits(text: str) -> str:
    digits = _NO_DIGIT.sub("", text)
    return digits if digits.isascii() else "".join(str(int(digit)) for digit in digits)


def _is_long_enough(national: str) -> bool:
    return len(national) >= MIN_DIGITS and len(set(national)) > 1


def keys(numbers: Sequence[Any]) -> list[str | None]:
    """Return a key for each number of a field: equal if they are the same."""
    known: dict[str, set[int]] = defaultdict(set)
    for number in numbers:
        if isinstance(number, tuple):
            known[number[1]].add(number[0])
    bare = {number for number in numbers if isinstance(number, str)}
    prefixes = _prefixes(known)
    full = {it: found for it in bare if (found := _in_full(it, known, prefixes) or _of_its_own(it))}
    for code, national in full.values():
        known[national].add(code)
    prefixes = _prefixes(known)

    def key(number: Number | None) -> str | None:
        if isinstance(number, str):
            number = full.get(number) or _in_full(number, known, prefixes) or number.lstrip("0")
        return f"+{number[0]} {number[1]}" if isinstance(number, tuple) else number

    by_number = {number: key(number) for number in {*numbers}}
    return [by_number[number] for number in numbers]


def _of_its_own(digits: str) -> Known | None:
    """Return the number that these digits are in full, if only the `+` is missing."""
    if len(digits) < DIGITS_WITH_COUNTRY or digits[0] == "0":
        return None
    return _parsed(f"+{digits}", None, valid=True)


def _in_full(
    digits: str, known: Mapping[str, set[int]], prefixes: Mapping[str, set[int]]
) -> Known | None:
    """Return the only number of the field that these digits are, with or without country."""
    national = digits.lstrip("0")
    found = {(code, national) for code in known.get(national, ())}
    for length in range(1, MAX_PREFIX + 1):
        for code in prefixes.get(digits[:length], ()):
            rest = digits[length:].lstrip("0")
            if code in known.get(rest, ()):
                found.add((code, rest))
    return found.pop() if len(found) == 1 else None


def _prefixes(known: Mapping[str, set[int]]) -> dict[str, set[int]]:
    """Return the countries of these numbers by what may stand before one: the code of the country,
    or the digits with which numbers begin within it."""
    import phonenumbers

    prefixes: dict[str, set[int]] = defaultdict(set)
    for code in set().union(*known.values()):
        region = phonenumbers.region_code_for_country_code(code)
        metadata = phonenumbers.PhoneMetadata.metadata_for_region(region, None)
        trunk = (metadata and metadata.national_prefix) or ""
        for prefix in {str(code), trunk} - {""}:
            prefixes[prefix].add(code)
    return prefixes


def _parsed(text: str, region: str | None, valid: bool = False) -> Known | None:
    if _ONLY_DIGITS.fullmatch(text):  # so that ways to write one number are read once
        text = f"{'+' * (text[0] == '+')}{_NO_DIGIT.sub('', text)}"
    return _of_libphonenumber(text, region, valid)


@lru_cache(MAX_REMEMBERED)
def _of_libphonenumber(text: str, region: str | None, valid: bool) -> Known | None:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    national = str(number.national_number)
    if valid and not phonenumbers.is_valid_number(number):
        return None
    return number.country_code or 0, national
