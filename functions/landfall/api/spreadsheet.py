"""The cells of a CSV file as a spreadsheet should read them: times, numbers, and no formula."""

import re
from datetime import UTC, datetime
from typing import Any

_SIGN = "[=+@\uff0b\uff0d\uff1d\uff20\ufe62\ufe63\ufe66\ufe6b-]"
"""The beginning of a formula; some spreadsheets also take the signs of other widths."""

_SEPARATOR = '[,;:|^~#"\x00-\x1f\x7f-\x9f\u2028\u2029]'
"""A character behind which some program may begin a new cell, whatever the file's separator is."""

_BLANK = "[ \u00a0\u00ad\u061c\u1680\u180e\u2000-\u200f\u202a-\u202f\u205f-\u206f\u3000\ufeff]"
"""A blank, or a character that shows nothing: some programs remove them from a cell's ends."""

_NUMBER = r"\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?\s?%?"

_FORMULA = re.compile(
    # at the beginning of a cell; behind a blank, at which few programs separate, unless the word
    # is a number; a sign that stands alone is no formula
    rf"((?:^|(?<={_SEPARATOR})){_BLANK}*(?!.$)"
    rf"|(?<={_BLANK})(?!.(?:$|{_BLANK}))(?![+-]{_NUMBER}[),.;:]?(?:$|{_BLANK})))"
    f"({_SIGN})"
)

_NEGATIVE = re.compile(f"-{_NUMBER}")

_SUSPECT = re.compile(rf"{_SIGN}(?<!\w.)", re.DOTALL)
"""A sign that is not within a word: most texts have none, and this is twenty times as fast."""


def moment_in_words(moment: datetime) -> str:
    """Return a moment in UTC, in the form that spreadsheets take for a date."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def spreadsheet_cell(value: Any) -> Any:
    """Return a value as it is written to a CSV file.

    A moment is in UTC, in the form that spreadsheets take for a date. A text gets an apostrophe
    before each sign that could begin a formula in it, also where a program splits it into cells.
    """
    if isinstance(value, datetime):
        return moment_in_words(value)
    if isinstance(value, str) and _SUSPECT.search(value) and not _NEGATIVE.fullmatch(value):
        return _FORMULA.sub(r"\1'\2", value)
    return value
