"""The score step of a site scan: what the rules and a model make of what was captured."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from infra.local.openai import site as openai_site
from infra.local.openai.answers import ParsedQuestion
from infra.local.samples.clinic import clinic
from infra.local.site.pages import Resource, page
from infra.local.site.server import LocalSite
from landfall.deadlines import Ladder
from landfall.llm.questions import Problem, Question, RateLimits
from landfall.reasons import Reason, StepError
from landfall.site.judgement import LOWER, RAISE
from landfall.site.prompt import RULES, DimensionJudgement, PageJudgement
from landfall.store.documents import Query, StoreError
from tests.fakes.injections import PAGES, PASSAGES, WANTED
from tests.fakes.memory_store import MemoryStore
from tests.fakes.models import FakeModel
from tests.fakes.outages import AwayAfterPages
from tests.fakes.sites import (
    a_site_scan,
    deliver_site,
    drive_site,
    report_of_site,
    site_clients,
    start_site,
)
from tests.fakes.world import World

MODEL = {"scorer": "model"}


HOME = """<title>Dental practice</title><h1>Gentle dentistry</h1>
<p>Our dentists take their time for you and explain what they see.</p>"""


def site_of(*paths: str) -> dict[str, Resource]:
    """A home page that leads to these."""
    links = "".join(f'<a href="{path}">{path}</a>' for path in paths)
    pages = {
        path: page(f"<title>{path}</title><p>This is the page of {path} alone.") for path in paths
    }
    return {"/": page(HOME + links)} | pages


def by_the_rules(question: Question[Any]) -> PageJudgement:
    """As the stand-in answers."""
    asked = ParsedQuestion("PageJudgement", {}, question.instructions, question.text)
    return PageJudgement.model_validate(openai_site.page_answer(asked))


def obeying(question: Question[Any]) -> PageJudgement:
    """A model that gives ten for everything, with evidence that is on every page of ours."""
    quote = next(line for line in question.text.splitlines()[3:] if len(line) > 20)
    names = [
        line[2:].split(":")[0] for line in question.instructions.splitlines() if line[:2] == "- "
    ]
    dimensions = [
        DimensionJudgement(dimension=n, score=10, why="instructed", quote=quote) for n in names
    ]
    return PageJudgement(dimensions=dimensions, critique="Perfect.")


async def scanned(
    world: World, site: LocalSite, fake: FakeModel | None = None, run: str = "m-1", **changes: Any
) -> dict[str, Any]:
    """The run of a scan of this site, to its end."""
    asked = MODEL if fake else {}
    await start_site(world, a_site_scan(site, **(asked | changes)), run)
    opened = {"open_model": fake.open} if fake else {}
    await drive_site(world, site, run, **opened)
    return (await world.run(run)).data


async def test_the_clinic_by_rules(world):
    """Its report, by hand: what it has and has not, and where."""
    async with LocalSite(clinic()) as site:
        run = await scanned(world, site)
        report = await report_of_site(world)
        url = site.url
    assert (run["status"], run["verdict"], run["progress_pct"]) == ("done", "inconclusive", 100)
    assert [one["what"] for one in run["inconclusive"]] == [f"{url}/gallery"]
    # 2 + 1.5 + 2 + 1.5 + 1.5 of 10 points: there is no description
    assert report["scores"]["clarity_first_impression"] == 8.5
    # 3.5 of 4 + 2 + 2 + 0.5 + 1.5: it may not be enlarged
    assert report["scores"]["mobile_experience"] == 9.5
    leaks = {leak["id"]: leak["pages"] for leak in report["leaks"]}
    assert leaks["description"] == leaks["phone-to-tap"] == [f"{url}/"]
    assert f"{url}/prices" in leaks["booking-everywhere"]
    assert leaks["fields-named"] == [f"{url}/contact"]


async def test_the_run_has_the_report_in_short(world):
    """And all of it is beside the run."""
    async with LocalSite(clinic()) as site:
        run = await scanned(world, site, mode="quick")
    report = await report_of_site(world)
    assert run["report"]["scores"] == report["scores"]
    assert len(run["report"]["leaks"]) <= 5
    assert (run["report"]["mode"], run["report"]["scorer"]) == ("quick", "rules")
    assert run["counts"]["leaks"] == len(report["leaks"])
    assert run["counts"]["total_score_60"] == report["total_score_60"]
    assert not {"criteria", "seen"} & set(run["report"])


async def test_a_quick_scan_can_be_conclusive(world):
    """All that it asks for was seen: the verdict is by the band."""
    async with LocalSite(clinic()) as site:
        run = await scanned(world, site, mode="quick")
    bands = {"strong": "healthy", "good": "warning", "weak": "warning", "poor": "critical"}
    assert run["inconclusive"] == []
    assert run["verdict"] == bands[run["report"]["band"]]


async def test_scores_are_the_same_twice(world):
    """The same site, the same scores: nothing of it is drawn, or depends on the time."""
    async with LocalSite(site_of("/book", "/prices")) as site:
        await scanned(world, site)
        await scanned(world, site, run="m-2")
    first, second = await report_of_site(world), await report_of_site(world, "m-2")
    assert first["scores"] == second["scores"]
    comparison = second.pop("comparison")
    assert comparison["run_id"] == "m-1"
    assert set(comparison["scores"].values()) == {0.0}
    assert (comparison["pages_new"], comparison["pages_gone"]) == ([], [])


async def test_fixed_leaks_are_reported(world):
    """The next run of the site says what is not as it was."""
    pages = site_of("/book", "/prices")
    async with LocalSite(pages) as site:
        await scanned(world, site)
        site.pages["/"] = page(
            HOME + '<a href="tel:+15550100">Call</a><a href="/book">Book</a><a href="/new">New</a>'
        )
        site.pages["/new"] = page("<title>New</title><p>A page that was not there before.")
        await scanned(world, site, run="m-2")
        url = site.url
    comparison = (await report_of_site(world, "m-2"))["comparison"]
    assert {"phone-to-tap", "phone-on-phone"} <= set(comparison["leaks_mended"])
    assert comparison["pages_new"] == [f"{url}/new"]
    assert comparison["pages_gone"] == [f"{url}/prices"]
    assert comparison["scores"]["booking_path"] > 0


async def test_pages_that_were_deleted_end_the_run(world):
    """There is no score of the rest."""
    async with LocalSite(site_of("/book")) as site:
        await start_site(world, a_site_scan(site))
        await deliver_site(world, world.queue.tasks[-1], site_clients(world, site))
        store = world.stored  # below the versions
        store.delete("runs/m-1/pages/000001")
        await deliver_site(world, world.queue.tasks[-1], site_clients(world))
    assert (await world.run()).data["error"]["reason"] == "pages_missing"


# With a model


async def test_a_model_moves_scores_within_bounds(world):
    """The rules' scores are beside them, and so are its judgements of each page and the cost."""
    async with LocalSite(clinic()) as site:
        run = await scanned(world, site, FakeModel(by_the_rules))
    report = await report_of_site(world)
    assert report["scorer"] == "model"
    for name, ruled in report["rules_scores"].items():
        assert ruled - LOWER <= report["scores"][name] <= ruled + RAISE
    assert report["scores"] != report["rules_scores"]
    said = report["judgements"]
    assert len(said) == run["counts"]["pages"] == run["counts"]["pages_judged"]
    assert {"model", "prompt_version", "attempt", "tokens_asked", "dollars", "seconds"} <= set(
        said[0]
    )
    assert run["counts"]["model_calls"] == len(said)


