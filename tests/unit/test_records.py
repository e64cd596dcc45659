"""Records are unpacked from their documents unchanged, and no document grows too large."""

import zlib
from collections.abc import Sequence
from random import Random
from typing import Any

import msgspec
import pytest

from landfall.airtable.protocols import Record
from landfall.airtable.records import ReadPage, pack, unpack, whole_tables
from landfall.airtable.snapshot import Table, TableReader
from landfall.reasons import Reason, StepError
from landfall.store.packed import MAX_PACKED_BYTES, Packed, packed_documents
from tests.fakes.snapshots import records_of


def record(number: int, **cells: Any) -> Record:
    return {"id": f"rec{number:014}", "createdTime": "2026-01-01T00:00:00.000Z", "fields": cells}


def noise(number: int, size: int) -> Record:
    """Return a record that no compression makes smaller than half of `size` characters."""
    return record(number, Blob=Random(number).randbytes(size // 2).hex())


def back(fields: dict[str, Any]) -> list[ReadPage]:
    """Return the pages of a document, with their records as objects."""
    return [
        ReadPage(p.table, p.listing, msgspec.json.decode(p.page)["records"]) for p in unpack(fields)
    ]


def stored(*pages: ReadPage) -> list[dict[str, Any]]:
    return packed_documents(piece for page in pages for piece in pack(page))


CELLS: list[dict[str, Any]] = [
    {},
    {"Text": "Zoë Groß 学校 🏫", "Blanks": " \u00a0\n", "Empty": ""},
    {"Whole": 2**53 + 1, "Part": 0.1, "Zero": 0, "Truth": False, "None": None},
    {"Links": ["rec1", "rec2"], "Lookup": [1, None, {"url": "x"}], "Map": {"specialValue": "NaN"}},
    {'A "name", with / and \\': 1},
]


@pytest.mark.parametrize("name", ['Height (")', "A \\ B", "two\nlines", "Zoë's {Name}", ""])
def test_a_field_may_have_any_name(name):
    """Next to one with a plain name; a record that lacks it has None there."""
    pages = stored(ReadPage("T", 1, [record(1, **{name: 1, "Plain": 2, "Other": 3}), record(2)]))
    table = whole_tables(pages, {"T": 1}, {"T": [name, "Plain"]})["T"]
    assert table.columns == {name: [1, None], "Plain": [2, None]}
    assert table.ids == [record(1)["id"], record(2)["id"]]


def read(*pages: list[Any]) -> Table:
    """Return a table of one field, with these values page by page; None is an absent cell."""
    reader = TableReader("T", ["F"], created=False)
    for number, page in enumerate(pages):
        records = [
            record(number * 100 + place, **({} if value is None else {"F": value}))
            for place, value in enumerate(page)
        ]
        reader.add(msgspec.json.encode({"records": records}))
    return reader.table


@pytest.mark.parametrize("turn", range(7))
def test_values_stay_what_they_are(turn):
    """Whatever the order: to Python 1, 1.0 and true are equal, and in a cell they are different."""
    values = [1, True, 1.0, "1", [1], None, {"a": 1}]
    values = values[turn:] + values[:turn]
    table = read(*([value, value, None] for value in values), values)
    expected = [value for value in values for value in (value, value, None)] + values
    assert list(map(repr, table.columns["F"])) == list(map(repr, expected))
    assert not table.distinct


@pytest.mark.parametrize("values", [["a", "b", None], [3, 700, None], [True, False, None]])
def test_the_different_values_of_a_field_of_one_type(values):
    """Each is listed once; equal texts, and equal large numbers, are one object."""
    table = read([None], values, values, values)
    assert {*table.distinct["F"]} == {*values}
    assert len({id(value) for value in table.columns["F"]}) == 3


def test_many_values_are_not_looked_up(monkeypatch):
    """Nor are small numbers, which CPython interns. Missing values alone decide nothing yet."""
    monkeypatch.setattr("landfall.airtable.snapshot._REVIEW_INTERVAL", 10)
    names = [f"name {number}" for number in range(24)]
    assert not read(names[:12], names[12:], names).distinct
    assert not read([1, 2, None] * 4, [1, 2]).distinct
    assert [*read([None] * 12, ["a", "b"], ["a"]).distinct["F"]] == [None, "a", "b"]


def test_where_asks_once_for_each_value():
    """The result for each row is the same as for its cell."""
    asked: list[Any] = []

    def long(values: Sequence[Any]) -> list[int]:
        asked.extend(values)
        return [place for place, value in enumerate(values) if value is None or len(value) > 1]

    table = read(["a", "bb", None, "a", "bb", "a", "a", None])
    assert table.where("F", long) == [1, 2, 4, 7]
    assert sorted(map(str, asked)) == ["None", "a", "bb"]
    assert table.select([1, 3, 7]).where("F", long) == [0, 2]
    assert read(["a", None, "a", "a", None, "a"]).where("F", long) == [1, 4]
    assert read(["a", "a", "a"]).where("F", long) == []


def test_pages_come_out_as_they_went_in():
    """Every kind of cell, the types of numbers, the order of records, the listing."""
    page = ReadPage("Students / 2024", 3, [record(n, **cells) for n, cells in enumerate(CELLS)])
    (fields,) = stored(page)
    assert back(fields) == [page]
    assert fields["records"] == len(CELLS)
    assert [type(cell) for cell in back(fields)[0].records[2]["fields"].values()] == [
        int, float, int, bool, type(None),
    ]  # fmt: skip


def test_an_empty_page_is_a_page():
    """A table without records is known to have been read."""
    (fields,) = stored(ReadPage("T", 1, []))
    assert back(fields) == [ReadPage("T", 1, [])]
    assert fields["records"] == 0


def test_a_page_that_does_not_fit_is_split():
    """Three megabytes of noise: pieces that each fit, all records once, in order."""
    page = ReadPage("T", 2, [noise(number, 30_000) for number in range(100)])
    made = stored(page)
    pages = [piece for fields in made for piece in back(fields)]
    assert len(made) == 2
    assert all(len(data) <= MAX_PACKED_BYTES for fields in made for data in fields["packed"])
    assert [r for piece in pages for r in piece.records] == page.records
    assert {(piece.table, piece.listing) for piece in pages} == {("T", 2)}


def test_one_record_too_large_is_an_error_that_names_it():
    """A record that fits into no document ends the run; the message names it and its table."""
    page = ReadPage("T", 1, [record(1), noise(2, 1_900_000), record(3)])
    with pytest.raises(StepError, match="record rec00000000000002 of table 'T'") as caught:
        pack(page)
    assert caught.value.reason == Reason.RECORD_TOO_LARGE
    assert not caught.value.retried


def test_a_record_that_just_fits_is_stored():
    """Compressed size decides: two megabytes of prose are no problem."""
    page = ReadPage("T", 1, [record(1, Notes="all work and no play " * 100_000)])
    assert back(stored(page)[0]) == [page]


@pytest.mark.parametrize(
    ("sizes", "groups"),
    [
        ([], []),
        ([MAX_PACKED_BYTES], [1]),
        ([MAX_PACKED_BYTES, 1], [1, 1]),
        ([1, MAX_PACKED_BYTES - 1, 1], [2, 1]),
        ([MAX_PACKED_BYTES // 2] * 5, [2, 2, 1]),
        ([600_000, 400_000, 400_000, 100_000], [1, 3]),
    ],
)
def test_documents_are_filled_in_order_up_to_the_bound(sizes, groups):
    """Many pieces share a document; none exceeds the bound, and none changes its place."""
    pieces = [Packed(bytes([number]) * size, 10) for number, size in enumerate(sizes)]
    made = packed_documents(pieces)
    assert [len(fields["packed"]) for fields in made] == groups
    assert [data for fields in made for data in fields["packed"]] == [p.data for p in pieces]
    assert [fields["records"] for fields in made] == [10 * count for count in groups]
    assert all(sum(map(len, fields["packed"])) <= MAX_PACKED_BYTES for fields in made)


def test_pages_of_an_expired_listing_are_left_out():
    """Only the last listing of each table counts, wherever its pages are stored."""
    found = whole_tables(
        [
            *stored(ReadPage("A", 1, [record(1)]), ReadPage("B", 1, [record(11)])),
            *stored(ReadPage("A", 2, [record(1), record(2)]), ReadPage("A", 1, [record(9)])),
            *stored(ReadPage("B", 1, [record(12)]), ReadPage("A", 2, [record(3)])),
        ],
        {"A": 2, "B": 1},
        {"A": [], "B": []},
        created={"A", "B"},
    )
    assert {name: records_of(table) for name, table in found.items()} == {
        "A": [record(1), record(2), record(3)],
        "B": [record(11), record(12)],
    }


def test_a_table_without_pages_is_empty():
    """Every table that was read is present, even without records."""
    assert whole_tables([], {"A": 1}, {"A": ["F"]}) == {"A": Table("A", {"F": []})}


def test_half_a_character_becomes_a_question_mark():
    """UTF-8 and Firestore cannot hold half of a surrogate pair; the rest of its page stays."""
    page = ReadPage("T", 1, [record(1, Name="\ud83c!"), record(2, Name="Zoë")])
    (kept,) = back(stored(page)[0])
    assert kept.records == [record(1, Name="?!"), record(2, Name="Zoë")]


def test_packing_is_compression():
    """A page of records takes a fraction of its JSON, which makes a run affordable."""
    page = ReadPage("T", 1, [record(n, Name=f"Student {n}", Status="Active") for n in range(100)])
    (piece,) = pack(page)
    assert len(piece.data) < len(zlib.decompress(piece.data)) / 5


@pytest.mark.parametrize("primary", ["A", "N", ""])
def test_the_names_of_records_are_a_column_of_their_own(primary):
    """The primary field is among the fields only where the scan lists it; it may be unread."""
    page = ReadPage("T", 1, [record(1, A="a", N="Ann"), record(2, A="b")])
    made = whole_tables(stored(page), {"T": 1}, {"T": ["A"]}, primaries={"T": primary})["T"]
    assert made.columns == {"A": ["a", "b"]}
    assert list(made.names) == {"A": ["a", "b"], "N": ["Ann", None], "": []}[primary]
