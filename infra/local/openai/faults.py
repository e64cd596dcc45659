"""Faults of the stand-in's own, by name: wrong answers that arrive whole.

refusal            the model declines
content_filter     the service's filter has stopped it
length             cut off in the middle, as if out of tokens
invalid_json       prose instead of JSON
wrong_enum         a value outside the enumeration
dropped_record     the last of the records is missing
invented_id        a record that is not in the question
echo               the quoted text replaces every text of the model
batch_queue_full   a batch is refused for the tokens enqueued already
batch_failed       a batch is refused when its file is validated
batch_expired      a batch ends at its deadline with half of its requests done
"""

from collections.abc import Callable
from typing import Any

from infra.local.openai.answers import ParsedQuestion
from infra.local.openai.schemas import Schema, id_of, resolve

REFUSAL, CONTENT_FILTER = "refusal", "content_filter"
LENGTH, INVALID_JSON = "length", "invalid_json"
QUEUE_FULL, BATCH_FAILED, BATCH_EXPIRED = "batch_queue_full", "batch_failed", "batch_expired"

COMPLETION_FAULTS = {REFUSAL, CONTENT_FILTER, LENGTH, INVALID_JSON}
"""Faults in how an answer ends, not in its content."""

BATCH_FAULTS = {QUEUE_FULL, BATCH_FAILED, BATCH_EXPIRED}

WRONG_WORD = "wrong-word-of-the-stand-in"
INVENTED_ID = "recInventedByStandIn"


def wrong_enum(value: Any, question: ParsedQuestion) -> Any:
    """Return the value with one choice outside its enumeration."""
    return _change(value, question.schema, question, "enum", lambda _: WRONG_WORD)


def dropped_record(value: Any, question: ParsedQuestion) -> Any:
    """Return the value without the last record."""
    return _change_records(value, question.schema, question, lambda records, _: records[:-1])


def invented_id(value: Any, question: ParsedQuestion) -> Any:
    """Return the value with another id of the first record."""

    def invent(records: list[Any], key: str) -> list[Any]:
        return [{**record, key: INVENTED_ID} for record in records[:1]] + records[1:]

    return _change_records(value, question.schema, question, invent)


def echo(value: Any, question: ParsedQuestion) -> Any:
    """Return the value with the quoted text for every text but the ids: the aim of an injection."""
    injected = "\n".join(quote.text for quote in question.quotes) or question.text
    return _change(value, question.schema, question, "string", lambda _: injected, first_only=False)


CONTENT_FAULTS: dict[str, Callable[[Any, ParsedQuestion], Any]] = {
    "wrong_enum": wrong_enum,
    "dropped_record": dropped_record,
    "invented_id": invented_id,
    "echo": echo,
}

FAULT_NAMES = COMPLETION_FAULTS | CONTENT_FAULTS.keys() | BATCH_FAULTS


def _is_of_type(schema: Schema, kind: str) -> bool:
    if kind == "enum":
        return "enum" in schema
    return schema.get("type") == kind and "enum" not in schema and "const" not in schema


def _change(
    value: Any,
    schema: Schema,
    question: ParsedQuestion,
    kind: str,
    change: Callable[[Any], Any],
    *,
    first_only: bool = True,
) -> Any:
    """Return the value with parts of this kind changed: the first one, or all but the ids."""
    done = False

    def walk(value: Any, schema: Schema) -> Any:
        nonlocal done
        schema = resolve(schema, question.schema)
        if done and first_only:
            return value
        if _is_of_type(schema, kind):
            done = True
            return change(value)
        if isinstance(value, dict):
            key, parts = id_of(schema), schema.get("properties", {})
            return {n: v if n == key else walk(v, parts.get(n, {})) for n, v in value.items()}
        if isinstance(value, list):
            return [walk(one, schema.get("items", {})) for one in value]
        return value

    return walk(value, schema)


def _change_records(
    value: Any,
    schema: Schema,
    question: ParsedQuestion,
    change: Callable[[list[Any], str], list[Any]],
) -> Any:
    """Return the value with its first array of identified objects changed."""
    schema = resolve(schema, question.schema)
    if not isinstance(value, dict):
        return value
    for name, part in schema.get("properties", {}).items():
        items = resolve(part, question.schema).get("items", {})
        key = id_of(resolve(items, question.schema))
        if key and value[name]:
            return {**value, name: change(value[name], key)}
    return value
