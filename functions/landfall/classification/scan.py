"""The definition of a classification scan."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field

from landfall.airtable.scan import RecordLimits
from landfall.classification.labels import Labels
from landfall.classification.write_back import FillIn
from landfall.llm.settings import ModelSettings
from landfall.scans.scan import Scan
from landfall.scans.settings import BaseId, Name, Settings

BATCH_LEAST = 6 * 3600
"""Seconds that a run needs which asks in batches. OpenAI promises them within 24 hours, and mostly
takes a few; what a batch has not answered shortly before the run's end is asked without one."""


class Parts(Settings):
    """The field that has each part of what is told of an element."""

    name: Name
    description: Name | None = None
    data_type: Name | None = None
    source: Name | None = Field(None, description="The system that it comes from.")
    business_context: Name | None = Field(None, description="What it is used for.")

    def fields(self) -> dict[str, str]:
        """The field of each part that has one."""
        return self.model_dump(exclude_none=True)


class ElementLimits(RecordLimits):
    """Where a run that asks a model about records stops."""

    max_records: int = Field(
        5_000, ge=1, le=20_000, description="A table with more records ends the run in error."
    )


class ClassificationScan(Scan):
    """A classification of data elements: a table with one a record, and what is to be said."""

    headings = ("base", "table")

    kind: Literal["classification"]
    base: BaseId = Field(
        description="The base's id: the part of its web address that begins with `app`."
    )
    table: Name = Field(description="The table that has a data element in each record.")
    mapping: Parts
    labels: Labels = Labels()
    group_size: int = Field(
        10,
        ge=1,
        le=50,
        description="Elements that the model is asked about at a time; one whose text seems to "
        "speak to the model is asked about alone. With 1, nothing that one says can reach another; "
        "it costs two to three times as much.",
    )
    low_confidence: int = Field(
        60, ge=0, le=100, description="The report lists suggestions with less confidence."
    )
    model: ModelSettings = ModelSettings()
    limits: ElementLimits = ElementLimits()
    write_back: FillIn | None = Field(
        None, description="Fill the outcome into fields of the elements' own records."
    )

    def misfits(self) -> Iterable[str]:
        """Fields that are read for two parts, or read and filled in; and batches without time."""
        if self.model.batch and self.limits.deadline_seconds < BATCH_LEAST:
            yield (
                "model.batch: a batch takes up to 24 hours, and the run has "
                f"{self.limits.deadline_seconds / 3600:g}; set `limits.deadline_seconds` to 86400 "
                f"({BATCH_LEAST} at least), or leave `batch` out"
            )
        parts = self.mapping.fields()
        for part, field in parts.items():
            first = next(other for other, same in parts.items() if same == field)
            if first != part:
                yield f"mapping.{part}: {field!r} is the field of `{first}` too; give each its own"
        chosen: Mapping[str, str] = self.write_back.fields.chosen() if self.write_back else {}
        for output, field in chosen.items():
            if field in parts.values():
                yield (
                    f"write_back.fields.{output}: {field!r} is read by `mapping`; what is filled "
                    "in must not change what is read: give it a field of its own"
                )

    @property
    def tables(self) -> dict[str, list[str]]:
        """The fields of the table that are read."""
        return {self.table: list(self.mapping.fields().values())}

    def heading(self) -> dict[str, Any]:
        """What the scan's document shows of it."""
        return super().heading() | {"labels": self.labels.choices()}
