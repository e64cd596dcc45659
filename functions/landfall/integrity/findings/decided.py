"""People's decisions as documents: about one finding, or about many at once.

A decision says where its findings are in the list that the person saw. So whoever lays it over the
list searches for nothing: the counts of a page, and the states of its findings, follow from this.

Pure: no input or output, and no clock.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

import msgspec

from landfall.integrity.findings.entry import Decision
from landfall.store.documents import Document, Fields

ID_BYTES = 16

MAX_TOGETHER = 50_000
"""Findings of a document of decisions: 800 kB of ids."""

Place = tuple[int, int]
"""The number of a piece of a list, and of the facts of findings in it."""


@dataclass(frozen=True)
class Before:
    """The state of findings before a decision about many: open, or ignored for a reason."""

    state: Literal["ignored", "open"]
    why: str = ""
    until: datetime | None = None

    def again(self, now: datetime, by: str) -> Decision:
        """Return the decision of a person that restores it."""
        why = self.why if self.state == "ignored" else "undone"
        return Decision(now, self.state, by, why, self.until)


@dataclass(frozen=True)
class PlacedDecision:
    """A person's decision about findings: their ids in bytes, by place in the list of a run.

    `list` is empty where the places are not known: there is one, and it is not meant. One decision
    about many findings has parts with the same `together`, each of findings that were the same
    `before`; one about a single finding has neither.
    """

    decision: Decision
    list: str
    ids: Mapping[Place, bytes]
    together: str = ""
    before: Before | None = None

    @property
    def finding_ids(self) -> Iterator[str]:
        """The ids of the findings."""
        return (one for ids in self.ids.values() for one in ids_in(ids))

    @property
    def count(self) -> int:
        """The number of findings."""
        return sum(map(len, self.ids.values())) // ID_BYTES


def id_in_bytes(finding_id: str) -> bytes:
    """Return the id of a finding in bytes; none for another text."""
    try:
        data = bytes.fromhex(finding_id)
    except ValueError:
        return b""
    return data if len(data) == ID_BYTES else b""


def ids_in(data: bytes) -> Iterator[str]:
    """Yield the ids in bytes, of `ID_BYTES` each."""
    return (data[at : at + ID_BYTES].hex() for at in range(0, len(data), ID_BYTES))


def has_id(data: bytes, finding_id: bytes) -> bool:
    """Return whether an id is among those in bytes."""
    at = data.find(finding_id)
    while at >= 0 and at % ID_BYTES:
        at = data.find(finding_id, at + 1)
    return at >= 0


def placed_together(
    decision: Decision,
    of_run: str,
    ids: Mapping[Place, bytes],
    together: str = "",
    before: Before | None = None,
) -> list[PlacedDecision]:
    """Return a decision about findings of a list, in parts of which each fits into a document."""
    parts: list[dict[Place, bytes]] = []
    room = 0
    for place, some in ids.items():
        if len(some) > room:
            parts.append({})
            room = MAX_TOGETHER * ID_BYTES
        parts[-1][place] = some
        room -= len(some)
    return [PlacedDecision(decision, of_run, part, together, before) for part in parts]


def decision_fields(placed: PlacedDecision) -> Fields:
    """Return the document of a decision."""
    runs = [[*place, len(ids) // ID_BYTES] for place, ids in placed.ids.items()]
    return asdict(placed.decision) | {
        "list": placed.list,
        "findings": b"".join(placed.ids.values()),
        "places": zlib.compress(msgspec.json.encode(runs)),
        "together": placed.together,
        "before": asdict(placed.before) if placed.before else None,
    }


def placed_decision_of(document: Document) -> PlacedDecision:
    """Return a stored decision; one of an older Landfall is about the finding of its path."""
    data = document.data
    if "findings" not in data:
        return PlacedDecision(decision_of(document), "", {(0, 0): id_in_bytes(document.id)})
    ids: dict[Place, bytes] = {}
    start = 0
    for piece, facts, count in msgspec.json.decode(zlib.decompress(data["places"])):
        end = start + count * ID_BYTES
        ids[piece, facts] = data["findings"][start:end]
        start = end
    before = data.get("before")
    if before:
        until = plain_moment(before["until"]) if before["until"] else None
        before = Before(before["state"], before["why"], until)
    return PlacedDecision(
        decision_of(document), data["list"], ids, data.get("together", ""), before
    )


def decision_of(document: Document) -> Decision:
    """Return a stored decision."""
    data = document.data
    until = plain_moment(data["until"]) if data["until"] else None
    return Decision(plain_moment(data["at"]), data["state"], data["by"], data["why"], until)


def newest_by_finding(documents: Iterable[Document]) -> dict[str, Decision]:
    """Return the newest of these decisions about each finding."""
    placed = sorted(map(placed_decision_of, documents), key=lambda it: it.decision.at)
    return {finding_id: it.decision for it in placed for finding_id in it.finding_ids}


def plain_moment(moment: datetime) -> datetime:
    """Return a datetime of Python for Firestore's own type, which a list cannot hold."""
    return datetime.combine(moment.date(), moment.timetz())
