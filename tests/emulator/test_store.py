import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from infra.local.emulator import StandIn
from infra.local.processes import free_port
from landfall.store.documents import (
    ConflictError,
    Create,
    Delete,
    Fields,
    Put,
    Query,
    StoreRefusedError,
    Update,
    Write,
)
from landfall.store.firestore import FirestoreStore, firestore_client
from landfall.store.limits import unusable_fields
from landfall.store.server_clock import ServerClock
from tests.emulator.conftest import AnyStore
from tests.fakes.memory_store import MemoryStore
from tests.waiting import listening


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start the stand-in for the emulator; yield host:port."""
    port = free_port()
    log = tmp_path_factory.mktemp("stand-in") / "log"
    with listening(StandIn("").command(port), port, log) as address:
        yield address


@pytest.fixture
async def stand_in_store(
    stand_in: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[FirestoreStore]:
    """Yield the real store over an empty database of the stand-in."""
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", stand_in)
    client = firestore_client(f"test-{secrets.token_hex(6)}")
    yield FirestoreStore(client)
    await client._firestore_api.transport.close()


STORES = {"firestore": "firestore_store", "stand-in": "stand_in_store"}


@pytest.fixture(params=["memory", *STORES])
def store(request: pytest.FixtureRequest) -> AnyStore:
    """An empty store: in memory, and the real one over the emulator and over its stand-in."""
    if request.param == "memory":
        return MemoryStore()
    real: FirestoreStore = request.getfixturevalue(STORES[request.param])
    return real


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

    async def test_deletes_a_document_whether_it_is_there_or_not(self, store: AnyStore) -> None:
        """In one commit with others; what is beneath it stays."""
        await store.commit([Create("things/a", {"n": 1}), Create("things/a/parts/b", {"n": 2})])
        await store.commit([Delete("things/a"), Delete("things/none"), Put("things/c", {"n": 3})])
        paths = ("things/a", "things/a/parts/b", "things/c")
        assert await contents(store, *paths) == [None, {"n": 2}, {"n": 3}]
        assert [it.path for it in await store.find(Query("things"))] == ["things/c"]
        await store.commit([Create("things/a", {"n": 4})])

    async def test_deletes_only_the_version_that_was_read(self, store: AnyStore) -> None:
        """Where one is named: neither a newer one nor one that is gone."""
        stale, gone = await store.commit([Create(f"things/{name}", {"n": 1}) for name in "ab"])
        (now,) = await store.commit([Update("things/a", {"n": 2}, stale)])
        await store.commit([Delete("things/b", gone)])
        for late in (Delete("things/a", stale), Delete("things/b", gone)):
            with pytest.raises(ConflictError):
                await store.commit([Put("things/c", {"n": 9}), late])
        await store.commit([Delete("things/a", now)])
        assert await contents(store, "things/a", "things/b", "things/c") == [None] * 3

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


def nested(levels: int) -> Any:
    """Maps and lists in turn, in each other."""
    value: Any = 1
    for level in range(levels):
        value = {"a": value} if level % 2 else [value]
    return value


UNUSABLE_IDS = [".", "..", "__x__", "", "a" * 1501, "é" * 751, "half \ud800", "a/b"]
UNSTORABLE = {
    "an array in an array": ({"pairs": [[1, 2]]}, r"`pairs\[0\]` is an array in an array"),
    "an array in a tuple": ({"a": {"b": [1, ([2],)]}}, r"`a\.b\[1\]\[?0?\]?` is an array in an"),
    "21 levels": ({"deep": nested(21)}, r"is nested more than 20 deep"),
    "200 levels": ({"deep": nested(200)}, r"is nested more than 20 deep"),
    "a reserved name": ({"__x__": 1}, r"`__x__` has a name that Firestore reserves"),
    "a reserved name within": ({"a": [{"__b\n__": 1}]}, r"has a name that Firestore reserves"),
    "an empty name": ({"a": {"": 1}}, r"`a\.` is no name of a field"),
    "an empty name in an array": ({"a": [{"": 1}]}, r"`a\[0\]\.` is no name of a field"),
    "a number as a name": ({"a": {1: 1}}, r"`a\.1` is no name of a field"),
    "a long name": ({"a": {"n" * 1501: 1}}, r"has 1,503 bytes; Firestore takes 1,500"),
    "a long path of names": ({"a" * 800: {"b" * 800: 1}}, r"has 1,601 bytes; Firestore takes"),
    "more than 64 bits": ({"a": 2**63}, r"`a` is a whole number beyond 64 bits"),
    "less than 64 bits": ({"a": [{"b": -(2**63) - 1}]}, r"`a\[0\]\.b` is a whole number beyond"),
    "half a character": ({"a": ["half \ud800"]}, r"`a\[0\]` has an unpaired surrogate"),
    "half a character as a name": ({"a": {"\ud800": 1}}, r"has an unpaired surrogate"),
    "a long value": ({"a": "x" * 1_048_488}, r"`a` has 1,048,488 bytes; Firestore takes 1,048,487"),
    "long bytes": ({"a": [b"x" * 1_048_488]}, r"`a\[0\]` has 1,048,488 bytes"),
    "a long value of two bytes": ({"a": "é" * 524_244}, r"`a` has 1,048,488 bytes"),
    "more than a document": ({f"f{n}": b"x" * 300_000 for n in range(4)}, r"has 1,200,0\d\d bytes"),
    "a decimal": ({"a": Decimal(1)}, r"`a` is a Decimal, which Firestore does not have"),
}


class TestRefusal:
    """What Firestore never takes is told from what failed: by document, field and limit."""

    @pytest.mark.parametrize(("fields", "why"), UNSTORABLE.values(), ids=UNSTORABLE)
    async def test_of_a_document(self, store: AnyStore, fields: Fields, why: str) -> None:
        """Nothing of its commit is written, and the message says what to look at."""
        for write in Create("things/b", fields), Put("things/b", fields):
            with pytest.raises(StoreRefusedError, match="things/b.*" + why) as refused:
                await store.commit([Create("things/a", {"n": 1}), write])
            assert len(str(refused.value)) < 500
        assert await store.read("things/a", "things/b") == [None, None]

    @pytest.mark.parametrize("fields", [it[0] for it in UNSTORABLE.values()], ids=UNSTORABLE)
    async def test_of_an_update(self, store: AnyStore, fields: Fields) -> None:
        """As of a new document; what was there stays."""
        (version,) = await store.commit([Create("things/b", {"n": 1})])
        with pytest.raises(StoreRefusedError, match="things/b"):
            await store.commit([Update("things/b", fields, version)])
        assert await contents(store, "things/b") == [{"n": 1}]

    @pytest.mark.parametrize("id_", UNUSABLE_IDS, ids=ascii)
    async def test_of_an_id(self, store: AnyStore, id_: str) -> None:
        """No document has it: none is made, and none is found."""
        path = f"things/{id_}"
        with pytest.raises(StoreRefusedError, match=r"id|path"):
            await store.commit([Create("things/a", {"n": 1}), Create(path, {"n": 1})])
        assert await store.read("things/a", path, f"{path}/parts/p") == [None, None, None]
        assert await store.read(path) == [None]
        assert await store.find(Query(f"{path}/parts")) == []

    async def test_of_an_update_that_makes_a_document_too_large(self, store: AnyStore) -> None:
        """Its own fields fit; with those that stay, they do not."""
        (version,) = await store.commit([Create("things/a", {"a": b"x" * 600_000})])
        with pytest.raises(StoreRefusedError, match="things/a"):
            await store.commit([Update("things/a", {"b": b"x" * 600_000}, version)])

    async def test_of_a_commit_that_is_too_large(self, store: AnyStore) -> None:
        """It has the status of a spent quota, and no other try will do."""
        with pytest.raises(StoreRefusedError):
            await store.commit([Put(f"things/{n}", {"x": b"x" * 900_000}) for n in range(5)])

    @pytest.mark.parametrize(
        "fields",
        [
            {"a": nested(20)},
            {"a": [{"b": [1]}]},
            {"a": 2**63 - 1, "b": -(2**63)},
            {"_": 1, "___": {"__a": 1, "b__": 2}},
            {"a": {"n" * 1490: 1}},
            {"a": b"x" * 1_048_000},
            {f"f{n}": "é" * 130_000 for n in range(4)},
            {"a": float("inf"), "\0": "\0"},
        ],
        ids=lambda fields: repr(fields)[:40],
    )
    async def test_not_of_what_just_fits(self, store: AnyStore, fields: Fields) -> None:
        """Both stores take what is within the limits."""
        await store.commit([Create("things/a", fields)])
        assert await contents(store, "things/a") == [fields]
        assert not unusable_fields("things/a", fields)

    @pytest.mark.parametrize(
        ("condition", "why"),
        [
            (("a", "==", "x" * 1_501), r"the value of `a` has 1,501 bytes"),
            (("a", "==", "half \ud800"), r"the value of `a` has an unpaired surrogate"),
            (("a", "==", 2**64), r"the value of `a` is a whole number beyond 64 bits"),
            (("a", "in", ["b", 2**64]), r"the value of `a` is a whole number beyond 64 bits"),
            (("a", "in", []), r"`a` has 0 choices"),
            (("a", "in", [*range(31)]), r"`a` has 31 choices"),
            (("a", "not-in", [*range(11)]), r"`a` has 11 choices"),
        ],
        ids=["long", "half", "number", "choice", "none", "many", "many not"],
    )
    async def test_of_a_query(
        self, store: AnyStore, condition: tuple[str, str, Any], why: str
    ) -> None:
        """A value that no query can have is not an outage either."""
        with pytest.raises(StoreRefusedError, match=f"a query of things.*{why}"):
            await store.find(Query("things", [condition]))


class TestMemory:
    """What only production refuses, is refused by the store in memory."""

    async def test_index_entries(self) -> None:
        """At most 40,000 a document, without the fields that have no index."""
        store = MemoryStore()
        await store.commit([Create("runs/a", {"report": {f"k{n}": 1 for n in range(30_000)}})])
        with pytest.raises(StoreRefusedError, match=r"runs/b has 60,0\d\d entries in indexes"):
            await store.commit([Create("runs/b", {"other": {f"k{n}": 1 for n in range(30_000)}})])


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
            (Query("people", [("town", "not-in", ["Bonn", "Rom"])]), "acd"),
            (Query("people", [("due", "not-in", [NOW, False])]), "b"),  # nor null, nor none
            (Query("people", [("age", ">", "")]), ""),
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


@pytest.mark.parametrize("off", [0, 600, -600])
@pytest.mark.parametrize("answer", ["read", "nothing", "commit"])
async def test_firestores_answers_correct_the_clock(
    firestore_client: Any, off: int, answer: str
) -> None:
    """Whatever the clock of the machine says, and whatever is asked; at no further cost."""
    clock = ServerClock(lambda: datetime.now(UTC) + timedelta(seconds=off))
    store = FirestoreStore(firestore_client, clock=clock)
    match answer:
        case "read":
            await FirestoreStore(firestore_client).commit([Put("things/a", {"n": 1})])
            await store.read("things/b", "things/a")
        case "nothing":
            await store.read("things/a")
        case _:
            await store.commit([Put("things/a", {"n": 1})])
    assert abs((clock() - datetime.now(UTC)).total_seconds()) < 1
    assert ("600 s" in clock.fault()) == bool(off)
