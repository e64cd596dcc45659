"""`infra/doctor`: looks at a live installation, and says what is wrong and how to mend it."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from infra.cloud.apply import say
from infra.cloud.checks.local_stack import Local
from infra.cloud.checks.project import Cloud
from infra.cloud.checks.verdicts import Check, Said, looked_at
from infra.cloud.clients.gcloud import GcloudError, GcloudMissingError
from infra.cloud.clients.rest import GoogleError
from infra.cloud.connection import CannotStartError, connect
from infra.cloud.deploy import image_version
from infra.cloud.resources.installation import Installation, Wishes
from infra.cloud.resources.target import NAME

PAUSE = 10.0
"""Seconds between two looks, with --wait."""

EPILOG = """
It changes nothing. API keys are read from Secret Manager, where you have access, only to check
them, and are sent to Airtable and to the model API alone.

Exit status: 0 if nothing is wrong (unknown is not wrong), 1 if something is wrong, 2 if nothing
could be checked.
"""

CANNOT_START = (CannotStartError, GcloudError, GcloudMissingError, GoogleError)


def main(arguments: Sequence[str]) -> int:
    """Parse the command line, look, and give the exit status."""
    options = parser().parse_args(arguments)
    try:
        begin = _local(options) if options.local else _cloud(options)
    except CANNOT_START as error:
        print(f"Nothing was checked. {error}", file=sys.stderr)
        return 2
    until = time.monotonic() + options.wait
    said = _look(begin())
    while _wrong(said) and time.monotonic() + PAUSE < until:
        say(f"{_wrong(said)} wrong; checking again")
        time.sleep(PAUSE)
        said = _look(begin())
    _tell(said)
    return 1 if _wrong(said) else 0


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="infra/doctor",
        description="Check an installation, and report what is wrong and how to fix it.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--project", help="the project id; needs --region")
    found.add_argument("--region", help="the region, such as europe-west1")
    found.add_argument(
        "--local",
        type=Path,
        metavar="FILE",
        help="check a local stack instead of a project; the file has the first line of "
        "`infra/local/run --serve --json`",
    )
    found.add_argument(
        "--wait",
        type=float,
        default=0.0,
        metavar="SECONDS",
        help="repeat the checks until nothing is wrong, for at most this long",
    )
    found.add_argument(
        "--as",
        dest="as_account",
        metavar="SERVICE_ACCOUNT",
        help="the account to call the api as, instead of your own",
    )
    return found


def _local(options: argparse.Namespace) -> Callable[[], list[Check]]:
    try:
        first = options.local.read_text(encoding="utf-8").splitlines()[0]
        addresses = json.loads(first)
    except (OSError, ValueError, IndexError) as error:
        raise CannotStartError(
            f"{options.local} does not begin with the addresses of a stack: {error}"
        ) from error
    return Local(addresses).checks


def _cloud(options: argparse.Namespace) -> Callable[[], list[Check]]:
    if not (options.project and options.region):
        raise CannotStartError("pass --project and --region, or --local FILE")
    target, tools = connect(options.project, options.region)
    image = f"{target.repository}/{NAME}:{image_version(tools.gcloud)}"

    def begin() -> list[Check]:
        it = Installation(target, tools.google, Wishes(), image)  # which remembers what it saw
        return Cloud(it, tools, options.as_account).checks()

    return begin


def _look(checks: Sequence[Check]) -> list[tuple[str, Said]]:
    return [(check.name, looked_at(check)) for check in checks]


def _wrong(said: Sequence[tuple[str, Said]]) -> int:
    return sum(it.verdict == "wrong" for _, it in said)


def _tell(said: Sequence[tuple[str, Said]]) -> None:
    for name, it in said:
        say(f"{it.verdict:<8} {name:<18} {it.saw}")
        if it.mend:
            say(f"{'':<8} {'':<18} -> {it.mend}")
    counts = {kind: sum(it.verdict == kind for _, it in said) for kind in ("wrong", "unknown")}
    say(f"{counts['wrong']} wrong, {counts['unknown']} unknown, of {len(said)} checks")
