"""The command line of `infra/local/run`."""

import argparse
import os
import signal
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.text import Text

from infra.local.emulator import MissingError
from infra.local.endpoints import AIRTABLE_URL
from infra.local.samples.flights import DataSetMissingError
from infra.local.scan_files import copy_file, load_file, schema_note
from infra.local.terminal import complain, make_console
from infra.number_options import count
from landfall.kinds.definition import DefinitionError
from landfall.scans.scan import Scan

SAMPLES = Path(__file__).parent / "samples"

SAMPLE = 300
"""Records of each table that `--check` reads: 3 requests."""

USAGE = """infra/local/run [SCAN.yaml ...] [--json] [--html FILE]
       infra/local/run --check [SCAN.yaml ...] [--sample N] [--json]
       infra/local/run --serve [SCAN.yaml ...] [--json]
       infra/local/run --copy TO.yaml [SCAN.yaml]"""

DESCRIPTION = """Run scans on a local stack: the functions, the Firestore emulator, and stand-ins
for Cloud Tasks, Airtable, OpenAI and a web site. The stack starts, a scheduler
tick starts the runs, their reports are printed, and the stack stops."""

EPILOG = f"""checking:
  --check reads the schema of a scan's base and the first records of each table,
  at up to 5 requests a second, and reports for each rule whether it fits and
  what it finds. A table that a rule looks records up in is read completely if
  it is small. For a classification it estimates tokens and cost, and asks no
  model. For a site it fetches robots.txt and the home page. It writes nothing,
  and starts nothing but the stand-in of a sample.

environment:
  AIRTABLE_API_KEY       token for your own bases, with the scopes
                         data.records:read and schema.bases:read
  AIRTABLE_ENDPOINT_URL  another Airtable (default: {AIRTABLE_URL})
  OPENAI_API_KEY         ask OpenAI; by default a stand-in answers, by rules and
                         not by understanding
  OPENAI_BASE_URL        ask another server that has OpenAI's API
  LANDFALL_MODEL         model of the scans that name none

examples:
  infra/local/run                        run the samples
  infra/local/run --copy my-scan.yaml    begin a scan of my own
  infra/local/run --check my-scan.yaml   does my scan fit my base?
  infra/local/run my-scan.yaml           run it
  infra/local/run my-scan.yaml --json    run it for a script
  infra/local/run my-scan.yaml --html report.html
                                         run it, and write a report to send
  infra/local/run --serve                keep the stack running, for infra/landfall

exit status:
    0  every run ended `done`, whatever its verdict; with --check, every rule
       fits and was evaluated, or is reported to need more than a sample
    1  a run did not end `done`; with --check, something does not fit or is
       inconclusive
    2  nothing could be started or checked
  130  interrupted by Ctrl-C
"""

CANNOT_START = (DefinitionError, DataSetMissingError, MissingError)


def main() -> int:
    """Parse the command line, run, and return the exit status."""
    options = _arguments().parse_args()
    console = make_console(options.json)
    try:
        if options.copy:
            return _copy(options.scans or [SAMPLES / "school.yaml"], options.copy, console)
        scans = _load(options.scans or sorted(SAMPLES.glob("*.yaml")))
        if options.html:
            _check_file(options.html, scans, runs=not (options.check or options.serve))
        for note in filter(None, map(schema_note, options.scans)):
            console.print(Text.assemble(("note", "cyan"), f": {note}"), soft_wrap=True)
        # imported on demand: the clients of Google's services are slow to import
        work = import_module("infra.local.check.checks" if options.check else "infra.local.session")
        # from here on Ctrl-C has something to stop
        signal.signal(signal.SIGINT, signal.default_int_handler)
        status: int = work.run(options, scans, console)
    except CANNOT_START as error:
        complain(console, "Nothing was started.", error)
        return 2
    return status


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="infra/local/run",
        usage=USAGE,
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    parser.add_argument_group("arguments").add_argument(
        "scans",
        nargs="*",
        type=Path,
        metavar="SCAN.yaml",
        help="scans to run (default: those in infra/local/samples)",
    )
    _add_modes(parser)
    _add_options(parser)
    return parser


def _add_modes(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("modes (default: run the scans)")
    mode = group.add_mutually_exclusive_group()
    mode.add_argument(
        "--check", action="store_true", help="check the scans against their sources; run nothing"
    )
    mode.add_argument(
        "--serve",
        action="store_true",
        help="keep the stack running until Ctrl-C, for a browser and infra/landfall",
    )
    mode.add_argument(
        "--copy",
        type=Path,
        metavar="TO.yaml",
        help="copy a scan (default: the school) to a new file, in which editors find the schema",
    )


def _copy(paths: Sequence[Path], to: Path, console: Console) -> int:
    """Copy the one scan; return the exit status. Raises `DefinitionError`."""
    if len(paths) > 1:
        raise DefinitionError("give one scan to copy")
    copy_file(paths[0], to)
    console.print(
        Text(f"{to} is a copy of {paths[0]}; give it an `id`, and a `base` or `url`, of its own"),
        soft_wrap=True,
    )
    return 0


def _add_options(parser: argparse.ArgumentParser) -> None:
    options = parser.add_argument_group("options")
    options.add_argument(
        "--sample",
        type=_sample,
        default=SAMPLE,
        metavar="N",
        help="with --check: records per table, or `all` (default: %(default)s)",
    )
    options.add_argument(
        "--json",
        action="store_true",
        help="print one JSON line a run (with --check: a scan; with --serve: one line of "
        "addresses) on standard output, and everything else on standard error",
    )
    options.add_argument(
        "--html",
        type=Path,
        metavar="FILE",
        help="write the report of the one scan as one HTML file, to send and to print",
    )
    options.add_argument(
        "--open", action="store_true", help="with --serve: open the window in a browser"
    )
    options.add_argument("-h", "--help", action="help", help="show this help and exit")


def _sample(text: str) -> int | None:
    """Parse a number of records; None is all."""
    return None if text == "all" else count(1, " or `all`")(text)


def _check_file(path: Path, scans: Sequence[Scan], *, runs: bool) -> None:
    """Check before anything starts that a report can be written. Raises `DefinitionError`."""
    if not runs:
        raise DefinitionError("--html writes the report of a run: leave out --check or --serve")
    if len(scans) != 1:
        raise DefinitionError("--html takes the report of one scan: give one SCAN.yaml")
    folder = path.absolute().parent
    if path.is_dir() or not folder.is_dir():
        raise DefinitionError(f"--html {path}: give a file in a folder that exists")
    if not os.access(path if path.exists() else folder, os.W_OK):
        raise DefinitionError(f"--html {path}: you may not write there; give another file")


def _load(paths: Sequence[Path]) -> list[Scan]:
    scans = [load_file(path) for path in paths]
    twice = [scan_id for scan_id, times in Counter(s.id for s in scans).items() if times > 1]
    if twice:
        raise DefinitionError(f"two of the scans have the id {twice[0]!r}; give each its own id")
    return scans
