"""Labels of a classification, with the meaning of each."""

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, Field, ValidationInfo, field_validator, model_validator

from landfall.scans.settings import Settings


def _storable(label: str) -> str:
    if len(label) > 3 and label[:2] == label[-2:] == "__":
        raise ValueError(f"Firestore reserves names like {label}; leave out the underscores")
    return label


Label = Annotated[
    str, Field(min_length=1, max_length=60, pattern=r"^\S+( \S+)*$"), AfterValidator(_storable)
]
Meaning = Annotated[str, Field(max_length=500)]

SECURITY: Mapping[str, str] = {
    "HRCI": "Highly restricted: disclosure does serious harm to people or the organisation, or "
    "breaks a law. Health records, government identifiers, bank accounts, passwords and keys.",
    "Confidential": "Personal or sensitive data for those who need it. Names with contact data, "
    "birth dates, grades, salaries, contracts.",
    "Proprietary": "Internal data without personal or sensitive content. Internal codes, plans, "
    "stock, process data.",
    "Public": "Published, or harmless when it is.",
}
CRITICALITY: Mapping[str, str] = {
    "high": "Work stops, people come to harm or a law is broken when it is wrong or missing.",
    "medium": "Work goes on with difficulty when it is wrong or missing.",
    "low": "Hardly anybody notices when it is wrong or missing.",
}
RISK: Mapping[str, str] = {
    "high": "A leak or a wrong value does serious harm, and is likely enough to be guarded "
    "against first.",
    "medium": "A leak or a wrong value does harm that can be mended.",
    "low": "A leak or a wrong value does little harm.",
}


class Labels(Settings):
    """Labels of each output with a fixed choice, and the meaning of each label."""

    information_security_classification: dict[Label, Meaning] = Field(
        dict(SECURITY), min_length=2, max_length=20, description="How strictly access is limited."
    )
    criticality: dict[Label, Meaning] = Field(
        dict(CRITICALITY), min_length=2, max_length=20, description="How much work depends on it."
    )
    risk_level: dict[Label, Meaning] = Field(
        dict(RISK),
        min_length=2,
        max_length=20,
        description="Harm of a leak or a wrong value.",
    )

    @field_validator("*")
    @classmethod
    def _in_order(cls, labels: dict[str, str], info: ValidationInfo) -> dict[str, str]:
        # the default ones first, others by name, in whatever order they are given: Firestore does
        # not preserve the order of a map's keys, and a question with its labels in another order
        # is another question, and paid again
        defaults = [*cls.model_fields[info.field_name or ""].default]
        known = [label for label in defaults if label in labels]
        return {label: labels[label] for label in [*known, *sorted(labels.keys() - defaults)]}

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        for output, labels in self.choices().items():
            folded = [label.casefold() for label in labels]
            twice = [label for label in labels if folded.count(label.casefold()) > 1]
            if twice:
                raise ValueError(f"{output}: {' and '.join(twice)} differ only in case")
        return self

    def choices(self) -> dict[str, tuple[str, ...]]:
        """Return the labels of each output with a fixed choice."""
        return {output: tuple(getattr(self, output)) for output in type(self).model_fields}
