"""The kind `site`: pages of a web site, scored by evidence and a language model."""

from typing import TYPE_CHECKING

from landfall.runs.kind import Kind, Work
from landfall.runs.steps import Progress

if TYPE_CHECKING:
    from landfall.llm.session import Models
    from landfall.runs.claim import Claim
    from landfall.site.page import Sites
    from landfall.site.scan import SiteScan


def _scan() -> "type[SiteScan]":
    from landfall.site.scan import SiteScan

    return SiteScan


def _fetch(claim: "Claim", scan: "SiteScan", clients: "Sites") -> Work:
    from landfall.site.fetch import FetchPages

    return FetchPages(claim, scan, clients.site)


def _score(claim: "Claim", scan: "SiteScan", clients: "Models") -> Work:
    from landfall.site.score import ScoreSite

    return ScoreSite(claim, scan, clients.model)


KIND = Kind(
    scan=_scan,
    steps={"fetch": _fetch, "score": _score},
    progress={
        "fetch": Progress(10, 60, "capturing_pages"),
        "score": Progress(60, 95, "calling_model"),
    },
)
