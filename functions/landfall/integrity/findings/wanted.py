"""Filters of findings: which of them a person wants to see."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self

from landfall.integrity.findings.entry import LIVE, STATES, FindingEntry, State
from landfall.integrity.findings.list_index import Facts

FACETS = ("rule", "table", "severity", "owner", "state")
"""Filters by one of a few values."""


@dataclass(frozen=True)
class Wanted:
    """The findings that are wanted: those with all of these values, where None is any.

    Unless others are given, `states` are those that exist now. `since`: first seen then, or later.
    `text` is looked for in message, value, field, ids and names of records, in either case.
    """

    rule: str | None = None
    table: str | None = None
    severity: str | None = None
    owner: str | None = None
    states: Collection[State] = LIVE
    since: datetime | None = None
    text: str | None = None

    @property
    def by_facts(self) -> bool:
        """Return whether facts alone say which findings are wanted."""
        return self.since is None and not self.text

    def but_any(self, *facets: str) -> Self:
        """Return the same filters, with any value of these facets."""
        values: dict[str, Any] = dict.fromkeys(facets)
        if "state" in values:
            values["states"] = STATES
            del values["state"]
        return replace(self, **values)

    def fits_rule(self, rule: Mapping[str, Any]) -> bool:
        """Return whether findings of a rule may be wanted; it has a `rule_id`, perhaps `owner`."""
        return self.rule in (None, rule["rule_id"]) and self.owner in (None, rule.get("owner", ""))

    def fits(self, facts: Facts) -> bool:
        """Return whether findings of these facts may be wanted, in one of the states."""
        return self.table in (None, facts.table) and self.severity in (None, facts.severity)

    def fits_entry(self, entry: FindingEntry) -> bool:
        """Return whether a finding was first seen, and has the text, as wanted."""
        if self.since and entry.first_seen < self.since:
            return False
        return not self.text or self._has_text(entry, self.text.casefold())

    def _has_text(self, entry: FindingEntry, text: str) -> bool:
        finding = entry.finding
        parts = (finding.message, finding.value, finding.field, entry.id)
        return any(text in part.casefold() for part in (*parts, *finding.names, *finding.records))
