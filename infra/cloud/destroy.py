"""`infra/destroy`: takes down what `infra/deploy` made; data stay unless they are named too."""

import argparse
import sys
from collections.abc import Callable, Sequence

from infra.cloud.apply import Maker, StoppedError, go_through, say
from infra.cloud.clients.advice import advice
from infra.cloud.clients.gcloud import GcloudMissingError
from infra.cloud.clients.rest import GoogleError
from infra.cloud.connection import CannotStartError, connect
from infra.cloud.resources import accounts, alerts, database, delivery, keys
from infra.cloud.resources.change import Change, GcloudCommand, RestCommand, gcloud
from infra.cloud.resources.installation import Installation, Wishes
from infra.cloud.resources.policies import roles_to_withdraw
from infra.cloud.resources.target import NAME, secret, service
from infra.cloud.stages import Stage

EPILOG = """
Without --delete-data, the Firestore database, the secrets and the queue remain (they cost only
their storage), and a later `infra/deploy` uses them again. APIs stay enabled.

Exit status: 0 if everything was deleted, 1 if a change failed, 2 if nothing was started.
"""


def main(arguments: Sequence[str]) -> int:
    """Parse the command line, ask, take down, and give the exit status."""
    options = _parser().parse_args(arguments)
    stages = (*STAGES, *(DATA_STAGES if options.delete_data else ()))
    try:
        target, tools = connect(options.project, options.region)
        it = Installation(target, tools.google, Wishes(), only_shown=True)
        say(f"Landfall in {target.project} ({target.number}), {target.region}: to be deleted")
        if not go_through(stages, it, None):
            say("Nothing to delete.")
            return 0
        if options.dry_run or not (options.yes or _agreed(target.project, options.delete_data)):
            say("Nothing was changed.")
            return 0 if options.dry_run else 2
    except (CannotStartError, GcloudMissingError, GoogleError) as error:
        print(f"Nothing was changed. {error}", file=sys.stderr)
        return 2
    try:
        made = go_through(stages, Installation(target, tools.google, Wishes()), Maker(tools, 0.0))
    except (StoppedError, GoogleError) as error:
        print(f"Stopped at: {error}\nWhat to do: {advice(str(error))}.", file=sys.stderr)
        return 1
    say(f"Changes made: {made}.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="infra/destroy",
        description="Remove Landfall from a Google Cloud project.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--project", required=True, help="the project id")
    parser.add_argument("--region", required=True, help="the region, such as europe-west1")
    parser.add_argument(
        "--delete-data",
        action="store_true",
        help="also delete the database, the secrets and the queue",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be deleted, and stop"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    return parser


def _agreed(project: str, data: bool) -> bool:
    if not sys.stdin.isatty():
        say("There is no terminal to confirm in: pass --yes.")
        return False
    what = "EVERYTHING above, including all data," if data else "everything above"
    return input(f"To delete {what} type the project id: ").strip() == project


def _jobs(it: Installation) -> list[Change]:
    return [
        _delete(f"job {service(name)}", it, "scheduler", "jobs", "delete", service(name))
        for name in delivery.jobs_there(it)
    ]


def _functions(it: Installation) -> list[Change]:
    return [
        _delete(f"function {name}", it, "run", "services", "delete", name) for name in it.services
    ]


def _delete(what: str, it: Installation, *command: str) -> Change:
    region = "--location" if command[0] in ("scheduler", "tasks", "artifacts") else "--region"
    return Change("delete", what, [gcloud(*command, f"{region}={it.target.region}")])


def _resources(
    there: Callable[[Installation], list[dict[str, object]]], what: str
) -> Callable[[Installation], list[Change]]:
    def look(it: Installation) -> list[Change]:
        return [
            Change(
                "delete",
                f"{what} {found['displayName']!r}",
                [RestCommand("DELETE", "monitoring", f"v3/{found['name']}")],
            )
            for found in there(it)
        ]

    return look


def _metrics(it: Installation) -> list[Change]:
    listed = it.google.listed("logging", f"v2/projects/{it.target.project}/metrics", "metrics")
    ours = {metric.name for metric in alerts.METRICS}
    return [
        Change("delete", f"metric {name}", [gcloud("logging", "metrics", "delete", name)])
        for metric in listed
        if (name := metric["name"]) in ours
    ]


def _roles(it: Installation) -> list[Change]:
    members = [f"serviceAccount:{it.target.account(name)}" for name in accounts.EVERY]
    return roles_to_withdraw(it.target.project, it.project_policy(), members)


def _accounts(it: Installation) -> list[Change]:
    there = it.accounts()
    return [
        Change(
            "delete",
            f"service account {name}",
            [gcloud("iam", "service-accounts", "delete", it.target.account(name))],
        )
        for name in accounts.EVERY
        if it.target.account(name) in there
    ]


def _repository(it: Installation) -> list[Change]:
    if it.get("artifactregistry", f"v1/{it.target.place}/repositories/{NAME}") is None:
        return []
    return [_delete(f"repository {NAME}", it, "artifacts", "repositories", "delete", NAME)]


def _bucket(it: Installation) -> list[Change]:
    bucket = it.target.bucket
    if it.get("storage", f"storage/v1/b/{bucket}") is None:
        return []
    command = gcloud("storage", "rm", "--recursive", f"gs://{bucket}")
    return [Change("delete", f"bucket {bucket}", [command])]


def _secrets(it: Installation) -> list[Change]:
    return [
        Change("delete", f"secret {secret(name)}", [gcloud("secrets", "delete", secret(name))])
        for name in sorted(keys.there(it))
    ]


def _queue(it: Installation) -> list[Change]:
    if delivery.queue_there(it) is None:
        return []
    return [_delete(f"queue {NAME}", it, "tasks", "queues", "delete", NAME)]


def _rules(it: Installation) -> list[Change]:
    """The release first: rules in force cannot be deleted."""
    release = database.release_there(it)
    if release is None:
        return []
    names = (release["name"], release["rulesetName"])
    commands = [RestCommand("DELETE", "firebaserules", f"v1/{name}") for name in names]
    return [Change("delete", "Firestore rules", commands)]


def _database(it: Installation) -> list[Change]:
    if database.there(it) is None:
        return []
    name = "--database=(default)"
    commands: list[GcloudCommand] = [
        gcloud("firestore", "databases", "update", name, "--no-delete-protection"),
        gcloud("firestore", "databases", "delete", name),
    ]
    return [Change("delete", "Firestore database (default), with all its data", commands)]


STAGES = (
    Stage("Ticks", _jobs),
    Stage("Functions", _functions),
    Stage("Alerts", _resources(alerts.policies_there, "alert")),
    Stage("Alert channel", _resources(alerts.channels_there, "channel")),
    Stage("Metrics", _metrics),
    Stage("Roles in the project", _roles, in_turn=True),
    Stage("Service accounts", _accounts),
    Stage("Images", _repository),
    Stage("Sources", _bucket),
)
DATA_STAGES = (
    Stage("Secrets", _secrets),
    Stage("Queue", _queue),
    Stage("Security rules", _rules),
    Stage("Database", _database),
)
