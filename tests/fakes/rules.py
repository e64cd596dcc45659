"""A rule from its settings, and its findings in a table T."""

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
    """Return a rule of table T, validated as in a definition."""
    return _RULES.validate_python({"id": "r", "kind": kind, "table": "T"} | settings)


def report(of: Rule, rows: Sequence[dict[str, Any]], **more: Any) -> RuleReport:
    """Return the report on rec0, rec1, ... with these cells; `created` are their creation times."""
    created = more.pop("created", [""] * len(rows))
    records = [
        {"id": f"rec{row}", "createdTime": made, "fields": cells}
        for row, (cells, made) in enumerate(zip(rows, created, strict=True))
    ]
    return evaluate(of, snapshot({"T": records}, reads=of.reads(), now=NOW, **more))


def message_about(of: Rule, cell: Any, **more: Any) -> str:
    """Return the message about a record with this cell in F; empty if there is no finding."""
    findings = report(of, [{"F": cell}], **more).findings
    return findings[0].message if findings else ""


def rows(of: Rule, cells: Sequence[Any], **more: Any) -> list[int]:
    """Return the rows that are found, of records with these cells in F; None leaves it out."""
    return rows_of(of, [{} if cell is None else {"F": cell} for cell in cells], **more)


def rows_of(of: Rule, records: Sequence[dict[str, Any]], **more: Any) -> list[int]:
    """Return the rows that are found, of records with several fields."""
    findings = report(of, records, **more).findings
    assert all(len(finding.records) == 1 for finding in findings)
    return [int(finding.records[0].removeprefix("rec")) for finding in findings]
