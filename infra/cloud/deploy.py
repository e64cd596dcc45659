"""`infra/deploy`: bring a project to the state that the code defines, by changing what differs."""

import argparse
import contextlib
import getpass
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from infra.cloud.apply import Applier, ChangeFailedError, apply_stages, print_line
from infra.cloud.clients.error_advice import advice
from infra.cloud.clients.gcloud import GcloudError, GcloudMissingError
from infra.cloud.clients.rest import GoogleError
from infra.cloud.connection import CannotStartError, connect
from infra.cloud.resources import alerts, database, environment, image, keys, window
from infra.cloud.resources.build import ANYWHERE
from infra.cloud.resources.environment import VariableUnknownError
from infra.cloud.resources.installation import PEOPLE, DeployOptions, Installation
from infra.cloud.resources.policies import canonical
from infra.cloud.resources.target import NAME, PIPELINE_ACCOUNT, DeployTarget, secret, service
from infra.cloud.stages import STAGES, ChangeStage
from infra.number_options import seconds
from landfall.process.config import VARIABLES, WINDOW, ConfigError, parts_of, secret_fault
from landfall.process.redaction import OURS

PATIENCE = 420.0
"""Seconds; new resources are usually visible everywhere within a minute, and access granted to an
account arrives within two, in seven at the latest."""

EPILOG = """
What is missing is created, what differs is updated, and everything else is left alone. After an
interruption, run it again. An option that you leave out keeps its present value: --invoker,
--window, and the keys of Airtable and of the model, are needed only once.

Exit status: 0 if everything is up to date, 1 if a change failed, 2 if nothing was started.
"""

CANNOT_START = (CannotStartError, GcloudError, GcloudMissingError, GoogleError)

SECRETS = tuple(name for name, it in VARIABLES.items() if it.secret)


def main(arguments: Sequence[str]) -> int:
    """Parse the command line, deploy, and return the exit status."""
    parsed = parser().parse_args(arguments)
    started = time.monotonic()
    try:
        target, tools = connect(parsed.project, parsed.region)
        options = _deploy_options(parsed)
        tag = f"{target.repository}/{NAME}:{image.source_version(tools.gcloud)}"
        it = Installation(target, tools.google, options, tag, dry_run=parsed.dry_run)
        print_line(f"Landfall in {target.project} ({target.number}), {target.region}")
        stages = _image_stages() if parsed.image_only else STAGES
        if not parsed.image_only:
            it = _complete(it, parsed.dry_run)
    except CANNOT_START as error:
        return _print_error(f"Nothing was changed. {error}", str(error), 2)
    try:
        applied = apply_stages(
            stages, it, None if parsed.dry_run else Applier(tools, parsed.patience)
        )
    except (ChangeFailedError, GoogleError) as error:
        return _print_error(f"Stopped at: {error}", str(error), 1)
    _print_summary(applied, parsed, target, it, time.monotonic() - started)
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(
        prog="infra/deploy",
        description="Deploy Landfall to a Google Cloud project, or update it there.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found.add_argument("--project", required=True, help="the project id")
    found.add_argument("--region", required=True, help="the region, such as europe-west1")
    found.add_argument(
        "--invoker",
        action="append",
        type=_member,
        metavar="MEMBER",
        help="an account that may call the api, user:EMAIL or serviceAccount:EMAIL; repeat it for "
        "more. The accounts that you name replace the present ones",
    )
    found.add_argument(
        "--window",
        action="append",
        type=_visitor,
        metavar="MEMBER",
        help="people that may open the window, the pages of Landfall: user:EMAIL, group:EMAIL or "
        "domain:DOMAIN; repeat it for more. It makes the window, behind Identity-Aware Proxy. The "
        "people that you name replace the present ones: whoever is left out is let in no more",
    )
    found.add_argument("--alert-email", metavar="EMAIL", help="the address that alerts are sent to")
    for name in SECRETS:
        found.add_argument(
            _flag(name),
            type=Path,
            metavar="FILE",
            help=f"a file with a new {name}: {VARIABLES[name].meaning}{_prompt_note(name)}",
        )
    found.add_argument(
        "--set",
        action="append",
        default=[],
        type=_variable,
        metavar="NAME=VALUE",
        help="set a variable of the functions; infra/docs/reference.md lists them",
    )
    found.add_argument(
        "--pipeline",
        action="store_true",
        help="also create the service account that cloudbuild.yaml deploys as",
    )
    found.add_argument(
        "--backup",
        choices=[*database.BACKUPS, database.NO_BACKUP],
        help="back up the database daily (stored for 7 days), weekly (for 8 weeks), or never",
    )
    found.add_argument(
        "--share-database",
        action="store_true",
        help="use the Firestore database although it holds collections of others",
    )
    found.add_argument(
        "--dry-run", action="store_true", help="show the changes, and make none of them"
    )
    found.add_argument("--image-only", action="store_true", help="build the image, and stop")
    found.add_argument(
        "--patience",
        type=seconds,
        default=PATIENCE,
        metavar="SECONDS",
        help="how long to retry what Google reports as not ready (default: %(default)g)",
    )
    return found


def _prompt_note(secret: str) -> str:
    return ". A terminal prompts for it while it is missing" if VARIABLES[secret].asked else ""


def _flag(secret: str) -> str:
    return f"--{secret.lower().replace('_', '-')}-file"


def _member(text: str) -> str:
    member = canonical(text)
    if member.startswith(PEOPLE) and re.fullmatch(r"\w+:[^@\s,]+@[^@\s,]+", member):
        return member
    raise argparse.ArgumentTypeError(
        f"use user:EMAIL or serviceAccount:EMAIL, not {text!r}: the api checks e-mail addresses, "
        "so groups, domains and allUsers cannot be allowed"
    )


def _visitor(text: str) -> str:
    member = canonical(text)
    if re.fullmatch(window.VISITOR, member):
        return member
    if member.startswith("serviceAccount:"):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no person, and the window has pages for people: programs call the api, "
            "so pass it as --invoker"
        )
    raise argparse.ArgumentTypeError(
        f"use user:EMAIL, group:EMAIL or domain:DOMAIN, not {text!r}: the window shows what is in "
        "the bases, so it is never open to everybody"
    )


