"""The JSON schemas of structured answers, as strict mode takes them and the stand-in reads them."""

from collections.abc import Iterator, Mapping
from typing import Any

from infra.local.openai import errors

Schema = Mapping[str, Any]

IDS = ("id", "record_id", "key")
"""Properties that say what an object of an array is about."""


def resolved(schema: Schema, whole: Schema) -> Schema:
    """What a reference, or a choice of one, stands for. `whole` has the definitions."""
    while "$ref" in schema:
        schema = whole["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    return resolved(schema["allOf"][0], whole) if len(schema.get("allOf", ())) == 1 else schema


def id_of(schema: Schema) -> str | None:
    """The property that says what an object is about."""
    return next((name for name in IDS if name in schema.get("properties", {})), None)


def check_strict(name: str, schema: Schema, context: tuple[str, ...] = ()) -> None:
    """Raise RefusedError unless strict mode takes the schema: all is required, nothing else comes.

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
    """The schemas within a schema, each with where it stands."""
    for key in ("properties", "$defs"):
        for part, inner in schema.get(key, {}).items():
            yield (key, part), inner
    if "items" in schema:
        yield ("items",), schema["items"]
    for key in ("anyOf", "allOf"):
        for number, inner in enumerate(schema.get(key, ())):
            yield (key, str(number)), inner
