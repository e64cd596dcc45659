"""Documents of several versions in one store."""

import pytest

from landfall.store.documents import (
    Create,
    Document,
    Fields,
    Put,
    Query,
    SchemaError,
    Store,
    Update,
)
from landfall.store.versioned import VersionedStore, readable
from landfall.store.versions import (
    VERSION_FIELD,
    DocumentKind,
    SchemaVersions,
    UnknownDocumentKindError,
    unchanged,
)


def whole_name(_path: str, fields: Fields) -> Fields:
    return {"name": f"{fields['first']} {fields['last']}"}


THEN = SchemaVersions({"people": DocumentKind((unchanged,), oldest=0), "towns": DocumentKind()})
NOW = SchemaVersions(
    {"people": DocumentKind((unchanged, whole_name), oldest=0), "towns": DocumentKind()}
)
ADA: Fields = {"first": "Ada", "last": "Lovelace", "age": 36}


async def only(store: Store, path: str) -> Document:
    (found,) = await store.read(path)
    assert found is not None
    return found


async def stored(store: Store, path: str) -> Fields:
    """The fields that are really stored."""
    return (await only(store, path)).data


async def test_what_is_written_says_its_version(store):
    """Created or put; an update of it says nothing new, and none is added by reading."""
    versioned = VersionedStore(store, THEN)
    await versioned.commit([Create("people/a", ADA), Put("towns/t", {})])
    found = await only(versioned, "people/a")
    await versioned.commit([Update("people/a", {"age": 37}, found.version)])
    assert await stored(store, "people/a") == ADA | {"age": 37, VERSION_FIELD: 1}
    assert await stored(store, "towns/t") == {VERSION_FIELD: 1}


@pytest.mark.parametrize("version", [{}, {VERSION_FIELD: 1}])
async def test_an_older_one_is_read_as_of_now_and_stays_as_it_is(store, version):
    """Upgraded in memory, whether it is read or found."""
    await store.commit([Put("people/a", ADA | version)])
    versioned = VersionedStore(store, NOW)
    expected = ADA | {"name": "Ada Lovelace", VERSION_FIELD: 2}
    assert (await only(versioned, "people/a")).data == expected
    assert [it.data for it in await versioned.find(Query("people"))] == [expected]
    assert await stored(store, "people/a") == ADA | version


async def test_an_update_of_an_older_one_carries_its_upgrade(store):
    """So no document is half of one version and half of another; what is updated wins."""
    await store.commit([Put("people/a", ADA), Put("people/b", ADA)])
    versioned = VersionedStore(store, NOW)
    for path, fields in (("people/a", {"age": 37}), ("people/b", {"name": "A. L."})):
        found = await only(versioned, path)
        await versioned.commit([Update(path, fields, found.version)])
    whole = ADA | {"name": "Ada Lovelace", VERSION_FIELD: 2}
    assert await stored(store, "people/a") == whole | {"age": 37}
    assert await stored(store, "people/b") == whole | {"name": "A. L."}


async def test_versions_of_a_commit_go_on_without_a_read(store):
    """As those of any store; the upgrade is written once."""
    await store.commit([Put("people/a", ADA)])
    versioned = VersionedStore(store, NOW)
    version = (await only(versioned, "people/a")).version
    for age in (37, 38):
        (version,) = await versioned.commit([Update("people/a", {"age": age}, version)])
    assert (await only(versioned, "people/a")).version == version
    assert (await stored(store, "people/a"))["age"] == 38


async def test_an_older_one_is_upgraded_from_all_its_fields(store):
    """Also where a query asks for few of them: the upgrade needs others."""
    await store.commit(
        [Put("people/a", ADA), Put("people/b", {VERSION_FIELD: 2, "name": "B", "age": 1})]
    )
    versioned = VersionedStore(store, NOW)
    before = store.meter.reads
    found = await versioned.find(Query("people", fields=("name",)))
    assert [it.data["name"] for it in found] == ["Ada Lovelace", "B"]
    assert store.meter.reads - before == 2 + 1
    await versioned.commit([Update("people/a", {"age": 37}, found[0].version)])
    assert await stored(store, "people/a") == ADA | {
        "age": 37,
        "name": "Ada Lovelace",
        VERSION_FIELD: 2,
    }


async def test_a_change_of_the_number_alone_costs_no_read(store):
    """A document with the same fields in all versions is upgraded from any of them."""
    await store.commit([Put("people/a", ADA)])
    before = store.meter.reads
    found = await VersionedStore(store, THEN).find(Query("people", fields=("age",)))
    assert [it.data for it in found] == [{"age": 36, VERSION_FIELD: 1}]
    assert store.meter.reads - before == 1


async def test_of_a_newer_one_nothing_is_given_but_that_it_is_there(store):
    """It is found among the others, which can be used, by who asks for any; others get an error."""
    await store.commit([Put("people/a", ADA), Put("people/b", ADA | {VERSION_FIELD: 3})])
    versioned = VersionedStore(store, NOW)
    old, newer = await versioned.find_any(Query("people"))
    assert readable(old).data["name"] == "Ada Lovelace"
    assert (newer.path, newer.id) == ("people/b", "b")
    assert not hasattr(newer, "data")
    for read in (versioned.read("people/a", "people/b"), versioned.find(Query("people"))):
        with pytest.raises(SchemaError, match=r"people/b has schema version 3.*deploy the newer"):
            await read
    with pytest.raises(SchemaError, match=r"people/b has schema version 3.*deploy the newer"):
        readable(newer)
    assert "schema version 3" in repr(newer)


async def test_a_newer_one_is_not_updated(store):
    """It has no version that an update could name, and one from elsewhere is refused."""
    await store.commit([Put("people/a", ADA), Put("people/b", ADA | {VERSION_FIELD: 3})])
    versioned = VersionedStore(store, NOW)
    old, newer = await versioned.find_any(Query("people", fields=("age",)))
    (found,) = await store.read("people/b")
    assert not hasattr(newer, "version")
    versions = [readable(old).version, found.version]
    updates = [Update(it.path, {"age": 1}, v) for it, v in zip((old, newer), versions, strict=True)]
    with pytest.raises(SchemaError, match=r"people/b is not updated"):
        await versioned.commit(updates)
    assert await stored(store, "people/a") == ADA
    assert await stored(store, "people/b") == ADA | {VERSION_FIELD: 3}


async def test_no_update_is_made_with_a_version_from_elsewhere(store):
    """The schema version of a document that was not read here is unknown."""
    (version,) = await store.commit([Put("people/a", ADA | {VERSION_FIELD: 3})])
    with pytest.raises(SchemaError, match="not read before"):
        await VersionedStore(store, NOW).commit([Update("people/a", {"age": 1}, version)])


async def test_an_unknown_kind_is_not_stored(store):
    """A bug, and found by the first document of it."""
    with pytest.raises(UnknownDocumentKindError):
        await VersionedStore(store, NOW).commit([Create("things/a", {})])
    assert await store.read("things/a") == [None]
