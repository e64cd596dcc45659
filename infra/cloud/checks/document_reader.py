"""Documents of Firestore over its REST API: in the cloud, or of an emulator."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Send = Callable[[str, str, Any], Any]
"""Method, path under the database's documents, body; the answer's JSON, None for 404."""


class DocumentReader:
    """Reads single documents, and looks for one that has a field of some value."""

    def __init__(self, send: Send) -> None:
        self._send = send

    def read(self, path: str) -> dict[str, Any] | None:
        """The fields of a document; None when it is not there."""
        found = self._send("GET", f"/{path}", None)
        return _fields(found) if found else None

    def newer(self, collection: str, field: str, version: int) -> str | None:
        """The name of a document whose field is greater than this, if there is one."""
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
    """The values that the doctor looks at."""
    if "timestampValue" in value:
        text = value["timestampValue"].split(".")[0].removesuffix("Z")
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    return value.get("stringValue")
