"""Advice on errors of Google and gcloud, and the errors that pass by themselves."""

import re

NAME = "landfall"

NO_ANSWER = "nobody answered"

UNREACHED = rf"{NO_ANSWER}|Max retries exceeded with url|[Nn]ame resolution"
"""Words of ours and of gcloud for a request that nobody answered."""

OUTAGE = (
    r"\b(?:SERVICE_)?UNAVAILABLE\b|\bINTERNAL(?:_ERROR)?\b"
    # a number alone may be a size, a limit or a part of a name
    r"|\bHTTP(?:Error|/1\.1)? 50[0234]\b|\b[Ee]rror:? \(?50[0234]\b|'status': '50[0234]'"
    r"|\bgeneric::(?:unavailable|internal)\b"
    r"|\b50[0234] (?:\(?Server Error|Internal Server Error|Bad Gateway|Service Unavailable"
    r"|Gateway Time)|\btoo many 50[0234] error"
)
"""Words of Google and of gcloud for an outage: a status by its name, or by a number that says that
it is one."""

TRANSIENT = re.compile(
    rf"{OUTAGE}|{UNREACHED}"
    r"|SERVICE_DISABLED|has not been used in project|[Ss]ervice account \S+ does not exist"
    r"|concurrent policy changes|\bABORTED\b|\bRESOURCE_EXHAUSTED\b|Cannot find metric"
    r"|[Pp]lease (?:re)?try|try again|\bDEADLINE_EXCEEDED\b"
    # access granted a moment ago
    rf"|{NAME}.*may not exist|does not have storage\.\S+ access|[Pp]ermission denied on secret"
    r"|must have permission to read the image|([Uu]nknown|[Ii]nvalid) service account"
    r"|forbidden from accessing the bucket|permission to act as service account"
    r"|storage\.objects\.get|artifactregistry\.repositories\.\w+Artifacts"
    r"|PUSH_NOT_AUTHORIZED|FETCH_SOURCE_FAILED|LOGGING_FAILURE"
)
"""Errors of Google about resources created and access granted a moment ago, about concurrent
changes, and of a moment. Access arrives within two minutes as a rule, in seven at the latest."""

BUILDS_RESTRICTED = re.compile(
    r"cannot run builds in this region|no concurrent builds quota available"
)
"""Cloud Build refuses some regions to new projects, in one of these ways."""

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
    (
        "total allowable (?:CPU|memory)|(?:Cpu|Mem)AllocPerProjectRegion|[Mm]ax instances must be"
        "|maxScale may not exceed",
        "ask for more CPUs and memory of Cloud Run in this region at "
        "https://console.cloud.google.com/iam-admin/quotas?service=run.googleapis.com, or lower "
        "`max_instances` in infra/cloud/resources/sizes.py: all functions together may use 20 vCPU",
    ),
    (
        "existed too recently",
        "wait: the name of a deleted queue is free again after three days. infra/destroy without "
        "--delete-data keeps the queue",
    ),
    ("Cannot find metric", "wait ten minutes: Google is still creating the metrics"),
    (r"region \S+ lacks", "pass one of these regions as --region; nothing was made in this one"),
    (
        "cannot run builds in this region",
        "Google lets new projects build in some regions only: choose another --region",
    ),
    (
        "is not ready and cannot serve|Permission denied on secret|failed to start",
        "read the log of the function (infra/doctor names it)",
    ),
    (UNREACHED, "check the network of this machine, and a proxy if it has one"),
    (OUTAGE, "wait: Google has an outage; see status.cloud.google.com"),
)


def advice(message: str) -> str:
    """Return what to do about an error, by its message."""
    for pattern, text in ADVICE:
        if re.search(pattern, message):
            return text
    return "see the message above"