async def test_a_second_run_asks_nothing(world):
    """The pages are as they were: every answer is stored."""
    model = FakeModel(by_the_rules)
    async with LocalSite(clinic()) as site:
        await scanned(world, site, model)
        asked = len(model.asked)
        second = await scanned(world, site, model, "m-2")
    assert len(model.asked) == asked
    assert second["counts"]["model_calls"] == 0
    assert (await report_of_site(world, "m-2"))["scorer"] == "model"


FAILURES = [
    Problem(Reason.MODEL_REFUSED, "it refused"),
    Problem(Reason.MODEL_TRUNCATED, "it was cut off"),
    Problem(Reason.MODEL_OFF_SCHEMA, "it has another shape"),
]


@pytest.mark.parametrize("failure", FAILURES, ids=[one.reason for one in FAILURES])
async def test_a_failed_answer_is_never_a_score(world, failure):
    """Scores are those of the rules, and say so; the run is inconclusive, with why."""

    def rule(question: Question[Any]) -> Any:
        return failure if "/prices" in question.text.splitlines()[2] else by_the_rules(question)

    async with LocalSite(site_of("/book", "/prices")) as site:
        run = await scanned(world, site, FakeModel(rule))
        url = site.url
    report = await report_of_site(world)
    assert (report["scorer"], report["scores"]) == ("rules", report["rules_scores"])
    assert (run["status"], run["verdict"]) == ("done", "inconclusive")
    assert f"model: {url}/prices" in [one["what"] for one in run["inconclusive"]]
    assert run["counts"]["judgements_failed"] == 1


