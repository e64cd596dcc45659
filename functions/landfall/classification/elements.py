"""Data elements: what is told of each, and how one is known to be as it was."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import repeat
from typing import Any

from landfall.airtable.snapshot import Table

TEXT_MOST = 2_000
"""Characters of each part that are told; a description longer than that is a document."""

NOT_KNOWN = datetime.min.replace(tzinfo=UTC)
"""When an element was read of which nobody needs to know that."""


@dataclass(frozen=True)
class Element:
    """A record that describes a data element. `told` has what there is of each part, by its name:
    name, description, data_type, source, business_context. `link` is its page in Airtable, and
    `fetched_at` is when the page of records was kept in which it was read."""

    record_id: str
    told: Mapping[str, str]
    link: str = ""
    fetched_at: datetime = NOT_KNOWN

    @property
    def text(self) -> str:
        """What is told, a line each part."""
        return "\n".join(f"{part}: {text}" for part, text in self.told.items())

    def hash(self, asked_how: str) -> str:
        """32 hex digits of what is told, and of how it is asked about."""
        text = json.dumps([asked_how, sorted(self.told.items())])
        return hashlib.sha256(text.encode()).hexdigest()[:32]


def elements_of(
    table: Table, fields: Mapping[str, str], link: Callable[[str], str]
) -> list[Element]:
    """The elements of a table, by the field of each part. A record without any is none."""
    found = []
    moments = table.fetched_at or repeat(NOT_KNOWN)
    for row, (record_id, fetched_at) in enumerate(zip(table.ids, moments, strict=False)):
        texts = {part: text_of(table.columns[field][row]) for part, field in fields.items()}
        told = {part: text for part, text in texts.items() if text}
        if told:
            found.append(Element(record_id, told, link(record_id), fetched_at))
    return found


def text_of(cell: Any) -> str:
    """A cell as text: its items by commas, a person or a file by its name."""
    match cell:
        case None:
            text = ""
        case bool():
            text = str(cell).lower()
        case list():
            text = ", ".join(filter(None, map(text_of, cell)))
        case {"name": str(name)} | {"filename": str(name)} | {"email": str(name)}:
            text = name
        case dict():
            text = json.dumps(cell, ensure_ascii=False, sort_keys=True)
        case _:
            text = str(cell)
    # half a character is in no request
    return text.encode("utf-8", "replace").decode().strip()[:TEXT_MOST]
