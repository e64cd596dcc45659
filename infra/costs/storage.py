"""Sizes of stored documents, read over the emulator's REST interface.

Sizes follow https://firebase.google.com/docs/firestore/storage-size, without index entries.
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
    """Size of a document in bytes, and its expiry, if it has one."""

    size: int
    expires_at: datetime | None


@dataclass(frozen=True)
class Growth:
    """Growth of the storage: bytes, and the number of documents that a TTL policy will delete.

    A document that exists for a part of the month counts with that part of its bytes.
    """

    size: float
    expiring: int


def growth(
    before: Mapping[str, StoredDocument],
    after: Mapping[str, StoredDocument],
    now: datetime,
    days: int,
) -> Growth:
    """Return the growth between two snapshots of all documents, the later taken now."""

    def of(documents: Mapping[str, StoredDocument]) -> float:
        return sum(it.size * _share(it.expires_at, now, days) for it in documents.values())

    expiring = [path for path in after.keys() - before.keys() if after[path].expires_at]
    return Growth(of(after) - of(before), len(expiring))


def _share(expires_at: datetime | None, now: datetime, days: int) -> float:
    """Return the share of a month of `days` for which a document exists."""
    if expires_at is None:
        return 1.0
    return min(1.0, max(0.0, (expires_at - now) / timedelta(days=days)))


class EmulatorDocuments:
    """Reads the documents of an emulator."""

    def __init__(self, address: str, project: str) -> None:
        root = f"http://{address}/v1/projects/{project}/databases/(default)/documents"
        # the emulator's rules admit the token "owner"
        headers = {"Authorization": "Bearer owner"}
        self._root = root
        self._client = httpx.AsyncClient(headers=headers, trust_env=False, timeout=60.0)

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def fields_of(self, path: str) -> Mapping[str, Any]:
        """Return the fields of a document, in the form of the REST interface."""
        answer = await self._client.get(f"{self._root}/{path}")
        answer.raise_for_status()
        fields: Mapping[str, Any] = answer.json()["fields"]
        return fields

    async def list_all(self) -> dict[str, StoredDocument]:
        """Return every document by its path."""
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
    """Return the bytes of a document."""
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
        case _:  # numbers and timestamps
            return 8


def _text(text: str) -> int:
    return len(text.encode()) + 1
