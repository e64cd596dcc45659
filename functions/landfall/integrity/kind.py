"""The kind `integrity`: all records of the chosen tables of a base, checked by rules."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from landfall.airtable.protocols import Bases
from landfall.runs.kind import Kind, Work
from landfall.runs.steps import Progress

if TYPE_CHECKING:
    from landfall.api.request import Route
    from landfall.deadlines import Deadline
    from landfall.integrity.scan import IntegrityScan
    from landfall.runs.claim import Claim
    from landfall.store.documents import Fields, Store


def _scan() -> "type[IntegrityScan]":
    from landfall.integrity.scan import IntegrityScan

    return IntegrityScan


def _fetch(claim: "Claim", scan: "IntegrityScan", clients: Bases) -> Work:
    from landfall.airtable.fetch import Fetch

    return Fetch(claim, scan, clients.base)


def _score(claim: "Claim", scan: "IntegrityScan", _: object) -> Work:
    from landfall.integrity.score import ScoreRules

    return ScoreRules(claim, scan)


def _write(claim: "Claim", scan: "IntegrityScan", clients: Bases) -> Work:
    from landfall.integrity.write import WriteFindings

    return WriteFindings(claim, scan, clients.base)


def _routes() -> "Sequence[Route]":
    from landfall.integrity.history_routes import HISTORY_ROUTES
    from landfall.integrity.routes import ROUTES

    return [*ROUTES, *HISTORY_ROUTES]


async def _check(scan: "IntegrityScan", store: "Store", deadline: "Deadline") -> "Fields":
    from landfall.integrity.check import check_rules

    return await check_rules(scan, store, deadline)


KIND = Kind(
    scan=_scan,
    steps={"fetch": _fetch, "score": _score, "write": _write},
    progress={
        "fetch": Progress(0, 70, "fetching"),
        "score": Progress(70, 95, "scoring"),
        "write": Progress(95, 99, "writing_back"),
    },
    routes=_routes,
    check=_check,
)
