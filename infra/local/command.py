"""The command line of `infra/local/run`."""

import argparse
import os
import re
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
from landfall.scans.settings import BASE_ID

SAMPLES = Path(__file__).parent / "samples"

SAMPLE = 300
"""Records of each table that `--check` reads: 3 requests."""

SUGGEST_SAMPLE = 20_000
"""Records of each table that `--suggest` reads: 200 requests, 40 s."""

DEFAULT_SAMPLE = 0
"""Stands for the sample of the mode."""

USAGE = """infra/local/run [SCAN.yaml ...] [--json] [--html FILE]
       infra/local/run --check [SCAN.yaml ...] [--sample N] [--json]
       infra/local/run --suggest BASE [--tables TABLE ...] [--sample N]
                       [--min-confidence C] [--limit N] [--json] > MY-SCAN.yaml
       infra/local/run --explain [SCAN.yaml ...] [--json]
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

proposing:
  --suggest reads the schema of a base and the records of its tables, up to
  {SUGGEST_SAMPLE:,} of each, and prints an integrity scan of what is worth checking:
  rules in the order of worth, each with a sentence, what it rests on, how many
  records break it now and three of them, and a confidence. It proposes nothing
  that Airtable enforces already. `guard` marks a rule that nothing breaks now.
  Read the file before you run it: it knows the data, not what you mean.

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
  infra/local/run --suggest appXXXXXXXXXXXXXX > my-scan.yaml
                                         propose a scan of my base
  infra/local/run --check my-scan.yaml   does my scan fit my base?
  infra/local/run --explain my-scan.yaml what does it check, and what does it cost?
  infra/local/run my-scan.yaml           run it
  infra/local/run my-scan.yaml --json    run it for a script
  infra/local/run my-scan.yaml --html report.html
                                         run it, and write a report to send
  infra/local/run --serve                keep the stack running, for infra/landfall

exit status:
    0  every run ended `done`, whatever its verdict; with --check, every rule
       fits and was evaluated, or is reported to need more than a sample; with
       --suggest, a scan was proposed
    1  a run did not end `done`; with --check, something does not fit or is
       inconclusive; with --suggest, no rule is worth proposing
    2  nothing could be started or checked
  130  interrupted by Ctrl-C
"""

CANNOT_START = (DefinitionError, DataSetMissingError, MissingError)


def main() -> int:
    """Parse the command line, run, and return the exit status."""
    options = _arguments().parse_args()
    console = make_console(options.json or options.suggest is not None)
    try:
        if options.suggest:
            return _suggest(options, console)
        if options.sample == DEFAULT_SAMPLE:
            options.sample = SAMPLE
        if options.copy:
            return _copy(options.scans or [SAMPLES / "school.yaml"], options.copy, console)
        scans = _load(options.scans or sorted(SAMPLES.glob("*.yaml")))
        if options.html:
            _check_file(
                options.html, scans, runs=not (options.check or options.serve or options.explain)
            )
        for note in filter(None, map(schema_note, options.scans)):
            console.print(Text.assemble(("note", "cyan"), f": {note}"), soft_wrap=True)
        # imported on demand: the clients of Google's services are slow to import
        work = import_module(_module(options))
        # from here on Ctrl-C has something to stop
        signal.signal(signal.SIGINT, signal.default_int_handler)
        status: int = work.run(options, scans, console)
    except CANNOT_START as error:
        complain(console, "Nothing was started.", error)
        return 2
    return status


def _module(options: argparse.Namespace) -> str:
    """Return the name of the module that does what the options ask for."""
    if options.explain:
        return "infra.local.check.explaining"
    return "infra.local.check.checks" if options.check else "infra.local.session"


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
        "--suggest",
        type=_base,
        metavar="BASE",
        help="propose an integrity scan of a base, by its id, on standard output",
    )
    mode.add_argument(
        "--explain",
        action="store_true",
        help="say in plain sentences what the scans check, when they run, what they cost, and "
        "what they do not look at; run nothing",
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
        default=DEFAULT_SAMPLE,
        metavar="N",
        help=f"with --check and --suggest: records per table, or `all` (default: {SAMPLE}, and "
        f"{SUGGEST_SAMPLE} with --suggest)",
    )
    options.add_argument(
        "--tables",
        nargs="+",
        metavar="TABLE",
        help="with --suggest: the tables to look at, by name or id (default: all)",
    )
    options.add_argument(
        "--min-confidence",
        type=_confidence,
        default=0.6,
        metavar="C",
        help="with --suggest: leave out rules of less confidence, 0 to 1 (default: %(default)s)",
    )
    options.add_argument(
        "--limit",
        type=count(1),
        default=60,
        metavar="N",
        help="with --suggest: the number of rules, the most worthy ones (default: %(default)s)",
    )
    options.add_argument(
        "--json",
        action="store_true",
        help="print one JSON line a run (with --check or --explain: a scan; with --serve: one line "
        "of addresses) on standard output, and everything else on standard error",
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


def _suggest(options: argparse.Namespace, console: Console) -> int:
    """Print a proposed scan; return the exit status. Raises `MissingError`."""
    if options.scans:
        raise DefinitionError("--suggest takes the id of a base, and no SCAN.yaml")
    if options.sample == DEFAULT_SAMPLE:
        options.sample = SUGGEST_SAMPLE
    signal.signal(signal.SIGINT, signal.default_int_handler)
    status: int = import_module("infra.local.check.suggested").run(options, console)
    return status


def _base(text: str) -> str:
    """Parse the id of a base."""
    if not re.fullmatch(BASE_ID, text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no id of a base: it is the part of its web address that begins with "
            "`app`, 17 characters"
        )
    return text


def _confidence(text: str) -> float:
    """Parse a confidence, 0 to 1."""
    if not re.fullmatch(r"(0|1|0?\.[0-9]{1,4}|1\.0{1,4})", text):
        raise argparse.ArgumentTypeError(f"{text!r} must be a number from 0 to 1, such as 0.8")
    return float(text)


def _sample(text: str) -> int | None:
    """Parse a number of records; None is all."""
    return None if text == "all" else count(1, " or `all`")(text)


def _check_file(path: Path, scans: Sequence[Scan], *, runs: bool) -> None:
    """Check before anything starts that a report can be written. Raises `DefinitionError`."""
    if not runs:
        raise DefinitionError(
            "--html writes the report of a run: leave out --check, --explain or --serve"
        )
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