def _variable(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or name not in VARIABLES or VARIABLES[name].secret:
        choices = ", ".join(name for name, it in VARIABLES.items() if not it.secret)
        raise argparse.ArgumentTypeError(f"use NAME=VALUE, where NAME is one of {choices}")
    return name, value


def _deploy_options(parsed: argparse.Namespace) -> DeployOptions:
    """Return the options of the command line. Raises `CannotStartError`."""
    given = vars(parsed)
    files = {name: given[_flag(name)[2:].replace("-", "_")] for name in SECRETS}
    secrets = {name: _read(name, path) for name, path in files.items() if path}
    return DeployOptions(
        parsed.invoker,
        parsed.window,
        parsed.alert_email,
        secrets,
        dict(parsed.set),
        parsed.pipeline,
        parsed.share_database,
        parsed.backup,
    )


def _read(name: str, path: Path) -> str:
    """Return the key in a file. The messages show neither: a key may stand where its file should.

    Raises `CannotStartError`.
    """
    try:
        value = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise CannotStartError(f"{_flag(name)}: the file cannot be read: {why}") from None
    if not value:
        raise CannotStartError(f"{_flag(name)}: the file is empty")
    return _checked(name, value)


def _checked(name: str, value: str) -> str:
    """Return a key that can be one, which no output of this process shows from now on."""
    OURS.add(*parts_of(name, value))
    if fault := secret_fault(name, value):
        raise CannotStartError(f"{name} {fault}")
    return value


def _complete(it: Installation, dry_run: bool) -> Installation:
    """Return the installation, with keys that a person types. Raises `CannotStartError`."""
    if unusable_reason := database.unusable_reason(it):
        raise CannotStartError(unusable_reason)
    if not it.invokers:
        raise CannotStartError(
            "name who may call the api, for example --invoker user:you@example.com"
        )
    try:
        environment.check(it.target, it.functions, it.invokers, it.values)
    except (ConfigError, VariableUnknownError) as error:
        raise CannotStartError(str(error)) from error
    absent = keys.missing(it)
    typed = dict.fromkeys(absent, "") if dry_run else _prompt(it, absent)
    options = replace(it.options, secrets=keys.new_values(it) | typed)
    return Installation(it.target, it.google, options, it.image, dry_run)


def _prompt(it: Installation, names: Sequence[str]) -> dict[str, str]:
    """Return the keys that a person types; without a terminal, nobody is prompted.

    Raises `CannotStartError` for a secret that exists without a value.
    """
    answers, present = {}, keys.existing(it) if names else set()
    for name in names:
        value = ""
        if sys.stdin.isatty():
            question = f"{name} ({VARIABLES[name].meaning}; press Enter to skip): "
            value = getpass.getpass(question).strip()
        if value:
            answers[name] = _checked(name, value)
        elif name in present:
            raise CannotStartError(f"secret {secret(name)} has no value: pass {_flag(name)} FILE")
        else:
            print_line(f"No {name} was given; add it later with {_flag(name)} FILE.")
    return answers


def _image_stages() -> tuple[ChangeStage, ...]:
    return tuple(stage for stage in STAGES if stage.find_changes is image.build_changes)


def _print_summary(
    applied: int, parsed: argparse.Namespace, target: DeployTarget, it: Installation, seconds: float
) -> None:
    if parsed.dry_run:
        print_line(
            f"Changes to make: {applied}. None was made." if applied else "Nothing to change."
        )
        return
    print_line(f"Changes made: {applied}, in {seconds:.0f} s." if applied else "Nothing to change.")
    if parsed.image_only:
        return
    print_line(_next_steps(target, it))


def _next_steps(target: DeployTarget, it: Installation) -> str:
    """Return what to do next, with commands to copy."""
    where = f"--project {target.project} --region {target.region}"
    steps = {
        "Check it; the first ticks take two minutes": [f"infra/doctor {where} --wait 240"],
        "Write a scan, and store it": [
            "infra/local/run --copy my-scan.yaml",
            f"infra/landfall put my-scan.yaml {where}",
        ],
        "Start it now, and see how it runs": [
            f"infra/landfall run my-scan --follow {where}",
        ],
        "Read the log": [f"gcloud run services logs read {service('fetch')} {where}"],
    }
    again = f"infra/deploy {where}"
    with contextlib.suppress(GoogleError):  # what may not be read is not offered
        for name in keys.missing(it):
            steps[f"Add {name}, which was not given"] = [f"{again} {_flag(name)} FILE"]
        if not alerts.existing_channels(it):
            steps["Have alerts sent to you"] = [f"{again} --alert-email YOU@EXAMPLE.COM"]
        if not database.existing_backups(it):
            steps["Have the database backed up"] = [f"{again} --backup daily"]
    if it.has_pipeline:
        steps["Have Cloud Build deploy what is pushed to main"] = [_trigger(target)]
    with contextlib.suppress(GoogleError):  # likewise
        if it.has_window and window.lacks_client(it):
            steps |= window.clicks(target)
    if not it.has_window:
        steps["See the scans in a browser"] = [f"{again} --window user:YOU@EXAMPLE.COM"]
    lines = [f"\n  api    {target.url('api')}", f"  image  {it.image}", "\nWhat to do next:"]
    if it.has_window:
        lines.insert(1, f"  window {target.url(WINDOW)}")
    for what, commands in steps.items():
        lines += [f"\n  # {what}", *(f"  {command}" for command in commands)]
    return "\n".join([*lines, ""])


def _trigger(target: DeployTarget) -> str:
    """Return the command that makes Cloud Build deploy `main`, once it may read GitHub.

    Its builds may run anywhere: in some regions a new project may not build.
    """
    account = f"projects/{target.project}/serviceAccounts/{target.account(PIPELINE_ACCOUNT)}"
    return (
        f"gcloud builds triggers create github --project {target.project} --region {ANYWHERE} "
        f"--name {NAME} --branch-pattern '^main$' "
        f"--build-config cloudbuild.yaml --service-account {account} "
        f"--substitutions _REGION={target.region} --repo-owner OWNER --repo-name REPOSITORY"
    )


def _print_error(line: str, message: str, status: int) -> int:
    print(line, file=sys.stderr)
    print(f"What to do: {advice(message)}.", file=sys.stderr)
    if status == 1:
        print("Then run the same command again: it continues where it stopped.", file=sys.stderr)
    return status
