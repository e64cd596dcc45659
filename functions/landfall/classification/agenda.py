"""Agenda of a run: the elements to ask about, by group, stored for all of its invocations.

If the answer about a group does not serve an element, the element gets a group of its own, in the
commit that counts the answer. The group is neither asked nor counted again, and the elements keep
their places.
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from landfall.store.documents import Document, Fields
from landfall.store.packed import Packed, packed_documents, packed_pieces

GROUPS_PER_PIECE = 1_000
"""Groups in a compressed piece."""


@dataclass(frozen=True)
class Agenda:
    """Ids of the elements, by group."""

    groups: Sequence[Sequence[str]]

    @classmethod
    def load(cls, stored: Iterable[Document]) -> Self:
        """Read an agenda from its documents, in their order."""
        pieces = packed_pieces(stored)
        return cls([group for piece in pieces for group in json.loads(zlib.decompress(piece))])

    def documents(self) -> list[Fields]:
        """Return the documents to store."""
        return packed_documents(
            Packed(zlib.compress(json.dumps(self.groups[at : at + GROUPS_PER_PIECE]).encode()), 0)
            for at in range(0, len(self.groups), GROUPS_PER_PIECE)
        )

    @property
    def ids(self) -> list[str]:
        """Ids of all elements, each at its place."""
        return [record_id for group in self.groups for record_id in group]

    def split(self, unserved: Iterable[str]) -> Self:
        """Split every group with an unserved element into groups of one."""
        ids = set(unserved)
        parts = (
            [[one] for one in group] if ids.intersection(group) else [group]
            for group in self.groups
        )
        return type(self)([group for some in parts for group in some])
