"""The largest documents of site scans (`largest`)."""

from dataclasses import asdict
from functools import cache
from random import Random
from string import ascii_letters
from typing import Any

from landfall.kinds.definition import parse
from landfall.llm.answer_store import MAX_ANSWER_BYTES, MAX_MESSAGE_CHARACTERS
from landfall.llm.questions import Problem, Reply
from landfall.reasons import Reason
from landfall.site.crawl import Crawl
from landfall.site.crawl_request import (
    MAX_MESSAGE_BYTES,
    CrawlRequest,
    RequestOutcome,
    RequestRole,
)
from landfall.site.crawled import Crawled
from landfall.site.evidence import Evidence, PageLink, evidence_of
from landfall.site.html import MAX_HTML_BYTES
from landfall.site.judgement import MAX_REMARK, Judgements
from landfall.site.markup import Heading
from landfall.site.observed import MissedPage, ObservedPage, ObservedSite
from landfall.site.packing import packed
from landfall.site.page import Transfer
from landfall.site.page_selection import Types
from landfall.site.page_store import PageStore
from landfall.site.prompt import DimensionJudgement, PageJudgement
from landfall.site.report import SiteReport, report_of, summary
from landfall.site.robots import Robots
from landfall.site.rubric import Rubric, clinic_rubric, vocabularies
from landfall.site.scan import SiteScan
from landfall.site.scores import score
from landfall.site.urls import MAX_ADDRESS, page_key
from landfall.store.documents import Document
from tests.fakes.largest import ID, NOW, largest, run_with, step_with, text
from tests.fakes.largest_classification import MODEL, USAGE
from tests.fakes.sites import start_site
from tests.fakes.world import World

AT = "https://clinic.example/"
PAGES = 50


def address(number: int) -> str:
    """Return one of the longest addresses, which shrinks little."""
    path = "".join(Random(number).choices(ascii_letters, k=MAX_ADDRESS))
    return f"{AT}{path}"[:MAX_ADDRESS]


def rubric() -> Rubric:
    """Return the rubric with the most criteria, stages and words, as far as a definition goes."""
    dimensions = [
        {
            "id": f"dimension_{'abcdefghijkl'[number]}_".ljust(40, "d"),
            "name": text(f"d{number}", 20),
            "criteria": [
                {
                    "id": f"c{number:02}{n:02}".ljust(60, "x"),
                    "where": "pages",
                    "fact": "words",
                    "at_least": 10**6,
                    "good": "g",
                    "bad": text(f"b{number}-{n}", 150),
                    "action": text(f"a{number}-{n}", 130),
                }
                for n in range(50)
            ],
        }
        for number in range(12)
    ]
    words = {f"w{n}".ljust(60, "w"): ["a"] for n in range(100)}
    types = [{"id": f"t{'_' * n}".ljust(40, "t"), "words": ["a*"]} for n in range(30)]
    everything = [str(one["id"]) for one in dimensions]
    kinds = [one["id"] for one in types]
    stages = [
        {"stage": text(f"s{n}", 20), "dimensions": everything, "page_types": kinds}
        for n in range(30)
    ]
    return Rubric.model_validate(
        {"page_types": types, "words": words, "dimensions": dimensions, "journey": stages}
    )


LONGEST = MAX_ANSWER_BYTES // 4 // 25 - 60
"""Characters of the remarks of an answer about twelve dimensions that is as long as it may be."""


def judgement(of: Rubric, seed: str, most: int = MAX_REMARK) -> PageJudgement:
    """Return a judgement of a page in each dimension, with remarks of so many characters."""
    return PageJudgement(
        dimensions=[
            DimensionJudgement(
                dimension=one.id,
                score=5.5,
                why=text(f"{seed}{one.id}w", most),
                quote=text(f"{seed}{one.id}q", most),
            )
            for one in of.dimensions
        ],
        critique=text(f"{seed}c", most),
    )


def reply(content: PageJudgement | None) -> Reply[PageJudgement]:
    """Return a reply about a page; a failure without content."""
    problem = Problem(Reason.MODEL_MALFORMED, text("p", MAX_MESSAGE_CHARACTERS))
    return Reply(
        "k", content, None if content else problem, MODEL, ID, 2, USAGE, 0.5, 1.5, "h" * 32, True
    )


def observed(of: Rubric, missed: int = 0) -> ObservedSite:
    """Return a site of the most pages, of the longest addresses."""
    types = [one.id for one in of.page_types]
    pages = [
        ObservedPage(
            types[n % len(types)],
            Evidence(
                address(n),
                {"words": 1, "seconds": 1.5},
                text(f"t{n}", 200),
                text(f"d{n}", 200),
                [Heading(1, text(f"h{n}-{one}", 200)) for one in range(3)],
                [text(f"c{n}-{one}", 200) for one in range(3)],
                [text(f"k{n}-{one}", 200) for one in range(3)],
            ),
        )
        for n in range(PAGES - missed)
    ]
    lost = [
        MissedPage(address(1_000 + n), "other", Reason.SITE_TIMEOUT, text(f"m{n}", 175))
        for n in range(missed)
    ]
    return ObservedSite(pages, None, lost)


