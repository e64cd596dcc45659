"""What the alerts count, in the log of what they are for: each filter against real lines."""

from collections.abc import Callable
from typing import Any

import pytest

from infra.cloud.resources import alerts
from infra.cloud.resources.alerts import LogMetric, wanted_metric
from infra.local.openai.server import LocalOpenAI
from infra.local.samples.clinic import clinic
from infra.local.site.server import LocalSite
from landfall.airtable import pacer as airtable_pacer
from landfall.deadlines import LADDER, Deadline
from landfall.entry.own_service import CallerCheck, OwnService
from landfall.llm.model_settings import ModelSettings
from landfall.llm.openai.batches import OpenAIBatches
from landfall.llm.openai.chat import OpenAIModel
from landfall.ticks.scheduler import Scheduler
from landfall.ticks.watchdog import Watchdog
from tests.fakes.bases import a_base, a_server
from tests.fakes.elements import Elements, elements_server
from tests.fakes.sites import a_site_scan, drive_site, start_site
from tests.fakes.workers import drive
from tests.log_filters import entry, takes

KEY, MODEL = "sk-test", "gpt-6-luna"


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)


Counted = Callable[[LogMetric], list[dict[str, Any]]]


@pytest.fixture
def counted(capsys: pytest.CaptureFixture[str]) -> Counted:
    """The lines since the last look that a metric counts."""
    lines: list[dict[str, Any]] = []

    def those(metric: LogMetric) -> list[dict[str, Any]]:
        lines.extend(entry(line) for line in capsys.readouterr().out.splitlines())
        assert lines
        filter_ = wanted_metric(metric)["filter"]
        return [it["jsonPayload"] for it in lines if takes(filter_, it)]

    return those


async def test_a_run_that_ends_in_an_error_is_counted_once(world, counted):
    """Its step fails in the same commit, which is not counted; a run that is done is not either."""
    async with a_server(a_base(People=3)) as server:
        await world.start(await world.save(), "m-1")
        await drive(world, server, "m-1")
        assert counted(alerts.ENDED_IN_ERROR) == []
        await world.start(await world.save(base="appNobody00000001"), "m-2")
        await drive(world, server, "m-2")
    (line,) = counted(alerts.ENDED_IN_ERROR)
    assert (line["run_id"], line["new"]) == ("m-2", "error")


async def test_a_run_that_the_watchdog_ends_is_counted_once(world, counted):
    """At its deadline."""
    await world.start(await world.save())
    world.clock.advance(LADDER.run + 1)
    await Watchdog(world.runs, "watchdog").tick(Deadline.after(LADDER.step))
    (line,) = counted(alerts.ENDED_IN_ERROR)
    assert (line["run_id"], line["new"]) == ("m-1", "timed_out")


async def test_a_step_that_the_watchdog_takes_up_is_counted(world, counted):
    """Once for each tick that takes it up, with what was done; an idle tick counts nothing."""
    await world.start(await world.save())
    for seconds in (1, LADDER.stale, LADDER.stale + 1):
        world.clock.advance(seconds)
        await Watchdog(world.runs, "watchdog").tick(Deadline.after(LADDER.step))
    assert [line["did"] for line in counted(alerts.RESCUES)] == ["redriven", "redriven"]


LITTLE = {"budget": {"run": {"max_calls": 1}}}


@pytest.mark.parametrize("batch", [False, True], ids=["questions", "batches"])
async def test_a_classification_that_has_spent_its_budget_is_counted(counted, batch):
    """Two groups, and a budget for one: once, however it asks; with enough, not at all."""
    async with LocalOpenAI(api_key=KEY, batch_seconds=0.01) as service, elements_server() as server:

        def open_model(_: ModelSettings) -> OpenAIModel:
            return OpenAIModel(service.url, KEY, MODEL)

        def open_batches(_: ModelSettings) -> OpenAIBatches:
            return OpenAIBatches(service.url, KEY, MODEL)

        settings: dict[str, Any] = {"model": {"batch": batch} | LITTLE}
        settings["limits"] = {"deadline_seconds": 86_400}
        elements = Elements(server, open_model, open_batches=open_batches, **settings)
        run = await elements.run()
        assert run["verdict"] == "inconclusive"
        (line,) = counted(alerts.BUDGET_SPENT)
        assert line["spent"] == "run.max_calls: 1"
        await elements.run()  # the next goes on, with what is left
    assert len(counted(alerts.BUDGET_SPENT)) == 1


async def test_a_site_scan_that_has_spent_its_budget_is_counted(world, counted):
    """Pages that are left are left to the next run."""
    async with LocalOpenAI(api_key=KEY) as service, LocalSite(clinic()) as site:

        def open_model(_: ModelSettings) -> OpenAIModel:
            return OpenAIModel(service.url, KEY, MODEL)

        await start_site(world, a_site_scan(site, scorer="model", model=LITTLE))
        await drive_site(world, site, open_model=open_model)
    (line,) = counted(alerts.BUDGET_SPENT)
    assert line["spent"] == "run.max_calls: 1"


async def test_the_silence_of_a_function_is_counted_by_the_other(world, counted):
    """One that never ticked, tick after tick; once it has ticked there is nothing to count."""
    for _ in range(2):
        await Watchdog(world.runs, "watchdog").tick(Deadline.after(LADDER.step))
    assert [line["silent"] for line in counted(alerts.SILENT)] == ["scheduler"] * 2
    await Scheduler(world.runs, "scheduler").tick(Deadline.after(LADDER.step))
    await Watchdog(world.runs, "watchdog").tick(Deadline.after(LADDER.step))
    assert len(counted(alerts.SILENT)) == 2


async def test_a_function_that_finds_itself_open_is_counted(counted):
    """Once for each time that it reads its state."""

    async def read() -> OwnService:
        return OwnService(False, ())

    check = CallerCheck(read)
    assert not await check.is_on()
    assert not await check.is_on()
    (line,) = counted(alerts.OPEN)
    assert line["fix"] == "run infra/deploy"
