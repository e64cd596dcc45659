"""Checks of an installation in a project."""

import base64
import json
import time
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from infra.cloud.checks import api_keys, stored_state
from infra.cloud.checks.check import (
    MAX_BODY,
    Check,
    CheckResult,
    ok,
    unhealthy,
    unknown,
    waiting,
    wrong,
    wrong_if,
)
from infra.cloud.checks.document_reader import DocumentReader
from infra.cloud.clients.gcloud import GcloudError
from infra.cloud.clients.rest import GoogleError, endpoint
from infra.cloud.clients.stdlib_http import HttpResponse, send_request
from infra.cloud.resources import (
    accounts,
    alerts,
    apis,
    database,
    delivery,
    functions,
    keys,
    window,
)
from infra.cloud.resources.change import ResourceChange, Tools
from infra.cloud.resources.database import Index
from infra.cloud.resources.environment import secrets_of
from infra.cloud.resources.installation import Installation
from infra.cloud.resources.policies import EVERYBODY, bindings_of
from infra.cloud.resources.target import NAME, secret, service
from landfall.entry.own_service import SIGNATURE_REMOVED
from landfall.process.config import VARIABLES, WINDOW

REDEPLOY = "run infra/deploy"

CREATING = "CREATING"
"""State of an index or an expiry that Firestore is making."""

BUILT_SOON = "nothing to do: Firestore needs minutes, or hours where there are many documents"


