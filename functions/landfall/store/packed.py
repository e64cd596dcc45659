"""Compressed data packed into documents, each as full as Firestore allows."""

from collections.abc import Iterable
from dataclasses import dataclass

from landfall.store.documents import Fields

MAX_PACKED = 900_000
"""Bytes of packed records in a document; Firestore accepts 1,048,487 in one property."""


@dataclass(frozen=True)
class Packed:
    """A piece of compressed data that fits into a document, and its number of records."""

    data: bytes
    records: int


def packed_documents(pieces: Iterable[Packed]) -> list[Fields]:
    """Return the fields of documents that hold the pieces in their order."""
    groups: list[list[Packed]] = []
    room = 0
    for piece in pieces:
        if len(piece.data) > room:
            groups.append([])
            room = MAX_PACKED
        groups[-1].append(piece)
        room -= len(piece.data)
    return [
        {
            "records": sum(piece.records for piece in group),
            "packed": [piece.data for piece in group],
        }
        for group in groups
    ]
