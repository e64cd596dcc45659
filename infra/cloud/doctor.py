"""`infra/doctor`: check an installation, and report what is wrong and how to fix it."""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

from infra.cloud.apply import print_line
from infra.cloud.checks.check import Check, CheckResult, CheckStatus, run_check
from infra.cloud.checks.local_stack import LocalStackChecks
from infra.cloud.checks.project import ProjectChecks
from infra.cloud.clients.gcloud import GcloudError, GcloudMissingError
from infra.cloud.clients.rest import GoogleError
from infra.cloud.connection import CannotStartError, connect
from infra.cloud.resources.image import source_version
from infra.cloud.resources.installation import DeployOptions, Installation
from infra.cloud.resources.target import NAME
from infra.number_options import seconds

RECHECK_PAUSE = 10.0
"""Seconds between two rounds of checks, with --wait."""

EPILOG = """
It changes nothing. API keys are read from Secret Manager, where you have access, only to check
them, and are sent to Airtable and to the model API alone.

Exit status: 0 if nothing is wrong (neither waiting nor unknown is wrong), 1 if something is wrong,
2 if nothing could be checked.
"""

KINDS: tuple[CheckStatus, ...] = ("wrong", "waiting", "unknown")
"""Results that are not ok, the worst first."""

CANNOT_START = (CannotStartError, GcloudError, GcloudMissingError, GoogleError)


def main(arguments: Sequence[str]) -> int:
    """Parse the command line, check, and return the exit status."""
    options = parser().parse_args(arguments)
    try:
        make_checks = _local(options) if options.local else _cloud(options)
    except CANNOT_START as error:
        print(f"Nothing was checked. {error}", file=sys.stderr)
        return 2
    until = time.monotonic() + options.wait
    results = _run_checks(make_checks())
    while _count_wrong(results) and time.monotonic() + RECHECK_PAUSE < until:
        print(f"{_count_wrong(results)} wrong; checking again", file=sys.stderr, flush=True)
        time.sleep(RECHECK_PAUSE)
        results = _run_checks(make_checks())
    if options.json:
        print_line(json.dumps(_as_json(results), indent=2))
    else:
        _print_summary(results)
    return 1 if _count_wrong(results) else 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
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
        type=seconds,
        default=0.0,
        metavar="SECONDS",
        help="repeat the checks until nothing is wrong, for at most this long",
    )
    found.add_argument("--json", action="store_true", help="print the results as JSON")
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
    return LocalStackChecks(addresses).checks


def _cloud(options: argparse.Namespace) -> Callable[[], list[Check]]:
    if not (options.project and options.region):
        raise CannotStartError("pass --project and --region, or --local FILE")
    target, tools = connect(options.project, options.region)
    image = f"{target.repository}/{NAME}:{source_version(tools.gcloud)}"

    def make_checks() -> list[Check]:
        it = Installation(target, tools.google, DeployOptions(), image)  # it caches what it reads
        return ProjectChecks(it, tools, options.as_account).checks()

    return make_checks


def _run_checks(checks: Sequence[Check]) -> list[tuple[str, CheckResult]]:
    return [(check.name, run_check(check)) for check in checks]


def _count_wrong(results: Sequence[tuple[str, CheckResult]]) -> int:
    return sum(it.status == "wrong" for _, it in results)


def _count(results: Sequence[tuple[str, CheckResult]]) -> dict[str, int]:
    return {kind: sum(it.status == kind for _, it in results) for kind in KINDS}


def _as_json(results: Sequence[tuple[str, CheckResult]]) -> dict[str, object]:
    return {
        "status": next((kind for kind, count in _count(results).items() if count), "ok"),
        "checks": [{"name": name, **asdict(it)} for name, it in results],
    }


def _print_summary(results: Sequence[tuple[str, CheckResult]]) -> None:
    """Print each check, or when all is well a line alone and what a person may choose."""
    counts = _count(results)
    well = not any(counts.values())
    if well:
        print_line(f"All is well: {len(results)} checks passed.")
    for name, it in results:
        if it.fix or not well:
            print_line(f"{it.status:<8} {name:<18} {it.observed}")
        if it.fix:
            print_line(f"{'':<8} {'':<18} -> {it.fix}")
    if well:
        return
    numbers = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    print_line(f"{numbers}, of {len(results)} checks")
