"""Compressed data packed into documents, each as full as Firestore allows."""

from collections.abc import Iterable
from dataclasses import dataclass

from landfall.store.documents import Fields

PACKED_MOST = 900_000
"""Bytes of packed records in a document; Firestore takes 1,048,487 in one property."""


@dataclass(frozen=True)
class Packed:
    """A page, compressed; or a part of one that would not fit into a document."""

    data: bytes
    records: int


def documents(pieces: Iterable[Packed]) -> list[Fields]:
    """The fields of page documents that hold the pieces in their order."""
    groups: list[list[Packed]] = []
    room = 0
    for piece in pieces:
        if len(piece.data) > room:
            groups.append([])
            room = PACKED_MOST
        groups[-1].append(piece)
        room -= len(piece.data)
    return [
        {
            "records": sum(piece.records for piece in group),
            "packed": [piece.data for piece in group],
        }
        for group in groups
    ]
