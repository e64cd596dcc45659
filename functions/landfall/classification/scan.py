"""The definition of a classification scan."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field

from landfall.airtable.scan import RecordLimits
from landfall.classification.labels import Labels
from landfall.classification.write_back import ElementWriteBack
from landfall.llm.model_settings import ModelSettings
from landfall.scans.scan import Scan
from landfall.scans.settings import BaseId, Misfit, Name, Settings, Whole

MIN_BATCH_SECONDS = 6 * 3600
"""Seconds that a run with batches needs. OpenAI promises a batch within 24 hours, and mostly takes
a few. Questions without an answer shortly before the run's end are asked one by one."""


class Parts(Settings):
    """Fields with the parts of an element that are sent to the model."""

    name: Name
    description: Name | None = None
    data_type: Name | None = None
    source: Name | None = Field(None, description="The system that the element comes from.")
    business_context: Name | None = Field(None, description="The use of the element.")

    def fields(self) -> dict[str, str]:
        """Return the field of each part that has one."""
        return self.model_dump(exclude_none=True)


class ElementLimits(RecordLimits):
    """Limits of a run that asks a model about records."""

    max_records: Whole = Field(
        5_000, ge=1, le=20_000, description="A table with more records ends the run with an error."
    )


class ClassificationScan(Scan):
    """A scan that classifies data elements: a table with one in each record, and the labels."""

    headings = ("base", "table")

    kind: Literal["classification"]
    base: BaseId = Field(
        description="The base's id: the part of its web address that begins with `app`."
    )
    table: Name = Field(description="The table that has a data element in each record.")
    mapping: Parts
    labels: Labels = Labels()
    group_size: Whole = Field(
        10,
        ge=1,
        le=50,
        description="Elements in one question to the model; one whose text seems to address the "
        "model gets a question of its own. With 1, no element can influence another, at two to "
        "three times the cost.",
    )
    low_confidence: Whole = Field(
        60, ge=0, le=100, description="The report lists suggestions with a lower confidence."
    )
    model: ModelSettings = ModelSettings()
    limits: ElementLimits = ElementLimits()
    write_back: ElementWriteBack | None = Field(
        None, description="Write the results to fields of the elements' own records."
    )

    def misfits(self) -> Iterable[Misfit]:
        """Yield double or conflicting fields, and batches without enough time."""
        if self.model.batch and self.limits.deadline_seconds < MIN_BATCH_SECONDS:
            yield Misfit(
                ("model", "batch"),
                "a batch takes up to 24 hours, but the run has only "
                f"{self.limits.deadline_seconds / 3600:g}; set `limits.deadline_seconds` to 86400 "
                f"(at least {MIN_BATCH_SECONDS}), or remove `batch`",
            )
        parts = self.mapping.fields()
        for part, field in parts.items():
            first = next(other for other, same in parts.items() if same == field)
            if first != part:
                message = f"{field!r} is also the field of `{first}`; use one for each"
                yield Misfit(("mapping", part), message)
        chosen: Mapping[str, str] = self.write_back.fields.chosen() if self.write_back else {}
        for output, field in chosen.items():
            if field in parts.values():
                yield Misfit(
                    ("write_back", "fields", output),
                    f"{field!r} is read by `mapping`, and a written value must not change the "
                    "input; use another field",
                )

    @property
    def record_names(self) -> bool:
        """Return false: the `mapping` has the name of an element."""
        return False

    @property
    def tables(self) -> dict[str, list[str]]:
        """Fields of the table that are read."""
        return {self.table: list(self.mapping.fields().values())}

    def heading(self) -> dict[str, Any]:
        """Return the summary in the scan's document."""
        return super().heading() | {"labels": self.labels.choices()}
