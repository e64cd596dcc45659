"""The kind `tiny`: fetch, score, done."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from landfall.api.request import Request, Route, check_kind
from landfall.deadlines import Deadline
from landfall.runs.claim import Claim
from landfall.runs.kind import Again, Kind, Outcome
from landfall.runs.steps import Progress
from landfall.scans.scan import Scan
from landfall.store.documents import Create, Fields


class TinyScan(Scan):
    """A scan that counts."""

    kind: Literal["tiny"]
    number: int = Field(ge=1, le=9)


@dataclass(frozen=True)
class Counted:
    """How far the counting is."""

    pages: int = 0

    def store(self) -> Fields:
        """As `Cursor.store`."""
        return {"pages": self.pages}


class CountPages:
    """The fetch step: a page an invocation."""

    def __init__(self, claim: Claim, scan: TinyScan, clients: Mapping[str, Any]) -> None:
        self._claim = claim
        self._scan = scan
        self._clients = clients
        self._cursor = Counted(**(claim.step.cursor or {}))

    async def run(self, _: Deadline) -> Outcome | Again:
        """As `Work.run`."""
        if self._cursor.pages == self._scan.number:
            left = {"pages": self._cursor.pages, "by": self._clients["name"]}
            await self._claim.finish_step("score", {}, handover=left)
            return Outcome.FINISHED
        page = Create(f"{self._claim.run.path}/pages/{self._cursor.pages:06d}", {"records": 1})
        done = Counted(self._cursor.pages + 1)
        percent = self._claim.progress.at(done.pages / self._scan.number)
        await self._claim.checkpoint(done, {"progress_pct": percent}, [page])
        return Again()


class ScorePages:
    """The score step: all of them are well."""

    def __init__(self, claim: Claim, _: TinyScan, __: Mapping[str, Any]) -> None:
        self._claim = claim

    async def run(self, _: Deadline) -> Outcome | Again:
        """As `Work.run`."""
        left = (await self._claim.handover()).fields
        counts = {"pages": left["pages"]}
        await self._claim.finish_run({"verdict": "healthy", "counts": counts, "report": left})
        return Outcome.FINISHED


async def pages(request: Request, run_id: str) -> Fields:
    """Count the pages of a run."""
    run = await request.runs.get(run_id)
    check_kind("tiny", run.kind, run_id)
    return {"pages": run.counts["pages"]}


KIND = Kind(
    scan=lambda: TinyScan,
    steps={"fetch": CountPages, "score": ScorePages},
    progress={"fetch": Progress(0, 50, "counting"), "score": Progress(50, 99, "looking")},
    routes=lambda: [Route("GET", "/runs/{id}/pages", 200, pages)],
)
