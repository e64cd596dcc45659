"""Data elements: the parts of each, and the hash that tells whether it has changed."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import repeat

from landfall.airtable.snapshot import Table
from landfall.airtable.values import cell_text

MAX_TEXT_CHARACTERS = 2_000
"""Characters to which each part is cut. A longer description is a document."""

UNKNOWN_TIME = datetime.min.replace(tzinfo=UTC)
"""Time at which an element was fetched, where nobody needs to know it."""


@dataclass(frozen=True)
class Element:
    """A record that describes a data element.

    `parts` has its texts by name: name, description, data_type, source, business_context. `link` is
    its page in Airtable. `fetched_at` is the time at which its page of records was stored.
    """

    record_id: str
    parts: Mapping[str, str]
    link: str = ""
    fetched_at: datetime = UNKNOWN_TIME

    @property
    def text(self) -> str:
        """Text for the model, a line for each part."""
        return "\n".join(f"{part}: {text}" for part, text in self.parts.items())

    def hash(self, prompt_key: str) -> str:
        """Return 32 hex digits of its parts and of the prompt's key."""
        text = json.dumps([prompt_key, sorted(self.parts.items())])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def elements_of(
    table: Table, fields: Mapping[str, str], link: Callable[[str], str]
) -> list[Element]:
    """Return the elements of a table, by the field of each part; a record without text has none."""
    found = []
    moments = table.fetched_at or repeat(UNKNOWN_TIME)
    for row, (record_id, fetched_at) in enumerate(zip(table.ids, moments, strict=False)):
        texts = {
            part: cell_text(table.columns[field][row])[:MAX_TEXT_CHARACTERS]
            for part, field in fields.items()
        }
        parts = {part: text for part, text in texts.items() if text}
        if parts:
            found.append(Element(record_id, parts, link(record_id), fetched_at))
    return found
