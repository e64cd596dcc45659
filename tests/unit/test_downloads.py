"""Files are sent in pieces, of which none is as large as what the platform takes."""

import csv
import io
import json
from datetime import UTC, datetime

import pytest

from landfall.api.downloads import PIECE_LENGTH, PIECE_SIZE, Download

COLUMNS = ("name", "at")


def items(count: int) -> list[dict[str, object]]:
    return [{"name": f"Zoë {n}", "at": datetime(2026, 1, 1, tzinfo=UTC)} for n in range(count)]


@pytest.mark.parametrize("count", [0, 1, PIECE_SIZE - 1, PIECE_SIZE, 3 * PIECE_SIZE + 1])
async def test_a_json_file_is_the_list_in_pieces(count):
    """However many there are; a line has one item."""
    pieces = [it async for it in Download.json(items(count), "x").pieces]
    text = "".join(pieces)
    assert [item["name"] for item in json.loads(text)] == [f"Zoë {n}" for n in range(count)]
    assert len(text.splitlines()) == (count + 2 if count else 1)
    assert len(pieces) == -(-count // PIECE_SIZE) + 1


@pytest.mark.parametrize("count", [0, 1, PIECE_SIZE - 1, PIECE_SIZE, 3 * PIECE_SIZE + 1])
async def test_a_csv_file_is_the_rows_in_pieces(count):
    """Below one heading; Excel takes the file for UTF-8."""
    pieces = [it async for it in Download.csv(items(count), COLUMNS, "x").pieces]
    heading, *rows = csv.reader(io.StringIO("".join(pieces), newline=""))
    assert heading == ["\ufeffname", "at"]
    assert rows == [[f"Zoë {n}", "2026-01-01 00:00:00"] for n in range(count)]
    assert len(pieces) == -(-count // PIECE_SIZE) + 1


async def test_no_piece_is_made_before_it_is_sent():
    """The whole of a long file is never in memory as text."""
    asked = []

    async def rows():
        for row in items(2 * PIECE_SIZE):
            asked.append(row)
            yield row

    pieces = Download.csv(rows(), COLUMNS, "x").pieces
    await anext(pieces)
    assert asked == []
    await anext(pieces)
    assert len(asked) == PIECE_SIZE


async def test_items_of_any_length_make_pieces_of_some_length():
    """Few long items are as little text at once as many short ones."""
    long = [{"name": "x" * (PIECE_LENGTH // 2)} for _ in range(9)]
    for file in (Download.json(long, "x"), Download.csv(long, ["name"], "x")):
        pieces = [len(it) async for it in file.pieces]
        assert sum(pieces) > 4 * PIECE_LENGTH
        assert max(pieces) < 2 * PIECE_LENGTH
