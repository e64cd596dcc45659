"""What is stored, as the emulator's REST interface gives it, and how large it is.

Sizes are those of https://firebase.google.com/docs/firestore/storage-size, without index entries.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx

from landfall.store.retention import EXPIRES_AT


@dataclass(frozen=True)
class StoredDocument:
    """Bytes of a document, and when it expires, if it does."""

    size: int
    expires_at: datetime | None


@dataclass(frozen=True)
class Growth:
    """What was added: bytes, of what does not stay for a month its share; and how many documents
    a lifetime deletes some day.
    """

    size: float
    expiring: int


def growth(
    before: Mapping[str, StoredDocument],
    after: Mapping[str, StoredDocument],
    now: datetime,
    days: int,
) -> Growth:
    """What was added between two looks at everything, of which the later was now."""

    def of(documents: Mapping[str, StoredDocument]) -> float:
        return sum(it.size * _share(it.expires_at, now, days) for it in documents.values())

    expiring = [path for path in after.keys() - before.keys() if after[path].expires_at]
    return Growth(of(after) - of(before), len(expiring))


def _share(expires_at: datetime | None, now: datetime, days: int) -> float:
    """Of a month of these days, for which a document is there."""
    if expires_at is None:
        return 1.0
    return min(1.0, max(0.0, (expires_at - now) / timedelta(days=days)))


class Documents:
    """The documents of an emulator."""

    def __init__(self, address: str, project: str) -> None:
        root = f"http://{address}/v1/projects/{project}/databases/(default)/documents"
        # "owner" is whom the emulator's security rules let in
        headers = {"Authorization": "Bearer owner"}
        self._root = root
        self._client = httpx.AsyncClient(headers=headers, trust_env=False, timeout=60.0)

    async def close(self) -> None:
        """Let go of every connection."""
        await self._client.aclose()

    async def one(self, path: str) -> Mapping[str, Any]:
        """The fields of a document, as plain values where they are numbers."""
        answer = await self._client.get(f"{self._root}/{path}")
        answer.raise_for_status()
        fields: Mapping[str, Any] = answer.json()["fields"]
        return fields

    async def everything(self) -> dict[str, StoredDocument]:
        """Every document, by its path."""
        query = {"structuredQuery": {"from": [{"allDescendants": True}]}}
        answer = await self._client.post(f"{self._root}:runQuery", json=query)
        answer.raise_for_status()
        found = [it["document"] for it in answer.json() if "document" in it]
        paths = [document["name"].split("/documents/", 1)[1] for document in found]
        return {
            path: StoredDocument(document_size(path, fields), _expiry(fields))
            for path, fields in zip(paths, (it.get("fields", {}) for it in found), strict=True)
        }


def _expiry(fields: Mapping[str, Any]) -> datetime | None:
    moment = fields.get(EXPIRES_AT, {}).get("timestampValue")
    return datetime.fromisoformat(moment) if moment else None


def document_size(path: str, fields: Mapping[str, Any]) -> int:
    """Bytes of a document."""
    name = sum(_text(part) for part in path.split("/")) + 16
    return name + _fields(fields) + 32


def _fields(fields: Mapping[str, Any]) -> int:
    return sum(_text(name) + _value(value) for name, value in fields.items())


def _value(value: Mapping[str, Any]) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "stringValue":
            return _text(content)
        case "bytesValue":
            return len(base64.b64decode(content))
        case "nullValue" | "booleanValue":
            return 1
        case "arrayValue":
            return sum(map(_value, content.get("values", [])))
        case "mapValue":
            return _fields(content.get("fields", {}))
        case _:  # numbers and moments
            return 8


def _text(text: str) -> int:
    return len(text.encode()) + 1
