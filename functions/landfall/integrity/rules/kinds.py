"""All kinds of rules, and how one is evaluated.

A finding is about one record, about a group of records that clash, or about a table as a whole.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from importlib import import_module
from operator import or_
from typing import Annotated, Any, TypeAlias, get_args

import msgspec
from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from landfall.airtable.snapshot import Snapshot, Table
from landfall.airtable.values import Answers, shown
from landfall.integrity.rules.rule import BaseRule, CannotEvaluateError, Hit, Scope, Thresholds
from landfall.process import garbage
from landfall.scans.settings import Settings, Severity


class _Kinds(Mapping[str, type[BaseRule]]):
    """Each kind of rule, imported when it is first asked for: a process holds those it uses.

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
    """Settings become a rule of the kind they name, and no other kind is imported for it."""

    def __get_pydantic_core_schema__(self, _: Any, __: GetCoreSchemaHandler) -> CoreSchema:
        choices: dict[Any, CoreSchema] = {
            kind: core_schema.no_info_plain_validator_function(partial(_rule, kind))
            for kind in KINDS
        }
        return core_schema.tagged_union_schema(choices, "kind")

    def __get_pydantic_json_schema__(
        self, _: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        every: Any = reduce(or_, KINDS.values())
        union: TypeAdapter[Any] = TypeAdapter(Annotated[every, Field(discriminator="kind")])
        return handler(union.core_schema)


def _rule(kind: str, settings: Any) -> BaseRule:
    return KINDS[kind].model_validate(settings)


Rule: TypeAlias = Annotated[BaseRule, _ByKind()]
"""A rule of any kind, by its `kind`."""


RECORDS_LISTED = 10_000
"""Records of a finding that are listed by id; `record_count` counts them all."""


class Finding(msgspec.Struct, frozen=True, gc=False):
    """What a rule found wrong: the records, sorted, the field, the value, and a sentence.

    Rule, records and `key` tell it from every other finding of a run.
    """

    rule_id: str
    table: str
    records: tuple[str, ...]
    field: str
    value: str
    severity: Severity
    message: str
    key: str = ""
    record_count: int = 1


@dataclass(frozen=True)
class RuleReport:
    """A rule's findings, or why it could not be evaluated.

    `records` is how many it looked at; `measured` is what it wants to know in later runs.
    """

    rule: BaseRule
    findings: Sequence[Finding] = ()
    inconclusive: str = ""
    records: int = 0
    measured: Mapping[str, Any] | None = None


def evaluate(
    rule: BaseRule,
    snapshot: Snapshot,
    past: Sequence[Mapping[str, Any]] = (),
    check: Callable[[], None] = lambda: None,
) -> RuleReport:
    """Everything that the rule finds wrong, in the order of the records."""
    with garbage.paused():
        table = rule.selected(snapshot)
        scope = Scope(table, snapshot, past, check=check)
        try:
            hits = list(rule.evaluate(scope))
        except CannotEvaluateError as why:
            return RuleReport(rule, inconclusive=str(why), records=len(table))
        findings = _findings(rule, table, hits)
        return RuleReport(rule, findings, records=len(table), measured=scope.measured)


def _findings(rule: BaseRule, table: Table, hits: Sequence[Hit]) -> list[Finding]:
    severity = rule.severity
    if isinstance(severity, Thresholds):
        severity = severity.severity(len(hits), len(table))
    tell = _teller(rule, table, hits)
    texts = Answers(shown)
    groups = [
        records if len(records := hit.records) < 2 else tuple(sorted(records))[:RECORDS_LISTED]
        for hit in hits
    ]
    keys = [hit.key for hit in hits]
    if rule.on_a_sample() != "each" and len(set(groups)) < len(groups):
        keys = _numbered(keys, groups)
    return [
        Finding(
            rule.id,
            hit.table or rule.table,
            records,
            hit.field,
            texts[value] if (value := hit.value).__class__ is str else shown(value),
            hit.severity or severity,
            tell(hit),
            key,
            len(hit.records),
        )
        for hit, records, key in zip(hits, groups, keys, strict=True)
    ]


def _numbered(keys: Sequence[str], groups: Sequence[tuple[str, ...]]) -> list[str]:
    """The keys, of which those that several hits of the same records have get a number."""
    seen: Counter[tuple[str, tuple[str, ...]]] = Counter()
    numbered = []
    for key, records in zip(keys, groups, strict=True):
        seen[key, records] += 1
        again = seen[key, records]
        numbered.append(key if again == 1 else f"{key}#{again}")
    return numbered


def _teller(rule: BaseRule, table: Table, hits: Iterable[Hit]) -> Callable[[Hit], str]:
    """What a finding's sentence is: the rule's own where it has one for the finding's records."""
    if not rule.message:
        return lambda hit: hit.message
    told = {min(hit.records) for hit in hits if hit.records}
    rows = {record: row for row, record in enumerate(table.ids) if record in told}

    def tell(hit: Hit) -> str:
        row = rows.get(min(hit.records)) if hit.records and hit.table is None else None
        return hit.message if row is None else rule.told(table, row)

    return tell


def nested_settings(rule: type[BaseRule]) -> set[str]:
    """The settings of the groups that a rule's settings hold, however deep."""
    return {name for group in _groups(rule, set()) - {rule} for name in group.model_fields}


def groups_of(rule: type[BaseRule]) -> set[type[Settings]]:
    """The groups of settings that only this kind of rule has."""
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
