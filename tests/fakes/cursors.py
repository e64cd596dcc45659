"""A cursor with the fields of a test."""

from typing import Any

from landfall.store.documents import Fields


class At:
    """A cursor with these fields."""

    def __init__(self, **fields: Any) -> None:
        self._fields = fields

    def store(self) -> Fields:
        """Return the fields."""
        return self._fields
