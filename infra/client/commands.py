"""The commands of `infra/landfall`, each some requests to the api."""

import argparse
import json
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import shtab
from rich.console import Console

from infra.client import tables
from infra.client.arguments import parse, parser
from infra.client.calls import Api
from infra.client.debugging import print_debug
from infra.client.errors import FOUND, INTERRUPTED, OK, ClientError, UsageError
from infra.client.following import follow, print_end, status_of
from infra.client.places import find_place
from infra.local.terminal import make_console
from landfall.scans.json_text import TextError, decode
from landfall.scans.yaml_text import read_text

MAX_FILE = 1_000_000
"""Bytes of a definition: the api takes no more."""

MAX_SCANS = 10_000
"""Scans of a list: more than a person looks at."""

MAX_DIFFERENCES = 40
"""Lines that differ from the saved definition, which `check` shows."""

FILTERS = ("rule", "table", "severity", "owner", "state", "since", "text", "sort")
"""Options of `findings` that are parameters of the api."""

DELETION_POLL, DELETION_SECONDS = 5.0, 1800.0
"""Seconds between two looks at a deletion, and until nobody looks any more."""


def main(arguments: list[str]) -> int:
    """Do a command, and return the exit status."""
    options = parse(arguments)
    if options.command == "completion":
        print(shtab.complete(parser(), shell=options.shell))
        return OK
    out, notes = make_console(as_lines=False), make_console(as_lines=True)
    try:
        with closing(Api(find_place(options), lambda text: _note(notes, text))) as api:
            return COMMANDS[options.command](Command(options, api, out, notes))
    except ClientError as error:
        _note(notes, str(error))
        return error.status
    except KeyboardInterrupt:
        _note(notes, "Interrupted.")
        return INTERRUPTED
    except BrokenPipeError:  # as of `infra/landfall runs | head`
        sys.stderr.close()
        return OK


