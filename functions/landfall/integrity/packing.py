"""Findings as bytes: many of them compressed together, in pieces that fit into a document."""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from landfall.integrity.base import BaseRule
from landfall.integrity.ledger import Entry
from landfall.integrity.rules import Finding, RuleReport
from landfall.records import Packed

PIECE = 2_000
"""Findings that are compressed together: some 100 kB."""


@dataclass(frozen=True)
class _Part:
    """Some of a rule's findings."""

    rule_id: str
    inconclusive: str
    records: int
    measured: Mapping[str, Any] | None
    findings: Sequence[Finding]


_entries = msgspec.json.Decoder(list[Entry])
_parts = msgspec.json.Decoder(list[_Part])


def pack_entries(entries: Sequence[Entry]) -> list[Packed]:
    """The entries, in their order."""
    return [_packed(entries[start : start + PIECE]) for start in range(0, len(entries), PIECE)]


def unpack_entries(pieces: Iterable[bytes]) -> Iterator[Entry]:
    """What `pack_entries` was given."""
    for piece in pieces:
        yield from _entries.decode(zlib.decompress(piece))


def pack_reports(reports: Sequence[RuleReport]) -> list[Packed]:
    """What some rules came to, with all their findings."""
    return [_packed([part]) for report in reports for part in _split(report)]


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


def _split(report: RuleReport) -> Iterator[_Part]:
    for start in range(0, max(1, len(report.findings)), PIECE):
        some = report.findings[start : start + PIECE]
        yield _Part(report.rule.id, report.inconclusive, report.records, report.measured, some)


def _packed(items: Sequence[Any]) -> Packed:
    return Packed(zlib.compress(msgspec.json.encode(items)), len(items))
