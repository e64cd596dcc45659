"""The sample scans that read a base, their bases, and the number of pages of those."""

import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

from infra.local.airtable.bases import BaseData
from infra.local.samples.flights import flights
from infra.local.samples.school.base import school
from landfall.integrity.scan import IntegrityScan
from landfall.kinds.definition import load

SCANS = Path(__file__).parents[2] / "infra/local/samples"

PAGE = 100
"""Records of a page: the most that Airtable gives."""

AIRTABLE_RATE = 5.0
"""Requests a second that Airtable allows a base."""


def sample_scans() -> list[IntegrityScan]:
    """Return the integrity scans among those that `infra/local/run` runs."""
    paths = sorted(SCANS.glob("*.yaml"))
    scans = [load(path.read_text(encoding="utf-8"), str(path)) for path in paths]
    return [scan for scan in scans if isinstance(scan, IntegrityScan)]


def sample_bases(records: int | None = None) -> dict[str, BaseData]:
    """Return their bases by id; with at most so many records a table, where that is given."""
    return {base.id: _cut(base, records) for base in (school()[0], flights())}


def _cut(base: BaseData, records: int | None) -> BaseData:
    tables = (replace(table, records=table.records[:records]) for table in base.tables)
    return replace(base, tables=tuple(tables))


def pages(scan: IntegrityScan, base: BaseData) -> int:
    """Count the pages of the tables that the scan reads."""
    read = [table for table in base.tables if table.name in scan.tables]
    return sum(max(1, math.ceil(len(table.records) / PAGE)) for table in read)


def refusals(statuses: Counter[int | None]) -> str:
    """Return a note on lock-outs: the figures contain them, and should not."""
    refused = statuses[429]
    return (
        f"The stand-in for Airtable answered {refused} requests with 429"
        f"{': the figures contain its lock-out of 30 s' if refused else ''}."
    )
