"""The state of a rule in a ledger."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class RuleState:
    """What a ledger knows of a rule. `content` is a hash of what it looks for, without its id."""

    key: str
    rule_id: str
    table: str
    content: str
    evaluations: int = 0
    evaluated_at: datetime | None = None
    past: tuple[Mapping[str, Any], ...] = ()
