"""The words of a message, the same in every channel: verdict first, then numbers and names."""

from collections.abc import Iterator, Mapping
from typing import Any

from landfall.runs.outbox import Message

Content = Mapping[str, Any]

SIGNS = {"critical": "🔴", "warning": "🟠", "info": "🔵"}
"""A sign for each severity, beside which its word stands in the numbers."""

_EVENTS = {"new": "new", "reopened": "back again", "worse": "worse", "mended": "solved"}


def sentence_of(content: Content) -> str:
    """Return what has happened, in one sentence."""
    return f"{content['scan_name']}: {_verdict(content)}{_changes(content)}"


def lines_of(content: Content) -> Iterator[str]:
    """Yield what a reader needs beside the sentence: what is open, and why a run is not whole."""
    if still := content["numbers"].get("open"):
        yield f"Open now: {_by_severity(still)}."
    if content["verdict_before"] not in (None, content["verdict"]):
        yield f"Before, it was {content['verdict_before']}."
    if error := content["error"]:
        yield f"{error['reason']}: {error['message']}"
    for one in content["not_evaluated"]:
        yield f"Not checked: {one['what']}: {one['why']}"
    rest = content["not_evaluated_count"] - len(content["not_evaluated"])
    if rest > 0:
        yield f"And {rest:,} more that could not be checked."


def name_of(finding: Mapping[str, Any]) -> str:
    """Return the name by which a message shows a finding."""
    name = finding["record_name"] or finding["table"]
    others = finding["records"] - 1
    return f"{name} and {others:,} more" if finding["record_name"] and others > 0 else str(name)


def more_of(content: Content, shown: int) -> str:
    """Return how many findings a message does not show; empty if it shows all."""
    rest = len(content["findings"]) - shown + content["more"]
    return f"and {rest:,} more" if rest else ""


def link_of(message: Message, window_url: str) -> str:
    """Return the address of the run in the window; empty where there is no window."""
    return f"{window_url}/runs/{message.run_id}" if window_url else ""


def _verdict(content: Content) -> str:
    if content["status"] == "timed_out":
        return "the run did not end in time"
    if content["status"] != "done":
        return "the run failed"
    return str(content["verdict"])


def _changes(content: Content) -> str:
    if "first" in content["events"]:
        return " (first message about this scan)"
    numbers = content["numbers"]
    found = [
        f"{sum(numbers[event].values()):,} {word}"
        for event, word in _EVENTS.items()
        if event in content["events"] and numbers.get(event)
    ]
    return f", {', '.join(found)}" if found else ""


def _by_severity(numbers: Mapping[str, int]) -> str:
    return ", ".join(f"{numbers[name]:,} {name}" for name in SIGNS if numbers.get(name))
