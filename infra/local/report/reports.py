"""The report of a run, for a person and for a script."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from infra.local.report import classification, integrity, site
from infra.local.runner import Finished
from infra.local.stack import Stack
from infra.local.terminal import COLOURS
from landfall.reasons import Reason

LOG_LINES = 12
"""Lines of a function's log that are shown when its run did not end `done`."""


def as_json(run: Finished) -> str:
    """One line: the run's final document, and its report."""
    report = {
        "verdict": run.document["verdict"],
        "counts": run.document["counts"],
        "inconclusive": run.document.get("inconclusive", []),
        **(run.document.get("report") or {}),
        shown(run).result: run.result,
    }
    return json.dumps({"run": run.document, "report": report}, ensure_ascii=False)


@dataclass(frozen=True)
class Shown:
    """How a kind of run is shown.

    `result` names in JSON what `RESULTS` of `runner` asks for. `lines` and `inconclusive` are of
    the run's document, `summary` is of its counts.
    """

    result: str
    summary: Callable[[Mapping[str, Any]], str]
    lines: Callable[[Mapping[str, Any]], Iterable[Text]]
    inconclusive: Callable[[Mapping[str, Any]], Iterable[Text]]


KINDS = {
    "integrity": Shown(
        "findings",
        integrity.summary,
        integrity.lines,
        integrity.inconclusive,
    ),
    "site": Shown("site", site.summary, site.lines, site.inconclusive),
    "classification": Shown(
        "elements",
        classification.summary,
        classification.lines,
        classification.inconclusive,
    ),
}
"""By the kind of scan."""


def shown(run: Finished) -> Shown:
    """How this run is shown."""
    return KINDS[run.document["kind"]]


def print_report(run: Finished, console: Console) -> None:
    """What a run came to: its verdict, the lines of its kind, and where it is stored."""
    document, of_kind = run.document, shown(run)
    verdict = document["verdict"] or "no verdict"
    console.rule(Text(document["scan_id"], "bold"))
    console.print(
        Text.assemble(
            (document["status"], "bold"), ", ", (verdict, COLOURS.get(verdict, "red")), ": "
        )
        + Text(of_kind.summary(document["counts"]))
    )
    for line in of_kind.lines(document):
        console.print(line, no_wrap=True, overflow="ellipsis", crop=True)
    for line in of_kind.inconclusive(document):
        console.print("inconclusive", line, soft_wrap=True)
    for warning in document["warnings"]:
        line = Text.assemble(
            (warning["what"], "yellow"), f": {warning['reason']}: {warning['message']}"
        )
        console.print("warning", line, soft_wrap=True)
    console.print(f"stored in Firestore: runs/{document['run_id']}", markup=False)


def print_failure(run: Finished, stack: Stack, console: Console) -> None:
    """Why a run did not end `done`, and the end of the log of the function that failed."""
    error = run.document["error"]
    console.print(f"{run.document['scan_id']}: {error['reason']}", style="red", markup=False)
    console.print(error["message"], soft_wrap=True, markup=False)
    if error["reason"] == Reason.INTERNAL_ERROR:
        console.print(error["traceback"], soft_wrap=True, markup=False)
    process = stack.processes.get(error["step"] or "")
    if process:
        console.print(f"Last lines of the log of {process.name}:")
        for line in process.log_end(LOG_LINES).splitlines():
            console.print(f"  {_readable(line)}", soft_wrap=True, markup=False, style="dim")


def _readable(line: str) -> str:
    """A JSON line of a function's log for a person: without what is the same in all of them."""
    try:
        fields = json.loads(line)
    except ValueError:
        return line
    said = f"{fields.pop('severity')} {fields.pop('message')}"
    more = {name: value for name, value in fields.items() if name not in _LEFT_OUT}
    return " ".join([said, *(f"{name}={value}" for name, value in more.items())])


_LEFT_OUT = {"function", "trace", "run_id", "step_id", "traceback"}
