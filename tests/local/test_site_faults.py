"""Pages judged through our edge by the stand-in for OpenAI, whatever it answers.

However the service fails with one page, that is never a score: the scores are those of the rules,
the page has its reason, and the next run asks about it alone.
"""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from infra.local.openai.server import LocalOpenAI
from infra.local.site.server import LocalSite
from infra.local.wire.faults import Fault, FaultKind, FaultRule
from landfall.deadlines import Ladder
from landfall.llm.model_settings import ModelSettings
from landfall.llm.openai.chat import OpenAIModel
from tests.fakes.sites import a_site_scan, drive_site, report_of_site, start_site
from tests.fakes.world import World
from tests.local.test_site_score import site_of

KEY = "sk-test"
QUICK = Ladder(step=6.0, item=1.5, request=0.8, connect=0.4)
BOOK = r'/book\\"'
"""Stands in the question about that page alone: its address ends there."""


@pytest.fixture
async def service() -> AsyncIterator[LocalOpenAI]:
    async with LocalOpenAI(api_key=KEY) as service:
        yield service


@pytest.fixture
async def site() -> AsyncIterator[LocalSite]:
    async with LocalSite(site_of("/book")) as site:
        yield site


@pytest.fixture
def world() -> World:
    return World(ladder=QUICK)


async def scanned(
    world: World, site: LocalSite, service: LocalOpenAI, run_id: str = "m-1", key: str = KEY
) -> dict[str, Any]:
    """A run of the site's scan, to its end."""

    def open_model(_: ModelSettings) -> OpenAIModel:
        return OpenAIModel(service.url, key, "gpt-6-luna", QUICK)

    await start_site(world, a_site_scan(site, scorer="model"), run_id)
    await drive_site(world, site, run_id, open_model)
    return (await world.run(run_id)).data


FAULTS = {
    "refusal": ("refusal", "model_refused"),
    "content_filter": ("content_filter", "model_refused"),
    "length": ("length", "model_truncated"),
    "invalid_json": ("invalid_json", "model_malformed"),
    "echo": ("echo", "model_off_schema"),
    "silent": (Fault(FaultKind.SILENT), "model_timeout"),
    "drip": (Fault(FaultKind.DRIP_BODY), "model_timeout"),
    "cut": (Fault(FaultKind.CUT_BODY), "model_malformed"),
    "400": (Fault(FaultKind.STATUS, status=400), "model_rejected"),
}


@pytest.mark.parametrize(("fault", "reason"), FAULTS.values(), ids=FAULTS)
async def test_a_failure_is_no_score(world, site, service, fault, reason):
    """The page has its reason; the other one's judgement is stored, and not paid for again."""
    service.faults = [FaultRule(fault, content=BOOK, times=None)]
    run = await scanned(world, site, service)
    report = await report_of_site(world)
    assert (run["status"], run["verdict"]) == ("done", "inconclusive")
    assert (report["scorer"], report["scores"]) == ("rules", report["rules_scores"])
    failed = {
        one["url"]: one["failure"]["reason"] for one in report["judgements"] if "failure" in one
    }
    assert failed == {f"{site.url}/book": reason}
    service.faults, asked = [], len(service.requests)
    assert (await scanned(world, site, service, "m-2"))["report"]["scorer"] == "model"
    assert len(service.requests) == asked + 1
    assert (await report_of_site(world))["scores"] == report["scores"], "the first run's stays"


@pytest.mark.parametrize("fault", ["length", "invalid_json", "echo"])
async def test_a_single_failure_is_repaired_in_the_run(world, site, service, fault):
    """By the repair."""
    service.faults = [FaultRule(fault, content=BOOK)]
    assert (await scanned(world, site, service))["report"]["scorer"] == "model"
    attempts = {one["attempt"] for one in (await report_of_site(world))["judgements"]}
    assert attempts == {1, 2}


TROUBLES = {
    "429": Fault(FaultKind.STATUS, status=429, headers={"Retry-After": "3"}),
    "503": Fault(FaultKind.STATUS, status=503),
    "reset": Fault(FaultKind.RESET),
}


@pytest.mark.parametrize("name", TROUBLES)
async def test_a_service_in_trouble_is_asked_later(world, site, service, name):
    """In a task of its own. Where the connection breaks, the service may have answered."""
    service.faults = [FaultRule(TROUBLES[name], content=BOOK, times=2)]
    run = await scanned(world, site, service)
    counted = 4 if name == "reset" else 2
    assert (run["report"]["scorer"], run["counts"]["model_calls"]) == ("model", counted)


GONE = {
    "503": ([FaultRule(TROUBLES["503"], times=None)], KEY, "model_unavailable: "),
    "401": ([], "sk-wrong", "model_unauthorized: "),
}


@pytest.mark.parametrize(("faults", "key", "why"), GONE.values(), ids=GONE)
async def test_a_service_that_is_gone_leaves_the_rules_scores(
    world, site, service, faults, key, why
):
    """And the evidence: the run is done, and says what it lacks and why."""
    service.faults = faults
    run = await scanned(world, site, service, key=key)
    report = await report_of_site(world)
    assert (run["status"], run["verdict"], report["scorer"]) == ("done", "inconclusive", "rules")
    assert (len(report["pages"]), report["coverage"] > 0) == (2, True)
    (said,) = [one["why"] for one in run["inconclusive"] if one["what"] == "model"]
    assert said.startswith(why)
