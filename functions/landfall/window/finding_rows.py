"""Rows of a table of findings: a hundred fit into a page of 60 KiB, whatever is in them. Pure.

The page of a finding has its texts whole.
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import escape

from landfall.store.documents import Fields

PAGE_BYTES = 60 * 1024
"""Bytes of the HTML of a page of findings."""

AROUND_BYTES = 16_000
"""Bytes of a page beside its rows and what its filters offer: 30 runs and their states."""

ROW_BYTES = 280
"""Bytes of a row without its texts and the address of its scan, and with `STATE_BYTES` more where
it names a state and further records."""

STATE_BYTES = 80

OPTIONS_BYTES = 4_500
"""Bytes of the values that all filters of a page offer, as far as they come from findings."""

OPTION_BYTES = 26
"""Bytes of a value that a filter offers, beside the value itself and its name."""

MAX_OPTION = 60
"""Bytes of the name of a value."""

SHORTEST = 12
"""Bytes that a text may have in any case."""


class RowTexts(NamedTuple):
    """The texts of a finding in a table."""

    message: str
    table: str
    rule: str
    record: str
    owner: str


LONGEST: Sequence[int] = (140, 40, 60, 60, 40)
"""Bytes of each of the texts at most."""


def rows_within(
    findings: Sequence[Fields], path: str, offered: int = 0
) -> list[tuple[Fields, RowTexts]]:
    """Return findings with their texts, so short that the page has at most `PAGE_BYTES`.

    `path` is the address of their scan, and `offered` the bytes of what filters offer.
    """
    room = PAGE_BYTES - AROUND_BYTES - offered - len(findings) * (ROW_BYTES + len(path))
    room -= STATE_BYTES * sum(it["state"] != "open" or it["record_count"] > 1 for it in findings)
    texts = [_texts(it) for it in findings]
    bounds = bounds_within([[*map(sent_bytes, its)] for its in texts], room)
    return [
        (it, RowTexts(*map(brief, its, bounds))) for it, its in zip(findings, texts, strict=True)
    ]


def _texts(finding: Fields) -> RowTexts:
    records, names = finding["records"], finding["record_names"]
    return RowTexts(
        finding["message"],
        finding["table"],
        finding["rule_id"],
        (names[0] if names else "") or (records[0] if records else ""),
        finding["owner"] or "No\u00a0owner",
    )


def bounds_within(sizes: Sequence[Sequence[int]], room: int) -> Sequence[int]:
    """Return the bytes that each text of a row may have, so that all rows have room."""
    bounds = LONGEST
    while max(bounds) > SHORTEST and sum(sum(map(min, its, bounds)) for its in sizes) > room:
        bounds = tuple(max(SHORTEST, most * 7 // 8) for most in bounds)
    return bounds


def options_within(
    values: Sequence[tuple[str, int]], room: int
) -> tuple[list[tuple[str, int]], int]:
    """Return the first values of a filter that have room, at least one, and the bytes of them."""
    taken = 0
    for place, (value, _) in enumerate(values):
        size = sent_bytes(value)
        size += OPTION_BYTES + min(size, MAX_OPTION)
        if place and taken + size > room:
            return list(values[:place]), taken
        taken += size
    return list(values), taken


def sent_bytes(text: str) -> int:
    """Return the bytes of a text in HTML."""
    return len(escape(text).encode())


def brief(text: str, most: int) -> str:
    """Return a text of at most so many bytes of HTML, with a sign where it is cut off.

    A letter of Chinese has three bytes, and says as much as three of ours; a quote has five.
    """
    if sent_bytes(text) <= most:
        return text
    letters = bisect_right(range(most), most - 3, key=lambda n: sent_bytes(text[: n + 1]))
    return f"{text[:letters].rstrip()}…"
