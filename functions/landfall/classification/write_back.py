"""What of a classification is filled into the elements' own records in Airtable."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from landfall.classification.answer import LISTS
from landfall.classification.reviews import SETTLED, Standing
from landfall.scans.settings import Name, Settings

TEXT_MOST = 100_000
"""Characters that a cell holds; support.airtable.com, "Supported field types"."""


class OutputFields(Settings):
    """The field for each output that is filled in. No other field is touched.

    A text field takes each but the flags, which go to a checkbox, and `confidence`, which goes to
    a number. The labels may also go to a single select that has the options.
    """

    information_security_classification: Name | None = None
    criticality: Name | None = None
    risk_level: Name | None = None
    regulatory_flag: Name | None = None
    pii_flag: Name | None = None
    regulatory_references: Name | None = Field(None, description="By commas.")
    rationale: Name | None = None
    confidence: Name | None = Field(None, description="Empty where a person has changed values.")
    security_controls: Name | None = Field(None, description="By commas.")
    state: Name | None = Field(None, description="suggested, confirmed or changed.")

    @model_validator(mode="after")
    def _each_once(self) -> "OutputFields":
        names = self.chosen()
        if not names:
            raise ValueError("give at least one, such as `criticality: Criticality`")
        for name, field in names.items():
            first = next(other for other, same in names.items() if same == field)
            if first != name:
                raise ValueError(f"{field!r} is the field of {first!r} and of {name!r}")
        return self

    def chosen(self) -> dict[str, str]:
        """The field of each output that has one."""
        return self.model_dump(exclude_none=True)


class FillIn(Settings):
    """Which values are filled into the records, and when."""

    fields: OutputFields
    when: Literal["confirmed", "always"] = Field(
        "confirmed",
        description="`confirmed`: only what a person has confirmed or changed. `always`: "
        "suggestions too.",
    )

    def cells(self, standing: Standing) -> dict[str, Any] | None:
        """What is to stand in an element's record; None where it has nothing of ours."""
        due = standing.state in SETTLED or (self.when == "always" and standing.values)
        if not due or standing.values is None:
            return None
        values = {**standing.values, "state": standing.state}
        return {field: _cell(name, values[name]) for name, field in self.fields.chosen().items()}

    def emptied(self) -> dict[str, None]:
        """The cells of a record that is to have nothing of ours any more."""
        return dict.fromkeys(self.fields.chosen().values())


def mark_of(cells: Mapping[str, Any] | None) -> str | None:
    """16 hex digits of what stands in a record; by it is known what has been filled in."""
    if cells is None:
        return None
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()[:16]


def _cell(name: str, value: Any) -> Any:
    if name in LISTS:
        value = ", ".join(value)
    return value[:TEXT_MOST] if isinstance(value, str) else value
