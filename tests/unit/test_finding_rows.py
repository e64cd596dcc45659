"""Texts of a page of findings have room: by their bytes in HTML, the longest ones are cut off."""

import pytest

from landfall.window.finding_rows import (
    LONGEST,
    SHORTEST,
    bounds_within,
    brief,
    options_within,
    sent_bytes,
)


@pytest.mark.parametrize(
    "text", ["abcdefghijklmnop", "李小龍李小龍李小龍", "\"'<&\"'<&", "👩‍🏫" * 9]
)
@pytest.mark.parametrize("most", [12, 13, 14, 15])
def test_a_text_has_at_most_so_many_bytes(text: str, most: int) -> None:
    """As it is sent, with the sign that it goes on."""
    cut = brief(text, most)
    assert sent_bytes(cut) <= most
    assert cut.endswith("…")
    assert text.startswith(cut[:-1].rstrip())
    assert len(cut) > 1


def test_a_text_that_fits_is_whole() -> None:
    """Up to the last byte."""
    assert brief("a & b", 9) == "a & b"
    assert brief("a & bc", 9) == "a…"


def test_texts_are_only_cut_where_there_is_no_room() -> None:
    """In proportion, and never below a few letters."""
    rows = [[140, 40, 60, 60, 40]] * 100
    assert bounds_within(rows, 34_000) == LONGEST
    bounds = bounds_within(rows, 20_000)
    assert 15_000 < sum(bounds) * 100 <= 20_000
    assert bounds[0] == max(bounds)
    assert set(bounds_within(rows, 0)) == {SHORTEST}


def test_a_filter_offers_what_there_is_room_for() -> None:
    """The chosen one, which is the first, in any case."""
    values = [("long" * 100, 9), ("b", 2), ("c", 1)]
    assert options_within(values, 0)[0] == values[:1]
    assert options_within(values[1:], 60) == (values[1:], 56)
    assert options_within(values[1:], 50) == (values[1:2], 28)
