"""Budgets of both kinds of scan over the stand-in for OpenAI: each limit, of a run and of a day.

Whatever is reached, the run is done and inconclusive, says what is left, and the next one that may
goes on where it stopped: nothing is asked about twice.
"""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import pytest

from infra.local.openai.server import LocalOpenAI
from infra.local.site.server import LocalSite
from landfall.airtable import pacer as airtable_pacer
from landfall.deadlines import LADDER
from landfall.llm.model_settings import ModelSettings
from landfall.llm.openai.chat import OpenAIModel
from landfall.llm.prices import PRICES
from landfall.llm.questions import Question
from tests.fakes.elements import Elements, by_the_rules, elements_server
from tests.fakes.models import FakeModel
from tests.fakes.sites import a_site_scan, drive_site, start_site
from tests.fakes.world import World
from tests.local.test_site_score import by_the_rules as judged
from tests.local.test_site_score import site_of

KEY, MODEL = "sk-test", "gpt-6-luna"
CALL = "/v1/chat/completions"
DAY = 24 * 3600.0
LIMITS = ["max_calls", "max_tokens", "max_dollars"]
NONE = dict.fromkeys(LIMITS)


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)


@pytest.fixture
async def service() -> AsyncIterator[LocalOpenAI]:
    async with LocalOpenAI(api_key=KEY) as service:
        yield service


def open_model(service: LocalOpenAI) -> Any:
    """Return a factory of models at the stand-in."""

    def opened(_: ModelSettings) -> OpenAIModel:
        return OpenAIModel(service.url, KEY, MODEL, LADDER)

    return opened


def enough_for_one(limit: str, questions: Sequence[Question[Any]]) -> float:
    """Return the amount that the longest question uses in the worst case."""
    worst = [question.worst_case() for question in questions]
    return {
        "max_calls": 1,
        "max_tokens": max(one.tokens for one in worst),
        "max_dollars": max(PRICES[MODEL].max_dollars(one) for one in worst),
    }[limit]


def budget(period: str, limit: str, amount: float) -> dict[str, Any]:
    """Return a budget with this limit alone."""
    return {"budget": {"run": NONE, "day": NONE} | {period: NONE | {limit: amount}}}


@pytest.mark.parametrize("period", ["run", "day"])
@pytest.mark.parametrize("limit", LIMITS)
async def test_a_classification_continues_after_its_budget(service, period, limit):
    """Two groups, and a budget for one: two elements of four have values."""
    async with elements_server() as server:
        asked = FakeModel(by_the_rules)
        await Elements(server, asked.open).run()
        settings = budget(period, limit, enough_for_one(limit, asked.asked))
        elements = Elements(server, open_model(service), model=settings)
        first = await elements.run()
        again = await elements.run() if period == "day" else first
        elements.world.clock.advance(DAY)
        last = await elements.run()
    assert (first["status"], first["verdict"]) == ("done", "inconclusive")
    assert first["report"]["coverage"] == {"with_values": 2, "of": 4}
    (why,) = first["inconclusive"]
    assert (why["what"], why["count"]) == ("left", 2)
    assert f"{period}.{limit}: " in why["why"]
    assert (again["verdict"], again["report"]["coverage"]["with_values"]) == ("inconclusive", 2)
    assert last["verdict"] == "healthy"
    assert [one.path for one in service.requests] == [CALL] * 2


@pytest.mark.parametrize("period", ["run", "day"])
@pytest.mark.parametrize("limit", LIMITS)
async def test_a_site_continues_after_its_budget(world, service, period, limit):
    """Two pages, and a budget for one: the scores are those of the rules until both are judged."""
    async with LocalSite(site_of("/book")) as site:
        asked = FakeModel(judged)
        await scanned(World(), site, "m-0", {}, asked.open)
        settings = budget(period, limit, enough_for_one(limit, asked.asked))
        first = await scanned(world, site, "m-1", settings, open_model(service))
        world.clock.advance(DAY)
        last = await scanned(world, site, "m-2", settings, open_model(service))
    assert (first["status"], first["verdict"]) == ("done", "inconclusive")
    assert (first["report"]["scorer"], first["counts"]["pages_judged"]) == ("rules", 1)
    (why,) = [one["why"] for one in first["inconclusive"] if one["what"] == "model"]
    assert f"{period}.{limit}: " in why
    assert why.endswith("is reached; 1 of 2 pages are left for the next run")
    assert last["report"]["scorer"] == "model"
    assert [one.path for one in service.requests] == [CALL] * 2


async def scanned(
    world: World, site: LocalSite, run_id: str, settings: dict[str, Any], opened: Any
) -> dict[str, Any]:
    """A run of a scan of the site with this model, to its end."""
    await start_site(world, a_site_scan(site, scorer="model", model=settings), run_id)
    await drive_site(world, site, run_id, opened)
    return (await world.run(run_id)).data
