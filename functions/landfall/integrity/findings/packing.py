"""Findings as bytes: many of them compressed together, in pieces that fit into a document."""

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from landfall.integrity.findings.entry import Entry
from landfall.integrity.rules.evaluate import Finding, RuleReport
from landfall.integrity.rules.rule import BaseRule
from landfall.store.packed import PACKED_MOST, Packed

PIECE = 2_000
"""Findings that are compressed together: some 100 kB, but for those of many records."""


@dataclass(frozen=True)
class _Part:
    """Some of a rule's findings."""

    rule_id: str
    inconclusive: str
    records: int
    measured: Mapping[str, Any] | None
    findings: Sequence[Finding]


_Of = TypeVar("_Of", Entry, Finding)

_entries = msgspec.json.Decoder(list[Entry])
_parts = msgspec.json.Decoder(list[_Part])


def pack_entries(entries: Sequence[Entry]) -> list[Packed]:
    """The entries, in their order."""
    return [
        packed
        for start in range(0, len(entries), PIECE)
        for packed in _fitting(_whole, entries[start : start + PIECE])
    ]


def unpack_entries(pieces: Iterable[bytes]) -> Iterator[Entry]:
    """What `pack_entries` was given."""
    for piece in pieces:
        yield from _entries.decode(zlib.decompress(piece))


def pack_reports(reports: Sequence[RuleReport]) -> list[Packed]:
    """What some rules came to, with all their findings."""
    return [packed for report in reports for packed in _split(report)]


def unpack_reports(pieces: Iterable[bytes], rules: Sequence[BaseRule]) -> list[RuleReport]:
    """What `pack_reports` was given; `rules` are the scan's."""
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
        )
        for rule_id, parts in by_rule.items()
    ]


def _split(report: RuleReport) -> Iterator[Packed]:
    def part(some: Sequence[Finding]) -> list[_Part]:
        head = report.rule.id, report.inconclusive, report.records, report.measured
        return [_Part(*head, some)]

    for start in range(0, max(1, len(report.findings)), PIECE):
        yield from _fitting(part, report.findings[start : start + PIECE])


def _whole(some: Sequence[Entry]) -> Sequence[Entry]:
    return some


def _fitting(content: Callable[[Sequence[_Of]], Any], some: Sequence[_Of]) -> list[Packed]:
    """In pieces that fit into a document each, as any single one does (`RECORDS_LISTED`)."""
    data = zlib.compress(msgspec.json.encode(content(some)))
    if len(data) <= PACKED_MOST or len(some) < 2:
        return [Packed(data, len(some))]
    half = len(some) // 2
    return [piece for part in (some[:half], some[half:]) for piece in _fitting(content, part)]