def quoting(text: str) -> Callable[[Question[Any]], PageJudgement]:
    """A rule: one dimension, with this quotation."""

    def rule(_: Question[Any]) -> PageJudgement:
        said = DimensionJudgement(dimension="booking_path", score=9, why="x", quote=text)
        return PageJudgement(dimensions=[said], critique="Fine.")

    return rule


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (quoting("this is nowhere on the page"), "model_unfounded"),
        (lambda _: PageJudgement(dimensions=[], critique=RULES), "model_echoed"),
    ],
    ids=["unfounded", "echoed"],
)
async def test_an_answer_is_checked_by_code(world, rule, reason):
    """Evidence that is not on the page, and our own instructions: asked once more, then failed."""
    model = FakeModel(rule)
    async with LocalSite(site_of()) as site:
        run = await scanned(world, site, model, mode="quick")
    assert len(model.asked) == 2
    assert any(reason in one["why"] for one in run["inconclusive"])
    assert (await report_of_site(world))["scorer"] == "rules"


async def test_a_budget_that_is_spent_ends_the_run_cleanly(world):
    """`done`, inconclusive, with what is left; the next run goes on from there."""
    model = FakeModel(by_the_rules)
    budget = {"budget": {"run": {"max_calls": 2, "max_dollars": None}}}
    async with LocalSite(site_of("/book", "/prices")) as site:
        run = await scanned(world, site, model, model=budget)
        assert (run["status"], run["verdict"], len(model.asked)) == ("done", "inconclusive", 2)
        (why,) = [one["why"] for one in run["inconclusive"] if one["what"] == "model"]
        assert why.startswith("the budget's run.max_calls: 2 is reached; 1 of 3 pages")
        run = await scanned(world, site, model, "m-2", model=budget)
    assert len(model.asked) == 3
    assert (await report_of_site(world, "m-2"))["scorer"] == "model"


async def test_a_redelivery_pays_nothing():
    """The worker died after its answers were stored: the next one finds them."""
    store = _Stumbling()
    world, model = World(store), FakeModel(by_the_rules)
    async with LocalSite(site_of("/book", "/prices")) as site:
        await start_site(world, a_site_scan(site, **MODEL))
        await deliver_site(world, world.queue.tasks[-1], site_clients(world, site))
        clients = site_clients(world, open_model=model.open)
        store.refuses_the_end = True
        assert await deliver_site(world, world.queue.tasks[-1], clients) == "store_unavailable"
        asked = len(model.asked)
        store.refuses_the_end = False
        assert await deliver_site(world, world.queue.tasks[-1], clients) == "finished"
    assert len(model.asked) == asked == 3
    assert (await world.run()).data["counts"]["model_calls"] == 3


class _Stumbling(MemoryStore):
    """Takes everything but the report."""

    refuses_the_end = False

    async def commit(self, writes):
        if self.refuses_the_end and any("/results/" in write.path for write in writes):
            raise StoreError("not now")
        return await super().commit(writes)


async def test_a_budget_of_time_that_ends_is_gone_on_from():
    """A model that takes long: the step goes on in a task of its own, and asks nothing twice."""
    short = Ladder(step=1.5, item=1.4, request=1.3, connect=0.5)
    world, model = World(ladder=short), FakeModel(by_the_rules, seconds=0.9)
    model.limits = replace(model.limits, requests=60, requests_left=0, requests_reset=30.0)
    paths = [f"/page-{number}" for number in range(4)]
    async with LocalSite(site_of(*paths)) as site:
        await scanned(world, site, model)
    keys = [question.text for question in model.asked]
    assert len(keys) == len(set(keys)) == 5
    assert (await report_of_site(world))["scorer"] == "model"


async def test_a_service_that_is_down_is_retried(world):
    """The step waits, and nothing that was paid is paid again."""
    failures = iter([StepError(Reason.MODEL_UNAVAILABLE, "503")] * 2)
    model = FakeModel(lambda question: next(failures, None) or by_the_rules(question))
    async with LocalSite(site_of("/book")) as site:
        run = await scanned(world, site, model)
    assert (run["status"], (await report_of_site(world))["scorer"]) == ("done", "model")


