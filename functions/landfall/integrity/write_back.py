"""The settings of findings written back to an Airtable table.

A row of the table is a finding, identified by its `finding_id`.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Self

from pydantic import Field, model_validator

from landfall.scans.settings import BaseId, Name, Settings

MAX_TEXT = 100_000
"""Characters of a cell; support.airtable.com, "Supported field types"."""


KEY = "finding_id"
"""The property by which the row of a finding is found again."""

NUMBERS = ("record_count", "occurrences")
"""Properties that are written as numbers."""

MOMENTS = ("first_seen", "last_seen")
"""Properties that are written as dates with a time; all others are text."""


class FieldNames(Settings):
    """The fields to which the properties of a finding are written; a property without one is not.

    Each takes a text field, except `record_count` and `occurrences`, which take a number.
    `severity` and `state` also take a single select that has the options, `first_seen`, `last_seen`
    and `ignored_until` a date with a time.
    """

    finding_id: Name = Field(description="Identifies a row: each value has one row.")
    rule_id: Name | None = None
    requirement: Name | None = Field(None, description="The sentence of the rule.")
    owner: Name | None = Field(None, description="The `owner` of the rule.")
    severity: Name | None = None
    state: Name | None = Field(None, description="open, reopened, ignored or resolved.")
    table: Name | None = None
    record: Name | None = Field(None, description="The id of the finding's first record.")
    record_name: Name | None = Field(None, description="The name of the finding's first record.")
    record_count: Name | None = None
    field: Name | None = None
    value: Name | None = None
    message: Name | None = None
    first_seen: Name | None = None
    last_seen: Name | None = Field(None, description="As of the finding's last change.")
    occurrences: Name | None = Field(None, description="As of the finding's last change.")
    ignored_why: Name | None = Field(None, description="Why a person ignores it.")
    ignored_by: Name | None = Field(None, description="The person who ignores it.")
    ignored_until: Name | None = Field(None, description="When that ends, if it does.")
    link: Name | None = Field(None, description="The address of the first record in Airtable.")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = self.chosen()
        for name, field in names.items():
            others = [other for other in names if names[other] == field and other != name]
            if others:
                raise ValueError(f"{field!r} is the field of both {name!r} and {others[0]!r}")
        return self

    def chosen(self) -> dict[str, str]:
        """Return the field of each property that has one."""
        return self.model_dump(exclude_none=True)


class WriteBack(Settings):
    """A table with a row for each finding."""

    table: Name = Field(description="No other table is written to, and no row is deleted.")
    fields: FieldNames
    base: BaseId | None = Field(None, description="The base of the table, if not the scan's base.")

    def target(self) -> str:
        """Return 16 hex digits that identify the fields and the table written to."""
        content = self.model_dump(mode="json")
        chosen = self.fields.chosen()
        for name in _ADDED_LATER - chosen.keys():
            del content["fields"][name]
        text = json.dumps(content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def row(self, finding: Mapping[str, Any]) -> dict[str, Any]:
        """Return the cells of a finding: those that have a field, and no others."""
        return {field: _cell(finding[name]) for name, field in self.fields.chosen().items()}


_ADDED_LATER = {
    *("requirement", "owner", "record_name", "ignored_why", "ignored_by", "ignored_until")
}
"""Properties without which a target is the one that an older Landfall has stored."""


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, str):
        return value[:MAX_TEXT]
    return value
