"""The most bytes of a document of each kind; Firestore takes 1,048,576.

The bound follows from the bounds of what a document has, and `largest` makes a document that comes
near it. The store in memory refuses a larger one, so every test holds these.
"""

from collections.abc import Mapping

LARGEST: Mapping[str, int] = {
    "answers": 270_000,
    "bases": 5_000,
    "deletions": 2_000,
    "findings": 210_000,
    "outbox": 40_000,
    "people": 120_000,
    "runs": 1_000_000,
    "runs/events": 1_000,
    "runs/pages": 950_000,
    "runs/results": 910_000,
    "runs/steps": 900_000,
    "scans": 20_000,
    "scans/elements": 190_000,
    "scans/heard": 2_000,
    "scans/ledgers": 930_000,
    "scans/ledgers/decisions": 920_000,
    "scans/reviewing": 910_000,
    "scans/reviews": 550_000,
    "scans/saves": 910_000,
    "scans/sites": 70_000,
    "scans/usage": 140_000,
    "scans/versions": 1_010_000,
    "schedules": 150_000,
    "sites": 5_000,
    "system": 50_000,
}
"""By the collections of a path, as in `DOCUMENT_KINDS`; a new kind needs one here."""
