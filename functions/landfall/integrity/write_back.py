"""Findings written back to an Airtable table: what a scan says of it, and how far it has come.

A row of the table is a finding, known by its `finding_id`. The findings are sent in the order of
their ids. So one id says how far the table has come, from one run to the next: every finding
before it stands there as the ledger has it.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from landfall.scans.settings import BaseId, Name, Settings

if TYPE_CHECKING:
    pass


TEXT_MOST = 100_000
"""Characters that a cell holds; support.airtable.com, "Supported field types"."""


class FieldNames(Settings):
    """The field for each property of a finding that is written. The others stay out of the table.

    A text field takes each, but for `record_count` and `occurrences`, which go to a number.
    `severity` and `state` may also go to a single select that has the options, `first_seen` and
    `last_seen` to a date with a time.
    """

    finding_id: Name = Field(description="By which a row is known: one row has each value.")
    rule_id: Name | None = None
    severity: Name | None = None
    state: Name | None = Field(None, description="open, reopened, ignored or resolved.")
    table: Name | None = None
    record: Name | None = Field(None, description="The id of the finding's first record.")
    record_count: Name | None = None
    field: Name | None = None
    value: Name | None = None
    message: Name | None = None
    first_seen: Name | None = None
    last_seen: Name | None = Field(None, description="As of the finding's last change.")
    occurrences: Name | None = Field(None, description="As of the finding's last change.")
    link: Name | None = Field(None, description="The address of the first record in Airtable.")

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = self.chosen()
        for name, field in names.items():
            others = [other for other in names if names[other] == field and other != name]
            if others:
                raise ValueError(f"{field!r} is the field of {name!r} and of {others[0]!r}")
        return self

    def chosen(self) -> dict[str, str]:
        """The field of each property that has one."""
        return self.model_dump(exclude_none=True)


class WriteBack(Settings):
    """A table that has a row for each finding."""

    table: Name = Field(description="No other table is written to, and no row is deleted.")
    fields: FieldNames
    base: BaseId | None = Field(None, description="Where the table is, if not in the scan's base.")

    def target(self) -> str:
        """16 hex digits of which fields of which table are written."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def row(self, finding: Mapping[str, Any]) -> dict[str, Any]:
        """The cells of a finding: those that have a field, and no others."""
        return {field: _cell(finding[name]) for name, field in self.fields.chosen().items()}


def _cell(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, str):
        return value[:TEXT_MOST]
    return value
