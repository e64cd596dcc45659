"""An empty project: what deploy asks for, refuses, and shows."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy.google_apis import PROJECT, GoogleApis
from tests.deploy.installing import INVOKER, KEY, CommandResult, Console, opened


def test_a_first_deploy_says_what_it_needs(fresh):
    """It asks for the callers of the api before it changes anything."""
    unasked = fresh.deploy()
    assert (unasked.status, unasked.mutating) == (2, [])
    assert "name who may call the api" in unasked.errors


@dataclass(frozen=True)
class Keyless:
    """A project after its first deployment, in which nobody had a key."""

    apis: GoogleApis
    done: CommandResult


@pytest.fixture(scope="module")
def keyless(tmp_path_factory: pytest.TempPathFactory, gcloud: Path) -> Keyless:
    """Deploy in a terminal, with an empty line for the key."""
    apis = GoogleApis()
    with opened(apis, tmp_path_factory.mktemp("keyless"), gcloud) as found:
        return Keyless(apis, found.typing("deploy", "--invoker", INVOKER, typed=""))


@pytest.fixture
def without_key(keyless: Keyless, tmp_path: Path, gcloud: Path) -> Iterator[Console]:
    """A shell with the project without a key, for one test."""
    with opened(copy.deepcopy(keyless.apis), tmp_path, gcloud) as found:
        yield found


def test_the_key_is_asked_for_in_a_terminal(without_key):
    """The typed key is not shown, and is the value of the secret."""
    done = without_key.typing("deploy", typed=KEY)
    assert done.status == 0, done.output
    assert "AIRTABLE_API_KEY (a personal access token" in done.output
    assert KEY not in done.output
    assert set(without_key.recorder.apis.payloads.values()) >= {KEY}


def test_who_scans_sites_alone_has_no_key(keyless, without_key):
    """An empty line is no key: no secret is created, no function has one, and nothing is wrong.

    Without a terminal nobody is asked, and the next deploy has nothing to change.
    """
    done = keyless.done
    assert done.status == 0, done.output
    assert (
        "No AIRTABLE_API_KEY was given; add it later with --airtable-api-key-file FILE."
        in done.output
    )
    apis = keyless.apis
    assert not [name for api, name in apis.resources if "landfall-airtable-api-key" in name]
    again = without_key.deploy()
    assert (again.status, again.mutating) == (0, []), again.errors
    assert "Nothing to change." in again.output


def put_database(fresh, id_="landfall", **fields):
    """Create a database in the project, as somebody else would."""
    fresh.recorder.apis.enabled.add("firestore")
    name = f"projects/{PROJECT}/databases/{id_}"
    return fresh.recorder.apis.put("firestore", name, {"name": name, **fields})["name"]


def put_document(fresh, database, path):
    """Store a document in a database."""
    name = f"{database}/documents/{path}"
    fresh.recorder.apis.put("firestore", name, {"name": name, "fields": {}})


NATIVE = {"type": "FIRESTORE_NATIVE", "databaseEdition": "STANDARD"}


def test_a_database_of_others_is_left_alone(fresh):
    """The project's own database, of whatever mode, stays as it is beside the one of Landfall."""
    default = put_database(fresh, "(default)", type="DATASTORE_MODE")
    done = fresh.deploy(*fresh.first_time(), "--dry-run")
    assert (done.status, done.mutating) == (0, [])
    assert "+ Firestore database landfall" in done.output
    assert default not in done.output


UNUSABLE = {
    "Datastore mode": ({"type": "DATASTORE_MODE"}, "landfall is in Datastore mode"),
    "Enterprise": (NATIVE | {"databaseEdition": "ENTERPRISE"}, "is of Enterprise edition"),
}


@pytest.mark.parametrize(("fields", "says"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_database_of_another_kind_is_refused(fresh, fields, says):
    """Its queries and indexes are others; the message names the way out."""
    put_database(fresh, **fields)
    done = fresh.deploy(*fresh.first_time())
    assert (done.status, done.mutating) == (2, [])
    assert says in done.errors
    assert "choose another with --set LANDFALL_DATABASE=ID" in done.errors


def test_a_database_of_others_is_not_taken_over(fresh):
    """Its rules and its data are theirs: refused, or shared on request, and then its rules stay."""
    put_document(fresh, put_database(fresh, "(default)", **NATIVE), "orders/1")
    chosen = ["--set", "LANDFALL_DATABASE=(default)"]
    refused = fresh.deploy(*fresh.first_time(), *chosen)
    assert (refused.status, refused.mutating) == (2, [])
    assert "not Landfall's (orders)" in refused.errors
    shared = fresh.deploy(*fresh.first_time(), *chosen, "--share-database", "--dry-run")
    assert shared.status == 0
    assert "~ Firestore database (default)" in shared.output
    assert "Firestore rules" not in shared.output


def test_an_own_database_that_was_made_before_is_used(fresh):
    """An empty one, or one with Landfall's own collections: an earlier deployment was interrupted,
    or destroyed without its data."""
    database = put_database(fresh, **NATIVE)
    for path in ("", "runs/1", "system/scheduler"):
        if path:
            put_document(fresh, database, path)
        done = fresh.deploy(*fresh.first_time(), "--dry-run")
        assert (done.status, done.errors) == (0, "")


def test_a_dry_run_in_an_empty_project_shows_everything(fresh):
    """No API is enabled yet, and a dry run enables none."""
    done = fresh.deploy("--invoker", INVOKER, "--dry-run")
    assert (done.status, done.mutating) == (0, [])
    for what in ("+ APIs", "+ Firestore database", "+ queue", "+ function score", "+ alert"):
        assert what in done.output


def test_a_project_that_is_not_there_is_named(fresh):
    """It sends no other request."""
    fresh.recorder.apis.resources.clear()
    done = fresh.deploy("--invoker", INVOKER)
    assert done.status == 2
    assert f"project {PROJECT} does not exist, or you have no access to it" in done.errors
