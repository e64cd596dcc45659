"""The identity of findings from one run to the next."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from landfall.integrity.findings.entry import FindingEntry
from landfall.integrity.rules.evaluate import Finding
from landfall.integrity.rules.rule import SAME


def fingerprint(scope: str, rule_key: str, finding: Finding) -> str:
    """Return 32 hex digits of rule, records and key; the order of the records does not matter."""
    identity = json.dumps([scope, rule_key, finding.key, sorted(finding.records)])
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def next_id(entry_id: str) -> str:
    """Return an id derived from one that is taken."""
    return hashlib.sha256(entry_id.encode()).hexdigest()[:32]


def match(
    before: Sequence[FindingEntry],
    findings: Sequence[Finding],
    fields: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Finding]:
    """Return the finding that each known one is now, by the id of the entry.

    `fields` are the ids of fields, by any of their names: a key may have the name of a field.
    The same records are the same finding. A group that gained or lost records is the live one with
    which it shares the most; the order of its records makes no difference.
    """
    by_records: dict[tuple[str, tuple[str, ...]], FindingEntry] = {}
    for entry in sorted(before, key=lambda entry: entry.live):
        by_records[_identity(entry.finding, fields)] = entry
    matched: dict[str, Finding] = {}
    rest: list[Finding] = []
    for finding in findings:
        same = by_records.get(_identity(finding, fields))
        if same and same.id not in matched:
            matched[same.id] = finding
        elif len(finding.records) > 1:
            rest.append(finding)
    groups = [
        entry
        for entry in before
        if entry.state != "resolved" and len(entry.finding.records) > 1 and entry.id not in matched
    ]
    for entry, finding in _nearest(groups, rest):
        matched[entry.id] = finding
    return matched


def records_gained(before: Finding, now: Finding) -> int:
    """Return how many records a group has gained; at least, beyond `MAX_RECORDS_LISTED`."""
    new, gone = (set(a.records) - set(b.records) for a, b in ((now, before), (before, now)))
    if before.record_count > len(before.records):  # it may have had records after those listed
        new = {record for record in new if record < before.records[-1]}
    if now.record_count > len(now.records):
        gone = {record for record in gone if record < now.records[-1]}
        return max(len(new), now.record_count - before.record_count + len(gone))
    return len(new)


def _identity(finding: Finding, fields: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    key = finding.key
    if key and fields:
        field = key.removeprefix(SAME)
        key = key.removesuffix(field) + fields.get(field, field)
    return key, tuple(sorted(finding.records))


def _nearest(
    groups: Sequence[FindingEntry], findings: Sequence[Finding]
) -> Iterator[tuple[FindingEntry, Finding]]:
    """Yield pairs of a group and its finding now; those that share the most records come first."""
    of_record: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, entry in enumerate(groups):
        for record in entry.finding.records:
            of_record[entry.finding.key, record].append(place)
    shared: dict[tuple[int, int], int] = defaultdict(int)
    for number, finding in enumerate(findings):
        for record in finding.records:
            for place in of_record.get((finding.key, record), ()):
                shared[place, number] += 1
    places, numbers = set[int](), set[int]()
    for (place, number), _ in sorted(
        shared.items(),
        key=lambda pair: (-pair[1], groups[pair[0][0]].id, findings[pair[0][1]].records),
    ):
        if place not in places and number not in numbers:
            places.add(place)
            numbers.add(number)
            yield groups[place], findings[number]
