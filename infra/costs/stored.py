"""What is stored of a run, as the emulator's REST interface gives it, and its size.

Sizes are those of https://firebase.google.com/docs/firestore/storage-size, without index entries.
"""

import base64
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from landfall.changes import run_path

PARTS = ("steps", "events", "pages", "results")

PAGE = 100
"""Documents of an answer."""

EXPIRES = "expires_at"
"""What a document with a lifetime says."""


@dataclass(frozen=True)
class Stored:
    """What a run leaves: bytes, and documents that a lifetime deletes."""

    size: int
    expiring: int


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

    async def of_run(self, run_id: str) -> Stored:
        """What is stored of a run."""
        path = run_path(run_id)
        found = [(path, await self.one(path))]
        for part in PARTS:
            found += [it async for it in self._all(f"{path}/{part}")]
        return Stored(
            sum(document_size(path, fields) for path, fields in found),
            sum(EXPIRES in fields for _, fields in found),
        )

    async def _all(self, collection: str) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        token = ""
        while True:
            asked = {"pageSize": str(PAGE), "pageToken": token}
            answer = await self._client.get(f"{self._root}/{collection}", params=asked)
            answer.raise_for_status()
            content = answer.json()
            for document in content.get("documents", []):
                name = document["name"].split("/documents/", 1)[1]
                yield name, document.get("fields", {})
            token = content.get("nextPageToken", "")
            if not token:
                return


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
