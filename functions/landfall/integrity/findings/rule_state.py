"""The state of a rule between the runs of its scan, and the identity of rules over these runs."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from landfall.airtable.schema_ids import SchemaIds
from landfall.airtable.values import truncate
from landfall.integrity.rules.rule import BaseRule


@dataclass(frozen=True)
class RuleState:
    """The state of a rule in a ledger. `content` is a hash of what it checks, without its id.

    `owner` and `requirement` are as of its last evaluation, for whoever reads its findings.
    `table_id` is Airtable's id of its table; empty if the base has never had it.
    """

    key: str
    rule_id: str
    table: str
    content: str
    evaluations: int = 0
    evaluated_at: datetime | None = None
    past: tuple[Mapping[str, Any], ...] = ()
    owner: str = ""
    requirement: str = ""
    table_id: str = ""


MAX_REQUIREMENT = 200
"""Characters of a rule's requirement that its findings show."""

_NEVER = datetime.min.replace(tzinfo=UTC)

_NOT_CONTENT = {"id", "name", "owner", "message", "severity", "allow_empty"}


def texts_of(rule: BaseRule) -> dict[str, Any]:
    """Return the texts of a rule that its findings show: `owner` and `requirement`."""
    return {"owner": rule.owner, "requirement": truncate(rule.requirement, MAX_REQUIREMENT)}


def content_of(rule: BaseRule) -> str:
    """Return a hash of what a rule checks, without its names, texts and severity."""
    content = rule.model_dump(mode="json", exclude=_NOT_CONTENT)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def keys_of(
    states: Mapping[str, RuleState], rules: Sequence[BaseRule], ids: SchemaIds
) -> dict[str, str]:
    """Return the key of each rule by its id; the ledger stores its findings under this key.

    A rule is the earlier one with its id and table: the table with the same id in Airtable, however
    it is named, or else of the same name. But a rule that checks what another one did,
    which is gone or checks something else by now, is that rule, renamed: also if ids were swapped.
    """
    # the newest of an id wins; a rule that was renamed has given up the older one
    by_time = sorted(states.values(), key=lambda state: state.evaluated_at or _NEVER)
    by_name = {(state.rule_id, state.table): state.key for state in by_time}
    by_id = {(state.rule_id, _table_id(state, ids)): state.key for state in by_time}

    def known(rule: BaseRule) -> str | None:
        key = by_id.get((rule.id, ids.table(rule.table)))
        return key or by_name.get((rule.id, rule.table))

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
    present = {(rule.id, ids.table(rule.table)) for rule in rules}
    for rule in rest:
        others = of_content[contents[rule.id]]
        if others and (
            known(rule) is None or (others[-1].rule_id, _table_id(others[-1], ids)) in present
        ):
            keys[rule.id] = others.pop().key
            taken.add(keys[rule.id])
    for rule in rest:
        if rule.id in keys:
            continue
        key = known(rule)
        if key is None or key in taken:
            key = f"{rule.id}/{rule.table}"
            while key in states:  # taken by a renamed rule
                key += "'"
        keys[rule.id] = key
    return keys


def _table_id(state: RuleState, ids: SchemaIds) -> str:
    return state.table_id or ids.table(state.table)
