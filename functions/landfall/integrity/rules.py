"""All kinds of rules, and how one is evaluated.

A finding is about one record, about a group of records that clash, or about a table as a whole.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, get_args

import msgspec
from pydantic import Field

from landfall.integrity import collecting
from landfall.integrity.allowed_values import AllowedValues
from landfall.integrity.base import BaseRule, CannotEvaluateError, Hit, Scope, Thresholds
from landfall.integrity.compare import Compare
from landfall.integrity.drift import Drift
from landfall.integrity.duplicate import Duplicate
from landfall.integrity.forbidden import Forbidden
from landfall.integrity.format import Format
from landfall.integrity.freshness import Freshness
from landfall.integrity.link import Link
from landfall.integrity.metric import Metric
from landfall.integrity.range import Range
from landfall.integrity.required import Required
from landfall.integrity.snapshot import Snapshot, Table
from landfall.integrity.sql import Sql
from landfall.integrity.type import Type
from landfall.integrity.unique import Unique
from landfall.integrity.values import Answers, shown
from landfall.integrity.volume import Volume
from landfall.settings import Settings, Severity

Rule = Annotated[
    Required
    | Forbidden
    | Unique
    | AllowedValues
    | Format
    | Type
    | Range
    | Compare
    | Link
    | Duplicate
    | Freshness
    | Metric
    | Volume
    | Drift
    | Sql,
    Field(discriminator="kind"),
]

KINDS: dict[str, type[BaseRule]] = {
    get_args(rule.model_fields["kind"].annotation)[0]: rule for rule in get_args(get_args(Rule)[0])
}
"""Every kind of rule by its name."""


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
    with collecting.paused():
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
    texts = Answers(shown, lambda: None)
    found: dict[tuple[Any, ...], int] = {}
    findings = []
    for hit in hits:
        records, value = hit.records, hit.value
        if len(records) > 1:
            records = tuple(sorted(records))[:RECORDS_LISTED]
        identity = (hit.key, records) if hit.key else records
        again = found[identity] = found.get(identity, 0) + 1
        findings.append(
            Finding(
                rule.id,
                hit.table or rule.table,
                records,
                hit.field,
                texts[value] if value.__class__ is str else shown(value),
                hit.severity or severity,
                tell(hit),
                hit.key if again == 1 else f"{hit.key}#{again}",
                len(hit.records),
            )
        )
    return findings


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
