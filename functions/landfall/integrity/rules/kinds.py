"""The kinds of rules, and the groups of settings that each has."""

from collections.abc import Iterator, Mapping
from functools import partial, reduce
from importlib import import_module
from operator import or_
from typing import Annotated, Any, TypeAlias, get_args

from pydantic import (
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from landfall.integrity.rules.rule import BaseRule
from landfall.scans.settings import ENOUGH_PROBLEMS, Checks, Settings


class _Kinds(Mapping[str, type[BaseRule]]):
    """Each kind of rule, imported on first use: a process holds only those that it uses.

    `allowed_values` is the class `AllowedValues` of the module `allowed_values`.
    """

    def __init__(self, *names: str) -> None:
        self._names = dict.fromkeys(names)

    def __getitem__(self, name: str) -> type[BaseRule]:
        if name not in self._names:
            raise KeyError(name)
        module = import_module(f"landfall.integrity.rules.{name}")
        kind: type[BaseRule] = getattr(module, name.title().replace("_", ""))
        return kind

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


KINDS = _Kinds(
    "required",
    "forbidden",
    "unique",
    "allowed_values",
    "format",
    "type",
    "range",
    "compare",
    "link",
    "duplicate",
    "freshness",
    "metric",
    "volume",
    "drift",
    "sql",
)
"""Every kind of rule by its name."""


class _ByKind:
    """A validator that makes settings a rule of the kind they name, and imports no other kind."""

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        choices: dict[Any, CoreSchema] = {
            kind: core_schema.with_info_plain_validator_function(partial(_rule, kind))
            for kind in KINDS
        }
        return core_schema.tagged_union_schema(choices, "kind")

    def __get_pydantic_json_schema__(
        self, _: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        every: Any = reduce(or_, KINDS.values())
        union: TypeAdapter[Any] = TypeAdapter(Annotated[every, Field(discriminator="kind")])
        return handler(union.core_schema)


def _rule(kind: str, settings: Any, info: ValidationInfo) -> BaseRule:
    checks = info.context or Checks(needed=True)
    if checks.problems >= ENOUGH_PROBLEMS:
        raise ValueError("not read, as there are so many problems before it")
    try:
        return KINDS[kind].model_validate(settings, context=checks)
    except ValidationError as error:
        checks.problems += error.error_count()
        raise


Rule: TypeAlias = Annotated[BaseRule, _ByKind()]
"""A rule of any kind, by its `kind`."""


def groups_of(rule: type[BaseRule]) -> set[type[Settings]]:
    """Return the groups of settings that only this kind of rule has."""
    return _groups(rule, set()) - _groups(BaseRule, set()) - {rule}


def _groups(annotation: Any, known: set[type[Settings]]) -> set[type[Settings]]:
    is_group = isinstance(annotation, type) and issubclass(annotation, Settings)
    if is_group and annotation not in known:
        known.add(annotation)
        for field in annotation.model_fields.values():
            _groups(field.annotation, known)
    for argument in get_args(annotation):
        _groups(argument, known)
    return known
