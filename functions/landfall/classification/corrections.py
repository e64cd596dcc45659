"""The values that a person gives an element, checked at the door."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from landfall.classification.answer import (
    FLAGS,
    ITEMS_MOST,
    RATIONALE_MOST,
    Values,
    tidied,
    unfitting,
)
from landfall.classification.labels import Labels
from landfall.scans.settings import it_is, suggest

_Items = list[str]


class _Correction(BaseModel):
    """What a person may send; how sure the model was is none of it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    information_security_classification: str | None = None
    criticality: str | None = None
    risk_level: str | None = None
    regulatory_flag: bool | None = None
    pii_flag: bool | None = None
    regulatory_references: _Items | None = Field(None, max_length=ITEMS_MOST)
    rationale: str | None = Field(None, max_length=RATIONALE_MOST)
    security_controls: _Items | None = Field(None, max_length=ITEMS_MOST)


def corrected(values: Mapping[str, Any] | None, given: Any, labels: Labels) -> Values:
    """The values with those that a person gives; the rationale is theirs or none.

    Without values so far, all labels and flags must be given. Raises `ValueError` that names the
    field and the fix.
    """
    if not isinstance(given, dict) or not given:
        raise ValueError('`values` must say what is changed, such as {"criticality": "high"}')
    try:
        theirs = _Correction.model_validate(given).model_dump(exclude_none=True)
    except ValidationError as error:
        raise ValueError("; ".join(map(_problem, error.errors()))) from None
    nothing: Values = {"regulatory_references": [], "security_controls": []}
    merged = nothing | dict(values or {}) | {"rationale": "", "confidence": None} | theirs
    missing = [name for name in (*labels.choices(), *FLAGS) if name not in merged]
    if missing:
        raise ValueError(f"there are no values so far: `values` must have {', '.join(missing)} too")
    wrong = next(unfitting(merged, labels), None)
    if wrong:
        raise ValueError(f"`values`: {wrong}")
    return tidied(merged)


def _problem(problem: Any) -> str:
    path = ".".join(map(str, ("values", *problem["loc"])))
    if problem["type"] == "extra_forbidden":
        fix = suggest(problem["loc"][-1], _Correction.model_fields, "remove it")
        return f"`{path}`: there is no such value; {fix}"
    message = str(problem["msg"]).replace("Input should", "must")
    return f"`{path}`: {message} {it_is(problem['input'])}"
