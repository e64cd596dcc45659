"""`infra/destroy`: delete what `infra/deploy` created; data only with `--delete-data`."""

import argparse
import sys
from collections.abc import Callable, Sequence

from infra.cloud.apply import Applier, ChangeFailedError, apply_stages, print_line
from infra.cloud.clients.error_advice import advice
from infra.cloud.clients.gcloud import GcloudMissingError
from infra.cloud.clients.rest import GoogleError
from infra.cloud.connection import CannotStartError, connect
from infra.cloud.resources import accounts, alerts, database, delivery, keys, window
from infra.cloud.resources.change import GcloudCommand, ResourceChange, RestCommand, gcloud
from infra.cloud.resources.installation import DATABASE_VARIABLE, DeployOptions, Installation
from infra.cloud.resources.policies import roles_to_withdraw
from infra.cloud.resources.target import NAME, secret, service
from infra.cloud.stages import ChangeStage

EPILOG = """
Without --delete-data, the Firestore database, the secrets and the queue remain (they cost only
their storage), and a later `infra/deploy` uses them again. APIs stay enabled.

Exit status: 0 if everything was deleted, 1 if a change failed, 2 if nothing was started.
"""


def main(arguments: Sequence[str]) -> int:
    """Parse the command line, confirm, delete, and return the exit status."""
    options = _parser().parse_args(arguments)
    chosen = {DATABASE_VARIABLE: options.database} if options.database else {}
    wanted = DeployOptions(values=chosen)
    stages = (*STAGES, *(DATA_STAGES if options.delete_data else ()))
    try:
        target, tools = connect(options.project, options.region)
        it = Installation(target, tools.google, wanted, dry_run=True)
        print_line(
            f"Landfall in {target.project} ({target.number}), {target.region}: to be deleted"
        )
        if not apply_stages(stages, it, None):
            print_line("Nothing to delete.")
            return 0
        if options.dry_run or not (options.yes or _confirmed(target.project, options.delete_data)):
            print_line("Nothing was changed.")
            return 0 if options.dry_run else 2
    except (CannotStartError, GcloudMissingError, GoogleError) as error:
        print(f"Nothing was changed. {error}", file=sys.stderr)
        return 2
    try:
        applied = apply_stages(
            stages, Installation(target, tools.google, wanted), Applier(tools, 0.0)
        )
    except (ChangeFailedError, GoogleError) as error:
        print(f"Stopped at: {error}\nWhat to do: {advice(str(error))}.", file=sys.stderr)
        return 1
    print_line(f"Changes made: {applied}.")
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
        "--database",
        metavar="ID",
        help="the id of the database, if it is not `landfall` and no function is left to tell",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be deleted, and stop"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation")
    return parser


def _confirmed(project: str, data: bool) -> bool:
    if not sys.stdin.isatty():
        print_line("There is no terminal to confirm in: pass --yes.")
        return False
    what = "EVERYTHING above, including all data," if data else "everything above"
    return input(f"To delete {what} type the project id: ").strip() == project


def _jobs(it: Installation) -> list[ResourceChange]:
    return [
        _delete(f"job {service(name)}", it, "scheduler", "jobs", "delete", service(name))
        for name in delivery.existing_jobs(it)
    ]


def _functions(it: Installation) -> list[ResourceChange]:
    return [
        _delete(f"function {name}", it, "run", "services", "delete", name) for name in it.services
    ]


def _delete(what: str, it: Installation, *command: str) -> ResourceChange:
    region = "--location" if command[0] in ("scheduler", "tasks", "artifacts") else "--region"
    return ResourceChange("delete", what, [gcloud(*command, f"{region}={it.target.region}")])


def _resources(
    existing: Callable[[Installation], list[dict[str, object]]], what: str
) -> Callable[[Installation], list[ResourceChange]]:
    def find_changes(it: Installation) -> list[ResourceChange]:
        return [
            ResourceChange(
                "delete",
                f"{what} {found['displayName']!r}",
                [RestCommand("DELETE", "monitoring", f"v3/{found['name']}")],
            )
            for found in existing(it)
        ]

    return find_changes


