"""The JSON schema of definitions, for editors: one clear message for each mistake.

It is of draft 7, which editors know, and has no choice between whole models where one name tells
them apart: a misspelt `kind` would be no rule of any kind, with a message for each.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic.json_schema import models_json_schema

from landfall.kinds.problems import FORMS
from landfall.kinds.table import KINDS
from landfall.scans.scan import Scan

Schema = dict[str, Any]

_NAMED = "properties"

DRAFT = "http://json-schema.org/draft-07/schema#"
"""The newest draft that editors of YAML support."""


def json_schema() -> Schema:
    """Return the JSON schema of definitions."""
    kinds: list[tuple[type[Scan], Literal["validation"]]] = [
        (kind.scan(), "validation") for kind in KINDS.values()
    ]
    references, schema = models_json_schema(kinds)
    models = schema["$defs"]
    scans = {name: references[kind] for name, kind in zip(KINDS, kinds, strict=True)}
    return {
        "$schema": DRAFT,
        "title": "Scan",
        **_by_kind(scans),
        "$defs": {name: _clear(model, models, model) for name, model in models.items()},
    }


def _clear(value: Any, models: Mapping[str, Any], model: Schema) -> Any:
    """Return a schema in which each choice has one clear message."""
    if isinstance(value, list):
        return [_clear(item, models, model) for item in value]
    if not isinstance(value, dict):
        return value
    found = {name: _clear(item, models, model) for name, item in value.items() if name != _NAMED}
    if _NAMED in value:  # names of settings, which may be those of keywords
        named = value[_NAMED].items()
        found[_NAMED] = {name: _clear(item, models, model) for name, item in named}
    if "enum" in found:
        found.pop("type", None)  # it would be a second message
    if found.get("pattern") in FORMS:
        found["patternErrorMessage"] = FORMS[found["pattern"]]
    choices = found.get("anyOf") or found.get("oneOf")
    if not isinstance(choices, list):
        return found
    rest = {k: v for k, v in found.items() if k not in ("anyOf", "oneOf", "discriminator")}
    if "discriminator" in found:
        return {**rest, **_by_kind(found["discriminator"]["mapping"])}
    if {"type": "null"} in choices and "null" not in model.get("description", ""):
        # a setting that is left out needs no null, which an editor would propose
        choices = [choice for choice in choices if choice != {"type": "null"}]
        rest = {name: one for name, one in rest.items() if name != "default" or one is not None}
    return {**_one_of(choices, models), **rest}


def _one_of(choices: Sequence[Schema], models: Mapping[str, Any]) -> Schema:
    """Return one schema for a choice of several, by a name that each has, or by a type."""
    *others, last = choices
    if not others:
        return last
    if all("$ref" in choice for choice in choices):
        return _by_names([choice["$ref"] for choice in choices], models)
    if last == {"type": "null"}:
        (only,) = others
        return {**only, "type": [only["type"], "null"]}
    values = [choice.get("enum", [choice.get("const")]) for choice in choices]
    if all(isinstance(value, str) for some in values for value in some):
        return {"enum": [value for some in values for value in some]}
    (first,) = others
    kind = "array" if "array" in (first.get("type"), last.get("type")) else "object"
    of_kind, other = (first, last) if first.get("type") == kind else (last, first)
    return {"if": {"type": kind}, "then": of_kind, "else": other}


def _by_kind(kinds: Mapping[str, Any]) -> Schema:
    """Return the schema of an object whose `kind` chooses its model."""
    references = {kind: _reference(target) for kind, target in kinds.items()}
    return {
        "type": "object",
        "required": ["kind"],
        "properties": {"kind": {"enum": list(references)}},
        "allOf": [
            {"if": _is_object(kind={"const": kind}), "then": model}
            for kind, model in references.items()
        ],
    }


def _is_object(**names: Schema) -> Schema:
    """Return the schema that only an object with these names fits."""
    return {"type": "object", "properties": names, "required": list(names)}


def _reference(target: Any) -> Schema:
    return {"$ref": target} if isinstance(target, str) else dict(target)


def _by_names(references: Sequence[str], models: Mapping[str, Any]) -> Schema:
    """Return the schema of an object that is of the model whose own name it has."""
    own = {reference: _own_name(reference, references, models) for reference in references}
    plain = [reference for reference in references if not own[reference]]
    names = {name for reference in references for name in _model(reference, models)["properties"]}
    # without the name of any: the one that is not the model's own is not enough
    schema: Schema = {"$ref": plain[0]} if plain else _is_object()
    if not plain:
        schema |= {"minProperties": 2, "propertyNames": {"enum": sorted(names)}}
    for reference, name in reversed(own.items()):
        if name:
            schema = {"if": _is_object(**{name: {}}), "then": {"$ref": reference}, "else": schema}
    return schema


def _own_name(reference: str, others: Sequence[str], models: Mapping[str, Any]) -> str:
    """Return the required name that no other of the models has; empty where there is none."""
    shared = {
        name
        for other in others
        if other != reference
        for name in _model(other, models)["properties"]
    }
    required = _model(reference, models).get("required", ())
    return next((name for name in required if name not in shared), "")


def _model(reference: str, models: Mapping[str, Any]) -> Any:
    return models[reference.rsplit("/", 1)[1]]
