"""The stored results of a run of a site scan: compressed JSON."""

import json
import zlib
from typing import Any

from landfall.store.documents import Document, Fields

REPORT_ID = "report"
"""The id of the document in a run's `results` that has the whole report."""


def plain(content: Fields) -> bytes:
    """Return the content of a document of results as JSON."""
    return json.dumps(content, ensure_ascii=False).encode(errors="replace")


def packed(content: Fields, records: int) -> Fields:
    """Return a document of results."""
    return {"records": records, "packed": [zlib.compress(plain(content))]}


def unpacked(document: Document) -> Any:
    """Return the content of a document of results."""
    return json.loads(zlib.decompress(document.data["packed"][0]))
