"""Duplicates in Landfall: the short form of the rule, likely and possible."""

import json
import sys
from itertools import combinations
from pathlib import Path

from pydantic import TypeAdapter

from landfall.integrity.rules.evaluate import evaluate
from landfall.integrity.rules.kinds import Rule
from tests.fakes.snapshots import snapshot


def main(made: Path, out: Path) -> None:
    """Read records and the settings of the rule, write pairs of ids by severity."""
    task = json.loads(made.read_bytes())
    rule = TypeAdapter(Rule).validate_python(
        {"id": "twice", "kind": "duplicate", "table": "T", **task["settings"]}
    )
    found: dict[str, list[tuple[str, str]]] = {"warning": [], "info": []}
    for finding in evaluate(rule, snapshot({"T": task["records"]}, reads=rule.reads())).findings:
        found[finding.severity] += combinations(sorted(finding.records), 2)
    everything = [*found["warning"], *found["info"]]
    out.write_text(json.dumps({"likely": found["warning"], "with possible": everything}))


main(Path(sys.argv[1]), Path(sys.argv[2]))
