"""Listings of a table that Airtable should not send, such as those that do not end."""

import json
from dataclasses import replace

from infra.local.wire.faults import Fault, FaultKind, FaultRule
from tests.fakes.bases import record_id


def page_of(*numbers: int, offset: str | None) -> Fault:
    """An answer with these records, which names this offset."""
    records = [
        {"id": record_id(n), "createdTime": "2026-01-01T00:00:00.000Z", "fields": {}}
        for n in numbers
    ]
    body = json.dumps({"records": records, "offset": offset}).encode()
    return Fault(FaultKind.STATUS, status=200, body=body)


def listing(*pages: Fault) -> list[FaultRule]:
    """The pages, one after the other, and the last of them for ever."""
    *first, last = [FaultRule(page, path="/People$") for page in pages]
    return [*first, replace(last, times=None)]


def round_of(*firsts: int) -> list[Fault]:
    """Return a page of two records for each of these numbers of the first."""
    return [page_of(n, n + 1, offset=f"after {n}") for n in firsts]


ENDLESS = {
    "the same page": (1, round_of(1)),
    "the same page, after another": (2, round_of(1, 3)),
    "no records": (0, [page_of(offset="x")]),
    "a listing that goes round": (3, round_of(1, 3, 5, 1, 3, 5, 1)),
}
