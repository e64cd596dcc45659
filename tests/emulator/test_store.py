import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from landfall.store.documents import ConflictError, Create, Put, Query, StoreError, Update, Write
from tests.emulator.conftest import AnyStore

NOW = datetime(2026, 3, 2, 6, 0, 0, 123456, tzinfo=UTC)


async def contents(store: AnyStore, *paths: str) -> list[Any]:
    """The fields of the documents, None for a missing one."""
    return [found and found.data for found in await store.read(*paths)]


class TestCommit:
    """All or nothing, under the versions that its writes name."""

    async def test_creates_only_what_is_not_there(self, store: AnyStore) -> None:
        """A create of a document that is there writes nothing, nor does its commit."""
        await store.commit([Create("things/a", {"n": 1})])
        twice = [Create("things/b", {"n": 2}), Create("things/a", {"n": 3})]
        with pytest.raises(ConflictError):
            await store.commit(twice)
        assert await contents(store, "things/a", "things/b") == [{"n": 1}, None]

    async def test_updates_only_the_version_that_was_read(self, store: AnyStore) -> None:
        """One stale version, and nothing of the commit is written, whatever stands before it."""
        (stale,) = await store.commit([Create("things/a", {"n": 1})])
        await store.commit([Update("things/a", {"n": 2}, stale)])
        late: list[Write] = [Put("things/b", {"n": 9}), Update("things/a", {"n": 9}, stale)]
        with pytest.raises(ConflictError):
            await store.commit(late)
        assert await contents(store, "things/a", "things/b") == [{"n": 2}, None]

    async def test_does_not_update_what_is_not_there(self, store: AnyStore) -> None:
        """An update never makes a document."""
        (version,) = await store.commit([Create("things/a", {"n": 1})])
        with pytest.raises(ConflictError):
            await store.commit([Update("things/gone", {"n": 9}, version)])
        assert await contents(store, "things/gone") == [None]

    async def test_update_replaces_the_fields_that_it_names(self, store: AnyStore) -> None:
        """Top-level fields that are not named stay; a map that is named is replaced whole."""
        first = {"kept": 1, "map": {"a": 1, "b": {"c": 2}}, "emptied": {"d": 1}}
        (version,) = await store.commit([Create("things/a", first)])
        second = {"map": {"b": {"e.f": 3}}, "emptied": {}, "new": None}
        await store.commit([Update("things/a", second, version)])
        assert await contents(store, "things/a") == [{"kept": 1} | second]

    async def test_put_replaces_the_document(self, store: AnyStore) -> None:
        """The last put wins, whatever was there."""
        await store.commit([Put("things/a", {"old": 1, "both": 1})])
        await store.commit([Put("things/a", {"both": 2})])
        assert await contents(store, "things/a") == [{"both": 2}]

    async def test_gives_the_versions_that_a_read_would(self, store: AnyStore) -> None:
        """So a chain of updates reads nothing in between."""
        writes = [Create(f"things/{name}", {"n": 0}) for name in "ab"]
        versions = await store.commit(writes)
        for n in range(1, 4):
            updates = [Update(f"things/{name}", {"n": n}, versions.pop(0)) for name in "ab"]
            versions = await store.commit(updates)
        found = await store.read("things/a", "things/b")
        assert [(it.data, it.version) for it in found if it] == [({"n": 3}, v) for v in versions]

    async def test_without_a_change_keeps_the_version(self, store: AnyStore) -> None:
        """A version stands for a state: writing the same again is no new one."""
        (version,) = await store.commit([Create("things/a", {"n": 1})])
        (same,) = await store.commit([Update("things/a", {"n": 1}, version)])
        (other,) = await store.commit([Update("things/a", {"n": 2}, same)])
        assert same == version != other

    async def test_takes_no_array_in_an_array(self, store: AnyStore) -> None:
        """And nothing of its commit: what has pairs to keep makes maps of them."""
        nested = Create("things/b", {"pairs": [[1, 2]]})
        with pytest.raises(StoreError):
            await store.commit([Create("things/a", {"n": 1}), nested])
        assert await store.read("things/a", "things/b") == [None, None]

    async def test_one_of_many_at_once_wins(self, store: AnyStore) -> None:
        """The version is a lock: of ten updates made for it, nine are refused."""
        (version,) = await store.commit([Create("things/a", {"n": 0})])
        racing = (store.commit([Update("things/a", {"n": n}, version)]) for n in range(1, 11))
        ends = await asyncio.gather(*racing, return_exceptions=True)
        assert sorted(type(end).__name__ for end in ends) == ["ConflictError"] * 9 + ["list"]

    @pytest.mark.parametrize(
        "value",
        [
            None,
            NOW,
            b"\x00\xff",
            [b"a", b"b"],
            {},
            [],
            1.5,
            2**53 + 1,
            "é\n",
            {"Class Code": {"a.b": {"`c`": [{"x/y": None}, {" ": ""}]}}, "1": {}},
        ],
        ids=repr,
    )
    async def test_keeps_values_as_they_are(self, store: AnyStore, value: Any) -> None:
        """Written values are read back, also names of tables, which may hold any character."""
        (version,) = await store.commit([Create("things/a", {"created": value})])
        await store.commit([Update("things/a", {"updated": [{"v": value}]}, version)])
        assert await contents(store, "things/a") == [{"created": value, "updated": [{"v": value}]}]


