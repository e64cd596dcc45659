"""A check and its result: a status, an observation, and a fix."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from infra.cloud.clients.gcloud import GcloudError
from infra.cloud.clients.rest import GoogleError
from infra.cloud.clients.stdlib_http import HttpResponse, NoResponseError

MAX_BODY = 200
"""Bytes that are shown of an answer that is no JSON."""

CheckStatus = Literal["ok", "wrong", "waiting", "unknown"]


@dataclass(frozen=True)
class CheckResult:
    """Result of a check. `fix` is how to repair what is wrong, or what a person may choose."""

    status: CheckStatus
    observed: str
    fix: str = ""


@dataclass(frozen=True)
class Check:
    """A named check, which has not run yet."""

    name: str
    run: Callable[[], CheckResult]


def ok(observed: str, hint: str = "") -> CheckResult:
    """Return the result of a check that passed. A hint is shown even when all is well."""
    return CheckResult("ok", observed, hint)


def wrong(observed: str, fix: str) -> CheckResult:
    """Return the result of a check that failed."""
    return CheckResult("wrong", observed, fix)


def unhealthy(answer: HttpResponse, fix: str) -> CheckResult:
    """Return the result for an api that says it is not well: what it says, and what it names."""
    said = answer.json()
    if not isinstance(said, Mapping):
        return wrong(f"{answer.status}: {answer.body[:MAX_BODY].decode(errors='replace')}", fix)
    unreadable = said.get("unreadable")
    named = unreadable if isinstance(unreadable, list) else []
    parts = [str(said.get("status", said)), *(f"{it['path']}: {it['why']}" for it in named)]
    return wrong(f"{answer.status}: {'; '.join(parts)}", fix)


def waiting(observed: str, until: str) -> CheckResult:
    """Return the result of a check that will pass by itself."""
    return CheckResult("waiting", observed, until)


def unknown(observed: str, fix: str) -> CheckResult:
    """Return the result of a check that could not be made."""
    return CheckResult("unknown", observed, fix)


def wrong_if(problems: Sequence[str], fix: str, fine: str) -> CheckResult:
    """Return `wrong` with the problems, or `ok` if there are none."""
    return wrong("; ".join(problems), fix) if problems else ok(fine)


def run_check(check: Check) -> CheckResult:
    """Run a check. An error of its request is an `unknown` result."""
    try:
        return check.run()
    except (GoogleError, GcloudError, NoResponseError) as error:
        return unknown(str(error), "resolve the error, then run infra/doctor again")
