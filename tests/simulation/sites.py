"""Simulated days of site scans: a site that fails and asks to wait, a model that does so too.

python -m tests.simulation.sites 1-200    replays these seeds, and says what is wrong
"""

import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from infra.local import openai_site
from infra.local.openai_answers import Asked
from landfall import logs
from landfall.capturing import Capture
from landfall.deadlines import Deadline
from landfall.definition import parse
from landfall.documents import Document
from landfall.lifecycle import RUN_ENDED, RunStatus
from landfall.model_settings import ModelSettings
from landfall.questions import Answer, FailedAnswerError, Question, RateLimits, Receipt, T, Usage
from landfall.reasons import Reason, StepError
from landfall.runs import Claim
from landfall.site.itinerary import Came, Itinerary, Role
from landfall.site.packing import unpacked
from landfall.site.page import Page
from landfall.site.scan import SiteScan
from landfall.site_scoring import SiteScoring
from tests.simulation.base import SimulatedBase
from tests.simulation.checker import Judged, of_lifecycle, of_schedules
from tests.simulation.faults import Chaos
from tests.simulation.simulator import Simulation
from tests.simulation.virtual_time import run as run_virtually

URL = "https://simulated.example"

_SITE_TROUBLES = (
    Reason.SITE_TIMEOUT,
    Reason.SITE_UNREACHABLE,
    Reason.SITE_MALFORMED,
    Reason.SITE_TOO_LARGE,
)


class TreacherousSite:
    """A `SiteReader` of pages that link to one another; now and then one does not come."""

    def __init__(self, chaos: Chaos, paths: list[str]) -> None:
        self._chaos = chaos
        self._paths = paths

    async def fetch_page(self, url: str, deadline: Deadline, user_agent: str) -> Page:
        """As `SiteReader.fetch_page`."""
        assert "LandfallBot" in user_agent
        try:
            async with deadline.limit():
                await self._chaos.pass_by(0.05, 2.0)
        except TimeoutError:
            raise StepError(Reason.SITE_TIMEOUT, "simulated: too slow") from None
        if self._chaos.strikes("airtable_error"):
            raise StepError(self._chaos.random.choice(_SITE_TROUBLES), "simulated")
        if self._chaos.strikes("expired_offset"):
            return _page(url, self._chaos.random.choice([404, 429, 500]), "")
        path = url.removeprefix(URL)
        if path == "/robots.txt":
            return _page(url, 200, "User-agent: *\nDisallow: /private")
        if path not in self._paths:
            return _page(url, 404, "")
        links = "".join(f'<a href="{other}">{other}</a>' for other in self._paths)
        return _page(url, 200, f"<title>{path}</title><p>Book the dental page {path}</p>{links}")

    async def close(self) -> None:
        """As `SiteReader.close`."""


def _page(url: str, status: int, text: str) -> Page:
    headers = {"content-type": "text/html"}
    body = text.encode()
    return Page(url, (), status, headers, body, "93.184.215.14", 0.5, len(body), "TLSv1.3")


class TreacherousJudge:
    """A `Model` that answers as the stand-in does, is away now and then, and refuses at times."""

    name = "gpt-6-luna"
    effort = None

    def __init__(self, chaos: Chaos, paid: Counter[str]) -> None:
        self._chaos = chaos
        self._paid = paid

    async def ask(self, question: Question[T], deadline: Deadline) -> Answer[T]:
        """As `Model.ask`."""
        try:
            async with deadline.limit():
                await self._chaos.pass_by(0.3, 4.0)
        except TimeoutError:
            raise StepError(Reason.MODEL_TIMEOUT, "simulated: too slow") from None
        if self._chaos.strikes("airtable_error"):
            raise StepError(Reason.MODEL_UNAVAILABLE, "simulated")
        receipt = Receipt(self.name, Usage(100, 50), RateLimits(), 1.0)
        if self._chaos.strikes("expired_offset"):
            raise FailedAnswerError(Reason.MODEL_REFUSED, "simulated", receipt)
        asked = Asked("PageJudgement", {}, question.instructions, question.text)
        content = question.shape.model_validate(openai_site.answers(asked))
        self._paid[question.hash(self.name, None)] += 1
        return Answer(**vars(receipt), content=content)

    async def close(self) -> None:
        """As `Model.close`."""


