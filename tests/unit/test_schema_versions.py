"""Schema versions of documents: older ones are upgraded, newer ones are refused."""

import json
from pathlib import Path

import pytest

from landfall.store.documents import Fields, SchemaError
from landfall.store.versions import (
    DOCUMENT_KINDS,
    SCHEMA_VERSIONS,
    VERSION_FIELD,
    DocumentKind,
    SchemaVersions,
    UnknownDocumentKindError,
    unchanged,
)
from tests.stored.moments import MOMENTS, loaded

STORED = Path(__file__).parents[1] / "stored"
INDEXES = json.loads((Path(__file__).parents[2] / "infra/firestore.indexes.json").read_text())


def named(path: str, fields: Fields) -> Fields:
    return {"name": f"{fields['first']} {fields['last']}", "id": path.rsplit("/", 1)[1]}


def shouted(_path: str, fields: Fields) -> Fields:
    return {"name": fields["name"].upper()}


PEOPLE = SchemaVersions(
    {"people": DocumentKind((unchanged, named, shouted), oldest=0), "towns": DocumentKind(oldest=4)}
)


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        (
            {"first": "A", "last": "B"},
            {"name": "A B", "id": "p", VERSION_FIELD: 3} | {"name": "A B".upper()},
        ),
        (
            {VERSION_FIELD: 1, "first": "a", "last": "b"},
            {"name": "A B", "id": "p", VERSION_FIELD: 3},
        ),
        ({VERSION_FIELD: 2, "name": "a b"}, {"name": "A B", VERSION_FIELD: 3}),
        ({VERSION_FIELD: 3, "name": "a b"}, {}),
    ],
)
def test_upgrades_follow_each_other(fields, changes):
    """From whichever version on, each upgrade sees what the ones before it made."""
    assert PEOPLE.upgrade("people/p", fields) == changes


@pytest.mark.parametrize("version", [4, 99, -1, True, "1", 1.0, None])
def test_another_version_is_refused(version):
    """The message says which document, its version, those that are known, and what to do."""
    with pytest.raises(SchemaError) as refused:
        PEOPLE.upgrade("people/p", {VERSION_FIELD: version})
    assert str(refused.value) == (
        f"people/p has schema version {version!r}, and this Landfall reads 0 to 3: "
        "deploy the newer version that wrote it"
    )


@pytest.mark.parametrize("version", [0, 3])
def test_a_version_that_was_never_written_is_refused(version):
    """A kind that was born with versions has no document without one."""
    with pytest.raises(SchemaError):
        PEOPLE.upgrade("towns/t", {VERSION_FIELD: version})


@pytest.mark.parametrize("path", ["things/a", "people/p/cars/c", "runs/r/steps/s/x/y"])
def test_no_document_is_of_an_unknown_kind(path):
    """A new kind of document is reported by the first one that is stored."""
    with pytest.raises(UnknownDocumentKindError, match=path):
        PEOPLE.stamp(path)


def test_a_kind_is_known_by_the_collections_of_its_path():
    """Whatever the ids are."""
    assert SCHEMA_VERSIONS.kind("runs/steps/steps/runs") is DOCUMENT_KINDS["runs/steps"]


def stored(moment: str, directory: str = "0") -> dict[str, Fields]:
    content = json.loads((STORED / directory / f"{moment}.json").read_text(), object_hook=loaded)
    documents: dict[str, Fields] = content["documents"]
    return documents


def test_of_each_past_version_of_each_kind_there_are_examples():
    """A version without a saved example cannot be tested; see `tests/stored`."""
    examples = {
        ("/".join(path.split("/")[::2]), fields.get(VERSION_FIELD, 0))
        for directory in STORED.iterdir() if directory.name.isdecimal()
        for moment in MOMENTS
        for path, fields in stored(moment, directory.name).items()
    }  # fmt: skip
    past = {
        (name, version)
        for name, kind in DOCUMENT_KINDS.items()
        for version in range(kind.oldest, kind.version)
    }
    assert examples >= past


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_upgrade_leaves_what_is_queried_as_it_is(moment):
    """Queries see what is stored: what an upgrade changed would be found by what it was."""
    queried = {
        (it["collectionGroup"], field["fieldPath"])
        for it in INDEXES["indexes"]
        for field in it["fields"]
    } | {
        (it["collectionGroup"], it["fieldPath"])
        for it in INDEXES["fieldOverrides"] if it["indexes"]
    }  # fmt: skip
    for path, fields in stored(moment).items():
        changes = SCHEMA_VERSIONS.upgrade(path, fields)
        assert changes[VERSION_FIELD] == SCHEMA_VERSIONS.kind(path).version
        assert not queried & {(path.split("/")[-2], name) for name in changes}
