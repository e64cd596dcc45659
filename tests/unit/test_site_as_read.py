"""The report of a site as people read it: in words, within bounds, and nothing of it is markup."""

import random
import re
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from landfall.reasons import Reason
from landfall.site.evidence import Evidence
from landfall.site.facts import FACTS, FAMILIES, Facts
from landfall.site.markup import Heading
from landfall.site.observed import MissedPage, ObservedPage, ObservedSite
from landfall.site.report import report_of, summary
from landfall.site.rubric import Rubric
from landfall.site.scores import score
from landfall.window.fact_words import FACT_WORDS, FAMILY_WORDS, asked_for, measured, words_of
from landfall.window.report_content import cited, content_of, web_url
from landfall.window.report_file import MAX_FILE, file_of
from landfall.window.report_of_site import UNSEEN, values_of_site
from landfall.window.written_report import WrittenReport
from tests.fakes.callers import text_of
from tests.fakes.observed_sites import SITE, a_page, a_rubric, a_site, criterion

RUBRIC = a_rubric(
    first=[
        criterion("h1", "home", "h1", 3) | {"impact": "high", "effort": "low"},
        criterion("fast", "pages", "seconds", 1, at_most=2) | {"effort": "low"},
    ],
    second=[
        criterion("form", "site", "forms", 2) | {"effort": "high"},
        criterion("phone", "mobile", "viewport", 2) | {"effort": "low"},
    ],
)


def home(**facts: Any) -> ObservedPage:
    return a_page("/", "home", **({"h1": 1, "forms": 1, "seconds": 1} | facts))


def fields_of(site: ObservedSite, rubric: Rubric = RUBRIC, before: Any = None) -> dict[str, Any]:
    """Return a report, and a run that has it."""
    report = report_of("a.example", "deep", score(rubric, site), site, before)
    return {
        "report": report.fields,
        "run": {
            "run_id": "m-1",
            "scan_id": "clinic",
            "status": "done",
            "verdict": report.verdict,
            "inconclusive": report.inconclusive,
            "finished_at": datetime(2026, 3, 2, tzinfo=UTC),
        },
    }


def read(fields: dict[str, Any]) -> str:
    """Return the HTML of a report."""
    return str(
        content_of("report_site.html", partial(values_of_site, fields["run"], fields["report"]))
    )


