"""The sample scans, the bases they read, and how many pages those are."""

import math
from collections import Counter
from pathlib import Path

from infra.local.airtable.bases import BaseData
from infra.local.samples.flights import flights
from infra.local.samples.school.base import school
from landfall.integrity.scan import IntegrityScan
from landfall.kinds.definition import load
from tests.fakes.world import integrity

SCANS = Path(__file__).parents[2] / "infra/local/samples"

PAGE = 100
"""Records of a page: the most that Airtable gives."""

AIRTABLE_RATE = 5.0
"""Requests a second that Airtable allows a base."""


def sample_scans() -> list[IntegrityScan]:
    """What `infra/local/run` runs."""
    paths = sorted(SCANS.glob("*.yaml"))
    return [integrity(load(path.read_text(encoding="utf-8"), str(path))) for path in paths]


def sample_bases() -> dict[str, BaseData]:
    """By id."""
    return {base.id: base for base in (school()[0], flights())}


def pages(scan: IntegrityScan, base: BaseData) -> int:
    """Pages of the tables that the scan reads."""
    read = [table for table in base.tables if table.name in scan.tables]
    return sum(max(1, math.ceil(len(table.records) / PAGE)) for table in read)


def refusals(statuses: Counter[int | None]) -> str:
    """A note: each lock-out is in the figures, and no part of what they should be."""
    refused = statuses[429]
    return (
        f"The stand-in for Airtable answered {refused} requests with 429"
        f"{': the figures contain its lock-out of 30 s' if refused else ''}."
    )
