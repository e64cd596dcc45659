"""The report of a classification, for a person."""

from collections.abc import Iterator, Mapping
from typing import Any

from rich.text import Text

from infra.local.terminal import COLOURS

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


def lines(run: Mapping[str, Any]) -> Iterator[Text]:
    """Yield the numbers of each label, answers of low confidence, and changes."""
    report = run.get("report") or {}
    for output, labels in report.get("labels", {}).items():
        most_first = sorted(labels.items(), key=lambda pair: -pair[1])
        counted = ", ".join(f"{count} {label}" for label, count in most_first if count)
        yield Text.assemble((f"{output:<36}", "bold"), counted or "none")
    for flag, count in report.get("flags", {}).items():
        yield Text.assemble((f"{flag:<36}", "bold"), f"{count} yes")
    if report.get("models"):
        yield Text.assemble((f"{'suggested by':<36}", "bold"), " and ".join(report["models"]))
    unsure = report.get("low_confidence", {"count": 0})
    for element in unsure.get("elements", [])[:MAX_LISTED]:
        yield _line("low confidence", element, f"{element['confidence']} %: {element['rationale']}")
    if unsure["count"] > MAX_LISTED:
        yield Text(f"and {unsure['count'] - MAX_LISTED} more with low confidence")
    cut = report.get("cut", {"count": 0})
    for element in cut.get("elements", [])[:MAX_LISTED]:
        yield _line("cut", element, f"the model sees {element['cut']}")
    if cut["count"] > MAX_LISTED:
        yield Text(f"and {cut['count'] - MAX_LISTED} more that are cut")
    for element in report.get("changes", {}).get("elements", [])[:MAX_LISTED]:
        difference = "; ".join(
            f"{name}: {values['before']} -> {values['now']}"
            for name, values in element["difference"].items()
        )
        yield _line("changed", element, difference)


def inconclusive(run: Mapping[str, Any]) -> Iterator[Text]:
    """Yield the elements without a valid suggestion, and the reasons."""
    for reason in run.get("inconclusive") or []:
        count = f" ({reason['count']})" if reason.get("count") else ""
        yield Text.assemble((f"{reason['what']}{count}", "magenta"), f": {reason['why']}")
    for reason, some in ((run.get("report") or {}).get("failures") or {}).items():
        example = some["examples"][0]
        yield _line(f"{reason} ({some['count']})", example, example["message"])


def _line(what: str, element: Mapping[str, Any], text: str) -> Text:
    return Text.assemble(
        (what, COLOURS["warning"]), f"  {element['record_id']} {element['name']}: {text}"
    )