def text_in(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_every_fact_and_reason_has_its_words() -> None:
    """A new one is not shown by its name in the code."""
    assert FACT_WORDS.keys() == FACTS.keys()
    assert FAMILY_WORDS.keys() == FAMILIES.keys()
    assert UNSEEN.keys() == {it for it in Reason if it.startswith("site_")}
    assert words_of("words.opening_hours").name == "Words about “opening hours” in the text"
    assert words_of("later_fact").name == "Later fact"


@pytest.mark.parametrize(
    ("fact", "value", "shown"),
    [
        ("seconds", 3.4567, "3.46 s"),
        ("wire_kilobytes", 412.34, "412 kB"),
        ("wire_kilobytes", 0.9, "0.9 kB"),
        ("images_described", 0.5, "50 %"),
        ("images_described", 0.999, "99 %"),
        ("images_described", 1, "100 %"),
        ("images_described", 0.001, "less than 1 %"),
        ("images_described", 0.29, "29 %"),
        ("https", 0, "No"),
        ("words", 12345, "12,345"),
        ("words", 1e300, f"{10**300:,}"[:4]),
        ("title_characters", 54, "54 characters"),
        ("h1", None, "\N{EN DASH}"),
    ],
)
def test_a_value_has_its_unit(fact: str, value: float | None, shown: str) -> None:
    """As a person would write it."""
    assert measured(fact, value).startswith(shown)


@pytest.mark.parametrize(
    ("fact", "bounds", "shown"),
    [
        ("seconds", (None, 2), "at most 2 s"),
        ("h1", (1, 1), "exactly 1"),
        ("description_characters", (50, 200), "50 to 200 characters"),
        ("images_described", (0.9, None), "at least 90 %"),
        ("fields_named", (1, None), "100 %"),
        ("https", (1, None), ""),
        ("h1", (None, None), ""),
    ],
)
def test_what_is_asked_for_is_in_words(fact: str, bounds: Any, shown: str) -> None:
    """Of a plain yes, nothing: the statement says it."""
    assert asked_for(fact, *bounds) == shown


def test_the_evidence_of_a_score_is_read_with_its_pages() -> None:
    """The statement, the values on the pages, and the bounds; what is missing comes first."""
    pages = [home(h1=0), a_page("/slow", seconds=9.5), a_page("/slower", seconds=9.5)]
    text = text_in(read(fields_of(a_site(*pages, mobile={"viewport": 1}))))
    assert "h1 is bad Main headings: 0 on home page ; asked for: at least 1" in text
    assert "33 % of the pages are good. Time until the page had arrived: 9.5 s on /slow" in text
    assert "; asked for: at most 2 s" in text
    assert text.index("h1 is bad") < text.index("fast is bad")
    assert "phone is good" in text
    assert "fix h1 Large Little first home page" in text


def test_what_was_not_seen_is_said_with_its_reason() -> None:
    """In words for the owner of the site, with the message beside them."""
    text = text_in(read(fields_of(a_site(home(forms=0), missed=1))))
    assert "The home page on a phone : the mobile version of the home page" in text
    assert "/lost-0 : It took too long to arrive. (late)" in text
    assert "so there is nothing to compare" in text
    assert "Not seen" in text


def test_the_home_page_is_read_side_by_side() -> None:
    """What differs comes first, and is marked by a word."""
    phone = {"viewport": 1, "h1": 1, "words": 20, "seconds": 3}
    html = read(fields_of(a_site(home(), mobile=phone)))
    beside = text_in(html[html.index('id="beside"') : html.index('id="pages"')])
    assert "Words to read 100 20 Differs" in beside
    assert beside.index("Words to read") < beside.index("Main headings")
    assert "Main headings 1 1" in beside
    assert "Time until the page had arrived 1 s 3 s Main" in beside


def test_the_last_report_is_compared() -> None:
    """Scores, what was mended and is new, and pages."""
    before = summary("r1", fields_of(a_site(home(h1=0), a_page("/gone"), mobile={}))["report"])
    before["captured_at"] = datetime(2026, 2, 1, tzinfo=UTC)
    now = fields_of(a_site(home(forms=0), a_page("/new"), mobile={}), before=before)
    text = text_in(read(now))
    assert "Since the last report, of 1 Feb 2026, 00:00 UTC" in text
    assert "first 2.5 10.0 ▲ +7.5" in text
    assert "Improved h1 is good" in text
    assert "Newly found form is bad" in text
    assert "New pages /new" in text
    assert "Pages that were not seen again /gone" in text
    same = summary("r1", now["report"])
    again = fields_of(a_site(home(forms=0), a_page("/new"), mobile={}), before=same)
    assert "Every score is as it was" in read(again)


def test_a_report_of_an_earlier_version_is_read() -> None:
    """It kept no names, no values and nothing of what was seen."""
    fields = fields_of(a_site(home(h1=0), mobile={"viewport": 1}))
    report = fields["report"]
    del report["names"], report["seen"]
    for row in report["criteria"]:
        for name in ("text", "points", "where", "fact", "at_least", "at_most", "values"):
            del row[name]
    text = text_in(read(fields))
    assert "An earlier version of Landfall made this report" in text
    assert "h1 is bad Seen on home page" in text


HOSTILE = '<script>alert(1)</script><img src=x onerror="alert(1)">\u202e{{ 7*7 }}'


def test_what_a_site_says_is_text_alone() -> None:
    """Titles, headings, links, addresses and a model's words: no element, no attribute, no turn."""
    page = replace(
        home(h1=0).evidence,
        title=HOSTILE,
        headings=[Heading(1, HOSTILE)],
        calls=[HOSTILE],
        contacts=[f"tel:{HOSTILE}", "mailto:javascript:alert(1)"],
    )
    odd = a_page('/"><script>alert(2)</script>', seconds=9)
    fields = fields_of(a_site(ObservedPage("home", page), odd, mobile={"viewport": 0}))
    report = fields["report"]
    said = {"dimension": "first", "score": 1, "why": HOSTILE, "quote": HOSTILE, "counts": True}
    report["judgements"] = [{"url": "javascript:alert(3)//x", "dimensions": [said]}]
    report["model_said"] = HOSTILE
    report["models"] = [HOSTILE]
    fields["run"]["inconclusive"] = [
        {"what": "data:text/html;//,<script>", "why": f"site_timeout: {HOSTILE}"},
        {"what": "model: javascript://%0aalert(1)", "why": HOSTILE},
    ]
    html = read(fields)
    assert HOSTILE.partition(">")[0] not in html
    assert "<script" not in html
    assert "<img" not in html
    assert "\u202e" not in html
    assert "{{ 7*7 }}" in html
    links = re.findall(r'<a href="([^"]*)"([^>]*)>', html)
    assert {url.partition(":")[0] for url, _ in links} <= {"https", "http"} | {
        url for url, _ in links if url.startswith("#part-")
    }
    for url, more in links:
        if not url.startswith("#"):
            assert 'rel="noopener noreferrer" referrerpolicy="no-referrer"' in more


@pytest.mark.parametrize(
    "address",
    [
        *("javascript:alert(1)", "data:text/html,x", "//a.example/", "/path", "", None),
        *("http://", "https://[", "file:///etc/passwd", f"https://a.example/{'x' * 600}"),
    ],
)
def test_only_an_address_of_the_web_is_a_link(address: str | None) -> None:
    """And one that is short enough to be one."""
    assert web_url(address) == ""
    assert web_url("https://a.example/x?y=1") == "https://a.example/x?y=1"


@pytest.mark.parametrize(
    ("url", "label"),
    [
        (f"{SITE}/", "home page"),
        (f"{SITE}/%E4%BB%B7%E6%A0%BC", "/价格"),
        (f"{SITE}/a%00b?q=1", "/a b?q=1"),
        (f"{SITE}/{'x' * 100}", f"/{'x' * 36}..."),
        ("https://[", "https://["),
    ],
)
def test_a_page_is_named_by_its_path(url: str, label: str) -> None:
    """As people write it, cut."""
    assert cited(url, 40).label == label


async def test_the_largest_report_is_a_small_file() -> None:
    """All that a rubric and a site may have, in Chinese: cut, and it says so."""
    fields = _largest()
    content = content_of(
        "report_site.html", partial(values_of_site, fields["run"], fields["report"])
    )
    written = WrittenReport(fields["run"], "a.example", "Check of a web site", content)
    html = await text_of(file_of(written))
    assert len(html.encode()) <= MAX_FILE
    assert "This report is shortened" in html
    assert re.search(r"And \d+ more steps\.", html)
    assert html.count('class="part card"') == 12
    small = read(fields_of(a_site(home())))
    assert "This report is shortened" not in small


def _largest() -> dict[str, Any]:
    chance = random.Random(1)

    def text(characters: int) -> str:
        return "".join(chr(chance.randint(0x4E00, 0x9FA5)) for _ in range(characters))

    def a_criterion(name: str, number: int) -> dict[str, Any]:
        where = ("home", "mobile", "site", "pages")[number % 4]
        texts = {it: text(300) for it in ("good", "bad", "action")}
        found: dict[str, Any] = criterion(
            f"{name}-{number}", where, ("seconds", "h1")[number % 2], at_least=2
        )
        return found | texts | {"impact": "high", "effort": ("low", "high")[number % 2]}

    rubric = Rubric.model_validate(
        {
            "page_types": [{"id": "booking", "words": ["book*"]}],
            "dimensions": [
                {
                    "id": name,
                    "name": text(100),
                    "criteria": [a_criterion(name, number) for number in range(50)],
                }
                for name in "abcdefghijkl"
            ],
            "journey": [{"stage": text(100), "dimensions": ["a"]} for _ in range(30)],
        }
    )
    facts: Facts = {"seconds": 1.0, "h1": 1, "words": 10}
    pages = [
        Evidence(
            url=f"{SITE}/{text(30)}{number}",
            facts=facts,
            title=text(200),
            description=text(1000),
            headings=[Heading(1, text(200))] * 9,
            calls=[text(200) for _ in range(9)],
            contacts=[f"tel:{'1' * 1900}"] * 9,
        )
        for number in range(50)
    ]
    missed = [MissedPage(f"{SITE}/{text(150)}", "x", "site_timeout", text(900)) for _ in range(40)]
    site = ObservedSite([ObservedPage("x" * 40, page) for page in pages], pages[1], missed)
    return fields_of(site, rubric)
