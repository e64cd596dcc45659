"""The Firestore database: its indexes, TTL policies and security rules."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.cloud.resources.change import (
    GcloudCommand,
    ResourceChange,
    RestCommand,
    Tools,
    gcloud,
    verb_for,
)
from infra.cloud.resources.differences import differences
from infra.cloud.resources.installation import DATABASE_VARIABLE, Installation
from infra.cloud.resources.source import ROOT
from landfall.process.config import VARIABLES
from landfall.store.versions import DOCUMENT_KINDS

FILE: dict[str, Any] = json.loads((ROOT / "infra/firestore.indexes.json").read_text("utf-8"))
RULES = (ROOT / "infra/firestore.rules").read_text("utf-8")

Index = tuple[str, str, tuple[tuple[str, str], ...]]
"""Collection, scope, and each field with its direction."""

BROKEN = "NEEDS_REPAIR"
"""State of an index or an expiry that could not be made."""

NATIVE, STANDARD = "FIRESTORE_NATIVE", "STANDARD"
"""Mode and edition of the databases that Landfall can use."""

OURS = {collection for collection in DOCUMENT_KINDS if "/" not in collection}
"""Top-level collections of Landfall."""

NAMED = 5
"""Collections of others that a message names."""

PROTECTED = "DELETE_PROTECTION_ENABLED"


def existing(it: Installation) -> dict[str, Any] | None:
    """Return the database, or None if there is none."""
    return it.get("firestore", f"v1/{it.database}")


def unusable_reason(it: Installation) -> str | None:
    """Return why the database cannot be used, or None if it can, or does not exist yet."""
    found = existing(it)
    if found is None:
        return None
    another = "choose another with --set LANDFALL_DATABASE=ID"
    if found.get("type", NATIVE) != NATIVE:
        return f"database {it.database_id} is in Datastore mode: {another}"
    if found.get("databaseEdition", STANDARD) != STANDARD:
        edition = str(found["databaseEdition"]).capitalize()
        return f"database {it.database_id} is of {edition} edition, not Standard: {another}"
    if it.database_id == it.deployed_database or it.options.share_database:
        return None
    if others := strangers(it):
        return (
            f"database {it.database_id} holds collections that are not Landfall's "
            f"({', '.join(others[:NAMED])}): {another}, or share it with --share-database, which "
            "leaves its security rules to you, and deletes what expires in the collection groups "
            "of infra/firestore.indexes.json"
        )
    return None


def strangers(it: Installation) -> list[str]:
    """Return the top-level collections of the database that are not Landfall's."""
    if existing(it) is None:
        return []
    path = f"v1/{it.database}/documents:listCollectionIds"
    found = it.google.send("POST", "firestore", path, {"pageSize": 300})
    return sorted(set(found.get("collectionIds", [])) - OURS)


def changes(it: Installation) -> list[ResourceChange]:
    """Create the database, or protect an existing one from deletion."""
    found, what = existing(it), f"Firestore database {it.database_id}"
    name = f"--database={it.database_id}"
    if found is None:
        create = gcloud(
            *("firestore", "databases", "create", name, f"--location={it.target.region}"),
            *("--type=firestore-native", "--delete-protection"),
        )
        return [ResourceChange("create", what, [create])]
    why = differences({"deleteProtectionState": PROTECTED}, found)
    protect = gcloud("firestore", "databases", "update", name, "--delete-protection")
    return [ResourceChange("update", what, [protect], why)] if why else []


BACKUPS = {
    "daily": ("dailyRecurrence", ["--recurrence=daily", "--retention=7d"]),
    "weekly": ("weeklyRecurrence", ["--recurrence=weekly", "--day-of-week=SUN", "--retention=8w"]),
}
"""Schedules of backups that can be chosen: the field that marks one, and the flags that make it."""

NO_BACKUP = "never"


def existing_backups(it: Installation) -> list[dict[str, Any]]:
    """Return the schedules by which the database is backed up."""
    return it.google.list_all("firestore", f"v1/{it.database}/backupSchedules", "backupSchedules")