class Command:
    """A command with its options, the api, and what it prints to."""

    def __init__(self, options: argparse.Namespace, api: Api, out: Console, notes: Console) -> None:
        self.options = options
        self.api = api
        self.out = out
        self.notes = notes

    def show(self, answer: Any, text: str) -> None:
        """Print an answer: as JSON if wanted, else the text."""
        if self.options.json:
            print(json.dumps(answer, ensure_ascii=False))
        else:
            self.out.print(text, markup=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """Print what is no result."""
        _note(self.notes, text)


def _note(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)


def _path(kind: str, id_: str, *rest: str) -> str:
    return "/".join(["", kind, quote(id_, safe=""), *rest])


def _list_scans(command: Command) -> int:
    scans: list[Any] = []
    token: str | None = ""
    while token is not None and len(scans) < MAX_SCANS:
        page = {"page_token": token} if token else {}
        answer = command.api.call("GET", "/scans", parameters=page)
        scans += answer["scans"]
        token = answer["next_page_token"]
    if command.options.json:
        print(json.dumps({"scans": scans}, ensure_ascii=False))
    elif scans or not command.out.is_terminal:
        tables.print_table(command.out, tables.SCANS, [*map(tables.scan_row, scans)], extra=1)
    else:
        command.note("There is no scan yet: save one with `infra/landfall put FILE`.")
    return OK


def _read(path: Path) -> tuple[str, bytes]:
    """Return the id in a definition, and its bytes. Raises `UsageError`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    if len(data) > MAX_FILE:
        raise UsageError(f"{path} has more than {MAX_FILE:,} bytes; make several scans of it.")
    try:
        content = read_text(decode(data)).value
    except TextError as error:
        raise UsageError("\n".join(f"{path}: {line}" for line in str(error).splitlines())) from None
    id_ = content.get("id") if isinstance(content, dict) else None
    if not isinstance(id_, str) or not id_:
        raise UsageError(f"{path}: `id` is missing or no text; begin with `id: my-scan`.")
    return id_, data


def _send(command: Command, method: str, *rest: str) -> Any:
    """Send a file to its scan. Raises `ClientError`, which names the file in place of the scan."""
    path: Path = command.options.file
    id_, data = _read(path)
    try:
        return command.api.call(method, _path("scans", id_, *rest), body=data)
    except UsageError as error:
        lines = [line.removeprefix(f"scan {id_}: ") for line in str(error).splitlines()]
        raise UsageError("\n".join(f"{path}: {line}" for line in lines)) from None


def _put(command: Command) -> int:
    saved = _send(command, "PUT")
    due = f"its next run is at {tables.moment(saved['next_run_at'])}"
    if not saved.get("next_run_at"):
        due = f"it runs when you start it: infra/landfall run {saved['scan_id']} --follow"
    command.show(saved, f"Saved {saved['scan_id']}; {due}")
    return OK


def _check(command: Command) -> int:
    found = _send(command, "POST", "check")
    good = bool(found.get("good", True))
    if command.options.json:
        command.show(found, "")
        return OK if good else FOUND
    command.show(found, f"{found['scan_id']} ({found['kind']}): {found['schedule']}")
    for line in found["differences"][:MAX_DIFFERENCES]:
        command.show(None, str(line))
    if (more := len(found["differences"]) - MAX_DIFFERENCES) > 0:
        command.note(f"... and {more} more lines that differ from the saved definition")
    if rules := found.get("rules"):
        tables.print_table(command.out, tables.TRIALS, [*map(tables.trial_row, rules)])
    elif found.get("against", True) is None:
        command.note("No run has read the base yet, so no rule could be tried.")
    command.note("The definition fits." if good else "Something could not be evaluated: see above.")
    return OK if good else FOUND


def _start(command: Command) -> int:
    path = _path("scans", command.options.scan, "run")
    started = command.api.call("POST", path, key=uuid.uuid4().hex)
    if command.options.follow:
        return _follow(command, started["run_id"])
    run_id = started["run_id"]
    command.show(started, f"Started {run_id}; infra/landfall follow {run_id}")
    return OK


def _follow(command: Command, run_id: str) -> int:
    try:
        run = follow(command.api, run_id, command.notes)
    except KeyboardInterrupt:
        command.note(
            f"You no longer follow run {run_id}, which goes on. Look again with "
            f"`infra/landfall follow {run_id}`, or end it with `infra/landfall cancel {run_id}`."
        )
        return INTERRUPTED
    if command.options.json:
        command.show(run, "")
    else:
        print_end(run, command.out)
    return status_of(run)


def _follow_run(command: Command) -> int:
    return _follow(command, command.options.run)


def _list_runs(command: Command) -> int:
    wanted = {"limit": str(command.options.limit)}
    wanted |= {"scan_id": command.options.scan} if command.options.scan else {}
    wanted |= {"status": command.options.status} if command.options.status else {}
    answer = command.api.call("GET", "/runs", parameters=wanted)
    if command.options.json:
        command.show(answer, "")
    elif answer["runs"] or not command.out.is_terminal:
        rows = [*map(tables.run_row, answer["runs"])]
        tables.print_table(command.out, tables.RUNS, rows, extra=1)
    else:
        command.note("There is no such run: start one with `infra/landfall run SCAN --follow`.")
    if answer["next_page_token"] and not command.options.json:
        command.note(f"These are the newest {len(answer['runs'])}; --limit shows more.")
    return OK


def _list_findings(command: Command) -> int:
    options = command.options
    path = _path("scans", options.scan, "findings")
    wanted = {name: value for name in FILTERS if (value := getattr(options, name))}
    if options.csv and options.json:
        raise UsageError("Give --csv or --json, not both.")
    if options.csv or options.json:
        form = {"format": "csv" if options.csv else "json"}
        with command.api.stream("GET", path, parameters=wanted | form) as pieces:
            _pass_on(pieces)
        return OK
    answer = command.api.call("GET", path, parameters={**wanted, "limit": str(options.limit)})
    found = answer["findings"]
    if found or not command.out.is_terminal:
        rows = [*map(tables.finding_row, found)]
        tables.print_table(command.out, tables.FINDINGS, rows, extra=2, grows=4)
    if len(found) < answer["count"]:
        command.note(
            f"{len(found)} of {answer['count']:,} findings; --csv prints all, and filters narrow "
            "them: infra/landfall findings --help"
        )
    elif not found:
        command.note("There is no such finding.")
    return OK


def _pass_on(pieces: Any) -> None:
    """Write a file to standard output as it comes; `sys.stdout` would change its line breaks."""
    sys.stdout.flush()
    target = getattr(sys.stdout, "buffer", None)
    for piece in pieces:
        if target is not None:
            target.write(piece)
        else:
            sys.stdout.write(piece.decode())
    if target is not None:
        target.flush()


def _pause(command: Command) -> int:
    scan, why = command.options.scan, command.options.why
    body = json.dumps({"why": why}).encode()
    answer = command.api.call("POST", _path("scans", scan, "pause"), body=body)
    what = "is paused" if answer["changed"] else "was paused before"
    text = f"The schedule of {scan} {what}; resume it with `infra/landfall resume {scan}`."
    command.show(answer, text)
    return OK


def _resume(command: Command) -> int:
    scan = command.options.scan
    answer = command.api.call("POST", _path("scans", scan, "resume"))
    what = "goes on" if answer["changed"] else "was not paused"
    command.show(answer, f"The schedule of {scan} {what}.")
    return OK


def _delete(command: Command) -> int:
    options = command.options
    if not options.yes:
        _ask_for(options.scan)
    answer = command.api.call("DELETE", _path("scans", options.scan))
    until = time.monotonic() + DELETION_SECONDS
    while options.follow and not answer["done"] and time.monotonic() < until:
        command.note(f"{sum(answer['deleted'].values()):,} documents are deleted so far.")
        time.sleep(DELETION_POLL)
        answer = command.api.call("DELETE", _path("scans", options.scan))
    text = f"{options.scan} and all that belonged to it are deleted."
    count = sum(answer["deleted"].values())
    if not answer["done"]:
        text = (
            f"{options.scan} is deleted; what belonged to it follows by itself within minutes "
            f"({count:,} documents so far)."
        )
    command.show(answer, text)
    return OK


def _ask_for(scan: str) -> None:
    """Have the person type the id of a scan. Raises `UsageError`."""
    if not sys.stdin.isatty():
        raise UsageError("Nothing was deleted: add --yes where nobody can be asked.")
    sys.stderr.write(
        f"This deletes {scan} with all its runs, findings and decisions, for good.\n"
        "Type its id to delete it: "
    )
    sys.stderr.flush()
    if sys.stdin.readline().strip() != scan:
        raise UsageError("Nothing was deleted: that is another id.")


def _cancel(command: Command) -> int:
    answer = command.api.call("POST", _path("runs", command.options.run, "cancel"))
    did = "is cancelled" if answer["cancelled"] else f"had ended before: {answer['status']}"
    command.show(answer, f"{command.options.run} {did}")
    return OK


def _debug(command: Command) -> int:
    found: Mapping[str, Any] = command.api.call("GET", _path("runs", command.options.run, "debug"))
    if command.options.json:
        command.show({"place": command.api.place.name, **found}, "")
    else:
        print_debug(found, command.api.place, command.out)
    return OK


COMMANDS: dict[str, Callable[[Command], int]] = {
    "scans": _list_scans,
    "put": _put,
    "check": _check,
    "run": _start,
    "follow": _follow_run,
    "runs": _list_runs,
    "findings": _list_findings,
    "pause": _pause,
    "resume": _resume,
    "delete": _delete,
    "cancel": _cancel,
    "debug": _debug,
}
