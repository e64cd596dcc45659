"""The report of a classification, for a person."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from infra.local.terminal import COLOURS, Entry

NAME_WIDTH = 36
"""Columns of the names of outputs and flags."""

MAX_LISTED = 5
"""Elements of a list that are shown."""


def summary(counts: Mapping[str, Any]) -> str:
    """Return the numbers of elements, calls and tokens, and the cost."""
    names = ("classified", "unchanged", "failed", "left", "confirmed", "changed", "rejected")
    numbers = [f"{counts[name]} {name}" for name in names if counts.get(name)]
    tokens, cost = counts.get("model_tokens", 0), counts.get("model_cost", 0.0)
    return (
        f"{counts.get('elements', 0)} elements: {', '.join(numbers) or 'no questions asked'}; "
        f"{counts.get('model_calls', 0)} model calls, {tokens:,} tokens, ${cost:.4f}"
        f"{_written(counts)}"
    )


def _written(counts: Mapping[str, Any]) -> str:
    due = counts.get("records_to_write", 0)
    return f"; {counts['records_written']} of {due} records written back" if due else ""


def lines(run: Mapping[str, Any]) -> Iterator[Entry]:
    """Yield the numbers of each label, answers of low confidence, and changes."""
    report = run.get("report") or {}
    for output, labels in report.get("labels", {}).items():
        most_first = sorted(labels.items(), key=lambda pair: -pair[1])
        counted = ", ".join(f"{count} {label}" for label, count in most_first if count)
        yield _numbers(output, counted or "none")
    for flag, count in report.get("flags", {}).items():
        yield _numbers(flag, f"{count} yes")
    if report.get("models"):
        yield _numbers("suggested by", " and ".join(report["models"]))
    unsure = report.get("low_confidence", {"count": 0})
    for element in unsure.get("elements", [])[:MAX_LISTED]:
        yield _entry(
            "low confidence", element, f"{element['confidence']} %: {element['rationale']}"
        )
    if unsure["count"] > MAX_LISTED:
        yield Entry(Text(f"and {unsure['count'] - MAX_LISTED} more with low confidence"))
    cut = report.get("cut", {"count": 0})
    for element in cut.get("elements", [])[:MAX_LISTED]:
        yield _entry("cut", element, f"the model sees {element['cut']}")
    if cut["count"] > MAX_LISTED:
        yield Entry(Text(f"and {cut['count'] - MAX_LISTED} more that are cut"))
    for element in report.get("changes", {}).get("elements", [])[:MAX_LISTED]:
        difference = "; ".join(
            f"{name}: {values['before']} -> {values['now']}"
            for name, values in element["difference"].items()
        )
        yield _entry("changed", element, difference)


def inconclusive(run: Mapping[str, Any]) -> Iterator[Text]:
    """Yield the elements without a valid suggestion, and the reasons."""
    for reason in run.get("inconclusive") or []:
        count = f" ({reason['count']})" if reason.get("count") else ""
        yield Text.assemble((f"{reason['what']}{count}", "magenta"), f": {reason['why']}")
    for reason, some in ((run.get("report") or {}).get("failures") or {}).items():
        example = some["examples"][0]
        what = f"{reason} ({some['count']})"
        yield Text.assemble((what, COLOURS["warning"]), f"  {_about(example, example['message'])}")


def _numbers(name: str, text: str) -> Entry:
    return Entry(Text(name, "bold"), Text(text), NAME_WIDTH)


def _entry(what: str, element: Mapping[str, Any], text: str) -> Entry:
    return Entry(Text(what, COLOURS["warning"]), Text(_about(element, text)), 16)


def _about(element: Mapping[str, Any], text: str) -> str:
    return f"{element['record_id']} {element['name']}: {text}"
