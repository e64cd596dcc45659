"""What a check says: a verdict, what it saw, and how to mend it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from infra.cloud.clients.gcloud import GcloudError
from infra.cloud.clients.rest import GoogleError
from infra.cloud.clients.stdlib_http import NoResponseError

CheckStatus = Literal["ok", "wrong", "unknown"]


@dataclass(frozen=True)
class CheckResult:
    """What was seen of one thing. `fix` says how to mend what is wrong."""

    verdict: CheckStatus
    observed: str
    fix: str = ""


@dataclass(frozen=True)
class Check:
    """One thing that is looked at."""

    name: str
    run: Callable[[], CheckResult]


def ok(observed: str) -> CheckResult:
    """It is as it should be."""
    return CheckResult("ok", observed)


def wrong(observed: str, fix: str) -> CheckResult:
    """It is not."""
    return CheckResult("wrong", observed, fix)


def unknown(observed: str, fix: str) -> CheckResult:
    """It could not be looked at."""
    return CheckResult("unknown", observed, fix)


def wrong_if(problems: Sequence[str], fix: str, fine: str) -> CheckResult:
    """Wrong when there are problems, which are listed."""
    return wrong("; ".join(problems), fix) if problems else ok(fine)


def run_check(check: Check) -> CheckResult:
    """What a check says; that it could not look is something to say too."""
    try:
        return check.run()
    except (GoogleError, GcloudError, NoResponseError) as error:
        return unknown(str(error), "resolve the error, then run infra/doctor again")
