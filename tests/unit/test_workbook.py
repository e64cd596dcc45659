"""Workbooks for a spreadsheet: texts as they are, and never a formula, whatever is in them."""

import io
import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from landfall.api import workbook as made
from landfall.api.downloads import Download

COLUMNS = ("name", "count", "at")
NAMES = {"": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}

SIGNS = "=+-@\uff1d\t\r"
HOSTILE = [
    *(f"{before}{sign}cmd|' /C calc'!A0" for before, sign in product(("", "x;", " ", "'"), SIGNS)),
    "{=1+1}",
    "https://evil.example/?x",
    "mailto:a@b.example",
    "internal:Sheet1!A1",
    "12345678901234567890",
    "<b>&amp;</b>",
    "_x0041_",
    "null \x00, bell \x07, \x0b, \ufffe",
    "two\nlines",
    "Zoë 木 😀",
]


async def content(rows: Sequence[Mapping[str, Any]]) -> tuple[list[list[str]], str]:
    """Return the cells of a workbook as texts, and the whole of its sheet."""
    download = Download.xlsx(rows, COLUMNS, "people-findings")
    data = b"".join([piece async for piece in download.pieces])
    assert download.name == "people-findings.xlsx"
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        assert book.testzip() is None
        parts = {name: book.read(name).decode() for name in book.namelist()}
    assert "Findings" in parts["xl/workbook.xml"] or "findings" in parts["xl/workbook.xml"]
    assert not any("hyperlink" in text or "<f>" in text for text in parts.values())
    sheet = parts["xl/worksheets/sheet1.xml"]
    cells = [
        ["".join(cell.itertext()) for cell in row.findall("c", NAMES)]
        for row in ET.fromstring(sheet).iterfind("sheetData/row", NAMES)  # noqa: S314  # our own
    ]
    return cells, sheet


@pytest.mark.parametrize("text", HOSTILE)
async def test_a_text_is_a_text(text: str) -> None:
    """No formula, no link and no number; the characters of a file that XML lacks are escaped."""
    cells, sheet = await content([{"name": text, "count": 1, "at": None}])
    assert '<c r="A2" t="inlineStr"><is><t' in sheet
    shown = cells[1][0]
    for code in range(32):
        shown = shown.replace(f"_x{code:04X}_", chr(code))
    shown = shown.replace("_x005F_", "_").replace("_xFFFE_", "\ufffe")
    assert shown.replace("\r", "\n") == text.replace("\r", "\n")


async def test_numbers_and_moments() -> None:
    """A number can be added up; a moment is in UTC, as in a CSV file."""
    moment = datetime(2026, 3, 2, 6, tzinfo=UTC)
    cells, sheet = await content([{"name": "x", "count": 7, "at": moment}])
    assert cells == [["name", "count", "at"], ["x", "7", "2026-03-02 06:00:00"]]
    assert '<c r="B2"><v>7</v></c>' in sheet


async def test_what_no_file_can_have() -> None:
    """Half a character, and more than fits into a cell."""
    cells, _ = await content([{"name": "\ud800" + "x" * 40_000, "count": 1, "at": ""}])
    assert cells[1][0] == "\ufffd" + "x" * (made.MAX_CELL - 1)


@pytest.mark.parametrize(("rows", "text"), [(5, 10**6), (10**6, 60)])
async def test_a_long_one_says_that_it_is_not_complete(
    monkeypatch: pytest.MonkeyPatch, rows: int, text: int
) -> None:
    """In its last row, with the number of rows that it has."""
    monkeypatch.setattr(made, "MAX_ROWS", rows)
    monkeypatch.setattr(made, "MAX_TEXT", text)
    some = [{"name": f"some {n:07}", "count": n, "at": ""} for n in range(8)]
    cells, _ = await content(some)
    assert len(cells) - 2 < 8
    assert cells[-1][0].startswith(f"Only the first {len(cells) - 2} rows are in this file.")
    whole, _ = await content(some[:4])
    assert len(whole) == 5


async def test_a_row_that_fails_breaks_the_file() -> None:
    """Nobody takes a part for the whole."""

    async def rows() -> AsyncIterator[Mapping[str, Any]]:
        yield {"name": "x", "count": 1, "at": ""}
        raise ValueError("gone")

    with pytest.raises(ValueError, match="gone"):
        [piece async for piece in Download.xlsx(rows(), COLUMNS, "x").pieces]
