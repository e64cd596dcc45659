"""Checks of the keys of Airtable and of OpenAI, and of this machine's clock."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from infra.cloud.checks.check import CheckResult, ok, unknown, wrong
from infra.cloud.clients.stdlib_http import HttpResponse, NoResponseError, send_request
from landfall.process.config import key_fault

MAX_SKEW = 5.0
"""Seconds; functions accept tokens from clocks that differ by up to 10."""

_NEW_KEY = "create a new key, and pass it to infra/deploy with --...-key-file FILE"


def airtable(endpoint: str, key: str) -> CheckResult:
    """Check a token of Airtable, without reading a base."""
    return _answers("Airtable", f"{endpoint.rstrip('/')}/v0/meta/whoami", key)


def openai(base_url: str, key: str) -> CheckResult:
    """Check a key of the model API, without using a model."""
    return _answers("the model API", f"{base_url.rstrip('/')}/models", key)


def _answers(service: str, url: str, key: str) -> CheckResult:
    if fault := key_fault(key.strip()):
        return wrong(f"the key of {service} {fault}", _NEW_KEY)
    try:
        answer = send_request("GET", url, {"Authorization": f"Bearer {key.strip()}"})
    except NoResponseError as error:
        return unknown(f"{service} does not answer: {error}", "check the network, or wait")
    if answer.status in (401, 403):
        return wrong(
            f"{service} refuses the key ({answer.status})",
            _NEW_KEY,
        )
    if answer.status >= 300:
        return unknown(f"{service} answered {answer.status}", "try again later")
    return ok(f"{service} accepts the key")


def clock(answer: HttpResponse) -> CheckResult:
    """Compare this machine's clock with the `Date` of a response that has just arrived.

    The date, in whole seconds, was set at some time during `answer.seconds`.
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
