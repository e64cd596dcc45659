"""A base of very many fields: what a run stores of their names fits into its documents."""

from random import Random
from string import ascii_letters

import pytest

from landfall.airtable.fetch_cursor import FetchCursor, opened
from landfall.airtable.fetched import Fetched
from landfall.airtable.schema import FieldSchema, TableSchema
from landfall.store.documents import Create
from landfall.store.limits import MAX_DOCUMENT_BYTES, document_bytes
from tests.fakes.memory_store import MemoryStore
from tests.fakes.world import a_scan


def cursor(tables: int, fields: int, *, there: bool = True) -> FetchCursor:
    """The first cursor of a scan of so many tables and fields, whose names are all different."""
    random = Random(1)
    names = {
        f"Table {table}": ["".join(random.choices(ascii_letters, k=30)) for _ in range(fields)]
        for table in range(tables)
    }
    rule = {"id": "r", "kind": "required", "table": "Table 0", "field": names["Table 0"][0]}
    schema = [
        TableSchema(
            f"tbl{number:014}",
            table,
            [
                FieldSchema(f"fld{''.join(random.choices(ascii_letters, k=14))}", name, "checkbox")
                for name in (of_table if there else ["Name"])
            ],
        )
        for number, (table, of_table) in enumerate(names.items())
    ]
    return opened(a_scan(tables=names, rules=[rule]), schema)


@pytest.mark.parametrize("there", [True, False], ids=["found", "not in the base"])
async def test_the_names_of_the_widest_scan_fit_into_a_document(there):
    """32 tables of 400 fields, which a definition may name: the cursor, and what it hands over."""
    wide = cursor(32, 400, there=there)
    store = MemoryStore()
    for stored in (wide.store(), wide.fetched().store()):
        await store.commit([Create("runs/m-1", {"it": stored})])
        assert document_bytes("runs/m-1", stored) < 0.7 * MAX_DOCUMENT_BYTES
        store.delete("runs/m-1")
    assert FetchCursor.load(wide.store()) == wide
    assert Fetched.load(wide.fetched().store()).store() == wide.fetched().store()
    assert Fetched.load(wide.store()).ids == wide.fetched().ids


def test_the_names_of_other_scans_are_stored_as_they_are():
    """An earlier Landfall reads them, too."""
    small = cursor(3, 20)
    assert [table["name"] for table in small.store()["tables"]] == [*small.tables]
    assert FetchCursor.load(small.store()) == small
