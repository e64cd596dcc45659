"""The JSON schemas of structured answers, as strict mode accepts them."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.local.openai import errors

Schema = Mapping[str, Any]

IDS = ("id", "record_id", "key")
"""Properties that identify an object of an array."""


def resolve(schema: Schema, whole: Schema) -> Schema:
    """Return the schema behind a reference or a single choice; `whole` has the definitions."""
    while "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    return resolve(schema["allOf"][0], whole) if len(schema.get("allOf", ())) == 1 else schema


def id_of(schema: Schema) -> str | None:
    """Return the name of the property that identifies an object, if it has one."""
    return next((name for name in IDS if name in schema.get("properties", {})), None)


def check_strict(name: str, schema: Schema, context: tuple[str, ...] = ()) -> None:
    """Raise `RefusedError` unless strict mode accepts the schema: all required, nothing additional.

    platform.openai.com/docs/guides/structured-outputs, "Supported schemas".
    """
    where = ", ".join(f"'{part}'" for part in context)
    if schema.get("type") == "object":
        if schema.get("additionalProperties") is not False:
            message = "'additionalProperties' is required to be supplied and to be false."
            raise errors.bad_schema(name, where, message)
        if set(schema.get("required", ())) != set(schema.get("properties", {})):
            message = (
                "'required' is required to be supplied and to be an array including every key in "
                "properties."
            )
            raise errors.bad_schema(name, where, message)
    if "default" in schema:
        raise errors.bad_schema(name, where, "'default' is not permitted.")
    for part, inner in _parts(schema):
        check_strict(name, inner, (*context, *part))


def _parts(schema: Schema) -> Iterator[tuple[tuple[str, ...], Schema]]:
    """Yield the schemas within a schema, each with its path."""
    for key in ("properties", "$defs"):
        for part, inner in schema.get(key, {}).items():
            yield (key, part), inner
    if "items" in schema:
        yield ("items",), schema["items"]
    for key in ("anyOf", "allOf"):
        for number, inner in enumerate(schema.get(key, ())):
            yield (key, str(number)), inner
