"""A candidate: the settings of a rule that may be worth having, and the evidence for it.

The engine judges every candidate on the records that were read: how many break it is counted by the
rule itself, and one that too many records break is dropped.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from landfall.proposal.field_profile import Profile

MIN_RECORDS = 20
"""Records below which data prove nothing: of fewer, only types and names speak."""


@dataclass(frozen=True)
class RuleCandidate:
    """The settings of a rule without an id, and a sentence with what it rests on.

    `trust` is how far such evidence can be trusted, 0 to 1, before the records are counted;
    `importance` how much a break of it matters, 0 to 1. `most` is the share of records that may
    break it: what more of them break is no rule of this base. `guard`: worth having where no record
    breaks it.
    """

    settings: Mapping[str, Any]
    evidence: str
    trust: float
    importance: float = 0.5
    most: float = 0.05
    guard: bool = True


@dataclass(frozen=True)
class TableColumns:
    """A table of the base, with the profile of each of its fields, by name."""

    name: str
    ids: Sequence[str]
    columns: Mapping[str, Profile]
    complete: bool = True
    primary: str = ""
    rows: Sequence[int] = field(default=())
    """Some rows, the same whatever the order of the records: enough to rule most pairs out."""

    def __len__(self) -> int:
        return len(self.ids)

    def __iter__(self) -> Iterator[Profile]:
        return iter(self.columns.values())


def share(part: int, whole: int) -> float:
    """Return a part of the whole, 0 to 1; 0 of nothing."""
    return part / whole if whole else 0.0
