"""A reader of Firestore documents over the REST API, in the cloud or of an emulator."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Send = Callable[[str, str, Any], Any]
"""Method, path below the database's documents, body -> JSON of the response, None for 404."""


class DocumentReader:
    """Reads single documents, and finds one by the value of a field."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def read(self, path: str) -> dict[str, Any] | None:
        """Return the fields of a document, or None if it does not exist."""
        found = self._send("GET", f"/{path}", None)
        return _fields(found) if found else None

    def newer(self, collection: str, field: str, version: int) -> str | None:
        """Return the name of a document whose field exceeds a version, if there is one."""
        value = {"integerValue": str(version)}
        condition = {"field": {"fieldPath": field}, "op": "GREATER_THAN", "value": value}
        query = {
            "from": [{"collectionId": collection}],
            "where": {"fieldFilter": condition},
            "select": {"fields": [{"fieldPath": "__name__"}]},
            "limit": 1,
        }
        for row in self._send("POST", ":runQuery", {"structuredQuery": query}) or []:
            if "document" in row:
                return str(row["document"]["name"].split("/documents/")[1])
        return None


def _fields(document: dict[str, Any]) -> dict[str, Any]:
    return {name: _plain(value) for name, value in document.get("fields", {}).items()}


def _plain(value: dict[str, Any]) -> Any:
    """Return the Python value of a field of a kind that the checks read."""
    if "timestampValue" in value:
        text = value["timestampValue"].split(".")[0].removesuffix("Z")
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    return value.get("stringValue")
