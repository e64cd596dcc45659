"""The stored results of a run of a site scan: compressed JSON."""

import json
import zlib
from typing import Any

from landfall.store.documents import Document, Fields

REPORT_ID = "report"
"""The id of the document in a run's `results` that has the whole report."""


def packed(content: Fields, records: int) -> Fields:
    """Return a document of results."""
    data = zlib.compress(json.dumps(content, ensure_ascii=False).encode(errors="replace"))
    return {"records": records, "packed": [data]}


def unpacked(document: Document) -> Any:
    """Return the content of a document of results."""
    return json.loads(zlib.decompress(document.data["packed"][0]))