def _metrics(it: Installation) -> list[ResourceChange]:
    listed = it.google.list_all("logging", f"v2/projects/{it.target.project}/metrics", "metrics")
    ours = {metric.name for metric in alerts.METRICS}
    return [
        ResourceChange("delete", f"metric {name}", [gcloud("logging", "metrics", "delete", name)])
        for metric in listed
        if (name := metric["name"]) in ours
    ]


def _roles(it: Installation) -> list[ResourceChange]:
    members = [f"serviceAccount:{it.target.account(name)}" for name in accounts.ALL_ACCOUNTS]
    return roles_to_withdraw(it.target.project, it.project_policy(), members)


def _accounts(it: Installation) -> list[ResourceChange]:
    existing = it.accounts()
    return [
        ResourceChange(
            "delete",
            f"service account {name}",
            [gcloud("iam", "service-accounts", "delete", it.target.account(name))],
        )
        for name in accounts.ALL_ACCOUNTS
        if it.target.account(name) in existing
    ]


def _repository(it: Installation) -> list[ResourceChange]:
    if it.get("artifactregistry", f"v1/{it.target.place}/repositories/{NAME}") is None:
        return []
    return [_delete(f"repository {NAME}", it, "artifacts", "repositories", "delete", NAME)]


def _bucket(it: Installation) -> list[ResourceChange]:
    bucket = it.target.bucket
    if it.get("storage", f"storage/v1/b/{bucket}") is None:
        return []
    command = gcloud("storage", "rm", "--recursive", f"gs://{bucket}")
    return [ResourceChange("delete", f"bucket {bucket}", [command])]


def _secrets(it: Installation) -> list[ResourceChange]:
    return [
        ResourceChange(
            "delete", f"secret {secret(name)}", [gcloud("secrets", "delete", secret(name))]
        )
        for name in sorted(keys.existing(it))
    ]


def _queue(it: Installation) -> list[ResourceChange]:
    if delivery.existing_queue(it) is None:
        return []
    return [_delete(f"queue {NAME}", it, "tasks", "queues", "delete", NAME)]


def _rules(it: Installation) -> list[ResourceChange]:
    """Delete the release before the rules: rules in force cannot be deleted."""
    release = database.existing_release(it)
    if release is None or database.strangers(it):
        return []
    names = (release["name"], release["rulesetName"])
    commands = [RestCommand("DELETE", "firebaserules", f"v1/{name}") for name in names]
    return [ResourceChange("delete", "Firestore rules", commands)]


def _database(it: Installation) -> list[ResourceChange]:
    if database.existing(it) is None:
        return []
    if others := database.strangers(it):
        names = ", ".join(others[: database.NAMED])
        print_line(f"Database {it.database_id} remains: others use it, too ({names}).")
        return []
    name = f"--database={it.database_id}"
    commands: list[GcloudCommand] = [
        gcloud("firestore", "databases", "update", name, "--no-delete-protection"),
        gcloud("firestore", "databases", "delete", name),
    ]
    what = f"Firestore database {it.database_id}, with all its data"
    return [ResourceChange("delete", what, commands)]


STAGES = (
    ChangeStage("Ticks", _jobs),
    # a service of the same name would let them in again
    ChangeStage("People of the window", window.withdrawals),
    ChangeStage("Functions", _functions),
    ChangeStage("Alerts", _resources(alerts.existing_policies, "alert")),
    ChangeStage("Alert channel", _resources(alerts.existing_channels, "channel")),
    ChangeStage("Metrics", _metrics),
    ChangeStage("Roles in the project", _roles, sequential=True),
    ChangeStage("Service accounts", _accounts),
    ChangeStage("Images", _repository),
    ChangeStage("Sources", _bucket),
)
DATA_STAGES = (
    ChangeStage("Secrets", _secrets),
    ChangeStage("Queue", _queue),
    ChangeStage("Security rules", _rules),
    ChangeStage("Database", _database),
)
