"""Duplicates by recordlinkage: its string comparisons, and its classifier that needs no labels."""

import json
import sys
from pathlib import Path

import pandas as pd
import recordlinkage

METHODS = {
    "name": "jarowinkler", "organisation": "jarowinkler", "email": "levenshtein",
    "address": "jarowinkler", "text": "jarowinkler", "postcode": "levenshtein",
    "phone": "levenshtein", "date": "levenshtein", "value": "levenshtein",
}  # fmt: skip
ALIKE = 0.85


def main(made: Path, out: Path) -> None:
    """Read records and the kinds of their fields, write pairs of ids."""
    task = json.loads(made.read_bytes())
    kinds = task["kinds"]
    frame = pd.DataFrame(
        [{field: record["fields"].get(field) for field in kinds} for record in task["records"]],
        index=[record["id"] for record in task["records"]],
    )
    indexer = recordlinkage.Index()
    compare = recordlinkage.Compare()
    for field, kind in kinds.items():
        if kind != "text":
            indexer.block(field)
        compare.string(field, field, method=METHODS[kind], threshold=ALIKE, label=field)
    features = compare.compute(indexer.index(frame), frame)
    found = recordlinkage.ECMClassifier().fit_predict(features)
    out.write_text(json.dumps({"likely": [sorted(pair) for pair in found]}), encoding="utf-8")


main(Path(sys.argv[1]), Path(sys.argv[2]))
