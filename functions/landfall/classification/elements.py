"""Data elements: the parts of each, and the hash that tells whether it has changed."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

from landfall.airtable.snapshot import Table
from landfall.airtable.values import cell_text

MAX_TEXT_CHARACTERS = 2_000
"""Characters to which each part is cut. A longer description is a document."""

Cut = Mapping[str, Any]
"""The whole text of a part that is cut: its `characters`, and a `digest` that tells its changes."""

LEFT_OUT = " [the rest is left out]"
"""The end of a part that is cut, for the model."""

UNKNOWN_TIME = datetime.min.replace(tzinfo=UTC)
"""Time at which an element was fetched, where nobody needs to know it."""


@dataclass(frozen=True)
class Element:
    """A record that describes a data element.

    `parts` has its texts by name: name, description, data_type, source, business_context. `link` is
    its page in Airtable. `fetched_at` is the time at which its page of records was stored. `cut`
    has the parts that are longer than `parts` has them.
    """

    record_id: str
    parts: Mapping[str, str]
    link: str = ""
    fetched_at: datetime = UNKNOWN_TIME
    cut: Mapping[str, Cut] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """Text for the model, a line for each part."""
        return "\n".join(
            f"{part}: {text}{LEFT_OUT if part in self.cut else ''}"
            for part, text in self.parts.items()
        )

    def hash(self, prompt_key: str) -> str:
        """Return 32 hex digits of its parts, as far as they go, and of the prompt's key."""
        content = [prompt_key, sorted(self.parts.items())]
        if self.cut:
            content.append(sorted((part, cut["digest"]) for part, cut in self.cut.items()))
        text = json.dumps(content)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def elements_of(
    table: Table, fields: Mapping[str, str], link: Callable[[str], str]
) -> list[Element]:
    """Return the elements of a table, by the field of each part; a record without text has none."""
    found = []
    moments = table.fetched_at or repeat(UNKNOWN_TIME)
    for row, (record_id, fetched_at) in enumerate(zip(table.ids, moments, strict=False)):
        texts = {part: cell_text(table.columns[name][row]) for part, name in fields.items()}
        parts = {part: text[:MAX_TEXT_CHARACTERS] for part, text in texts.items() if text}
        cut = {part: _cut(text) for part, text in texts.items() if len(text) > MAX_TEXT_CHARACTERS}
        if parts:
            found.append(Element(record_id, parts, link(record_id), fetched_at, cut))
    return found


def _cut(text: str) -> Cut:
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return {"characters": len(text), "digest": digest}


def describe_cut(cut: Mapping[str, Cut]) -> str:
    """Return how much of an element the model sees; empty where that is all."""
    return "; ".join(
        f"{part}: {MAX_TEXT_CHARACTERS:,} of {whole['characters']:,} characters"
        for part, whole in cut.items()
    )
