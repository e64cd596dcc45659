"""Results of a run of a site scan, as they are stored: JSON, compressed."""

import json
import zlib
from typing import Any

from landfall.store.documents import Document, Fields

REPORT_ID = "report"
"""The document of a run's `results` that holds the whole report."""


def packed(content: Fields, records: int) -> Fields:
    """A document of results."""
    data = zlib.compress(json.dumps(content, ensure_ascii=False).encode(errors="replace"))
    return {"records": records, "packed": [data]}


def unpacked(document: Document) -> Any:
    """What a document of results holds."""
    return json.loads(zlib.decompress(document.data["packed"][0]))