class ProjectChecks:
    """Checks of an installation. `as_account` calls the api instead of the person's account."""

    def __init__(self, it: Installation, tools: Tools, as_account: str | None) -> None:
        self._it = it
        self._tools = tools
        self._as_account = as_account
        self._documents = DocumentReader(self._firestore)

    def checks(self) -> list[Check]:
        """List the checks, causes before their effects."""
        return [
            Check("clock", self.clock),
            Check("APIs", self.apis),
            Check("accounts", self.accounts),
            Check("database", self.database),
            Check("indexes", self.indexes),
            Check("fields and TTL", self.fields),
            Check("security rules", self.rules),
            Check("secrets", self.secrets),
            Check("functions", self.functions),
            Check("version", self.version),
            Check("callers", self.callers),
            Check("forged token", self.door),
            Check("window", self.window),
            Check("queue", self.queue),
            Check("jobs", self.jobs),
            Check("alerts", self.alerts),
            Check("ticks", self.ticks),
            Check("documents", self.documents),
            Check("health", self.health),
            Check("Airtable key", self.airtable),
            Check("model key", self.openai),
        ]

    def clock(self) -> CheckResult:
        """Check the clock of this machine."""
        url = f"{endpoint('serviceusage')}v1/projects/{self._it.target.project}/services"
        return api_keys.clock(send_request("GET", url))

    def apis(self) -> CheckResult:
        """Check that every API is enabled."""
        absent = apis.missing(self._it)
        return wrong_if([f"{api} is not enabled" for api in absent], REDEPLOY, "all enabled")

    def accounts(self) -> CheckResult:
        """Check that every service account exists and is enabled."""
        return self._unchanged(accounts.changes(self._it), "all exist")

    def database(self) -> CheckResult:
        """Check that the database exists, can be used, and is protected from deletion."""
        found = database.existing(self._it)
        if found is None:
            return wrong("there is no Firestore database", REDEPLOY)
        if unusable_reason := database.unusable_reason(self._it):
            return wrong(unusable_reason, f"{REDEPLOY} with another database")
        others = database.strangers(self._it)
        shared = f", shared with {', '.join(others[: database.NAMED])}" if others else ""
        fine = f"{self._it.database_id}, native mode, in {found.get('locationId')}{shared}"
        return self._unchanged(database.changes(self._it), fine)

    def indexes(self) -> CheckResult:
        """Check that every composite index is built."""
        states = self._index_states
        problems = [
            f"{database.described(index)} is {state.lower()}"
            for index, state in states.items()
            if state not in ("READY", CREATING)
        ]
        building = [
            f"{database.described(index)} is being built"
            for index, state in states.items()
            if state == CREATING
        ]
        if building and not problems:
            return waiting("; ".join(building), BUILT_SOON)
        return wrong_if(problems, REDEPLOY, f"{len(states)} ready")

    @cached_property
    def _index_states(self) -> dict[Index, str]:
        existing = database.existing_composites(self._it)
        return {
            index: existing.get(index, {"state": "missing"})["state"]
            for index in database.wanted_composites()
        }

    def _unless_building(self, result: CheckResult) -> CheckResult:
        """Return a result, which is no fault while the queries of a tick lack an index."""
        if result.status == "wrong" and CREATING in self._index_states.values():
            return waiting(result.observed, f"an index is being built: {BUILT_SOON}")
        return result

    def fields(self) -> CheckResult:
        """Check the indexes of single fields, and that TTL policies are active."""
        if problems := [change.what for change in database.field_changes(self._it)]:
            return wrong("; ".join(problems), REDEPLOY)
        making = [
            f"TTL policy of {'.'.join(field)} is being made"
            for field, found in database.existing_fields(self._it)
            if found.get("ttlConfig", {}).get("state") == CREATING
        ]
        if making:
            return waiting("; ".join(making), BUILT_SOON)
        return ok("as in infra/firestore.indexes.json")

    def rules(self) -> CheckResult:
        """Check that the security rules are those of the file."""
        if database.existing_rules(self._it) != database.RULES and database.strangers(self._it):
            return unknown(
                "the database is shared, and its rules are those of others",
                "see that they let nobody read the collections of Landfall",
            )
        return self._unchanged(database.rule_changes(self._it), "in force")

    def secrets(self) -> CheckResult:
        """Check that every secret has a value."""
        absent = keys.without_value(self._it)
        flags = [f"--{name.lower().replace('_', '-')}-file FILE" for name in absent]
        fix = f"{REDEPLOY} {' '.join(flags)}"
        return wrong_if(
            [f"{secret(name)} has no value" for name in absent], fix, "all have a value"
        )

    def functions(self) -> CheckResult:
        """Check that every function is ready and as wanted; `version` checks the image."""
        problems = []
        for function in self._it.functions:
            existing = self._it.services.get(service(function))
            if existing is None:
                problems.append(f"{function} is not deployed")
                continue
        for change in functions.changes(self._it):
            problems += [f"{change.what}: {line}" for line in change.why if ".image:" not in line]
        return wrong_if(problems, REDEPLOY, "all ready")

    def version(self) -> CheckResult:
        """Check that all functions run one image, that of this checkout."""
        images = {name: _image(existing) for name, existing in self._it.services.items()}
        if not images:
            return unknown("no function is deployed", REDEPLOY)
        if len(set(images.values())) > 1:
            versions = ", ".join(f"{name} {image}" for name, image in sorted(images.items()))
            return wrong(f"the functions run several versions: {versions}", REDEPLOY)
        (tag,) = {image.rpartition(":")[2] for image in images.values()}
        if tag != self._it.image.rpartition(":")[2]:
            return wrong(
                f"{tag} is deployed, which is not the version of this checkout",
                f"{REDEPLOY}, or check out the commit that is deployed",
            )
        return ok(f"{tag}, the version of this checkout")

    def callers(self) -> CheckResult:
        """Check that each function has its intended callers and no others."""
        problems = []
        for function in self._it.functions:
            bindings = bindings_of(self._it.service_policy(function))
            members = {member for admitted in bindings.values() for member in admitted}
            if members & EVERYBODY:
                problems.append(f"{function} is open to everybody")
            if functions.is_unchecked(self._it.services.get(service(function), {})):
                problems.append(f"{function} is open to everybody: its check of callers is off")
        inherited = bindings_of(self._it.project_policy())
        problems += [
            f"everybody has {role} in the project: take allUsers out of its policy"
            for role, members_ in inherited.items()
            if "allUsers" in members_
        ]
        problems += [change.what for change in functions.caller_changes(self._it)]
        return wrong_if(problems, REDEPLOY, "each function has its own callers")

    def door(self) -> CheckResult:
        """Check that the api refuses a token that anybody can write."""
        url = self._url("api")
        if url is None:
            return unknown("the api is not deployed, or never served", REDEPLOY)
        answer = self._call_api(url, forged_token(self._it))
        if answer.status in (401, 403):
            return ok(f"a forged token is refused ({answer.status})")
        if answer.status >= 500 or answer.status == 429:
            return unknown(f"the api answers {answer.status}", "see the log of the api")
        return wrong(f"a forged token is let in ({answer.status})", REDEPLOY)

    def window(self) -> CheckResult:
        """Check that Identity-Aware Proxy (IAP) is before the window, and whom it lets in."""
        if service(WINDOW) not in self._it.services:
            return ok("none: infra/deploy --window user:EMAIL makes one")
        if window.lacks_client(self._it):
            return wrong(
                "IAP has no OAuth client to sign people in with: the project has no organisation",
                f"{REDEPLOY}, and do what it prints about the window",
            )
        people = window.visitors(window.policy(self._it))
        if EVERYBODY.intersection(people):
            return wrong("it is open to everybody with a Google account", REDEPLOY)
        if not people:
            return wrong("nobody may open it", f"{REDEPLOY} --window user:EMAIL")
        url = self._url(WINDOW)
        if url is None:
            return unknown("it never served", REDEPLOY)
        answer = send_request("GET", f"{url}/")
        if answer.status == 302 and window.is_of_iap(answer.headers):
            return ok(f"behind IAP, for {', '.join(people)}")
        if answer.status >= 500 or answer.status == 429:
            said = answer.body[:MAX_BODY].decode(errors="replace")
            return unknown(f"it answers {answer.status}: {said}", "wait, then check again")
        return wrong(
            f"IAP does not answer a stranger: {answer.status}, not 302",
            f"{REDEPLOY}; IAP needs some minutes after it was switched on",
        )

    def queue(self) -> CheckResult:
        """Check that the queue is running, with its rates and retries."""
        existing = delivery.existing_queue(self._it)
        if existing is None:
            return wrong("there is no queue", REDEPLOY)
        if existing.get("state") != "RUNNING":
            where = f"--location={self._it.target.region} --project={self._it.target.project}"
            return wrong(
                f"the queue is {str(existing.get('state')).lower()}",
                f"gcloud tasks queues resume {NAME} {where}",
            )
        return self._unchanged(delivery.queue_changes(self._it), "running")

    def jobs(self) -> CheckResult:
        """Check that both jobs are enabled, and that their last calls succeeded."""
        existing, problems, calls = delivery.existing_jobs(self._it), [], []
        for function in delivery.TICK_FUNCTIONS:
            job = existing.get(function, {})
            if job.get("state", "ENABLED") != "ENABLED":
                problems.append(f"{service(function)} is {job['state'].lower()}")
            if code := job.get("status", {}).get("code"):
                calls.append(f"the last call of {service(function)} failed with code {code}")
        problems += [f"{it.what} differs from the code" for it in delivery.job_changes(self._it)]
        where = f"--location={self._it.target.region} --project={self._it.target.project}"
        fix = f"`gcloud scheduler jobs resume NAME {where}` for a paused job; otherwise {REDEPLOY}"
        result = wrong_if(problems + calls, fix, "both run every minute")
        return result if problems else self._unless_building(result)

    def alerts(self) -> CheckResult:
        """Check the metrics and alert policies. Their recipient is a person's choice."""
        changed = [*alerts.metric_changes(self._it), *alerts.policy_changes(self._it)]
        if changed:
            return self._unchanged(changed, "")
        if not alerts.existing_channels(self._it):
            return ok("in place, but sent to nobody", f"{REDEPLOY} --alert-email EMAIL")
        return ok("in place")

    def ticks(self) -> CheckResult:
        """Check that both functions ticked recently."""
        return self._unless_building(stored_state.ticks(self._documents))

    def documents(self) -> CheckResult:
        """Check that no document is of a newer schema version."""
        return stored_state.versions(self._documents)

    def health(self) -> CheckResult:
        """Check the health that the api reports to an account that may call it."""
        url = self._url("api")
        if url is None:
            return unknown("the api is not deployed, or never served", REDEPLOY)
        try:
            token = self._identity()
        except (GcloudError, GoogleError) as error:
            return unknown(f"no identity token: {error}", "pass --as SERVICE_ACCOUNT, or log in")
        answer = self._call_api(url, token)
        if answer.status in (401, 403):
            return unknown(
                f"the api refuses your account ({answer.status})",
                f"{REDEPLOY} --invoker ... with your account among them",
            )
        if answer.status == 200:
            return ok("ok")
        fix = "see the checks above, and the log of the api"
        return self._unless_building(unhealthy(answer, fix))

    def _url(self, function: str) -> str | None:
        """Return the URL of a function; one whose first revision failed has none."""
        return self._it.services.get(service(function), {}).get("status", {}).get("url") or None

    def _call_api(self, url: str, token: str) -> HttpResponse:
        return send_request("GET", f"{url}/health", {"Authorization": f"Bearer {token}"})

    def _identity(self) -> str:
        if self._as_account is None:
            return self._tools.gcloud.run(["auth", "print-identity-token"]).strip()
        path = f"v1/projects/-/serviceAccounts/{self._as_account}:generateIdToken"
        wanted = {"audience": self._it.target.audience, "includeEmail": True}
        return str(self._tools.google.send("POST", "iamcredentials", path, wanted)["token"])

    def airtable(self) -> CheckResult:
        """Check the Airtable token of `fetch`; scans of sites alone need none."""
        if self._it.secret_version("AIRTABLE_API_KEY") is None:
            return ok("no key: no scan reads a base")
        key = self._key("AIRTABLE_API_KEY", "fetch")
        if isinstance(key, CheckResult):
            return key
        return api_keys.airtable(self._variable("AIRTABLE_ENDPOINT_URL", "fetch"), key)

    def openai(self) -> CheckResult:
        """Check the model key of `score`; scans without a model need none."""
        if self._it.secret_version("OPENAI_API_KEY") is None:
            return ok("no key: no scan uses a model")
        key = self._key("OPENAI_API_KEY", "score")
        if isinstance(key, CheckResult):
            return key
        return api_keys.openai(self._variable("OPENAI_BASE_URL", "score"), key)

    def _key(self, variable: str, function: str) -> str | CheckResult:
        """Return the value of a secret, or the result that explains its absence."""
        assert variable in secrets_of(function)
        try:
            value = self._it.secret_value(variable)
        except GoogleError as error:
            return unknown(
                f"you may not read the key ({error.status})",
                "run infra/doctor as an account that has roles/secretmanager.secretAccessor on "
                f"{secret(variable)}",
            )
        return unknown("there is no key", REDEPLOY) if value is None else value

    def _variable(self, name: str, function: str) -> str:
        return self._it.values(function).get(name) or VARIABLES[name].default

    def _unchanged(self, changes: Sequence[ResourceChange], fine: str) -> CheckResult:
        problems = [f"{it.what}: {', '.join(it.why) or it.verb}" for it in changes]
        return wrong_if(problems, REDEPLOY, fine)

    def _firestore(self, method: str, path: str, body: Any) -> Any:
        where = f"v1/{self._it.database}/documents{path}"
        try:
            return self._it.google.send(method, "firestore", where, body)
        except GoogleError as error:
            if error.status == "NOT_FOUND":
                return None
            raise


def forged_token(it: Installation) -> str:
    """Return a token as Cloud Run hands it on, of a caller of the api, which nobody has signed."""
    caller = next(iter(it.invokers), "user:nobody@example.com").partition(":")[2]
    claims = {
        "iss": VARIABLES["LANDFALL_TOKEN_ISSUER"].default,
        "aud": it.target.audience,
        "email": caller,
        "email_verified": True,
        "iat": int(time.time()),
        "exp": int(time.time()) + 600,
    }
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
        for part in ({"alg": "RS256", "kid": "none", "typ": "JWT"}, claims)
    ]
    return ".".join([*parts, SIGNATURE_REMOVED])


def _image(existing: Mapping[str, Any]) -> str:
    return str(existing["spec"]["template"]["spec"]["containers"][0]["image"])
