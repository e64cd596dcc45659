"""Documents in memory with Firestore's commits and queries, as far as the store uses them."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import grpc
from google.cloud.firestore_v1 import _helpers
from google.cloud.firestore_v1.types import Document as WireDocument
from google.cloud.firestore_v1.types import StructuredQuery, Value
from google.protobuf.timestamp_pb2 import Timestamp

from infra.local.firestore.ordering import Key, key_of, put_at, value_at
from landfall.store.documents import Query
from landfall.store.limits import unusable_fields, unusable_path, unusable_query

NAME = "__name__"

MAX_COMMIT_BYTES = 4 * 2**20
"""Bytes of a commit, as of the emulator; in production 10 MiB."""

_MICROSECOND = 1_000

_Document = WireDocument.pb()
_Operator = StructuredQuery.FieldFilter.Operator
_DESCENDING = int(StructuredQuery.Direction.DESCENDING)
_AND = int(StructuredQuery.CompositeFilter.Operator.AND)
_IS_NULL = int(StructuredQuery.UnaryFilter.Operator.IS_NULL)


class RefusedByStandInError(Exception):
    """A request that Firestore would refuse: its status and message."""

    def __init__(self, status: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.status = status


class StoredDocuments:
    """Documents by name. Nothing awaits in here, so every commit and query is atomic."""

    def __init__(self) -> None:
        self._collections: dict[str, dict[str, Any]] = {}
        self._last = 0

    def get(self, name: str) -> Any | None:
        """Return a document, or None."""
        return self._collections.get(name.rpartition("/")[0], {}).get(name)

    def now(self) -> Timestamp:
        """Return a moment later than every other that was returned."""
        self._last = max(self._last + _MICROSECOND, time.time_ns() // _MICROSECOND * _MICROSECOND)
        moment = Timestamp()
        moment.FromNanoseconds(self._last)
        return moment

    def commit(self, writes: Sequence[Any]) -> tuple[Timestamp, list[Timestamp]]:
        """Apply all the writes or none; return the moment and the update time of each document.

        Raises `RefusedByStandInError`.
        """
        if sum(write.ByteSize() for write in writes) > MAX_COMMIT_BYTES:
            raise _invalid("the commit is too large")
        moment, changed = self.now(), dict[str, Any | None]()
        times = [self._apply(write, moment, changed) for write in writes]
        for name, document in changed.items():
            collection = self._collections.setdefault(name.rpartition("/")[0], {})
            if document is None:
                collection.pop(name, None)
            else:
                collection[name] = document
        return moment, times

    def _apply(self, write: Any, moment: Timestamp, changed: dict[str, Any | None]) -> Timestamp:
        kind = write.WhichOneof("operation")
        if kind not in ("update", "delete") or write.update_transforms:
            raise RefusedByStandInError(
                grpc.StatusCode.UNIMPLEMENTED, "the stand-in has no such write"
            )
        name = write.delete or write.update.name
        before = changed[name] if name in changed else self.get(name)
        _check_condition(write, name, before)
        if kind == "delete":
            changed[name] = None
            return moment
        after = _Document(name=name, create_time=before.create_time if before else moment)
        if write.HasField("update_mask"):
            if before:
                after.MergeFrom(_Document(fields=before.fields))
            for path in write.update_mask.field_paths:
                put_at(after.fields, path, value_at(write.update.fields, path))
        else:
            after.MergeFrom(_Document(fields=write.update.fields))
        _check_document(after)
        if before and before.fields == after.fields:  # then its version stays
            return before.update_time
        after.update_time.CopyFrom(moment)
        changed[name] = after
        return moment

    def query(self, parent: str, query: Any) -> Iterator[Any]:
        """Yield the documents that a structured query finds. Raises `RefusedByStandInError`."""
        (source,) = query.from_
        matches = _matcher(query.where)
        orders = [(it.field.field_path, it.direction == _DESCENDING) for it in query.order_by]
        if not any(path == NAME for path, _ in orders):
            orders.append((NAME, orders[-1][1] if orders else False))
        found = [
            document
            for document in self._candidates(parent, source)
            if matches(document) and all(_at(document, path) is not None for path, _ in orders)
        ]
        for path, descending in reversed(orders):
            found.sort(key=lambda it, path=path: _key(it, path), reverse=descending)  # type: ignore[misc]
        if query.HasField("start_at"):
            found = [it for it in found if _is_after(it, orders, query.start_at)]
        limit = query.limit.value if query.HasField("limit") else None
        for document in found[query.offset :][:limit]:
            yield _selected(document, query)

    def _candidates(self, parent: str, source: Any) -> Iterator[Any]:
        own = f"{parent}/{source.collection_id}"
        for collection, documents in self._collections.items():
            inside = collection.startswith(f"{parent}/")
            name = collection.rpartition("/")[2]
            if collection == own or (
                source.all_descendants and inside and name == source.collection_id
            ):
                yield from documents.values()


def _check_condition(write: Any, name: str, before: Any | None) -> None:
    condition = write.current_document
    kind = condition.WhichOneof("condition_type")
    if kind == "exists" and condition.exists and before is None:
        raise RefusedByStandInError(grpc.StatusCode.NOT_FOUND, f"no document to update: {name}")
    if kind == "exists" and not condition.exists and before is not None:
        raise RefusedByStandInError(grpc.StatusCode.ALREADY_EXISTS, f"it exists already: {name}")
    if kind == "update_time" and (before is None or before.update_time != condition.update_time):
        raise RefusedByStandInError(
            grpc.StatusCode.FAILED_PRECONDITION, f"another version is stored: {name}"
        )


def _check_document(document: Any) -> None:
    path = document.name.partition("/documents/")[2]
    data: Any = _helpers.decode_dict(WireDocument.wrap(document).fields, None)
    if fault := unusable_path(path) or unusable_fields(path, data):
        raise _invalid(fault)


def _invalid(message: str) -> RefusedByStandInError:
    return RefusedByStandInError(grpc.StatusCode.INVALID_ARGUMENT, message)


def _at(document: Any, path: str) -> Any | None:
    return document if path == NAME else value_at(document.fields, path)


def _key(document: Any, path: str) -> Key:
    if path == NAME:
        return tuple(document.name.split("/"))
    return key_of(value_at(document.fields, path))


def _matcher(where: Any) -> Callable[[Any], bool]:
    """Return the condition of a filter. Raises `RefusedByStandInError`."""
    kind = where.WhichOneof("filter_type")
    if kind is None:
        return lambda _: True
    if kind == "composite_filter" and where.composite_filter.op == _AND:
        parts = [_matcher(part) for part in where.composite_filter.filters]
        return lambda document: all(part(document) for part in parts)
    if kind == "unary_filter" and where.unary_filter.op == _IS_NULL:
        path = where.unary_filter.field.field_path
        return lambda document: _is_null(value_at(document.fields, path))
    if kind == "field_filter":
        return _field_matcher(where.field_filter)
    raise RefusedByStandInError(grpc.StatusCode.UNIMPLEMENTED, f"the stand-in has no {kind}")


def _is_null(value: Any | None) -> bool:
    return value is not None and value.WhichOneof("value_type") == "null_value"


def _field_matcher(field_filter: Any) -> Callable[[Any], bool]:
    path, wanted = field_filter.field.field_path, key_of(field_filter.value)
    among = {key_of(item) for item in field_filter.value.array_value.values}
    tests: dict[int, tuple[str, Callable[[Key], bool]]] = {
        int(_Operator.EQUAL): ("==", lambda key: key == wanted),
        int(_Operator.IN): ("in", lambda key: key in among),
        int(_Operator.NOT_IN): ("not-in", lambda key: key not in among and key != (0,)),
        int(_Operator.LESS_THAN_OR_EQUAL): (
            "<=",
            lambda key: key[0] == wanted[0] and key <= wanted,
        ),
        int(_Operator.GREATER_THAN): (">", lambda key: key[0] == wanted[0] and key > wanted),
    }
    if field_filter.op not in tests:
        raise RefusedByStandInError(grpc.StatusCode.UNIMPLEMENTED, "the stand-in has no such query")
    operator, test = tests[field_filter.op]
    value = _helpers.decode_value(Value.wrap(field_filter.value), None)
    if fault := unusable_query(Query("any", ((path, operator, value),))):
        raise _invalid(fault)

    def matches(document: Any) -> bool:
        value = value_at(document.fields, path)
        return value is not None and test(key_of(value))

    return matches


def _is_after(document: Any, orders: Sequence[tuple[str, bool]], cursor: Any) -> bool:
    for (path, descending), value in zip(orders, cursor.values, strict=False):
        bound: Key = key_of(value)
        own: Key = _key(document, path) if path != NAME else (bound[0], *_key(document, NAME))
        if own != bound:
            return (own < bound) == descending
    return bool(cursor.before)


def _selected(document: Any, query: Any) -> Any:
    if not query.HasField("select"):
        return document
    shown = _Document(
        name=document.name, create_time=document.create_time, update_time=document.update_time
    )
    for field in query.select.fields:
        if field.field_path != NAME:
            value = value_at(document.fields, field.field_path)
            if value is not None:
                put_at(shown.fields, field.field_path, value)
    return shown