ENDINGS = [
    StepError(Reason.MODEL_UNAVAILABLE, "503"),
    StepError(Reason.MODEL_UNREACHABLE, "reset"),
    StepError(Reason.MODEL_UNAUTHORIZED, "401"),
    StepError(Reason.MODEL_NOT_FOUND, "404"),
    StepError(Reason.MODEL_UNSUPPORTED, "400"),
    StepError(Reason.MODEL_QUOTA_SPENT, "pay"),
]


@pytest.mark.parametrize("error", ENDINGS, ids=lambda error: error.reason)
async def test_a_service_that_stays_away_leaves_the_rules_scores(world, error):
    """After its attempts the run is done and inconclusive, with why, and with all that the rules
    have found; the next run has the model's scores."""
    model = FakeModel(lambda _: error)
    async with LocalSite(site_of("/book")) as site:
        run = await scanned(world, site, model)
        await scanned(world, site, run="m-2", id="ruled")
        model.rule = by_the_rules
        later = await scanned(world, site, model, "m-3")
    report, by_rules = await report_of_site(world), await report_of_site(world, "m-2")
    assert (run["status"], run["verdict"], run["error"]) == ("done", "inconclusive", None)
    assert report["scorer"] == "rules"
    for name in ("scores", "leaks", "pages"):
        assert report[name] == by_rules[name]
    (why,) = [one["why"] for one in run["inconclusive"] if one["what"] == "model"]
    assert why.startswith(f"{error.reason}: ")
    assert "2 of 2 pages are left for the next run" in why
    assert later["report"]["scorer"] == "model"


async def test_a_look_is_as_late_as_its_first_page():
    """Not as its step's end, which an outage put off until another run had looked."""
    store = AwayAfterPages()
    world = World(store)
    async with LocalSite(site_of("/book")) as site:
        await start_site(world, a_site_scan(site))
        store.goes_away = True
        with pytest.raises(StoreError):
            await drive_site(world, site)
        store.is_back()
        world.clock.advance(world.runs.ladder.stale)
        await scanned(world, site, run="m-2")
        assert await world.runs.take_up("m-1", "fetch", "watchdog") == "retried"
        await drive_site(world, site)
    assert (await world.run()).data["status"] == "done"
    (summary,) = await world.store.find(Query("scans/clinic/sites"))
    assert summary.data["run_id"] == "m-2"


def _without_key(_: object) -> FakeModel:
    raise StepError(Reason.MODEL_NOT_CONFIGURED, "OPENAI_API_KEY is not set")


async def test_a_scan_without_a_key_has_the_rules_scores(world):
    """Nothing can be asked, and the run says what to do."""
    async with LocalSite(site_of("/book")) as site:
        await start_site(world, a_site_scan(site, **MODEL))
        await drive_site(world, site, open_model=_without_key)
    run = (await world.run()).data
    assert (run["status"], run["verdict"]) == ("done", "inconclusive")
    assert any("OPENAI_API_KEY is not set" in one["why"] for one in run["inconclusive"])


async def test_what_was_paid_before_the_service_went_is_not_paid_again(world):
    """One page was judged: the next run asks about the other."""
    gone = StepError(Reason.MODEL_UNAVAILABLE, "503")
    model = FakeModel(lambda q: gone if "/book" in q.text.splitlines()[2] else by_the_rules(q))
    async with LocalSite(site_of("/book")) as site:
        run = await scanned(world, site, model)
        model.rule, model.asked = by_the_rules, []
        await scanned(world, site, model, "m-2")
    assert (run["status"], run["counts"]["pages_judged"]) == ("done", 1)
    assert len(model.asked) == 1


async def test_a_run_without_time_to_ask_on_ends_with_what_it_has(world):
    """The service's limits would outlast the run's deadline."""
    model = FakeModel(by_the_rules, limits=RateLimits(requests=1, requests_left=0))
    async with LocalSite(site_of(*(f"/page-{n}" for n in range(9)))) as site:
        run = await scanned(world, site, model, limits={"deadline_seconds": 48})
    # pages of nothing but a heading: poor, whatever a model would say
    assert (run["status"], run["verdict"], run["complete"]) == ("done", "critical", False)
    assert any("limits.deadline_seconds" in one["why"] for one in run["inconclusive"])


