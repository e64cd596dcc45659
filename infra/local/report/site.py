"""The report of a site scan, for a person."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from rich.text import Text

from infra.local.terminal import COLOURS, Entry, plural

BAR_WIDTH = 20
"""Characters of the bar of a full score."""

_LOST_PAGES = {"missed": "not fetched", "gone": "gone", "folded": "duplicates"}

_BANDS = {"strong": "green", "good": "yellow", "weak": "yellow", "poor": "red"}

_CHANGES = {
    "pages_new": "new pages",
    "pages_gone": "pages gone",
    "leaks_mended": "leaks fixed",
    "leaks_new": "new leaks",
}


def summary(counts: Mapping[str, Any]) -> str:
    """Return the numbers of pages, requests and model calls, the cost, and the coverage."""
    lost = [
        f"{counts[f'pages_{name}']} {shown}"
        for name, shown in _LOST_PAGES.items()
        if counts.get(f"pages_{name}")
    ]
    text = plural(counts.get("pages", 0), "page")
    text += f" ({', '.join(lost)})" if lost else ""
    text += f", {counts.get('site_requests', 0)} requests"
    if "model_calls" in counts:
        text += f"; {counts['model_calls']} model calls, ${counts.get('model_cost', 0.0):.4f}"
    return f"{text}; {counts.get('coverage_pct', 0)} % observed"


def lines(run: Mapping[str, Any]) -> Iterator[Entry]:
    """Yield the scores, the changes since the last run, and the statements."""
    report = run.get("report")
    if not report:
        return
    yield Entry(text=_total(report))
    width = max(map(len, report["dimensions"]), default=0)
    for dimension in report["dimensions"]:
        ruled = report.get("rules_scores", {}).get(dimension)
        yield Entry(_score(f"{dimension:<{width}}", report["scores"][dimension], ruled))
    if report.get("model_said"):
        said = Text.assemble(
            (_model_names(report), "cyan"), f" on the home page: {report['model_said']}"
        )
        yield Entry(text=said)
    comparison = report.get("comparison")
    if comparison:
        yield Entry(text=_comparison(comparison))
    for name, what, colour in (
        ("strengths", "text", "green"), ("leaks", "text", "red"), ("quick_wins", "action", "cyan"),
    ):  # fmt: skip
        yield from _statements(name, report[name], what, colour)


def _total(report: Mapping[str, Any]) -> Text:
    total, flow, band = (
        report[name] for name in ("total_score_60", "patient_flow_score_10", "band")
    )
    by = f"rules and {_model_names(report)}" if report["scorer"] == "model" else "rules only"
    if band is None:
        return Text("no score: none of the criteria could be observed")
    return Text.assemble(
        (band, _BANDS[band]), f": {total:g} of 60, patient flow {flow:g} of 10, scored by {by}"
    )


def _model_names(report: Mapping[str, Any]) -> str:
    """Return the models that answered, by the names in their answers."""
    return " and ".join(report["models"])


def _score(dimension: str, score: float | None, ruled: float | None) -> Text:
    if score is None:
        return Text.assemble(f"  {dimension}  ", ("not observed", COLOURS["inconclusive"]))
    moved = f"  (rules: {ruled:g})" if ruled is not None and ruled != score else ""
    filled = round(score / 10 * BAR_WIDTH)
    return Text(f"  {dimension}  {score:>4.1f}  {'#' * filled:<{BAR_WIDTH}}{moved}")


def _comparison(comparison: Mapping[str, Any]) -> Text:
    difference = comparison["patient_flow_score_10"]
    moved = "" if difference is None else f"patient flow {difference:+g}; "
    changes = ", ".join(f"{shown}: {len(comparison[name])}" for name, shown in _CHANGES.items())
    return Text(f"since {comparison['run_id']}: {moved}{changes}")


def _statements(
    name: str, statements: Sequence[Mapping[str, Any]], what: str, colour: str
) -> Iterator[Entry]:
    label = name.replace("_", " ").removesuffix("s")
    for one in statements:
        effort = f" ({one['impact']} impact, {one['effort']} effort)" if "effort" in one else ""
        pages = ", ".join(urlsplit(url).path for url in one["pages"][:2])
        more = len(one["pages"]) - 2
        where = f"{pages} and {more} more" if more > 0 else pages
        yield Entry(Text(label, colour), Text(f"{one[what]}{effort}  [{where}]"), 11)


def inconclusive(run: Mapping[str, Any]) -> Iterator[Text]:
    """Yield the criteria that could not be observed, and the reasons."""
    for reason in run.get("inconclusive") or []:
        yield Text.assemble((reason["what"], "magenta"), f": {reason['why']}")
