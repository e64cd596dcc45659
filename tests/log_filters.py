"""Filters of Cloud Logging, as far as our metrics use the language: conditions that all hold."""

import json
import re
from typing import Any

_CONDITION = re.compile(r'([\w.]+)(=~|=)(\("[^)]*"\)|"[^"]*"|\d+)( AND |$)')


def entry(line: str, function: str = "score") -> dict[str, Any]:
    """A line of a function as Cloud Logging keeps it."""
    labels = {"service_name": f"landfall-{function}"}
    return {
        "resource": {"type": "cloud_run_revision", "labels": labels},
        "jsonPayload": json.loads(line),
    }


def takes(filter_: str, found: dict[str, Any]) -> bool:
    """Whether a filter lets an entry through. Of the language, what the metrics use."""
    conditions = list(_CONDITION.finditer(filter_))
    assert "".join(it[0] for it in conditions) == filter_
    return all(_holds(it[1], it[2], it[3], found) for it in conditions)


def _holds(path: str, operator: str, wanted: str, found: Any) -> bool:
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    if found is None:  # so it is with Cloud Logging: what is not there is like nothing
        return False
    texts = re.findall(r'"([^"]*)"', wanted) or [wanted]
    if operator == "=~":
        return bool(re.search(texts[0], str(found)))
    return str(found) in texts
