"""`infra/local/run`: runs scans on the local stack, keeps the stack up, or tries rules."""

import argparse
import signal
from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from infra.local.emulator import MissingError
from infra.local.endpoints import REAL_AIRTABLE
from infra.local.samples.flights import DataSetMissingError
from infra.local.terminal import complain, make_console
from landfall.kinds.definition import DefinitionError, load
from landfall.scans.scan import Scan

SAMPLES = Path(__file__).parent / "samples"

SAMPLE = 300
"""Records of each table that rules are tried on: 3 requests."""

EPILOG = f"""
Without SCAN.yaml, the sample scans run, which are in {SAMPLES.name}/ beside this command: over
bases that a stand-in for Airtable serves, and a web site that is a stand-in too. Copy one to begin
your own.

Your own scans read Airtable with the token in AIRTABLE_API_KEY (it needs data.records:read and
schema.bases:read); AIRTABLE_ENDPOINT_URL names another address than {REAL_AIRTABLE}.

A scan that needs a language model asks the stand-in for OpenAI, which answers by rules and not by
understanding; with OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own, it asks that one
(and LANDFALL_MODEL names the model).

--check reads the base's schema and a sample of its records, at up to 5 requests a second, and says
of each rule whether it fits and what it finds. A table that a rule looks things up in, as links do,
is read completely where it is not too large. Of a site scan it fetches robots.txt and the home
page. Nothing is started but, for the sample bases, the
stand-in; nothing is written anywhere.

Exit status: 0 when every run ended `done`, 1 when one did not, 2 when nothing could start. With
--check: 0 when all rules fit and were evaluated (or take more than a sample, and say so), 1 when
something does not fit or is inconclusive, 2 when nothing could be checked. 130 after Ctrl-C.
"""

CANNOT_START = (DefinitionError, DataSetMissingError, MissingError)


def main() -> int:
    """Parse the command line, run, and give the exit status."""
    options = _arguments().parse_args()
    console = make_console(options.json)
    try:
        scans = _load(options.scans or sorted(SAMPLES.glob("*.yaml")))
        # each with what it needs: the clients of Google's services take their time to import
        work = import_module("infra.local.check.checks" if options.check else "infra.local.session")
        signal.signal(
            signal.SIGINT, signal.default_int_handler
        )  # from here on there is what to end
        status: int = work.run(options, scans, console)
    except CANNOT_START as error:
        complain(console, "Nothing was started.", error)
        return 2
    return status


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="infra/local/run",
        description="Run scans on a local stack: the functions, the Firestore emulator, and "
        "stand-ins for Cloud Tasks and Airtable.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("scans", nargs="*", type=Path, metavar="SCAN.yaml", help="scans to run")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--serve", action="store_true", help="keep the stack up until Ctrl-C, and print its URLs"
    )
    instead.add_argument(
        "--check",
        action="store_true",
        help="run nothing: try the rules against the base's schema and a sample of its records",
    )
    parser.add_argument(
        "--sample",
        type=_sample,
        default=SAMPLE,
        metavar="N",
        help="with --check: records of each table, or `all` (default: %(default)s)",
    )
    parser.add_argument(
        "--json",
        action="store_true",
        help="for scripts: one JSON line a run (with --serve: one line of addresses; with "
        "--check: one line a scan) on standard output, everything else on standard error",
    )
    return parser


def _sample(text: str) -> int | None:
    """A number of records; None for all."""
    if text == "all":
        return None
    if not text.isascii() or not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"say a number of records from 1, or `all`, not {text!r}")
    return int(text)


def _load(paths: Sequence[Path]) -> list[Scan]:
    scans = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DefinitionError(f"{path} cannot be read: {error}") from error
        scans.append(load(text, str(path)))
    twice = [scan_id for scan_id, times in Counter(s.id for s in scans).items() if times > 1]
    if twice:
        raise DefinitionError(f"two of the scans have the id {twice[0]!r}: give each its own")
    return scans
