"""The report of a run, for a person and for scripts."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.text import Text

from infra.local.finished_run import FinishedRun
from infra.local.report import classification, integrity, site
from infra.local.terminal import COLOURS, Entry, print_entry
from landfall.reasons import WHAT_TO_DO, Reason

if TYPE_CHECKING:
    from infra.local.stack import Stack

LOG_LINES = 12
"""Lines of a function's log that are shown when its run does not end `done`."""


def as_json(run: FinishedRun) -> str:
    """Return one line with the run's final document and its report."""
    report = {
        "verdict": run.document["verdict"],
        "complete": run.document.get("complete"),
        "counts": run.document["counts"],
        "inconclusive": run.document.get("inconclusive", []),
        **(run.document.get("report") or {}),
        report_of(run).result: run.result,
    }
    return json.dumps({"run": run.document, "report": report}, ensure_ascii=False)


@dataclass(frozen=True)
class KindReport:
    """The parts of the report of a kind of run.

    `result` is the name in JSON of the result that `runner.RESULTS` has the path of. `lines` and
    `inconclusive` take the run's document, `summary` takes its counts.
    """

    result: str
    summary: Callable[[Mapping[str, Any]], str]
    lines: Callable[[Mapping[str, Any]], Iterable[Entry]]
    inconclusive: Callable[[Mapping[str, Any]], Iterable[Text]]


KINDS = {
    "integrity": KindReport(
        "findings",
        integrity.summary,
        integrity.lines,
        integrity.inconclusive,
    ),
    "site": KindReport("site", site.summary, site.lines, site.inconclusive),
    "classification": KindReport(
        "elements",
        classification.summary,
        classification.lines,
        classification.inconclusive,
    ),
}
"""Reports by the kind of scan."""


def report_of(run: FinishedRun) -> KindReport:
    """Return the report of the run's kind."""
    return KINDS[run.document["kind"]]


def print_report(run: FinishedRun, console: Console) -> None:
    """Print the verdict of a run, the lines of its kind, and the path of its document."""
    document, kind_report = run.document, report_of(run)
    verdict = document["verdict"] or "no verdict"
    lacking = " (not complete)" if document.get("complete") is False else ""
    console.rule(Text(document["scan_id"], "bold"))
    console.print(
        Text.assemble(
            (document["status"], "bold"),
            ", ",
            (verdict, COLOURS.get(verdict, "red")),
            f"{lacking}: ",
        )
        + Text(kind_report.summary(document["counts"]))
    )
    for line in kind_report.lines(document):
        print_entry(console, line)
    for why in kind_report.inconclusive(document):
        print_entry(console, Entry(Text("not evaluated"), why, 15))
    for warning in document["warnings"]:
        why = Text.assemble(
            (warning["what"], "yellow"), f": {warning['reason']}: {warning['message']}"
        )
        print_entry(console, Entry(Text("warning"), why, 9))
    console.print(f"stored in Firestore: runs/{document['run_id']}", markup=False)


def print_failure(run: FinishedRun, stack: "Stack", console: Console) -> None:
    """Print why a run did not end `done`, and the end of the log of the function that failed."""
    error = run.document["error"]
    console.print(f"{run.document['scan_id']}: {error['reason']}", style="red", markup=False)
    console.print(error["message"], soft_wrap=True, markup=False)
    console.print(f"What to do: {WHAT_TO_DO[error['reason']]}", soft_wrap=True, markup=False)
    if error["reason"] == Reason.INTERNAL_ERROR:
        console.print(error["traceback"], soft_wrap=True, markup=False)
    process = stack.processes.get(error["step"] or "")
    if process:
        console.print(f"Last lines of the log of {process.name}:")
        for line in process.log_end(LOG_LINES).splitlines():
            console.print(f"  {_format_log_line(line)}", soft_wrap=True, markup=False, style="dim")


def _format_log_line(line: str) -> str:
    """Return a JSON line of a function's log for a person, without fields common to all."""
    try:
        fields = json.loads(line)
    except ValueError:
        return line
    line = f"{fields.pop('severity')} {fields.pop('message')}"
    more = {name: value for name, value in fields.items() if name not in _OMITTED_FIELDS}
    return " ".join([line, *(f"{name}={value}" for name, value in more.items())])


_OMITTED_FIELDS = {"function", "trace", "run_id", "step_id", "traceback"}
