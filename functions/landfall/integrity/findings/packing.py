"""Findings as bytes: many of them compressed together, in pieces that fit into a document."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from landfall.integrity.findings.entry import FindingEntry
from landfall.integrity.rules.evaluate import Finding, RuleReport
from landfall.integrity.rules.rule import BaseRule
from landfall.store.packed import Packed

PIECE_SIZE = 500
"""Findings that are compressed together: some 25 kB, unless they have many records."""

MAX_PIECE_BYTES = 500_000
"""Bytes of findings before they are compressed together, unless it is one that has more: what a
reader of a few of them has to hold."""


@dataclass(frozen=True)
class _Part:
    """Some of a rule's findings."""

    rule_id: str
    inconclusive: str
    records: int
    measured: Mapping[str, Any] | None
    findings: Sequence[Finding]
    nothing: str = ""
    emptied: bool = False


_Of = TypeVar("_Of", FindingEntry, Finding)

_entries = msgspec.json.Decoder(list[FindingEntry])
_parts = msgspec.json.Decoder(list[_Part])


def pack_entries(entries: Sequence[FindingEntry]) -> list[Packed]:
    """Return the entries in pieces, in their order."""
    return [
        packed
        for start in range(0, len(entries), PIECE_SIZE)
        for packed in _fit(_whole, entries[start : start + PIECE_SIZE])
    ]


def unpack_entries(pieces: Iterable[bytes]) -> Iterator[FindingEntry]:
    """Yield the entries given to `pack_entries`."""
    for piece in pieces:
        yield from _entries.decode(zlib.decompress(piece))


def pack_reports(reports: Sequence[RuleReport]) -> list[Packed]:
    """Return the reports of some rules in pieces, with all their findings."""
    return [packed for report in reports for packed in _pack_report(report)]


def unpack_reports(pieces: Iterable[bytes], rules: Sequence[BaseRule]) -> list[RuleReport]:
    """Return the reports given to `pack_reports`; `rules` are the scan's."""
    by_rule: dict[str, list[_Part]] = {}
    for piece in pieces:
        for part in _parts.decode(zlib.decompress(piece)):
            by_rule.setdefault(part.rule_id, []).append(part)
    of = {rule.id: rule for rule in rules}
    return [
        RuleReport(
            of[rule_id],
            [finding for part in parts for finding in part.findings],
            parts[0].inconclusive,
            parts[0].records,
            parts[0].measured,
            parts[0].nothing,
            parts[0].emptied,
        )
        for rule_id, parts in by_rule.items()
    ]


def _pack_report(report: RuleReport) -> Iterator[Packed]:
    def part(some: Sequence[Finding]) -> list[_Part]:
        head = report.rule.id, report.inconclusive, report.records, report.measured
        return [_Part(*head, some, report.nothing, report.emptied)]

    for start in range(0, max(1, len(report.findings)), PIECE_SIZE):
        yield from _fit(part, report.findings[start : start + PIECE_SIZE])


def _whole(some: Sequence[FindingEntry]) -> Sequence[FindingEntry]:
    return some


def _fit(content: Callable[[Sequence[_Of]], Any], some: Sequence[_Of]) -> list[Packed]:
    """Return pieces that fit into a document, as any single finding does (`MAX_RECORDS_LISTED`)."""
    plain = msgspec.json.encode(content(some))
    if len(plain) <= MAX_PIECE_BYTES or len(some) < 2:
        return [Packed(zlib.compress(plain), len(some))]
    half = len(some) // 2
    return [piece for part in (some[:half], some[half:]) for piece in _fit(content, part)]