async def test_progress_is_true_per_page(world):
    """From 60 to 95 per cent, a step for each page that was judged."""
    told: list[int] = []

    class Telling(FakeModel):
        async def close(self) -> None:
            told.append((await world.run()).data["progress_pct"])

    model = Telling(by_the_rules)
    async with LocalSite(site_of("/book", "/prices", "/contact")) as site:
        await scanned(world, site, model)
    events = [found.data for found in await world.store.find(Query("runs/m-1/events"))]
    assert told == [95]
    assert events


BOOK = """<title>/book</title><p>This is the page of /book alone.<img src=x alt="{}"><p>{}
<!-- {} --><p hidden>{}"""


@pytest.mark.parametrize("attack", PASSAGES, ids=[attack.name for attack in PASSAGES])
async def test_an_instruction_on_a_page_changes_no_other_page(world, attack):
    """In the text, a comment, an alternative text, hidden: the rules' scores stay what they are,
    and an obedient model's ten is one point at most."""
    harmless, hostile = site_of("/book"), site_of("/book")
    disguised = attack.text.replace("<", "&lt;").replace('"', "'")
    harmless["/book"] = page(BOOK.format("Room", "About us", "note", "gone"))
    hostile["/book"] = page(BOOK.format(*[disguised] * 4))
    async with LocalSite(harmless) as site:
        await scanned(world, site, FakeModel(obeying))
    async with LocalSite(hostile) as site:
        await scanned(world, site, FakeModel(obeying), "m-2", id="other")
    before, after = await report_of_site(world), await report_of_site(world, "m-2")
    assert after["rules_scores"] == before["rules_scores"]
    for name, score in after["scores"].items():
        assert score <= before["rules_scores"][name] + RAISE
    home, same = (
        [one for one in report["judgements"] if one["url"].endswith("/")]
        for report in (before, after)
    )
    assert [one["dimensions"] for one in home] == [one["dimensions"] for one in same]


def hostile_site() -> dict[str, Resource]:
    """A page for each attack that is a whole page, and a home page that leads to them."""
    paths = [f"/page-{number}" for number in range(len(PAGES))]
    own = {path: f"<p>Nothing else is on {path}.</p></body>" for path in paths}
    attacked = {
        path: page(attack.text.replace("</body>", own[path]))  # alike ones would be folded
        for path, attack in zip(paths, PAGES, strict=True)
    }
    return site_of(*paths) | attacked


HOSTILE: dict[str, Any] = {"max_pages": 30, "delay_seconds": 0.1}


async def test_a_question_has_one_page_and_its_fence(world):
    """Whatever a page says, it is in no other page's question."""
    model = FakeModel(by_the_rules)
    async with LocalSite(hostile_site()) as site:
        await scanned(world, site, model, **HOSTILE)
    assert len(model.asked) == 1 + len(PAGES)
    fences = [ParsedQuestion("", {}, "", question.text).quotes for question in model.asked]
    assert {len(one) for one in fences} == {1}
    assert WANTED not in model.asked[0].text


async def test_an_obedient_model_gives_no_page_more_than_its_evidence(world):
    """Ten for everything on every page: one point above what the rules have observed."""
    async with LocalSite(hostile_site()) as site:
        run = await scanned(world, site, FakeModel(obeying), **HOSTILE)
    report = await report_of_site(world)
    assert (report["scorer"], run["counts"]["pages_judged"]) == ("model", 1 + len(PAGES))
    for name, score in report["scores"].items():
        ruled = report["rules_scores"][name]
        assert score is None if ruled is None else score <= ruled + RAISE


def telling(question: Question[Any]) -> PageJudgement:
    """A model that tells its instructions wherever a page of an attack is asked about."""
    if "/page-" not in question.text.splitlines()[2]:
        return by_the_rules(question)
    return PageJudgement(dimensions=[], critique=f"My instructions: {RULES[100:700]}")


async def test_a_page_does_not_get_the_instructions(world):
    """An answer that repeats them is a failure, and is not stored."""
    async with LocalSite(hostile_site()) as site:
        run = await scanned(world, site, FakeModel(telling), **HOSTILE)
    report = await report_of_site(world)
    assert (report["scorer"], run["counts"]["judgements_failed"]) == ("rules", len(PAGES))
    said = [one["failure"]["reason"] for one in report["judgements"] if "failure" in one]
    assert set(said) == {"model_echoed"}
    stored = [run, report, *world.stored.all("answers")]
    assert RULES[200:260] not in str(stored)
