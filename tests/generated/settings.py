"""Tables of settings, from the models that check a definition."""

import inspect
import json
import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache
from typing import Any

from pydantic import BaseModel

from landfall.airtable.scan import RecordLimits
from landfall.classification.labels import Labels
from landfall.classification.scan import ClassificationScan, ElementLimits, Parts
from landfall.classification.write_back import ElementWriteBack, OutputFields
from landfall.integrity.rules.conditions import FieldCondition
from landfall.integrity.rules.kinds import KINDS, groups_of
from landfall.integrity.rules.rule import BaseRule, Thresholds
from landfall.integrity.scan import IntegrityScan
from landfall.integrity.write_back import FieldNames, WriteBack
from landfall.llm.model_settings import Allowance, ModelBudget, ModelSettings
from landfall.llm.prices import AS_OF, PRICES, Price
from landfall.scans.cadence import Cadence, Weekly
from landfall.scans.notify import Notify
from landfall.scans.scan import Scan
from landfall.scans.schedule import Schedule
from landfall.site.facts import FACTS, FAMILIES
from landfall.site.rubric import Bands, Criterion, Dimension, PageType, Rubric, Stage
from landfall.site.scan import SiteScan
from tests.generated.markdown import anchor, first_paragraph, table

TYPES = {
    "string": "text",
    "integer": "whole number",
    "boolean": "true or false",
    "object": "names and values",
}
"""Words for the types of a JSON schema."""

TITLES = {
    "Schedule": "schedule",
    "Cadence": "schedule.cadence",
    "Weekly": "schedule.cadence.weekly",
    "Notify": "notify",
    "Limits": "limits",
    "RecordLimits": "limits",
    "ElementLimits": "limits",
    "WriteBack": "write_back",
    "FieldNames": "write_back.fields",
    "Thresholds": "severity by number",
    "Parts": "mapping",
    "ElementWriteBack": "write_back",
    "OutputFields": "write_back.fields",
    "Labels": "labels",
    "ModelSettings": "model",
    "ModelBudget": "model.budget",
    "Allowance": "model.budget.run and day",
    "Price": "model.price",
    "Rubric": "rubric",
    "PageType": "rubric.page_types",
    "Dimension": "rubric.dimensions",
    "Criterion": "rubric.dimensions.criteria",
    "Stage": "rubric.journey",
    "Bands": "rubric.bands",
}
"""Headings of groups of settings, by their class: the setting that holds one."""

ELSEWHERE = {
    "ModelSettings": "[model](classification.md#model)",
    **dict.fromkeys(("FieldCondition", "AllOf", "AnyOf", "Not"), "[condition](#conditions)"),
    **dict.fromkeys((rule.__name__ for rule in KINDS.values()), "[rule](rules.md#all-kinds)"),
}
"""Links to what has no heading of its own beside the settings that use it."""

LONGEST_DEFAULT = 80
"""Characters of a group's defaults that a row shows."""


def scan_settings() -> str:
    """Return the settings that every kind of scan has."""
    return settings(Scan, leave_out=("kind",))


def schedule_settings() -> str:
    """Return the settings of a schedule and of its cadence."""
    return groups(Schedule, Cadence, Weekly)


def notify_settings() -> str:
    """Return the settings of word to people."""
    return groups(Notify)


def limits_settings() -> str:
    """Return the limits of a scan that reads a base."""
    return groups(RecordLimits)


def integrity_settings() -> str:
    """Return the settings that only an integrity scan has."""
    return settings(IntegrityScan, leave_out=Scan.model_fields)


def write_back_settings() -> str:
    """Return the settings of a table of findings."""
    return groups(WriteBack, FieldNames)


def rule_settings() -> str:
    """Return the settings that every kind of rule has."""
    return settings(BaseRule, leave_out=("kind",))


def condition_settings() -> str:
    """Return the settings of a condition on a field."""
    return settings(FieldCondition)


def threshold_settings() -> str:
    """Return the settings of a severity by number."""
    return groups(Thresholds)


def rule_list() -> str:
    """Return a row for each kind of rule."""
    rows = ((f"[`{kind}`](#{kind})", first_paragraph(KINDS[kind])) for kind in KINDS)
    return table(("kind", "requirement"), rows)


def rule_kinds() -> str:
    """Return every kind of rule with its text, an example and its settings."""
    return "\n\n".join(_rule_kind(kind) for kind in KINDS)


def _rule_kind(kind: str) -> str:
    rule = KINDS[kind]
    example = f"```yaml\n{rule.example.strip()}\n```"
    own = settings(rule, leave_out=BaseRule.model_fields)
    parts = [f"### {kind}", inspect.cleandoc(rule.__doc__ or ""), example, own]
    return "\n\n".join([*parts, *(_group(group, level=4) for group in _nested(rule))])


