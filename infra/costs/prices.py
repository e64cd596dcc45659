"""Published prices, with their date and source.

Prices change and differ by region: these are of us-west1, one of the cheapest. Free amounts are per
project or per billing account, and other uses may consume them.
"""

from dataclasses import dataclass
from typing import Literal

REGION = "us-west1"
"""Cloud Run calls it tier 1; us-central1, us-east1 and europe-west1 are in it too."""

READ_ON = "2026-11-30"
"""Date of reading stored copies of the pages that are named, which may be older."""


@dataclass(frozen=True)
class Price:
    """Dollars for `per` units; `free` units come first, each day or each month."""

    what: str
    unit: str
    dollars: float
    per: int
    free: float
    each: Literal["day", "month"]
    source: str


_FIRESTORE = "https://firebase.google.com/docs/firestore/pricing"
_RUN = "https://cloud.google.com/run/pricing"
_TASKS = "https://cloud.google.com/tasks/docs/pricing"
_SCHEDULER = "https://cloud.google.com/scheduler/pricing"
_SECRETS = "https://cloud.google.com/secret-manager/pricing"

PRICES = {
    "reads": Price("Firestore", "reads", 0.03, 100_000, 50_000, "day", _FIRESTORE),
    "writes": Price("Firestore", "writes", 0.09, 100_000, 20_000, "day", _FIRESTORE),
    # by a lifetime (TTL): none are free
    "deletes": Price("Firestore", "deletes", 0.01, 100_000, 0, "day", _FIRESTORE),
    "stored": Price("Firestore", "GiB stored", 0.15, 1, 1, "month", _FIRESTORE),
    # a call and a delivery of each task
    "operations": Price("Cloud Tasks", "operations", 0.40, 1_000_000, 1_000_000, "month", _TASKS),
    "requests": Price("Cloud Run", "requests", 0.40, 1_000_000, 2_000_000, "month", _RUN),
    "cpu": Price("Cloud Run", "vCPU-s", 0.000024, 1, 180_000, "month", _RUN),
    "memory": Price("Cloud Run", "GiB-s", 0.0000025, 1, 360_000, "month", _RUN),
    "jobs": Price("Cloud Scheduler", "jobs", 0.10, 1, 3, "month", _SCHEDULER),
    "secrets": Price("Secret Manager", "versions", 0.06, 1, 6, "month", _SECRETS),
    "accesses": Price("Secret Manager", "accesses", 0.03, 10_000, 10_000, "month", _SECRETS),
}  # fmt: skip

AIRTABLE_CALLS = {"Free": 1_000, "Team": 100_000}
"""Calls a month for a workspace, by any caller; Business and Enterprise have no such limit.
https://support.airtable.com/docs/managing-api-call-limits-in-airtable
"""
