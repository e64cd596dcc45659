"""The proposal of a scan: candidates of all sources, judged by the engine, the best first."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, count, islice
from math import sqrt
from typing import Any
from zlib import crc32

from pydantic import ValidationError

from landfall.airtable.fields import Schema
from landfall.airtable.snapshot import Snapshot, Table
from landfall.integrity.rules.evaluate import Finding, evaluate, with_names
from landfall.integrity.rules.kinds import KINDS
from landfall.integrity.rules.rule import BaseRule
from landfall.proposal.across_tables import across_tables
from landfall.proposal.candidate import RuleCandidate, TableColumns
from landfall.proposal.field_profile import Profile
from landfall.proposal.one_field import of_one_field
from landfall.proposal.two_fields import of_two_fields
from landfall.scans.plain import problems

MAX_EXAMPLES = 3
"""Records that break a rule and are shown."""

MAX_CANDIDATES = 600
"""Candidates that are judged: the most trusted and important ones."""

MAX_FIELDS = 100
"""Fields of a table that are looked at, the first by their names."""

SOME_ROWS = 1_500
"""Records on which pairs of fields are tried first."""

MIN_CONFIDENCE, LIMIT = 0.6, 60
"""The least confidence, and the number of rules, without further wishes."""


@dataclass(frozen=True)
class Proposal:
    """A rule with its evidence, the records that it checked and that break it, and a confidence.

    `breaks` counts records, or 1 for a finding about the table; `examples` are the first findings,
    and `affected` all records in findings.
    """

    rule: BaseRule
    evidence: str
    records: int
    breaks: int
    examples: Sequence[Finding]
    confidence: float
    worth: float
    affected: frozenset[str] = frozenset()

    @property
    def guard(self) -> bool:
        """Return whether nothing breaks the rule now: it guards what comes."""
        return not self.breaks

    @property
    def settings(self) -> dict[str, Any]:
        """Return the settings of the rule as a definition gives them."""
        given = self.rule.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        return {"id": self.rule.id, "kind": self.rule.kind, **given}

    @property
    def sentence(self) -> str:
        """Return the requirement in plain language."""
        return self.rule.name or self.rule.requirement


def propose(
    schema: Schema,
    snapshot: Snapshot,
    incomplete: Collection[str] = (),
    min_confidence: float = MIN_CONFIDENCE,
    limit: int = LIMIT,
) -> list[Proposal]:
    """Return the rules worth having on these tables, the most worthy first.

    The answer is the same in any order of records, tables and fields. `incomplete` are the tables
    of which only a part was read: nothing is proposed that needs all of their records.
    """
    tables = [
        _columns(schema, table, snapshot, name not in incomplete)
        for name, table in sorted(snapshot.tables.items())
        if len(table)
    ]
    candidates = sorted(_candidates(tables, schema), key=_promise)[:MAX_CANDIDATES]
    judged = (_judged(candidate, schema, snapshot) for candidate in candidates)
    chosen = [it for it in judged if it and it.confidence >= min_confidence]
    chosen.sort(key=lambda it: (-it.worth, it.rule.table, it.rule.kind, it.rule.id))
    return _with_ids(islice(_adding(chosen), limit))


def _candidates(tables: Sequence[TableColumns], schema: Schema) -> Iterator[RuleCandidate]:
    for table in tables:
        yield from of_one_field(table)
        yield from of_two_fields(table)
    yield from across_tables(tables, schema)


def _promise(candidate: RuleCandidate) -> tuple[Any, ...]:
    return (-candidate.trust * candidate.importance, repr(sorted(candidate.settings.items())))


def _columns(schema: Schema, table: Table, snapshot: Snapshot, complete: bool) -> TableColumns:
    known = schema.table(table.name)
    calendar = snapshot.calendar
    names = sorted(table.columns)[:MAX_FIELDS]
    columns = {
        name: Profile(table.name, schema.field(table.name, name), table.columns[name], calendar)
        for name in names
    }
    rows = sorted(
        range(len(table)), key=lambda row: (crc32(table.ids[row].encode()), table.ids[row])
    )
    primary = known.primary.name if known.primary else ""
    return TableColumns(table.name, table.ids, columns, complete, primary, rows[:SOME_ROWS])


def _judged(candidate: RuleCandidate, schema: Schema, snapshot: Snapshot) -> Proposal | None:
    """Return what the engine finds by a candidate; None if it is no rule of this base."""
    settings = {"id": _slug(candidate.settings), **candidate.settings}
    if any(problems(settings)):  # such as a control character in a name
        return None
    try:
        rule = KINDS[settings["kind"]].model_validate(settings)
    except ValidationError:  # such as a name that no definition can have
        return None
    if any(rule.misfits(schema)):
        return None
    report = evaluate(rule, snapshot)
    if report.inconclusive:
        return None
    findings = sorted(report.findings, key=lambda it: (it.records, it.key))
    about_records = {record for finding in findings for record in finding.records}
    breaks = len(about_records) or len(findings)
    if not breaks and not candidate.guard:
        return None
    if about_records and breaks > candidate.most * report.records:
        return None
    held = report.records - len(about_records)
    confidence = candidate.trust * _surely(held, report.records)
    named = with_names([report], snapshot.tables)[0].findings if findings else ()
    examples = sorted(named, key=lambda it: (it.records, it.key))[:MAX_EXAMPLES]
    worth = candidate.importance * confidence * (1.0 if breaks else 0.4)
    return Proposal(
        rule,
        candidate.evidence,
        report.records,
        breaks,
        examples,
        round(confidence, 2),
        round(worth, 6),
        frozenset(about_records),
    )


_VALUE_KINDS = ("format", "allowed_values", "forbidden", "link")
"""Kinds of which several about the same field may find the same."""


def _adding(proposals: Iterable[Proposal]) -> Iterator[Proposal]:
    """Yield the proposals without those about a field whose records others have found all."""
    found: dict[tuple[str, str], set[str]] = {}
    for it in proposals:
        if it.rule.kind in _VALUE_KINDS:
            place = it.rule.table, it.settings["field"]
            if place in found and it.affected <= found[place] and not it.settings.get("same"):
                continue
            found.setdefault(place, set()).update(it.affected)
        yield it


def _surely(held: int, of: int) -> float:
    """Return the least share that so many successes make likely (Wilson's bound at 95%)."""
    if not of:
        return 0.5
    z = 1.645
    part = held / of
    middle = part + z * z / (2 * of)
    away = z * sqrt(part * (1 - part) / of + z * z / (4 * of * of))
    return max(0.0, (middle - away) / (1 + z * z / of))


def _slug(settings: Any) -> str:
    """Return an id of a rule, from its table, fields and kind."""
    fields = [settings.get("field"), *(settings.get("fields") or ()), settings.get("left")]
    named = " ".join(str(it) for it in (settings["table"], *fields, settings["kind"]) if it)
    return re.sub(r"[^a-z0-9]+", "-", named.lower().replace("_", "-")).strip("-")[:50].strip("-")


def _with_ids(proposals: Iterable[Proposal]) -> list[Proposal]:
    """Return the proposals with ids that differ."""
    taken: set[str] = set()
    return [_with_id(it, taken) for it in proposals]


def _with_id(proposal: Proposal, taken: set[str]) -> Proposal:
    """Return the proposal with an id that is not taken, and take it."""
    base = proposal.rule.id
    numbered = (f"{base}-{number}" for number in count(2))
    free = next(id_ for id_ in chain([base], numbered) if id_ not in taken)
    taken.add(free)
    return replace(proposal, rule=proposal.rule.model_copy(update={"id": free}))