def backup_changes(it: Installation) -> list[ResourceChange]:
    """Make the schedule that was asked for, and delete any other; unasked, leave them."""
    if it.options.backup is None:
        return []
    field, flags = BACKUPS.get(it.options.backup, ("", []))
    existing = existing_backups(it)
    name = f"--database={it.database_id}"
    found = [
        ResourceChange(
            "delete",
            "backup schedule",
            [RestCommand("DELETE", "firestore", f"v1/{one['name']}")],
        )
        for one in existing
        if field not in one
    ]
    if field and not [one for one in existing if field in one]:
        create = gcloud("firestore", "backups", "schedules", "create", name, *flags)
        found.append(ResourceChange("create", f"{it.options.backup} backups", [create]))
    return found


def index_changes(it: Installation) -> list[ResourceChange]:
    """Create the missing composite indexes. Building one takes minutes; deploy does not wait.

    One that could not be built is deleted and created again.
    """
    existing, found = existing_composites(it), []
    for index in wanted_composites():
        what, create = f"index {described(index)}", _create_index(it, index)
        if index not in existing:
            found.append(ResourceChange("create", what, [create]))
        elif existing[index]["state"] == BROKEN:
            delete = RestCommand("DELETE", "firestore", f"v1/{existing[index]['name']}")
            why = ["it could not be built"]
            found.append(ResourceChange("update", what, [delete, create], why))
    return found


def wanted_composites() -> list[Index]:
    """Return the composite indexes of the file."""
    return [_index(entry["collectionGroup"], entry) for entry in FILE["indexes"]]


def existing_composites(it: Installation) -> dict[Index, dict[str, Any]]:
    """Return the composite indexes of the database, each in Firestore's form."""
    path = f"v1/{it.database}/collectionGroups/-/indexes"
    found = it.google.list_all("firestore", path, "indexes", pageSize="200")
    return {
        _index(index["name"].split("/collectionGroups/")[1].split("/")[0], index): index
        for index in found
    }


def _index(collection: str, entry: Mapping[str, Any]) -> Index:
    fields = [(it["fieldPath"], it.get("order") or it.get("arrayConfig")) for it in entry["fields"]]
    # every index ends in the document's name, which definitions omit
    return collection, entry["queryScope"], tuple(it for it in fields if it[0] != "__name__")


def described(index: Index) -> str:
    """Describe an index in a line."""
    collection, scope, fields = index
    group = " (group)" if scope == "COLLECTION_GROUP" else ""
    return f"{collection}{group}: {', '.join(f'{name} {order.lower()}' for name, order in fields)}"


def _create_index(it: Installation, index: Index) -> GcloudCommand:
    collection, scope, fields = index
    return gcloud(
        *("firestore", "indexes", "composite", "create", "--async"),
        f"--database={it.database_id}",
        *(f"--collection-group={collection}", f"--query-scope={scope.lower().replace('_', '-')}"),
        *(f"--field-config=field-path={name},order={order.lower()}" for name, order in fields),
    )


@dataclass(frozen=True)
class FieldSettings:
    """Single-field indexes of a field, and whether it holds the time at which documents expire."""

    indexes: frozenset[tuple[str, str]]
    ttl: bool


Field = tuple[str, str]
"""Collection and name."""


def wanted_fields() -> dict[Field, FieldSettings]:
    """Return the fields of the file, whose settings differ from Firestore's defaults."""
    return {
        (it["collectionGroup"], it["fieldPath"]): FieldSettings(
            frozenset((index["queryScope"], index["order"]) for index in it["indexes"]),
            it.get("ttl", False),
        )
        for it in FILE["fieldOverrides"]
    }


