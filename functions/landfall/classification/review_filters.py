"""The elements that a person reviews: which are wanted, in which order, and how many there are."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from landfall.classification.review_index import FILTERED, Line, Lines
from landfall.classification.reviews import STATES
from landfall.store.documents import Fields

MAX_PEOPLE = 50
"""People whose reviews are counted by name: those with the most."""

MAX_SOURCES = 500
"""Sources that are counted by name: those with the most elements."""

REVIEWED = ("confirmed", "changed", "rejected")
"""States in which a person has decided."""


@dataclass(frozen=True)
class WantedElements:
    """Filters of elements. `labels` has values by output; `confidence` is from least to most."""

    states: Sequence[str] = ("suggested",)
    labels: Mapping[str, str] = field(default_factory=dict)
    source: str | None = None
    by: str | None = None
    act: str | None = None
    text: str | None = None
    least: int = 0
    most: int = 100
    anew: bool = False

    def has(self, line: Line) -> bool:
        """Return whether an element is wanted."""
        return next(self.misses(line), None) is None

    def misses(self, line: Line) -> Iterator[str]:
        """Yield the filter of each that does not want an element."""
        if line.state not in self.states:
            yield "state"
        yield from (name for name, value in self.labels.items() if line.value(name) != value)
        for name in ("source", "by", "act"):
            if getattr(self, name) not in (None, getattr(line, name)):
                yield name
        if not self._as_sure_as(line.confidence):
            yield "confidence"
        if self.anew and not line.anew:
            yield "anew"
        if self.text and self.text.casefold() not in f"{line.name}\n{line.source}".casefold():
            yield "text"

    def _as_sure_as(self, confidence: int | None) -> bool:
        if (self.least, self.most) == (0, 100):
            return True
        return confidence is not None and self.least <= confidence <= self.most


def wanted_of(lines: Lines, wanted: WantedElements) -> list[str]:
    """Return the ids of the wanted elements in the order in which people review them.

    Those of one source stand together: neighbours are decided alike.
    """
    return sorted((key for key, line in lines.items() if wanted.has(line)), key=_place(lines))


def _place(lines: Lines) -> Callable[[str], tuple[str, str, str]]:
    def place(record_id: str) -> tuple[str, str, str]:
        line = lines[record_id]
        return line.source.casefold(), line.name.casefold(), record_id

    return place


def next_of(lines: Lines, found: Sequence[str], after: str | None) -> str | None:
    """Return the first found element behind another one; behind the last one, the first."""
    return next(_behind(lines, found, after), found[0] if found else None)


def is_last(lines: Lines, found: Sequence[str], after: str | None) -> bool:
    """Return whether no found element is behind another one."""
    return next(_behind(lines, found, after), None) is None


def _behind(lines: Lines, found: Sequence[str], after: str | None) -> Iterator[str]:
    if after is None or after not in lines:
        return iter(found)
    place = _place(lines)
    return (key for key in found if place(key) > place(after))


def states_of(lines: Lines) -> Fields:
    """Count the elements by state."""
    return dict(Counter(line.state for line in lines.values()))


def seen_together(lines: Lines, found: Sequence[str]) -> str:
    """Return 16 hex digits of what a person sees of many elements."""
    text = json.dumps([[key, lines[key].seen] for key in found])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def counts_of(lines: Lines, wanted: WantedElements) -> Fields:
    """Count by state, source, label and flag; a filter does not narrow its own numbers."""
    names = ("state", "source", *FILTERED)
    counted: dict[str, Counter[str]] = {name: Counter() for name in names}
    for line in lines.values():
        missed = list(islice(wanted.misses(line), 2))
        for name in names if not missed else missed if len(missed) == 1 else ():
            if name in counted:
                value = line.value(name) if name in FILTERED else str(getattr(line, name))
                counted[name][value] += 1
    counted["state"] = Counter({state: counted["state"][state] for state in STATES})
    return {
        name: {value: many for value, many in counts.most_common(MAX_SOURCES) if value}
        for name, counts in counted.items()
    }


def people_of(lines: Lines) -> list[Fields]:
    """Count the decisions in effect of each person, the most first."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for line in lines.values():
        if line.state in REVIEWED:
            found[line.by][line.state] += 1
    most = sorted(found.items(), key=lambda one: (-one[1].total(), one[0]))
    return [
        {"by": by, "reviewed": counts.total(), **{state: counts[state] for state in REVIEWED}}
        for by, counts in most[:MAX_PEOPLE]
    ]
