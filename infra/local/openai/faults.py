"""What is wrong with an answer that arrives whole: the stand-in's own faults, by their names.

refusal            the model declines
content_filter     the service's filter has stopped it
length             cut off in the middle, for want of tokens
invalid_json       prose where JSON was asked for
wrong_enum         a word that no choice allows
dropped_record     the last of the records is not there
invented_id        a record that was not asked about
echo               whatever the fenced text says takes the place of the model's own words
batch_failed       a batch is refused when its file has been looked at
batch_expired      a batch ends at its deadline with half of its requests done
"""

from collections.abc import Callable
from typing import Any

from infra.local.openai.answers import Asked
from infra.local.openai.schemas import Schema, id_of, resolved

REFUSAL, FILTER, LENGTH, INVALID_JSON = "refusal", "content_filter", "length", "invalid_json"
QUEUE_FULL, BATCH_FAILED, BATCH_EXPIRED = "batch_queue_full", "batch_failed", "batch_expired"

OF_COMPLETIONS = {REFUSAL, FILTER, LENGTH, INVALID_JSON}
"""Faults of how an answer ends, and not of what it says."""

OF_BATCHES = {QUEUE_FULL, BATCH_FAILED, BATCH_EXPIRED}

WRONG_WORD = "wrong-word-of-the-stand-in"
INVENTED_ID = "recInventedByStandIn"


def wrong_enum(value: Any, asked: Asked) -> Any:
    """With one choice made that there is not."""
    return _changed(value, asked.schema, asked, "enum", lambda _: WRONG_WORD)


def dropped_record(value: Any, asked: Asked) -> Any:
    """Without the last of the records."""
    return _with_records(value, asked.schema, asked, lambda records, _: records[:-1])


def invented_id(value: Any, asked: Asked) -> Any:
    """With another id for the first of the records."""

    def invent(records: list[Any], key: str) -> list[Any]:
        return [{**record, key: INVENTED_ID} for record in records[:1]] + records[1:]

    return _with_records(value, asked.schema, asked, invent)


def echo(value: Any, asked: Asked) -> Any:
    """With the fenced text in the place of every text but the ids: what an injection wants."""
    said = "\n".join(fence.text for fence in asked.fences) or asked.text
    return _changed(value, asked.schema, asked, "string", lambda _: said, first_only=False)


OF_CONTENT: dict[str, Callable[[Any, Asked], Any]] = {
    "wrong_enum": wrong_enum,
    "dropped_record": dropped_record,
    "invented_id": invented_id,
    "echo": echo,
}

NAMES = OF_COMPLETIONS | OF_CONTENT.keys() | OF_BATCHES


def _is(schema: Schema, what: str) -> bool:
    if what == "enum":
        return "enum" in schema
    return schema.get("type") == what and "enum" not in schema and "const" not in schema


def _changed(
    value: Any,
    schema: Schema,
    asked: Asked,
    what: str,
    change: Callable[[Any], Any],
    *,
    first_only: bool = True,
) -> Any:
    """The value with what is of this sort changed: the first of it, or all but the ids."""
    done = False

    def walk(value: Any, schema: Schema) -> Any:
        nonlocal done
        schema = resolved(schema, asked.schema)
        if done and first_only:
            return value
        if _is(schema, what):
            done = True
            return change(value)
        if isinstance(value, dict):
            key, parts = id_of(schema), schema.get("properties", {})
            return {n: v if n == key else walk(v, parts.get(n, {})) for n, v in value.items()}
        if isinstance(value, list):
            return [walk(one, schema.get("items", {})) for one in value]
        return value

    return walk(value, schema)


def _with_records(
    value: Any, schema: Schema, asked: Asked, change: Callable[[list[Any], str], list[Any]]
) -> Any:
    """The value with the first array of objects that have an id changed."""
    schema = resolved(schema, asked.schema)
    if not isinstance(value, dict):
        return value
    for name, part in schema.get("properties", {}).items():
        items = resolved(part, asked.schema).get("items", {})
        key = id_of(resolved(items, asked.schema))
        if key and value[name]:
            return {**value, name: change(value[name], key)}
    return value
