"""The kind `classification`: data elements in a table, classified by a language model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from landfall.airtable.protocols import Bases
from landfall.deadlines import Deadline
from landfall.runs.documents import Run, Step
from landfall.runs.kind import Kind, Work
from landfall.runs.steps import Progress

if TYPE_CHECKING:
    from landfall.api.request import Route
    from landfall.classification.scan import ClassificationScan
    from landfall.runs.claim import Claim


def _scan() -> "type[ClassificationScan]":
    from landfall.classification.scan import ClassificationScan

    return ClassificationScan


def _fetch(claim: "Claim", scan: "ClassificationScan", clients: Bases) -> Work:
    from landfall.airtable.fetch import Fetch

    return Fetch(claim, scan, clients.base)


def _score(claim: "Claim", scan: "ClassificationScan", clients: Any) -> Work:
    from landfall.classification.score import ClassifyElements

    return ClassifyElements(claim, scan, clients)


def _write(claim: "Claim", scan: "ClassificationScan", clients: Bases) -> Work:
    from landfall.classification.write import WriteValues

    return WriteValues(claim, scan, clients.base)


async def _stop_batches(
    run: Run, step: Step, scan: "ClassificationScan", clients: Any, deadline: Deadline
) -> None:
    from landfall.classification.ask_in_batches import stop_asking

    await stop_asking(run, step, scan, clients.batches, deadline)


def _routes() -> "Sequence[Route]":
    from landfall.classification.routes import ROUTES

    return ROUTES


async def _check(scan: "ClassificationScan", store: Any, deadline: Deadline) -> Any:
    from landfall.classification.estimate import check_elements

    return await check_elements(scan, store, deadline)


KIND = Kind(
    scan=_scan,
    steps={"fetch": _fetch, "score": _score, "write": _write},
    progress={
        "fetch": Progress(0, 10, "fetching"),
        "score": Progress(10, 95, "scoring"),
        "write": Progress(95, 99, "writing_back"),
    },
    routes=_routes,
    check=_check,
    on_abandoned={"score": _stop_batches},
)
