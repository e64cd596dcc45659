"""Evaluation of one rule over a snapshot of its base, whatever the kind of the rule.

A finding is about one record, about a group of records that clash, or about a table as a whole.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import msgspec

from landfall.airtable.snapshot import Snapshot, Table
from landfall.airtable.values import TextCache, cell_text, display, printable, truncate
from landfall.integrity.rules.rule import BaseRule, CannotEvaluateError, Hit, Scope, Thresholds
from landfall.process import garbage
from landfall.scans.settings import Severity

MAX_RECORDS_LISTED = 10_000
"""Records of a finding that are listed by id; `record_count` counts them all."""

MAX_RECORDS_NAMED = 1_000
"""Records of a finding that have their names: with `MAX_DISPLAY` characters each, of four bytes at
most, they and the ids fit into a document."""

MAX_FINDINGS = 200_000
"""Findings of a scan that are open or ignored, each by its `weight`: the score step holds them in
the memory of its function, as they were and as they are."""

TOO_MANY_FOUND = (
    f"the scan would have more than {MAX_FINDINGS:,} findings with those of this rule; narrow it "
    "with `when`, correct it if it finds what is right, or make several scans"
)
"""The reason why a rule is inconclusive for whose findings there is no room."""

IF_NORMAL = "if that is normal, set `allow_empty: true`"
"""The fix of a rule that had nothing to judge."""


class Finding(msgspec.Struct, frozen=True, gc=False):
    """A violation that a rule found: the records, sorted, the field, the value, and a sentence.

    Rule, records and `key` distinguish it from every other finding of a run. `names` are those of
    the first records, in their order; empty where they were not read.
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
    names: tuple[str, ...] = ()

    @property
    def weight(self) -> int:
        """Its share of the memory for findings: one about very many records counts as several."""
        return 1 + len(self.records) // 8


@dataclass(frozen=True)
class RuleReport:
    """The findings of a rule, or why it could not be evaluated.

    `records` is the number of records checked; `measured` is stored for later runs. `nothing` is
    why it had nothing to judge; without the rule's `allow_empty` that is inconclusive. `emptied`:
    there are records, and none has a value that it judges, so no finding about records can hold.
    """

    rule: BaseRule
    findings: Sequence[Finding] = ()
    inconclusive: str = ""
    records: int = 0
    measured: Mapping[str, Any] | None = None
    nothing: str = ""
    emptied: bool = False

    @property
    def weight(self) -> int:
        """Return the weight of the findings together."""
        return sum(finding.weight for finding in self.findings)

    def without_room(self) -> "RuleReport":
        """Return the report of a rule for whose findings there is no room."""
        return RuleReport(self.rule, (), TOO_MANY_FOUND, self.records)

    @property
    def note(self) -> str:
        """The reason why a rule with `allow_empty` had nothing to judge."""
        return "" if self.inconclusive else self.nothing


def evaluate(
    rule: BaseRule,
    snapshot: Snapshot,
    past: Sequence[Mapping[str, Any]] = (),
    check: Callable[[], None] = lambda: None,
) -> RuleReport:
    """Return everything that the rule finds, in the order of the records."""
    with garbage.paused():
        table = rule.selected(snapshot)
        scope = Scope(table, snapshot, past, check=check)
        hits, why = list[Hit](), ""
        try:
            hits = list(islice(rule.evaluate(scope), MAX_FINDINGS + 1))
        except CannotEvaluateError as error:
            why = str(error)
        if len(hits) > MAX_FINDINGS:
            return RuleReport(rule, records=len(table)).without_room()
        nothing = "" if hits else rule.nothing_judged(scope)
        if nothing:
            why = "" if rule.allow_empty else f"{nothing}; {IF_NORMAL}"
        if why or nothing:
            emptied = bool(nothing) and rule.is_emptied(table)
            return RuleReport(rule, (), why, len(table), nothing=nothing, emptied=emptied)
        findings = _findings(rule, table, hits)
        return RuleReport(rule, findings, records=len(table), measured=scope.measured)


def _findings(rule: BaseRule, table: Table, hits: Sequence[Hit]) -> list[Finding]:
    severity = rule.severity
    if isinstance(severity, Thresholds):
        severity = severity.severity(_affected(hits), len(table))
    message_of = _message_of(rule, table, hits)
    texts = TextCache(display)
    groups = [
        records if len(records := hit.records) < 2 else tuple(sorted(records))[:MAX_RECORDS_LISTED]
        for hit in hits
    ]
    keys = [hit.key for hit in hits]
    if rule.sample_support() != "each" and len(set(groups)) < len(groups):
        keys = _numbered(keys, groups)
    return [
        Finding(
            rule.id,
            hit.table or rule.table,
            records,
            hit.field,
            texts[value] if (value := hit.value).__class__ is str else display(value),
            hit.severity or severity,
            printable(message_of(hit)),
            key,
            len(hit.records),
        )
        for hit, records, key in zip(hits, groups, keys, strict=True)
    ]


def _affected(hits: Sequence[Hit]) -> int | None:
    """Return the number of records in hits without a severity of their own; None if one of them
    is about the table."""
    records = [hit.records for hit in hits if hit.severity is None]
    return len({record for some in records for record in some}) if all(records) else None


def _numbered(keys: Sequence[str], groups: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the keys, numbered where several hits of the same records share one."""
    seen: Counter[tuple[str, tuple[str, ...]]] = Counter()
    numbered = []
    for key, records in zip(keys, groups, strict=True):
        seen[key, records] += 1
        again = seen[key, records]
        numbered.append(key if again == 1 else f"{key}#{again}")
    return numbered


def _message_of(rule: BaseRule, table: Table, hits: Iterable[Hit]) -> Callable[[Hit], str]:
    """Return a function for the sentence of a hit: the rule's own, if it has one for its
    records."""
    if not rule.message:
        return lambda hit: hit.message
    first_records = {min(hit.records) for hit in hits if hit.records}
    rows = {record: row for row, record in enumerate(table.ids) if record in first_records}

    def message(hit: Hit) -> str:
        row = rows.get(min(hit.records)) if hit.records and hit.table is None else None
        return hit.message if row is None else rule.render_message(table, row)

    return message


def with_names(reports: Sequence[RuleReport], tables: Mapping[str, Table]) -> list[RuleReport]:
    """Return the reports with the names of the records in their findings, where they were read."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for report in reports:
        for finding in report.findings:
            wanted[finding.table].update(finding.records[:MAX_RECORDS_NAMED])
    names = {name: _names(tables[name], ids) for name, ids in wanted.items() if name in tables}
    return [
        replace(report, findings=[_named(it, names.get(it.table, {})) for it in report.findings])
        for report in reports
    ]


def name_of(cell: Any) -> str:
    """Return a record's name, from the cell of its primary field: one line for people."""
    return truncate(" ".join(printable(cell_text(cell)).split()))


def _names(table: Table, ids: set[str]) -> dict[str, str]:
    pairs = zip(table.ids, table.names, strict=False)
    return {record: name_of(cell) for record, cell in pairs if record in ids}


def _named(finding: Finding, names: Mapping[str, str]) -> Finding:
    if not names or not finding.records:
        return finding
    found = tuple(names.get(record, "") for record in finding.records[:MAX_RECORDS_NAMED])
    return msgspec.structs.replace(finding, names=found)
