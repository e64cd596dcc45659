"""Whether the keys of Airtable and of OpenAI open anything, and whether two clocks agree."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from infra.cloud.checks.check import CheckResult, ok, unknown, wrong
from infra.cloud.clients.stdlib_http import HttpResponse, NoResponseError, send_request

MAX_SKEW = 5.0
"""Seconds; functions take tokens from clocks that differ by up to 10."""


def airtable(endpoint: str, key: str) -> CheckResult:
    """Whether Airtable knows the token; it is not asked for a base."""
    return _answers("Airtable", f"{endpoint.rstrip('/')}/v0/meta/whoami", key)


def openai(base_url: str, key: str) -> CheckResult:
    """Whether the language model's service knows the key; no model is asked."""
    return _answers("the model API", f"{base_url.rstrip('/')}/models", key)


def _answers(who: str, url: str, key: str) -> CheckResult:
    try:
        answer = send_request("GET", url, {"Authorization": f"Bearer {key}"})
    except NoResponseError as error:
        return unknown(f"{who} does not answer: {error}", "check the network, or try again later")
    if answer.status in (401, 403):
        return wrong(
            f"{who} refuses the key ({answer.status})",
            "create a new key, and pass it to infra/deploy with --...-key-file FILE",
        )
    if answer.status >= 300:
        return unknown(f"{who} answered {answer.status}", "try again later")
    return ok(f"{who} accepts the key")


def clock(answer: HttpResponse) -> CheckResult:
    """Whether this machine's clock agrees with the `Date` of an answer that came just now.

    It was made while the answer was waited for, and is in whole seconds.
    """
    date = answer.headers.get("date")
    if not date:
        return unknown("the answer has no date", "try again later")
    late = (datetime.now(UTC) - parsedate_to_datetime(date)).total_seconds()
    skew = max(-late, late - answer.seconds)
    if skew > MAX_SKEW:
        return wrong(
            f"this machine's clock is {skew:.0f} s off", "turn on its time synchronisation"
        )
    return ok(f"within {MAX_SKEW:g} s")
