"""Which finding is which, and which rule, from one run to the next."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from landfall.integrity.findings.rule_state import RuleState
from landfall.integrity.rules.evaluate import Finding
from landfall.integrity.rules.rule import BaseRule

if TYPE_CHECKING:
    from landfall.integrity.findings.entry import Entry
    from landfall.integrity.findings.rule_state import RuleState

_NEVER = datetime.min.replace(tzinfo=UTC)


def fingerprint(scope: str, rule_key: str, finding: Finding) -> str:
    """32 hex digits of rule, records and key; the order of the records does not matter."""
    identity = json.dumps([scope, rule_key, finding.key, sorted(finding.records)])
    return hashlib.sha256(identity.encode()).hexdigest()[:32]


def another(entry_id: str) -> str:
    """An id that follows from one that is taken."""
    return hashlib.sha256(entry_id.encode()).hexdigest()[:32]


def match(before: Sequence["Entry"], findings: Sequence[Finding]) -> dict[str, Finding]:
    """Which finding each known one is now, by the id of the entry.

    The same records are the same finding. A group that gained or lost records is the live one with
    which it shares the most; who is in it first makes no difference.
    """
    by_records: dict[tuple[str, tuple[str, ...]], Entry] = {}
    for entry in sorted(before, key=lambda entry: entry.live):
        by_records[_identity(entry.finding)] = entry
    matched: dict[str, Finding] = {}
    rest: list[Finding] = []
    for finding in findings:
        same = by_records.get(_identity(finding))
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


def gained(before: Finding, now: Finding) -> int:
    """Records that a group has and had not; of a long one, at least. See `RECORDS_LISTED`."""
    new, gone = (set(a.records) - set(b.records) for a, b in ((now, before), (before, now)))
    if before.record_count > len(before.records):  # it may have had what comes behind those listed
        new = {record for record in new if record < before.records[-1]}
    if now.record_count > len(now.records):
        gone = {record for record in gone if record < now.records[-1]}
        return max(len(new), now.record_count - before.record_count + len(gone))
    return len(new)


def _identity(finding: Finding) -> tuple[str, tuple[str, ...]]:
    return finding.key, tuple(sorted(finding.records))


def _nearest(
    groups: Sequence["Entry"], findings: Sequence[Finding]
) -> Iterator[tuple["Entry", Finding]]:
    """Pairs of a group and what it has become; those that share the most records first."""
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


_NOT_CONTENT = {"id", "name", "owner", "message", "severity"}


def content_of(rule: BaseRule) -> str:
    """A hash of what a rule looks for: not of its names, words and weight."""
    content = rule.model_dump(mode="json", exclude=_NOT_CONTENT)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def keys_of(states: Mapping[str, RuleState], rules: Sequence[BaseRule]) -> dict[str, str]:
    """The key of each rule, under which its findings are known, by its id.

    It is the rule that had its id and table. But one that looks for what another did, which is
    gone or looks for something else by now, is that rule, renamed: also where ids were swapped.
    """
    # the newest of an id stays; an older one was given up by a rule that was renamed
    by_time = sorted(states.values(), key=lambda state: state.evaluated_at or _NEVER)
    known = {(state.rule_id, state.table): state.key for state in by_time}
    same = {(state.rule_id, state.content): state.key for state in by_time}
    contents = {rule.id: content_of(rule) for rule in rules}
    keys = {
        rule_id: same[rule_id, content]
        for rule_id, content in contents.items()
        if (rule_id, content) in same
    }
    rest = [rule for rule in rules if rule.id not in keys]
    taken = set(keys.values())
    of_content = defaultdict(list)
    for state in by_time:
        if state.key not in taken:
            of_content[state.content].append(state)
    present = {(rule.id, rule.table) for rule in rules}
    for rule in rest:
        others = of_content[contents[rule.id]]
        is_own = (rule.id, rule.table) in known
        if others and (not is_own or (others[-1].rule_id, others[-1].table) in present):
            keys[rule.id] = others.pop().key
            taken.add(keys[rule.id])
    for rule in rest:
        if rule.id in keys:
            continue
        key = known.get((rule.id, rule.table))
        if key is None or key in taken:
            key = f"{rule.id}/{rule.table}"
            while key in states:  # of a rule that was renamed
                key += "'"
        keys[rule.id] = key
    return keys
