"""Advice on errors of Google and gcloud, and the errors that pass by themselves."""

import re

TRANSIENT = re.compile(
    r"SERVICE_DISABLED|has not been used in project|[Ss]ervice account \S+ does not exist"
    r"|concurrent policy changes|ABORTED|UNAVAILABLE|RESOURCE_EXHAUSTED|Cannot find metric"
    r"|[Pp]lease (?:re)?try|try again"
)
"""Errors of Google about resources created a moment ago, and about concurrent changes."""

ADVICE = (
    ("active account selected|Reauthentication|UNAUTHENTICATED", "run `gcloud auth login`"),
    (
        "BILLING_DISABLED|[Bb]illing account",
        "link a billing account to the project: "
        "https://console.cloud.google.com/billing/linkedaccount",
    ),
    (
        "PERMISSION_DENIED|does not have permission",
        "use an account that owns the project (`gcloud config set account ...`), or have the role "
        "that the message names granted to yours",
    ),
    ("existed too recently", "wait: the name of a deleted queue is free again after seven days"),
    ("Cannot find metric", "wait ten minutes: Google is still creating the metrics"),
)


def advice(message: str) -> str:
    """Return what to do about an error, by its message."""
    for pattern, text in ADVICE:
        if re.search(pattern, message):
            return text
    return "see the message above"
