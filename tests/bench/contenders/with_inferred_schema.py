"""A schema that pandera infers from records, and what breaks it: `with_inferred_schema IN OUT`.

A schema of all records has their extremes as bounds, so nothing breaks it: it is inferred from the
first half of each table, and judges all of it.
"""

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any


def main() -> None:
    """Read tables by column, and write the seconds and the records that break each check."""
    warnings.simplefilter("ignore")
    import pandas
    import pandera.pandas as pandera

    tables = json.loads(Path(sys.argv[1]).read_bytes())
    findings: list[tuple[str, list[str]]] = []
    started = time.process_time()
    for name, table in tables.items():
        frame = pandas.DataFrame({it: _flat(cells) for it, cells in table["columns"].items()})
        schema = pandera.infer_schema(frame.iloc[: len(frame) // 2])
        try:
            schema.validate(frame, lazy=True)
        except pandera.errors.SchemaErrors as error:
            for _, case in error.failure_cases.iterrows():
                if case["index"] is not None and case["index"] == case["index"]:
                    record = table["ids"][int(case["index"])]
                    findings.append((f"{name}.{case['column']}: {case['check']}", [record]))
    seconds = time.process_time() - started
    Path(sys.argv[2]).write_text(json.dumps({"seconds": seconds, "findings": findings}))


def _flat(cells: list[Any]) -> list[Any]:
    """Return cells that a frame can hold: a list or an error as its text."""
    return [json.dumps(cell) if isinstance(cell, list | dict) else cell for cell in cells]


if __name__ == "__main__":
    main()
