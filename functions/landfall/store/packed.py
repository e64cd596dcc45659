"""Compressed pages, packed into as few documents as Firestore allows."""

from collections.abc import Iterable
from dataclasses import dataclass

from landfall.store.documents import Document, Fields

MAX_PACKED_BYTES = 900_000
"""Bytes of packed records in a document; Firestore allows 1,048,487 in one property."""


@dataclass(frozen=True)
class Packed:
    """A compressed page, or a part of one that exceeds a document."""

    data: bytes
    records: int


def page_path(run_path: str, number: int) -> str:
    """Return the path of a run's n-th document of packed pages."""
    return f"{run_path}/pages/{number:06d}"


def packed_documents(pieces: Iterable[Packed], max_bytes: int = MAX_PACKED_BYTES) -> list[Fields]:
    """Return the fields of documents that contain the pieces in their order.

    A document has at most so many bytes of pieces, or a single one that has more.
    """
    groups: list[list[Packed]] = []
    room = 0
    for piece in pieces:
        if len(piece.data) > room:
            groups.append([])
            room = max_bytes
        groups[-1].append(piece)
        room -= len(piece.data)
    return [
        {
            "records": sum(piece.records for piece in group),
            "packed": [piece.data for piece in group],
        }
        for group in groups
    ]


def packed_pieces(documents: Iterable[Document | None]) -> list[bytes]:
    """Return the pieces in documents that were read, in their order; missing ones have none."""
    return [piece for document in documents if document for piece in document.data["packed"]]
