"""Each kind of document, the version in which it is written, and how an older one is read.

A document says its version in `schema_version`. What was stored before there were versions says
none, and is of version 0. Packed contents and a step's cursor are of the version of the document
that they stand in.

A new version of a kind is a new upgrade at the end of its list. It gives the fields that an older
document lacks or has otherwise. None may go, for a document is upgraded where it is written next;
and none that is queried may change, for queries see what is stored. Before that, keep what was
written so far: `python -m tests.stored.moments`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from landfall.store.documents import Fields, SchemaError

FIELD = "schema_version"

Upgrade = Callable[[str, Fields], Fields]
"""From a document's path and all its fields, those to be changed for the next version."""


def unchanged(_path: str, _fields: Fields) -> Fields:
    """The next version has the same fields."""
    return {}


@dataclass(frozen=True)
class Kind:
    """A kind of document. The first of the upgrades is for version `oldest`."""

    upgrades: tuple[Upgrade, ...] = ()
    oldest: int = 1

    @property
    def version(self) -> int:
        """The version that is written."""
        return self.oldest + len(self.upgrades)


_STAMPED = Kind((unchanged,), oldest=0)
"""Stored before documents said their version, and the same since."""

KINDS: Mapping[str, Kind] = {
    "answers": Kind(),
    "bases": _STAMPED,
    "findings": _STAMPED,
    "runs": _STAMPED,
    "runs/events": _STAMPED,
    "runs/pages": _STAMPED,
    "runs/results": _STAMPED,
    "runs/steps": _STAMPED,
    "scans": _STAMPED,
    "scans/elements": Kind(),
    "scans/ledgers": _STAMPED,
    "scans/ledgers/decisions": _STAMPED,
    "scans/reviews": Kind(),
    "scans/sites": Kind(),
    "scans/usage": Kind(),
    "scans/versions": _STAMPED,
    "schedules": _STAMPED,
    "sites": Kind(),
    "system": _STAMPED,
}
"""By the collections of a path: "runs/steps" is what lies at runs/{run}/steps/{step}."""


class UnknownKindError(Exception):
    """A path that stands in no table of kinds: add it there before anything is stored."""


@dataclass(frozen=True)
class Schemas:
    """Tells versions apart, by a table of kinds."""

    kinds: Mapping[str, Kind]

    def kind(self, path: str) -> Kind:
        """The kind of the document at a path. Raises `UnknownKindError`."""
        collections = "/".join(path.split("/")[::2])
        try:
            return self.kinds[collections]
        except KeyError:
            raise UnknownKindError(f"{path} is of no known kind") from None

    def pending(self, path: str, fields: Fields) -> tuple[Upgrade, ...]:
        """The upgrades that a document has before it, by its `schema_version`.

        Raises `SchemaError`, `UnknownKindError`.
        """
        kind, version = self.kind(path), fields.get(FIELD, 0)
        if type(version) is not int or not kind.oldest <= version <= kind.version:
            raise SchemaError(
                f"{path} is of schema version {version!r}, and this Landfall knows "
                f"{kind.oldest} to {kind.version}: deploy the newer one that has written it"
            )
        return kind.upgrades[version - kind.oldest :]

    def upgrade(self, path: str, fields: Fields) -> Fields:
        """What is other in the current version than in these fields, of the whole document.

        Raises `SchemaError`, `UnknownKindError`.
        """
        changes: Fields = {}
        pending = self.pending(path, fields)
        for step in pending:
            changes |= step(path, fields | changes)
        return changes | ({FIELD: self.kind(path).version} if pending else {})

    def stamp(self, path: str) -> Fields:
        """What a document that is written anew says of its version."""
        return {FIELD: self.kind(path).version}


SCHEMAS = Schemas(KINDS)
