"""The kinds of documents, their current schema versions, and the upgrades from older ones.

`schema_version` of a document is its version. A document without it is of version 0: it was stored
before there were versions. Packed contents and a step's cursor have the version of their document.

A new version of a kind is a new upgrade at the end of its list. The upgrade returns the fields that
an older document lacks or has in another form. It may remove none, because a document is upgraded
by the next update of it; and it may change none that is queried, because queries see the stored
value. Before you add one, save examples of the current version: `python -m tests.stored.moments`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from landfall.store.documents import Fields, SchemaError

VERSION_FIELD = "schema_version"

Upgrade = Callable[[str, Fields], Fields]
"""From the path and all fields of a document, the fields that the next version changes."""


def unchanged(_path: str, _fields: Fields) -> Fields:
    """Return no changes: the next version has the same fields."""
    return {}


def definition_as_text(_path: str, fields: Fields) -> Fields:
    """Return the definition as JSON, which holds lists in lists and names of every form."""
    return {"definition": json.dumps(fields["definition"], ensure_ascii=False)}


@dataclass(frozen=True)
class DocumentKind:
    """A kind of document. The first upgrade applies to version `oldest`."""

    upgrades: tuple[Upgrade, ...] = ()
    oldest: int = 1

    @property
    def version(self) -> int:
        """The current version, which is the one that is written."""
        return self.oldest + len(self.upgrades)


_STAMPED = DocumentKind((unchanged,), oldest=0)
"""A kind that was stored before there were versions, and is unchanged since."""

DOCUMENT_KINDS: Mapping[str, DocumentKind] = {
    "answers": DocumentKind(),
    "bases": _STAMPED,
    "deletions": DocumentKind(),
    "findings": _STAMPED,
    "outbox": DocumentKind(),
    "people": DocumentKind(),
    "runs": _STAMPED,
    "runs/events": _STAMPED,
    "runs/pages": _STAMPED,
    "runs/results": _STAMPED,
    # 2: a cursor has checkboxes, and the primary fields
    "runs/steps": DocumentKind((unchanged, unchanged), oldest=0),
    "scans": _STAMPED,
    "scans/elements": DocumentKind(),
    "scans/heard": DocumentKind(),
    "scans/ledgers": _STAMPED,
    "scans/ledgers/decisions": _STAMPED,
    "scans/reviewing": DocumentKind(),
    "scans/reviews": DocumentKind(),
    "scans/saves": DocumentKind(),
    "scans/sites": DocumentKind(),
    "scans/usage": DocumentKind(),
    "scans/versions": DocumentKind((unchanged, definition_as_text), oldest=0),
    "schedules": _STAMPED,
    "sites": DocumentKind(),
    "system": _STAMPED,
}
"""Kinds by the collections of a path: "runs/steps" for runs/{run}/steps/{step}."""


class UnknownDocumentKindError(Exception):
    """The kind of a path is in no table: add it to the table before you store a document."""


@dataclass(frozen=True)
class SchemaVersions:
    """The schema versions of a table of kinds."""

    kinds: Mapping[str, DocumentKind]

    def kind(self, path: str) -> DocumentKind:
        """Return the kind of the document at a path. Raises `UnknownDocumentKindError`."""
        collections = "/".join(path.split("/")[::2])
        try:
            return self.kinds[collections]
        except KeyError:
            raise UnknownDocumentKindError(f"{path} has no known kind") from None

    def pending(self, path: str, fields: Fields) -> tuple[Upgrade, ...]:
        """Return the upgrades that a document still needs, by its `schema_version`.

        Raises `SchemaError`, `UnknownDocumentKindError`.
        """
        kind, version = self.kind(path), fields.get(VERSION_FIELD, 0)
        if type(version) is not int or not kind.oldest <= version <= kind.version:
            raise SchemaError(
                f"{path} has schema version {version!r}, and this Landfall reads "
                f"{kind.oldest} to {kind.version}: deploy the newer version that wrote it"
            )
        return kind.upgrades[version - kind.oldest :]

    def upgrade(self, path: str, fields: Fields) -> Fields:
        """Return the fields that differ in the current version; `fields` are the whole document.

        Raises `SchemaError`, `UnknownDocumentKindError`.
        """
        changes: Fields = {}
        pending = self.pending(path, fields)
        for step in pending:
            changes |= step(path, fields | changes)
        return changes | ({VERSION_FIELD: self.kind(path).version} if pending else {})

    def stamp(self, path: str) -> Fields:
        """Return the field with the current version, for a new document at a path."""
        return {VERSION_FIELD: self.kind(path).version}


SCHEMA_VERSIONS = SchemaVersions(DOCUMENT_KINDS)
