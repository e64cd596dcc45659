"""A rule from its settings, and what it says of a table T."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from landfall.integrity.rules.evaluate import RuleReport, evaluate
from landfall.integrity.rules.kinds import Rule
from tests.fakes.snapshots import snapshot

NOW = datetime(2026, 3, 2, 6, 30, tzinfo=UTC)
"""The moment for which the rules are evaluated: a Monday."""

_RULES: TypeAdapter[Rule] = TypeAdapter(Rule)


def rule(kind: str, **settings: Any) -> Rule:
    """A rule of table T, checked at the door."""
    return _RULES.validate_python({"id": "r", "kind": kind, "table": "T"} | settings)


def report(of: Rule, rows: Sequence[dict[str, Any]], **more: Any) -> RuleReport:
    """Of records rec0, rec1, ... with these cells; `created` is when they were made."""
    created = more.pop("created", [""] * len(rows))
    records = [
        {"id": f"rec{row}", "createdTime": made, "fields": cells}
        for row, (cells, made) in enumerate(zip(rows, created, strict=True))
    ]
    return evaluate(of, snapshot({"T": records}, reads=of.reads(), now=NOW, **more))


def told(of: Rule, cell: Any, **more: Any) -> str:
    """The message about a record with this cell in F; empty where it is fine."""
    findings = report(of, [{"F": cell}], **more).findings
    return findings[0].message if findings else ""


def rows(of: Rule, cells: Sequence[Any], **more: Any) -> list[int]:
    """The rows that are found wrong, of records with these cells in F; None leaves it out."""
    return rows_of(of, [{} if cell is None else {"F": cell} for cell in cells], **more)


def rows_of(of: Rule, records: Sequence[dict[str, Any]], **more: Any) -> list[int]:
    """The rows that are found wrong, of records with several fields."""
    findings = report(of, records, **more).findings
    assert all(len(finding.records) == 1 for finding in findings)
    return [int(finding.records[0].removeprefix("rec")) for finding in findings]