@cache
def report_of_most() -> SiteReport:
    """Return the report with the most criteria."""
    return report(rubric())


@cache
def report_of_remarks() -> SiteReport:
    """Return a report whose remarks fill it, by the usual rubric."""
    return report(clinic_rubric())


def report(of: Rubric, *, failed: bool = False, missed: int = 0) -> SiteReport:
    """Return the report of the largest site, judged by a model, after another one."""
    site = observed(of, missed)
    judgements = Judgements(len(site.pages), ended=text("e", 1_000) if failed else None)
    for number, page in enumerate(site.pages):
        judgements.take(page.url, reply(None if failed else judgement(of, f"{number}")))
    scores = score(of, site)
    before = summary(ID, report_of("s" * 253, "quick", scores, site, None).fields)
    before |= {"mode": "deep", "scorer": "rules" if failed else "model"}
    before |= {"pages": [address(n) for n in range(100, 150)], "leaks": ["l" * 60] * 600}
    return report_of("s" * 253, "deep", scores, site, before, judgements)


@largest("runs/results")
def _report() -> Document:
    made = report_of_most()
    return Document("runs/m/results/report", made.document(), 1)


@largest("runs/results")
def _report_of_remarks() -> Document:
    made = report_of_remarks()
    return Document("runs/m/results/report", made.document(), 1)


@largest("runs/results")
def _judgement() -> Document:
    kept = Judgements(1).take(address(1), reply(judgement(rubric(), "j", LONGEST)))
    return Document("runs/m/results/judged-000000", packed(kept, 1), 1)


@largest("scans/sites")
def _summary() -> Document:
    fields = summary(ID, report_of_most().fields) | {"captured_at": NOW}
    return Document(f"scans/{ID}/sites/{'s' * 253}", fields, 1)


@largest("runs")
def _run() -> Document:
    made = report(rubric(), failed=True, missed=25)
    left = {
        "pages": [
            {"url": address(n), "page_type": "t" * 40, "document": n, "mobile": False}
            for n in range(PAGES + 1)
        ],
        "missed": [asdict(one) for one in observed(rubric(), missed=25).missed],
        "types": ["t" * 40] * 31,
    }
    crawled = Crawled.load(left).store()
    fields = made.of_run(crawled).run_fields(99)
    return run_with({**fields, "handover": crawled})


@cache
def folding_crawl() -> Crawl:
    """Return a crawl of a site with links to ever more pages, of which none counts."""
    types, rules = Types(clinic_rubric().page_types), Robots()
    crawl = Crawl()
    asked = 0
    while crawl.advance(AT, PAGES, {"clinic.example": rules}, types):
        for request in crawl.frontier:
            asked += 1
            is_home = request.role in (RequestRole.HOME, RequestRole.MOBILE)
            request.outcome = RequestOutcome.STORED if is_home else RequestOutcome.FOLDED
            request.key, request.content = page_key(request.url), "c" * 32
            request.message = text(f"{asked}", MAX_MESSAGE_BYTES // 4)
            links = [
                PageLink(f"{AT}team/{asked}-{n}-".ljust(MAX_ADDRESS, "a"), "") for n in range(20)
            ]
            crawl.discover(types, Evidence(AT, {}, links=links))
    return crawl


@largest("runs/steps")
def _step() -> Document:
    return step_with(folding_crawl().store())


def _page_of_most() -> bytes:
    """Return a page with the most and longest of everything that evidence keeps."""
    parts = []
    for n in range(60):
        label, far = text(f"l{n}", 200), f"https://x.example/{text(f'h{n}', 1_900)}"
        parts.append(
            f"<h2>{label}</h2><button>{label}b</button><img alt='{label}a' src='{far}'>"
            f"<a href='tel:{text(f'c{n}', 1_900)}'>call</a><iframe src='{far}'></iframe>"
            f"<form><input name='a'><input name='b'><button>{label}</button></form>"
            f"<p>{text(f'p{n}', 400)}</p>"
        )
    head = f"<title>{text('t', 300)}</title><meta name='description' content='{text('d', 300)}'>"
    html = f"<html><head>{head}</head><body>{''.join(parts)}"
    noise = Random(3).randbytes(MAX_HTML_BYTES).hex()
    return f"{html}<!--{noise}--></body></html>".encode()[:MAX_HTML_BYTES]


@largest("runs/pages")
async def _page() -> Document:
    world = World()
    content: dict[str, Any] = {
        "id": ID, "kind": "site", "url": AT, "mode": "deep",
        "rubric": rubric().model_dump(mode="json", exclude_none=True),
    }  # fmt: skip
    scan = parse(content, "scan")
    assert isinstance(scan, SiteScan)
    await start_site(world, scan)
    claim = await world.runs.claim("m-1", "fetch", 0, "w1")
    body = _page_of_most()
    transfer = Transfer(address(1), 200, 0, 1.5, len(body), len(body), None, {})
    evidence = evidence_of(transfer, body, vocabularies(scan.rubric))
    request = CrawlRequest(address(1), RequestRole.PAGE, "t" * 40)
    await PageStore(claim, Crawl(), PAGES).store(request, body, evidence)
    (kept,) = await world.store.read("runs/m-1/pages/000000")
    assert kept
    return kept
