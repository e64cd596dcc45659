"""Cells of a CSV file: no formula wherever a program separates, numbers and times as such."""

import csv
import io
from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from random import Random

import pytest

from landfall.api.spreadsheet import spreadsheet_cell

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
UNSEEN = "\ufeff\u200b\u00ad\u1680\u202e\u2066\u205f"
SEPARATORS = ',;:|^~#\t\r\n\x0b\x00\x1c\u2028"'


def is_formula(cell: str) -> bool:
    """Return whether a spreadsheet may compute the cell; a number is what it looks like."""
    blanks = f" \t\u00a0{UNSEEN}"
    cell = cell.strip().strip(blanks).strip('"').strip(blanks).strip().rstrip("),.;:")
    try:
        float(cell.removesuffix("%").replace(",", "."))
    except ValueError:
        return cell[:1] in tuple(SIGNS) and len(cell) > 1
    return False


def cells_of(text: str) -> list[str]:
    """Return the cells that programs make of the text as a cell of a file, by any separator."""
    file = io.StringIO(newline="")
    csv.writer(file).writerow(["id", text, "x"])
    line, found = file.getvalue(), list[str]()
    for separator in SEPARATORS.replace('"', " \u00a0"):
        found += line.split(separator)  # a program that knows no quotes
        if separator not in "\r\n\x00":
            for quote in (csv.QUOTE_NONE, csv.QUOTE_MINIMAL):
                rows = csv.reader(
                    io.StringIO(line.replace("\x00", ""), newline=""),
                    delimiter=separator,
                    quoting=quote,
                )
                found += [cell for row in rows for cell in row]
    return found + line.split('"')


@pytest.mark.parametrize("sign", SIGNS)
def test_no_separator_makes_a_formula(sign):
    """A sign at the beginning, and behind each separator, quote, line break or blank."""
    payload = f"{sign}cmd|' /C calc'!A0"
    behind = ["", *(f"x{separator}" for separator in f"{SEPARATORS} \u00a0")]
    texts = [
        payload,
        *(before + gap + payload for before, gap in product(behind, ("", " ", "\t ", *UNSEEN))),
    ]
    for text in texts:
        assert any(map(is_formula, cells_of(text))), f"the test does not see {text!r}"
        assert [cell for cell in cells_of(spreadsheet_cell(text)) if is_formula(cell)] == []


def test_no_mixture_makes_a_formula():
    """Texts of signs, separators, digits and letters, drawn."""
    rng = Random(1)
    for _ in range(2_000):
        text = "".join(rng.choices(f"{SIGNS}{SEPARATORS}  ''a19.%(", k=rng.randrange(1, 12)))
        cells = cells_of(spreadsheet_cell(text + "x"))
        assert [cell for cell in cells if is_formula(cell)] == [], text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "-",
        "Smith - Jones",
        "2026-11-30, 12:30",
        "a@example.org",
        "absence >= 5 and a = b",
        "it is -5, but at least 0 is required (-5)",
        "'+49 30 1234' is not a phone number",
        "from +49 30 1234",
        "https://airtable.com/app1/tbl1/rec1",
        "-5",
        "-0.25",
        "-1e-05",
        "-12.5 %",
    ],
)
def test_other_text_stays_as_it_is(text):
    """Negative numbers are numbers to a spreadsheet; signs within a sentence are no formula."""
    assert spreadsheet_cell(text) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("-5+3", "'-5+3"),
        ("+49 30 1234", "'+49 30 1234"),
        ("=1+1", "'=1+1"),
        (" =1+1", " '=1+1"),
        ("x;=1+1", "x;'=1+1"),
        ('say "=1+1"', 'say "\'=1+1"'),
        ("-5;-6;-x", "'-5;'-6;'-x"),
        ("-9|x!A0", "'-9|x!A0"),
    ],
)
def test_an_apostrophe_stands_before_a_sign(text, cell):
    """The rest of the text is unchanged."""
    assert spreadsheet_cell(text) == cell


def test_values_that_are_no_text():
    """A moment in UTC as a spreadsheet reads it; numbers stay numbers."""
    moment = datetime(2026, 3, 2, 8, 0, 5, 123, tzinfo=timezone(timedelta(hours=2)))
    assert spreadsheet_cell(moment) == "2026-03-02 06:00:05"
    assert spreadsheet_cell(datetime(2026, 3, 2, tzinfo=UTC)) == "2026-03-02 00:00:00"
    assert [spreadsheet_cell(value) for value in (-5, 0.5, None)] == [-5, 0.5, None]