def existing_fields(it: Installation) -> Iterator[tuple[Field, dict[str, Any]]]:
    """Return the fields of the database that have settings of their own."""
    path = f"v1/{it.database}/collectionGroups/-/fields"
    wanted = "indexConfig.usesAncestorConfig=false OR ttlConfig:*"
    for found in it.google.list_all("firestore", path, "fields", filter=wanted, pageSize="200"):
        parts = found["name"].split("/collectionGroups/")[1].split("/")
        yield (parts[0], parts[2]), found


def settings_of(found: Mapping[str, Any]) -> FieldSettings:
    """Return the settings of a field from Firestore's form; an expiry that failed is none."""
    indexes = found.get("indexConfig", {}).get("indexes", [])
    return FieldSettings(
        frozenset((index["queryScope"], index["fields"][0].get("order", "")) for index in indexes),
        found.get("ttlConfig", {"state": BROKEN}).get("state") != BROKEN,
    )


def field_changes(it: Installation) -> list[ResourceChange]:
    """Update the fields whose indexes or TTL policy differ."""
    existing = {field: settings_of(found) for field, found in existing_fields(it)}
    return [
        ResourceChange(
            verb_for(field in existing),
            f"indexes and TTL policy of field {'.'.join(field)}",
            [_set_field(it, field, settings)],
        )
        for field, settings in wanted_fields().items()
        if existing.get(field) != settings
    ]


def _set_field(it: Installation, field: Field, settings: FieldSettings) -> RestCommand:
    """Return the command, by REST: gcloud cannot set the scope of a single-field index."""
    collection, name = field
    indexes = [
        {"queryScope": scope, "fields": [{"fieldPath": name, "order": order}]}
        for scope, order in sorted(settings.indexes)
    ]
    path = f"{it.database}/collectionGroups/{collection}/fields/{name}"
    body: dict[str, Any] = {"name": path, "indexConfig": {"indexes": indexes}}
    if settings.ttl:
        body["ttlConfig"] = {}
    mask = {"updateMask": "indexConfig,ttlConfig"}
    return RestCommand("PATCH", "firestore", f"v1/{path}", body, mask)


def rule_changes(it: Installation) -> list[ResourceChange]:
    """Publish the rules, which admit nobody but the functions.

    Those of a database that is shared with others are theirs.
    """
    existing = existing_rules(it)
    if existing == RULES or strangers(it):
        return []
    return [
        ResourceChange(
            verb_for(existing),
            "Firestore rules",
            [PublishRules(release_name(it), existing is None)],
        )
    ]


def existing_release(it: Installation) -> dict[str, Any] | None:
    """Return the release, which names the rules in force."""
    return it.get("firebaserules", f"v1/{release_name(it)}")


def release_name(it: Installation) -> str:
    """Return the full name of the release of the database's rules."""
    default = VARIABLES[DATABASE_VARIABLE].default
    suffix = "" if it.database_id == default else f"/{it.database_id}"
    return f"projects/{it.target.project}/releases/cloud.firestore{suffix}"


def existing_rules(it: Installation) -> str | None:
    """Return the text of the rules in force, or None if there are none."""
    release = existing_release(it)
    rules = it.get("firebaserules", f"v1/{release['rulesetName']}") if release else None
    return rules["source"]["files"][0]["content"] if rules else None


@dataclass(frozen=True)
class PublishRules:
    """Uploads the rules and puts them in force."""

    release: str
    first: bool

    def run(self, tools: Tools) -> None:
        """Create a ruleset, then a release that names it."""
        project = self.release.partition("/releases/")[0]
        source = {"files": [{"name": "firestore.rules", "content": RULES}]}
        made = tools.google.send(
            "POST", "firebaserules", f"v1/{project}/rulesets", {"source": source}
        )
        release = {"name": self.release, "rulesetName": made["name"]}
        if self.first:
            tools.google.send("POST", "firebaserules", f"v1/{project}/releases", release)
        else:
            path = f"v1/{self.release}"
            tools.google.send("PATCH", "firebaserules", path, {"release": release})

    def __str__(self) -> str:
        """Return both requests in a line."""
        return f"POST firebaserules.googleapis.com/v1/{self.release}, with a new ruleset"
