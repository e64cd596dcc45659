"""The last saves of a scan, each with its person, its moment and its definition.

scans/{scan_id}/saves/{place}    a ring: a save takes the place of the one that many saves before it

The tag of a scan differs after each save, so an editor that names the tag it has read overwrites
nothing that another person has saved meanwhile.
"""

import zlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from landfall.reasons import LandfallError, NotFoundError
from landfall.scans.plain import shorten
from landfall.store.documents import (
    Direction,
    Document,
    Fields,
    Put,
    Query,
    Store,
    UnreadableError,
)
from landfall.store.shape import fitting

MAX_SAVES = 50
"""Saves of a scan that stay."""

MAX_CHANGES = 10
"""Changed settings that a message names."""

FIX = "the next save takes another place"
"""The fix of a save that somebody has edited, so that it cannot be read."""

ANY, NONE = "*", ""
"""Tags that stand for any definition, and for none."""


class ScanChangedError(LandfallError):
    """Somebody else has saved the scan since it was read; the message says what has changed."""

    status = 412
    code = "scan_changed"


def taken(scan_id: str) -> ScanChangedError:
    """Return the error of a new scan whose id another one has."""
    return ScanChangedError(f"there is a scan {scan_id!r} already; choose another `id`")


@dataclass(frozen=True)
class Save:
    """A save of a scan: its number, its version, and when and by whom it was saved."""

    number: int
    version: str
    at: Any
    by: str
    text: str = ""
    """The definition as it was written, or else in JSON."""

    def row(self) -> Fields:
        """Return the save as the api lists it."""
        return {"save_id": str(self.number), "version": self.version, "at": self.at, "by": self.by}


@dataclass(frozen=True)
class _StoredRow:
    number: int
    version: str
    updated_at: datetime
    updated_by: str


@dataclass(frozen=True)
class _StoredText:
    text: bytes


def count_of(head: Document) -> int:
    """Return the number of saves of a scan; 0 where an earlier Landfall, or a person, wrote it."""
    stored = head.data.get("saves")
    return stored if isinstance(stored, int) else 0


def tag_of(head: Document) -> str:
    """Return the tag of the scan's current definition."""
    return f"{count_of(head)}-{head.data['version']}"


def save_write(scan_id: str, number: int, version: str, text: str, stamp: Fields) -> Put:
    """Return the write that stores a save."""
    fields = {"number": number, "version": version, "text": zlib.compress(text.encode())}
    return Put(f"scans/{scan_id}/saves/{number % MAX_SAVES:02d}", fields | stamp)


async def saves_of(store: Store, head: Document, most: int = 1) -> list[Save]:
    """Return the last saves of a scan without their texts, the newest first.

    A scan that an earlier Landfall saved has its current definition alone. A save that somebody has
    edited, so that it cannot be read, is left out.
    """
    fields = ("number", "version", "updated_at", "updated_by")
    newest: tuple[str, Direction] = ("number", "desc")
    found = await store.find(
        Query(f"scans/{head.id}/saves", order=newest, limit=most, fields=fields)
    )
    saves = []
    for one in found:
        with suppress(UnreadableError):
            saves.append(_save(one))
    if not saves:
        version = head.data["version"]
        (found_version,) = await store.read(f"scans/{head.id}/versions/{version}")
        data = (found_version or head).data  # workers write to the head too
        saves = [Save(0, version, data["updated_at"], data["updated_by"])]
    return saves


async def save_of(store: Store, head: Document, save_id: str) -> Save:
    """Return a save with its text. Raises `NotFoundError`, `UnreadableError`."""
    number = int(save_id) if save_id.isascii() and save_id.isdecimal() else 0
    (found,) = await store.read(f"scans/{head.id}/saves/{number % MAX_SAVES:02d}")
    if found is None or number == 0 or found.data.get("number") != number:
        raise NotFoundError(
            f"scan {head.id} has no save {shorten(save_id)!r} any more; it has the last {MAX_SAVES}"
        )
    fitting(_StoredText, found.path, found.data, FIX)
    return _save(found)


def _save(found: Document) -> Save:
    row = fitting(_StoredRow, found.path, found.data, FIX)
    try:
        text = zlib.decompress(found.data.get("text", zlib.compress(b""))).decode()
    except (zlib.error, UnicodeDecodeError):
        raise UnreadableError(f"the text of {found.path} is not as it was saved: {FIX}") from None
    return Save(row["number"], row["version"], row["updated_at"], row["updated_by"], text)


def content_of(text: str) -> Any:
    """Return the values of a definition that was once accepted. Raises `UnreadableError`."""
    from landfall.scans.json_text import TextError
    from landfall.scans.yaml_text import read_text  # YAML takes 13 ms to import

    try:
        return read_text(text).value
    except TextError as error:
        raise UnreadableError(f"a save is not as it was saved: {error}; {FIX}") from None


def yaml_of(text: str) -> str:
    """Return a definition in YAML as it was written, or made of JSON that is short enough."""
    from landfall.scans.json_text import is_json
    from landfall.scans.yaml_text import MAX_YAML, write_yaml

    made = len(text) <= MAX_YAML and is_json(text)
    return write_yaml(content_of(text)) if made else text


def changed_settings(old: Any, new: Any) -> str:
    """Return the names of the settings that differ, such as "name, rule email", for a message."""
    names = list(dict.fromkeys(_changed(old, new)))
    more = f" and {len(names) - MAX_CHANGES} more" if len(names) > MAX_CHANGES else ""
    return ", ".join(names[:MAX_CHANGES]) + more


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in (*old, *(name for name in new if name not in old)):
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        if not (name == "rules" and isinstance(before, list) and isinstance(after, list)):
            yield f"`{shorten(name)}`"
            continue
        earlier, later = ({rule.get("id"): rule for rule in some} for some in (before, after))
        different = [it for it in (*earlier, *later) if earlier.get(it) != later.get(it)]
        yield from (f"rule {shorten(str(it))}" for it in different)
        if not different:
            yield "the order of the rules"
