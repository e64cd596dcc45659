"""Corrections: values that a person gives an element, validated on arrival."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from landfall.classification.answer import (
    FLAGS,
    MAX_ITEMS,
    MAX_RATIONALE_CHARACTERS,
    Values,
    normalize,
    value_errors,
)
from landfall.classification.labels import Labels
from landfall.scans.settings import got, suggest

_Items = list[str]


class _Correction(BaseModel):
    """Values that a person may send: all but the model's confidence."""

    model_config = ConfigDict(extra="forbid", strict=True)

    information_security_classification: str | None = None
    criticality: str | None = None
    risk_level: str | None = None
    regulatory_flag: bool | None = None
    pii_flag: bool | None = None
    regulatory_references: _Items | None = Field(None, max_length=MAX_ITEMS)
    rationale: str | None = Field(None, max_length=MAX_RATIONALE_CHARACTERS)
    security_controls: _Items | None = Field(None, max_length=MAX_ITEMS)


def apply_correction(values: Mapping[str, Any] | None, given: Any, labels: Labels) -> Values:
    """Return the values with those that a person gives. A rationale of the model is dropped.

    Where there are no values yet, all labels and flags must be given. Raises `ValueError` with the
    field and the fix.
    """
    if not isinstance(given, dict) or not given:
        raise ValueError('`values` must have the changed values, such as {"criticality": "high"}')
    try:
        given_values = _Correction.model_validate(given).model_dump(exclude_none=True)
    except ValidationError as error:
        raise ValueError("; ".join(map(_problem, error.errors()))) from None
    nothing: Values = {"regulatory_references": [], "security_controls": []}
    merged = nothing | dict(values or {}) | {"rationale": "", "confidence": None} | given_values
    missing = [name for name in (*labels.choices(), *FLAGS) if name not in merged]
    if missing:
        raise ValueError(f"there are no values yet: `values` must include {', '.join(missing)}")
    invalid = next(value_errors(merged, labels), None)
    if invalid:
        raise ValueError(f"`values`: {invalid}")
    return normalize(merged)


def _problem(problem: Any) -> str:
    path = ".".join(map(str, ("values", *problem["loc"])))
    if problem["type"] == "extra_forbidden":
        fix = suggest(problem["loc"][-1], _Correction.model_fields, "remove it")
        return f"`{path}`: there is no such value; {fix}"
    message = str(problem["msg"]).replace("Input should", "must")
    return f"`{path}`: {message} {got(problem['input'])}"