def _nested(rule: type[BaseRule]) -> list[type[BaseModel]]:
    return sorted(groups_of(rule), key=lambda group: group.__name__)


@cache
def _titles() -> Mapping[str, str]:
    """Return the heading of each group of settings, those of rules included."""
    of_rules = {
        group.__name__: f"{kind}: {_snake(group.__name__)}"
        for kind, rule in KINDS.items()
        for group in _nested(rule)
    }
    return TITLES | of_rules


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def classification_settings() -> str:
    """Return the settings that only a classification has."""
    own = settings(ClassificationScan, leave_out=Scan.model_fields.keys() - {"limits"})
    return f"{own}\n\n{groups(ElementLimits, Parts, ElementWriteBack, OutputFields)}"


def labels() -> str:
    """Return the labels of a scan that brings none."""
    rows = [
        (f"`{output}`", f"`{label}`", meaning)
        for output, meanings in Labels().model_dump().items()
        for label, meaning in meanings.items()
    ]
    return table(("output", "label", "meaning, as the model reads it"), rows)


def model_settings() -> str:
    """Return the settings of the language model."""
    return groups(ModelSettings, ModelBudget, Allowance, Price)


def model_prices() -> str:
    """Return the prices that are known."""
    rows = (
        (f"`{name}`", *(f"{value:g}" for value in price.model_dump().values()))
        for name, price in PRICES.items()
    )
    head = ("model", "input", "cached input", "output")
    return f"Dollars for a million tokens, read on {AS_OF}:\n\n{table(head, rows)}"


def site_settings() -> str:
    """Return the settings that only a site scan has."""
    return settings(SiteScan, leave_out=Scan.model_fields)


def rubric_settings() -> str:
    """Return the settings of a rubric."""
    return groups(Rubric, PageType, Dimension, Criterion, Stage, Bands)


def facts() -> str:
    """Return the facts that a criterion may ask for."""
    rows = [(f"`{name}`", fact.meaning) for name, fact in FACTS.items()]
    rows += [
        (f"`{name}.{'TYPE' if family.of_types else 'VOCABULARY'}`", family.meaning)
        for name, family in FAMILIES.items()
    ]
    return table(("fact", "value"), rows)


def groups(*models: type[BaseModel]) -> str:
    """Return each group of settings under a heading of its own."""
    return "\n\n".join(_group(model, level=3) for model in models)


def _group(model: type[BaseModel], level: int) -> str:
    heading = f"{'#' * level} {_titles()[model.__name__]}"
    return f"{heading}\n\n{first_paragraph(model)}\n\n{settings(model)}"


def settings(model: type[BaseModel], leave_out: Collection[str] = ()) -> str:
    """Return a row for each setting of a model."""
    schema = model.model_json_schema()
    required = schema.get("required", ())
    rows = [
        (f"`{name}`", _type(entry), _default(entry, name in required), entry.get("description", ""))
        for name, entry in schema["properties"].items()
        if name not in leave_out
    ]
    return table(("setting", "value", "default", "meaning"), rows)


def _default(entry: Mapping[str, Any], required: bool) -> str:
    if required:
        return "(required)"
    default = entry.get("default")
    if default in (None, "", [], {}):
        return ""
    text = json.dumps(default)
    return f"`{text}`" if len(text) <= LONGEST_DEFAULT else "see there"


def _type(entry: Mapping[str, Any]) -> str:
    """Return the type of a setting's value, from its JSON schema."""
    match entry:
        case {"enum": values}:
            return " or ".join(f"`{value}`" for value in values)
        case {"const": value}:
            return f"`{value}`"
        case {"anyOf": choices} | {"oneOf": choices}:
            return _choice([_type(one) for one in choices if one.get("type") != "null"])
        case {"$ref": reference}:
            return _reference(str(reference.rsplit("/", 1)[1]))
        case {"type": "array", "items": items}:
            return f"list of {_type(items)}"
        case {"type": [*kinds]}:
            return " or ".join(TYPES.get(kind, kind) for kind in kinds)
        case {"type": kind}:
            return str(TYPES.get(kind, kind))
        case _:
            return "any"


def _choice(types: Iterable[str]) -> str:
    different = [*dict.fromkeys(types)]
    if len(different) == 2 and different[1] == f"list of {different[0]}":
        return f"{different[0]}, or a list"
    return " or ".join(different)


def _reference(name: str) -> str:
    if name in ELSEWHERE:
        return ELSEWHERE[name]
    title = _titles()[name]
    return f"[{title.rpartition(': ')[2].rpartition('.')[2]}](#{anchor(title)})"
