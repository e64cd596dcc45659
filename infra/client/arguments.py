"""The command line of `infra/landfall`."""

import argparse
import textwrap
from pathlib import Path

import shtab

from infra.client.errors import STATUSES
from infra.number_options import count

SHELLS = ("bash", "zsh")

MAX_LIMIT = 500
"""Entries of a list that are asked for at once; the api gives no more."""

DESCRIPTION = """Work with the scans and runs of Landfall: of a local stack that
`infra/local/run --serve` keeps up, the newest one, or of a project on Google Cloud.
It finds the address and a token itself."""

EPILOG = """places:
  By default, the newest local stack of yours on this machine. --project names
  one on Google Cloud: gcloud gives the address of its api and a token, so log
  in with `gcloud auth login`.

output:
  A table in a terminal; lines with tabs elsewhere; --json for programs. Moments
  are in UTC.

examples:
  infra/landfall put my-scan.yaml
  infra/landfall run my-scan --follow
  infra/landfall findings my-scan --severity critical
  infra/landfall findings my-scan --csv > findings.csv
  infra/landfall scans --project my-project --json
  source <(infra/landfall completion bash)

exit status:
"""

PLACE = {"stack": None, "project": None, "region": None, "as_account": None, "json": False}
"""Options of every command, which may stand before and behind its name, and their defaults."""


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """Parse the command line; end the program with status 2 where it is wrong."""
    return parser().parse_args(arguments, argparse.Namespace(**PLACE))


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    everywhere = _everywhere()
    found = argparse.ArgumentParser(
        prog="infra/landfall",
        description=DESCRIPTION,
        epilog=EPILOG + "\n".join(map(_status, STATUSES)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[everywhere],
    )
    commands = found.add_subparsers(dest="command", metavar="COMMAND", required=True)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=f"{text}.", parents=[everywhere])

    add("scans", "list the scans, with the last and the next run of each")
    _file(add("put", "save a scan from its file; its `id` says which scan"))
    _file(add("check", "try a file on what the last run read, and save nothing"))
    one = add("run", "start a run of a scan")
    _scan(one)
    one.add_argument(
        "--follow", action="store_true", help="show its progress, and wait for its end"
    )
    _run(add("follow", "show the progress of a run, and wait for its end"))
    _add_lists(add("runs", "list the newest runs"), add("findings", "list the findings of a scan"))
    one = add("pause", "pause the schedule of a scan")
    _scan(one)
    one.add_argument("--why", default="", metavar="TEXT", help="the reason, which others see")
    _scan(add("resume", "resume the schedule of a scan"))
    one = add("delete", "delete a scan with its runs and findings")
    _scan(one)
    one.add_argument("--yes", action="store_true", help="do not ask for the id again")
    one.add_argument("--follow", action="store_true", help="wait until all of it is deleted")
    _run(add("cancel", "end a run now"))
    _run(add("debug", "show what a report about a run needs, without keys and tokens"))
    one = add("completion", "print the completion of a shell, to be sourced")
    one.add_argument("shell", choices=SHELLS)
    return found


def _status(number: int) -> str:
    return textwrap.fill(
        STATUSES[number], 78, initial_indent=f"{number:>5}  ", subsequent_indent=" " * 7
    )


def _everywhere() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(add_help=False, argument_default=argparse.SUPPRESS)
    found.add_argument("--json", action="store_true", help="print the answer as JSON")
    where = found.add_argument_group("place (default: the newest local stack)")
    where.add_argument(
        "--stack", metavar="NUMBER", help="a local stack, by the number that --serve printed"
    )
    where.add_argument("--project", help="the id of a project on Google Cloud")
    where.add_argument("--region", help="the region, where a project has several")
    where.add_argument(
        "--as",
        dest="as_account",
        metavar="SERVICE_ACCOUNT",
        help="with --project: the account to call the api as, instead of your own",
    )
    return found


def _file(command: argparse.ArgumentParser) -> None:
    it = command.add_argument("file", type=Path, metavar="FILE", help="YAML or JSON")
    it.complete = shtab.FILE  # type: ignore[attr-defined]


def _scan(command: argparse.ArgumentParser) -> None:
    command.add_argument("scan", metavar="SCAN", help="the id of the scan")


def _run(command: argparse.ArgumentParser) -> None:
    command.add_argument("run", metavar="RUN", help="the id of the run, as `runs` lists it")


def _add_lists(runs: argparse.ArgumentParser, findings: argparse.ArgumentParser) -> None:
    runs.add_argument("scan", metavar="SCAN", nargs="?", help="only those of this scan")
    runs.add_argument("--status", help="only those with this status, such as `error`")
    _scan(findings)
    filters = findings.add_argument_group("filters")
    for name, text in (
        ("rule", "the id of a rule"),
        ("table", "a table"),
        ("severity", "critical, warning or info"),
        ("owner", "who fixes them"),
        (
            "state",
            "open, reopened, ignored or resolved, or several with commas; else the open ones",
        ),
        ("since", "a day or moment: first seen then or later"),
        ("text", "text in a message, a value, a field or a name"),
    ):
        filters.add_argument(f"--{name}", metavar=name.upper(), help=text)
    findings.add_argument("--sort", choices=("newest", "oldest", "records"), help="their order")
    findings.add_argument("--csv", action="store_true", help="print all as CSV, for a spreadsheet")
    for one in (runs, findings):
        one.add_argument(
            "--limit", type=_limit, default=50, metavar="N", help="rows (default: %(default)s)"
        )


def _limit(text: str) -> int:
    number = count(1)(text)
    if number > MAX_LIMIT:
        raise argparse.ArgumentTypeError(f"at most {MAX_LIMIT}; for all, use --csv or --json")
    return number
