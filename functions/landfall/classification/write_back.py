"""Write-back of a classification to the elements' own records in Airtable."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from landfall.classification.answer import LISTS
from landfall.classification.reviews import SETTLED, Classification
from landfall.scans.settings import Name, Settings

MAX_CELL_CHARACTERS = 100_000
"""Characters that a cell can hold; support.airtable.com, "Supported field types"."""


class OutputFields(Settings):
    """The field for each output that is written. No other field is touched.

    A text field takes all outputs but the flags, which go to a checkbox, and `confidence`, which
    goes to a number. The labels may also go to a single select with these options.
    """

    information_security_classification: Name | None = None
    criticality: Name | None = None
    risk_level: Name | None = None
    regulatory_flag: Name | None = None
    pii_flag: Name | None = None
    regulatory_references: Name | None = Field(None, description="Separated by commas.")
    rationale: Name | None = None
    confidence: Name | None = Field(None, description="Empty if a person has changed the values.")
    security_controls: Name | None = Field(None, description="Separated by commas.")
    state: Name | None = Field(None, description="suggested, confirmed or changed.")

    @model_validator(mode="after")
    def _each_once(self) -> "OutputFields":
        names = self.chosen()
        if not names:
            raise ValueError("give at least one, such as `criticality: Criticality`")
        for name, field in names.items():
            first = next(other for other, same in names.items() if same == field)
            if first != name:
                raise ValueError(f"{field!r} is the field of both {first!r} and {name!r}")
        return self

    def chosen(self) -> dict[str, str]:
        """Return the field of each output that has one."""
        return self.model_dump(exclude_none=True)


class ElementWriteBack(Settings):
    """Values to write to the records, and the condition."""

    fields: OutputFields
    when: Literal["confirmed", "always"] = Field(
        "confirmed",
        description="`confirmed`: only values that a person has confirmed or changed. `always`: "
        "also suggestions.",
    )

    def cells(self, classification: Classification) -> dict[str, Any] | None:
        """Return the cells of an element's record; None where nothing is to be written."""
        values, state = classification.values, classification.state
        due = state in SETTLED or (self.when == "always" and values)
        if not due or values is None:
            return None
        values = {**values, "state": state}
        return {field: _cell(name, values[name]) for name, field in self.fields.chosen().items()}

    def empty_cells(self) -> dict[str, None]:
        """Return empty cells for a record whose values are withdrawn."""
        return dict.fromkeys(self.fields.chosen().values())


def hash_cells(cells: Mapping[str, Any] | None) -> str | None:
    """Return 16 hex digits of the cells, to recognise what has been written already."""
    if cells is None:
        return None
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()[:16]


def _cell(name: str, value: Any) -> Any:
    if name in LISTS:
        value = ", ".join(value)
    return value[:MAX_CELL_CHARACTERS] if isinstance(value, str) else value