class SiteDay(Simulation):
    """Scans of one site, on schedules and by hand."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.paid: Counter[str] = Counter()
        names = ["book", "prices", "team", "contact", "reviews", "blog", "private"]
        count = self.chaos.random.randint(0, len(names))
        self.paths = ["/", *(f"/{name}" for name in names[:count])]

    def _draw_base(self) -> SimulatedBase:
        return SimulatedBase({}, frozenset())

    def _draw_scan(self, number: int) -> SiteScan:
        random = self.chaos.random
        content = {
            "id": f"scan-{number}",
            "kind": "site",
            "url": f"{URL}/",
            "mode": random.choice(["quick", "deep", "deep"]),
            "max_pages": random.choice([2, 5, 10]),
            "delay_seconds": random.choice([0.5, 1, 5]),
            "scorer": random.choice(["rules", "model"]),
            "limits": {"deadline_seconds": random.choice([300, 900, 1800])},
            "schedule": {
                "cadence": {"every_minutes": random.choice([1, 2, 3])},
                "overlap": random.choice(["skip", "allow", "cancel_running"]),
                "max_runs": random.randint(1, 3),
            },
        }
        scan = parse(content, "simulated")
        assert isinstance(scan, SiteScan)
        return scan

    def _open_site(self, _: str) -> TreacherousSite:
        return TreacherousSite(self.chaos, self.paths)

    def _open_model(self, _: ModelSettings) -> TreacherousJudge:
        return TreacherousJudge(self.chaos, self.paid)

    def _work(self, step_id: str) -> Callable[[Claim, Any, Deadline], Awaitable[str]]:
        async def work(claim: Claim, scan: Any, deadline: Deadline) -> str:
            if step_id == "fetch":
                return await Capture(self.runs, claim, scan, self._open_site).run(deadline)
            return await SiteScoring(self.runs, claim, scan, self._open_model).run(deadline)

        return work

    def broken_rules(self) -> list[str]:
        """Everything that is not as it must be."""
        outcome = self.outcome
        calm = not outcome.chaos.struck
        judged = Judged(self.store.memory, {}, outcome.good_watches, calm, {})
        found = [*outcome.bugs, *outcome.store.broken, *outcome.queue.broken]
        for run in self.store.memory.all("runs"):
            found += [f"{run.id}: {what}" for what in self._of_run(judged, run)]
        return [*found, *of_schedules(judged), *self._of_money()]

    def _of_run(self, judged: Judged, run: Document) -> Iterator[str]:
        if run.data["status"] not in RUN_ENDED:
            yield f"has not ended: {run.data['status']}, {run.data['progress_step']}"
            return
        yield from of_lifecycle(judged, run)
        if run.data["status"] == RunStatus.DONE:
            yield from self._of_pages(run)
            yield from self._of_report(run)

    def _of_pages(self, run: Document) -> Iterator[str]:
        """No page is lost or doubled, and none was asked for that is forbidden."""
        (fetch,) = (s for s in self.store.memory.all(f"{run.path}/steps") if s.id == "fetch")
        way = Itinerary.load(fetch.data["cursor"])
        assert way
        numbers = [stop.document for stop in way.stops if stop.document is not None]
        stored = [int(page.id) for page in self.store.memory.all(f"{run.path}/pages")]
        if sorted(numbers) != stored:
            yield f"has the pages {stored}, and knows of {sorted(numbers)}"
        urls = [stop.url for stop in way.looked_at]
        if len(urls) != len(set(urls)):
            yield f"looked at a page twice: {urls}"
        if any("private" in stop.url for stop in way.stops):
            yield "asked for what robots.txt forbids"
        if any(stop.waits for stop in way.stops):
            yield "is done, and a page still waits"
        pages = [stop for stop in way.stops if stop.role in (Role.HOME, Role.PAGE)]
        if run.data["counts"]["pages"] != sum(stop.came == Came.KEPT for stop in pages):
            yield f"counts pages that it has not: {run.data['counts']}"

    def _of_report(self, run: Document) -> Iterator[str]:
        """What was not seen is inconclusive; what is said cites pages that were fetched."""
        found = self.store.memory.get(f"{run.path}/results/report")
        if found is None:
            yield "is done, without a report"
            return
        report, counts = unpacked(found), run.data["counts"]
        fetched = {page["url"] for page in report["pages"]}
        if any(not set(leak["pages"]) <= fetched for leak in report["leaks"]):
            yield "cites a page that it has not"
        lacking = counts["pages_missed"] + counts.get("judgements_failed", 0)
        if lacking and run.data["verdict"] != "inconclusive":
            yield f"is {run.data['verdict']}, with {counts}"
        if counts.get("judgements_failed") and report["scorer"] != "rules":
            yield "made a score of a failed answer"

    def _of_money(self) -> Iterator[str]:
        """What a run says that it has paid for is no more than was paid in all."""
        said = sum(
            run.data["counts"].get("pages_judged", 0) and run.data["counts"].get("model_calls", 0)
            for run in self.store.memory.all("runs")
        )
        refused = self.outcome.chaos.struck.get("expired_offset", 0)
        if said > sum(self.paid.values()) + refused:
            yield f"counts {said} calls, and {sum(self.paid.values())} were answered"


def broken_rules(seed: int) -> list[str]:
    """What is wrong with a simulated day."""

    async def judged() -> list[str]:
        day = SiteDay(seed)
        await day.run()
        return day.broken_rules()

    with logs.silenced():
        return run_virtually(judged())


if __name__ == "__main__":
    first, _, last = sys.argv[1].partition("-")
    for number in range(int(first), int(last or first) + 1):
        for rule in broken_rules(number):
            print(number, rule)
