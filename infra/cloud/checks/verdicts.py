"""What a check says: a verdict, what it saw, and how to mend it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from infra.cloud.clients.gcloud import GcloudError
from infra.cloud.clients.rest import GoogleError
from infra.cloud.clients.stdlib_http import NoAnswerError

Verdict = Literal["ok", "wrong", "unknown"]


@dataclass(frozen=True)
class Said:
    """What was seen of one thing. `mend` says how to mend what is wrong."""

    verdict: Verdict
    saw: str
    mend: str = ""


@dataclass(frozen=True)
class Check:
    """One thing that is looked at."""

    name: str
    look: Callable[[], Said]


def ok(saw: str) -> Said:
    """It is as it should be."""
    return Said("ok", saw)


def wrong(saw: str, mend: str) -> Said:
    """It is not."""
    return Said("wrong", saw, mend)


def unknown(saw: str, mend: str) -> Said:
    """It could not be looked at."""
    return Said("unknown", saw, mend)


def one_of(problems: Sequence[str], mend: str, fine: str) -> Said:
    """Wrong when there are problems, which are listed."""
    return wrong("; ".join(problems), mend) if problems else ok(fine)


def looked_at(check: Check) -> Said:
    """What a check says; that it could not look is something to say too."""
    try:
        return check.look()
    except (GoogleError, GcloudError, NoAnswerError) as error:
        return unknown(str(error), "resolve the error, then run infra/doctor again")
