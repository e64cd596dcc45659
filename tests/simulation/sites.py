"""Site scans in a simulation: a site whose pages change, fail, and ask to be left alone."""

from collections.abc import Iterator
from random import Random

from infra.local.openai.site import page_answer
from landfall.deadlines import Deadline
from landfall.kinds.registry import Registry
from landfall.llm.model_settings import ModelSettings
from landfall.reasons import Reason, StepError
from landfall.runs.runs import Runs
from landfall.site.page import Page
from landfall.site.scan import SiteScan
from landfall.store.documents import Write
from tests.fakes.clients import FakeClients
from tests.fakes.memory_store import MemoryStore
from tests.simulation.checker_sites import SiteChecker
from tests.simulation.faults import Chaos
from tests.simulation.model import TreacherousModel
from tests.simulation.pages import ROBOTS, SimulatedSite, draw_site, draw_site_scan

URL = "https://simulated.example"

_PASSING = (Reason.SITE_TIMEOUT, Reason.SITE_UNREACHABLE)
_TROUBLES = (*_PASSING, Reason.SITE_TOO_LARGE)


class SiteSubject:
    """A `Subject`."""

    def __init__(self, chaos: Chaos) -> None:
        self._chaos = chaos
        self._site = draw_site(chaos.random)
        self._model = TreacherousModel(chaos, page_answer)
        self._scans: dict[str, SiteScan] = {}

    def draw_scan(self, random: Random, number: int) -> SiteScan:
        """As `Subject.draw_scan`."""
        scan = draw_site_scan(random, number, f"{URL}/")
        self._scans[scan.id] = scan
        return scan

    @property
    def clients(self) -> FakeClients:
        """As `Subject.clients`."""
        return FakeClients(site=self._open_site, model=self._open_model)

    def _open_site(self, _: str) -> "TreacherousSite":
        return TreacherousSite(self._chaos, self._site)

    def _open_model(self, _: ModelSettings) -> TreacherousModel:
        return self._model

    async def touch(self, _: Runs, __: Registry, ___: SiteScan) -> None:
        """Somebody writes news on a page."""
        self._site.change(self._chaos.random)

    def written(self, _: MemoryStore, write: Write) -> Iterator[str]:
        """As `Subject.written`."""
        self._model.look_at(write)
        yield from ()

    def checker(self) -> SiteChecker:
        """As `Subject.checker`."""
        return SiteChecker(self._scans)

    def broken(self, memory: MemoryStore) -> Iterator[str]:
        """As `Subject.broken`."""
        yield from self._model.broken(memory, "site")


class TreacherousSite:
    """A `SiteReader` of a simulated site; now and then a page does not come."""

    def __init__(self, chaos: Chaos, site: SimulatedSite) -> None:
        self._chaos = chaos
        self._site = site

    async def fetch_page(
        self, url: str, deadline: Deadline, user_agent: str, _: int | None = None
    ) -> Page:
        """As `SiteReader.fetch_page`."""
        assert "LandfallBot" in user_agent
        try:
            async with deadline.limit():
                await self._chaos.pass_by(0.05, 2.0)
        except TimeoutError:
            raise StepError(Reason.SITE_TIMEOUT, "simulated: too slow") from None
        path = url.removeprefix(URL)
        rules = path == "/robots.txt"  # a 404, or what cannot be read, would be no rules
        if self._chaos.strikes("site_error"):
            reason = self._chaos.random.choice(_PASSING if rules else _TROUBLES)
            raise StepError(reason, "simulated")
        if self._chaos.strikes("site_refusal"):
            return _page(url, self._chaos.random.choice([429, 500] if rules else [404, 429, 500]))
        if rules:
            return _page(url, 200, ROBOTS)
        if path not in self._site.paths:
            return _page(url, 404)
        return _page(url, 200, self._site.html(path))

    async def close(self) -> None:
        """As `SiteReader.close`."""


def _page(url: str, status: int, text: str = "") -> Page:
    headers = {"content-type": "text/html"}
    body = text.encode()
    return Page(url, (), status, headers, body, "93.184.215.14", 0.5, len(body), "TLSv1.3")
