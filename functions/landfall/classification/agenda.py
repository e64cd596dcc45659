"""Whom a run asks about, and in which groups: kept, so that each of its invocations goes on.

An element that the answer to its group did not serve gets a group of its own, in the commit that
counts the answer; the group is not asked again, nor counted again. Places are not moved by that.
"""

import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from landfall.store.documents import Document, Fields
from landfall.store.packed import Packed, documents

GROUPS_A_PIECE = 1_000
"""Groups that are packed together."""


@dataclass(frozen=True)
class Agenda:
    """The ids of the elements, by group."""

    groups: Sequence[Sequence[str]]

    @classmethod
    def load(cls, stored: Iterable[Document]) -> Self:
        """From its documents, in their order."""
        pieces = [piece for document in stored for piece in document.data["packed"]]
        return cls([group for piece in pieces for group in json.loads(zlib.decompress(piece))])

    def documents(self) -> list[Fields]:
        """As they are stored."""
        return documents(
            Packed(zlib.compress(json.dumps(self.groups[at : at + GROUPS_A_PIECE]).encode()), 0)
            for at in range(0, len(self.groups), GROUPS_A_PIECE)
        )

    @property
    def ids(self) -> list[str]:
        """Of all elements, each at its place."""
        return [record_id for group in self.groups for record_id in group]

    def split(self, unserved: Iterable[str]) -> Self:
        """With a group for each element of those in which one of these is."""
        apart = set(unserved)
        parts = (
            [[one] for one in group] if apart.intersection(group) else [group]
            for group in self.groups
        )
        return type(self)([group for some in parts for group in some])
