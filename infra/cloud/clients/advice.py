"""What errors of Google and of gcloud mean for a person, and which of them pass by themselves."""

import re

TRANSIENT = re.compile(
    r"SERVICE_DISABLED|has not been used in project|[Ss]ervice account \S+ does not exist"
    r"|concurrent policy changes|ABORTED|UNAVAILABLE|RESOURCE_EXHAUSTED|Cannot find metric"
    r"|[Pp]lease (?:re)?try|try again"
)
"""What Google says of things that were made a moment ago, and of two changes at once."""

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


def advice(said: str) -> str:
    """What to do about an error."""
    for pattern, what in ADVICE:
        if re.search(pattern, said):
            return what
    return "see the message above"
