"""Whatever a site answers is read, or refused with a reason, in a moment: never a bug of ours."""

import contextlib
import time
from collections.abc import Mapping

import pytest

from landfall.reasons import StepError
from landfall.site.evidence import evidence_in
from landfall.site.page import Page
from landfall.site.refresh import refresh_of
from landfall.site.robots import robots_of, rules_in
from landfall.site.sitemaps import SitemapError, read_sitemap

pytestmark = pytest.mark.slow

MOST = 2.0
"""Seconds of processor for a body of 100 to 400 kB; each takes up to 0.2."""

NINES = "9" * 5_000

HEADERS: Mapping[str, str] = {
    "content-length": NINES,
    "age": NINES,
    "cache-control": f"max-age={NINES}",
    "retry-after": NINES,
    "strict-transport-security": f"max-age={NINES}",
    "refresh": f"{NINES}; url=http://[",
    "content-type": f"text/html; charset={'x' * 5_000}",
}

LD = '<script type="application/ld+json">'

BODIES = {
    "empty": "",
    "blanks": " " * 400_000,
    "NUL": "\0" * 100_000,
    "deep": "<div>" * 100_000,
    "deep tables": "<table><tr><td>" * 10_000,
    "deep pictures": "<svg><g>" * 20_000,
    "many attributes": f"<p {' '.join(f'a{n}=1' for n in range(30_000))}>x",
    "a long attribute": f"<a href='{'x' * 400_000}'>y",
    "many links": "<a href='?q=1'>x</a>" * 10_000,
    "open brackets": "<" * 200_000,
    "open quotes": "<a href='" * 40_000,
    "open comments": "<!--" * 50_000,
    "open scripts": "<script>" * 30_000,
    "deep data": f"{LD}{'[' * 100_000}",
    "deep data of a type": LD + '{"@type":' * 20_000,
    "data of long numbers": f'{LD}{{"@type": "Dentist", "x": {NINES}}}</script>',
    "data of odd numbers": f'{LD}[NaN, 1e999, {{"@type": [[]]}}, {{"@graph": 3}}]</script>',
    "half a character": f'{LD}{{"@type": "\\ud800"}}</script>',
    "long numbers": (
        f"<meta name=viewport content='width={NINES},maximum-scale=-inf,user-scalable={NINES}'>"
        f"<img width={NINES} height=-1e999><p style='font-size:{NINES}px;opacity:1e{NINES}'>x"
    ),
    "escapes": "<p style='\\ffffff \\110000 \\d800 x:y'>&#9999999999;&#xD800;&#x110000;&bogus;",
    "open styles": f"<p style='{'/*' * 50_000}'>x",
    "odd addresses": "<base href='http://['><a href='//['>x</a><link rel=next href='http://[::'>",
    "odd addresses of sitemaps": "User-agent: *\nSitemap: http://[\nSitemap: //x:99999/\n" * 1_000,
    "leads nowhere": f"<meta http-equiv=refresh content='{NINES}; url=http://['>",
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_any_answer_is_read_in_a_moment(body: str) -> None:
    """As a page, as a robots.txt and as a sitemap, with headers that are as odd."""
    sent = body.encode()
    page = Page("https://a.example/", (), 200, HEADERS, sent, "192.0.2.1", 0.1, len(sent))
    began = time.process_time()
    evidence_in(page, {})
    refresh_of(page)
    robots_of(sent, "landfall").allow("https://a.example/" + "x/" * 200)
    with contextlib.suppress(StepError):
        rules_in(page)
    with contextlib.suppress(SitemapError):
        read_sitemap(sent)
    assert time.process_time() - began < MOST