class TestRead:
    """Documents by path."""

    async def test_keeps_the_order_and_says_what_is_missing(self, store: AnyStore) -> None:
        """An answer for each path, in the order asked."""
        await store.commit([Put(f"things/{name}", {"n": name}) for name in "abc"])
        found = await store.read("things/c", "things/none", "things/a", "things/c")
        assert [it and (it.path, it.id) for it in found] == [
            ("things/c", "c"), None, ("things/a", "a"), ("things/c", "c")
        ]  # fmt: skip

    async def test_gives_copies(self, store: AnyStore) -> None:
        """A caller's changes of a document that it read or wrote do not change the stored one."""
        data = {"map": {"n": 1}}
        await store.commit([Put("things/a", data)])
        data["map"]["n"] = 2
        (found,) = await store.find(Query("things"))
        found.data["map"]["n"] = 3
        assert await contents(store, "things/a") == [{"map": {"n": 1}}]


PEOPLE = {
    "people/a": {"age": 30, "town": "Kiel", "due": NOW},
    "people/b": {"age": 20, "town": "Bonn", "due": NOW - timedelta(hours=1)},
    "people/c": {"age": 40, "town": "Kiel", "due": None},
    "people/d": {"age": 20, "town": "Kiel"},
    "towns/k/people/e": {"age": 10, "town": "Kiel", "due": NOW + timedelta(hours=1)},
    "towns/k/people/f": {"age": 50, "town": "Bonn", "due": NOW - timedelta(hours=2)},
    "persons/g": {"age": 20, "town": "Kiel", "due": NOW},
}


class TestFind:
    """The documents of a query, and their order."""

    @pytest.mark.parametrize(
        ("query", "ids"),
        [
            (Query("people"), "abcd"),
            (Query("towns/k/people"), "ef"),
            (Query("nobody"), ""),
            (Query("people", group=True), "abcdef"),
            (Query("people", [("town", "==", "Kiel")]), "acd"),
            (Query("people", [("town", "==", "Kiel"), ("age", "==", 20)]), "d"),
            (Query("people", [("town", "in", ["Bonn", "Rom"])]), "b"),
            (Query("people", [("town", "in", ["Bonn", "Kiel"]), ("age", "in", [20, 30])]), "abd"),
            (Query("people", [("age", "<=", 30)], ("age", "asc")), "bda"),
            (Query("people", order=("age", "desc")), "cadb"),
            (Query("people", order=("age", "asc"), limit=2), "bd"),
            (Query("people", limit=2), "ab"),
            (Query("people", limit=2, after="b"), "cd"),
            (Query("people", after="bb"), "cd"),
            (Query("people", after="d"), ""),
            # a moment that is null or missing is not due, and a missing field is in no order
            (Query("people", [("due", "<=", NOW)], ("due", "asc")), "ba"),
            (Query("people", [("due", "<=", NOW)], ("due", "asc"), group=True), "fba"),
            (Query("people", [("due", "==", None)]), "c"),
            (Query("people", [("due", ">", NOW - timedelta(hours=1))], ("due", "desc")), "a"),
            (Query("towns/k/people", order=("none", "asc")), ""),
        ],
    )
    async def test_selects(self, store: AnyStore, query: Query, ids: str) -> None:
        """Both stores give the same documents in the same order."""
        await store.commit([Put(path, data) for path, data in PEOPLE.items()])
        assert "".join(it.id for it in await store.find(query)) == ids

    async def test_narrows_to_fields(self, store: AnyStore) -> None:
        """Only the named fields are read; a document without them is found nevertheless."""
        await store.commit([Put(path, data) for path, data in PEOPLE.items()])
        found = await store.find(Query("people", limit=4, fields=("due", "nothing")))
        assert [it.data for it in found][1:] == [
            {"due": NOW - timedelta(hours=1)}, {"due": None}, {}
        ]  # fmt: skip

    async def test_gives_versions_to_update_with(self, store: AnyStore) -> None:
        """A document that was found, even in part, can be updated without another read."""
        await store.commit([Put("things/a", {"n": 1, "m": 1})])
        (found,) = await store.find(Query("things", fields=("m",)))
        await store.commit([Update(found.path, {"n": 2}, found.version)])
        assert await contents(store, "things/a") == [{"n": 2, "m": 1}]


class TestMeter:
    """The operations that Firestore would bill."""

    async def test_counts_documents(self, store: AnyStore) -> None:
        """A document read or written is one, a missing one too, and so is an empty answer."""
        await store.commit([Put("things/a", {"n": 1}), Put("things/b", {"n": 2})])
        await store.read("things/a", "things/b", "things/none")
        await store.find(Query("things"))
        await store.find(Query("nothing"))
        assert vars(store.meter) == {"reads": 3 + 2 + 1, "writes": 2, "commits": 1}

    async def test_does_not_count_what_was_refused(self, store: AnyStore) -> None:
        """A commit that lost is no write."""
        await store.commit([Create("things/a", {"n": 1})])
        with pytest.raises(ConflictError):
            await store.commit([Create("things/a", {"n": 1})])
        assert vars(store.meter) == {"reads": 0, "writes": 1, "commits": 1}
