"""Facts of a page from its HTML and its transfer, computed by hand."""

import pytest

from landfall.site.evidence import PageLink, evidence_of, load_evidence
from landfall.site.page import Transfer

WORDS = {"booking": ("book*",), "prices": ("price*", "fee*"), "rated": ("aggregaterating",)}


def evidence(html, url="https://a.example/", **changes):
    visit = {
        "url": url, "status": 200, "redirects": 0, "seconds": 0.25, "wire_bytes": 500,
        "page_bytes": 1000, "tls": "TLSv1.3", "headers": {},
    }  # fmt: skip
    return evidence_of(Transfer(**(visit | changes)), html.encode(), WORDS)


@pytest.mark.parametrize(
    ("html", "fact", "value"),
    [
        ("<title>Four</title>", "title_characters", 4),
        ("<h1>a</h1><h1>b</h1>", "h1", 2),
        ("<h1>a</h1><h3>b</h3><h4>c</h4>", "heading_skips", 1),
        ("<p>no headings", "heading_skips", None),
        ("<p>one two  three", "words", 3),
        ("<p>zwölf Wörter", "words", 2),
        (f"<p>{'专业的牙科服务' * 10}", "words", 36),
        (f"<p>{'คลินิกทันตกรรม' * 10}", "words", 29),
        ("<img src=a alt=x><img src=b>", "images_described", 0.5),
        ("<p>none", "images_described", None),
        ("<script src=/a></script><script src=https://b.example/c></script>", "third_parties", 1),
        ("<script src='https://www.a.example/c.js'></script>", "third_parties", 0),
        ("<script src=http://b.example/c.js></script>", "insecure_parts", 1),
        ("<meta name=viewport content='width = device-width'>", "viewport", 1),
        ("<p>x", "viewport", 0),
        ("<meta name=viewport content='WIDTH=Device-Width;initial-scale=1'>", "viewport", 1),
        ("<meta name=viewport content='initial-scale=1.0'>", "viewport", 1),
        ("<meta name=viewport content='width=1024, initial-scale=1'>", "viewport", 0),
        ("<meta name=viewport content='min-width=device-width'>", "viewport", 0),
        ("<meta name=viewport content='user-scalable=no'>", "zoomable", 0),
        ("<meta name=viewport content='User-Scalable = NO'>", "zoomable", 0),
        ("<meta name=viewport content='user-scalable=0'>", "zoomable", 0),
        ("<meta name=viewport content='user-scalable=0.5'>", "zoomable", 0),
        ("<meta name=viewport content='user-scalable=false'>", "zoomable", 0),
        ("<meta name=viewport content='user-scalable=device-width'>", "zoomable", 1),
        ("<meta name=viewport content='width=device-width maximum-scale=1'>", "zoomable", 0),
        ("<meta name=viewport content='width=device-width maximum-scale=1'>", "viewport", 1),
        ("<meta name=viewport content='user-scalable=yes'>", "zoomable", 1),
        ("<meta name=viewport content='user-scalable=1'>", "zoomable", 1),
        ("<meta name=viewport content='width=device-width,maximum-scale=1'>", "zoomable", 0),
        ("<meta name=viewport content='maximum-scale=1.0;user-scalable=yes'>", "zoomable", 0),
        ("<meta name=viewport content='maximum-scale=1.5'>", "zoomable", 0),
        ("<meta name=viewport content='maximum-scale=2'>", "zoomable", 1),
        ("<meta name=viewport content='maximum-scale=10'>", "zoomable", 1),
        ("<meta name=viewport content='maximum-scale=-1'>", "zoomable", 1),
        ("<meta name=viewport content='maximum-scale=x'>", "zoomable", 1),
        ("<meta name=viewport content='minimum-scale=1'>", "zoomable", 1),
        ("<p>x", "zoomable", None),
        ("<a href='TEL:1'>a</a><a href=mailto:b>b</a>", "telephone_links", 1),
        ("<form><input><input><input></form><form><input></form>", "form_fields", 3),
        ("<form><input aria-label=a><input></form>", "fields_named", 0.5),
        ("<p>x", "fields_named", None),
        ("<a href=/>x</a><a href=/y></a>", "links_named", 0.5),
        ("<meta name=robots content='NoIndex'>", "indexable", 0),
        ("<html lang=de>", "language", 1),
        ("<p>Our prices, fees: no booking", "words.prices", 2),
        ("<p>Our pri&shy;ces, f\u200be\u200de\ufeffs: pri<wbr>ces", "words.prices", 3),
        ("<h2>Boo\u00adking</h2>", "headings.booking", 1),
        ("<base href=//b.example/x/><script src=a.js></script>", "third_parties", 1),
        ("<script src=//\u2100.example/a.js></script><script src='http://['></script>",
         "third_parties", 0),
        ("<base href='http://b.example/'><iframe src=a></iframe>", "insecure_parts", 1),
        ("<frameset><frame src=a><frame src=b></frameset>", "frames", 2),
        ("<title>Book us</title>", "title.booking", 1),
        ("<h2>Booking</h2><h2>x</h2>", "headings.booking", 1),
        ("<a href=/b>Book now</a><button>Book</button><p>book", "calls.booking", 2),
        ("<div itemtype='https://schema.org/AggregateRating'></div>", "data.rated", 1),
    ],
)  # fmt: skip
def test_a_fact(html, fact, value):
    """A fact that does not apply is None, which is neither good nor bad."""
    assert evidence(html).facts[fact] == value


@pytest.mark.parametrize(
    ("changes", "fact", "value"),
    [
        ({}, "https", 1),
        ({"url": "http://a.example/", "tls": None}, "https", 0),
        ({"url": "http://a.example/", "tls": None}, "modern_tls", None),
        ({"tls": "TLSv1.1"}, "modern_tls", 0),
        ({}, "compressed", 1),
        ({"wire_bytes": 1000}, "compressed", 0),
        ({"headers": {"strict-transport-security": "max-age=1"}}, "keeps_https", 1),
        ({"seconds": 1.23456}, "seconds", 1.235),
        ({"redirects": 2}, "redirects", 2),
    ],
)
def test_a_fact_of_the_transfer(changes, fact, value):
    """Headers, time, size, and protocol."""
    assert evidence("<p>x", **changes).facts[fact] == value


@pytest.mark.parametrize(
    ("elements", "header", "listed"),
    [
        ("", "", 1),
        ("<meta name=robots content='index, follow'>", "all", 1),
        ("<meta name=robots content='NoIndex'>", "", 0),
        ("<meta name=ROBOTS content=none>", "", 0),
        ("<meta name=robots content=noindex><meta name=robots content=nofollow>", "", 0),
        ("<meta name=robots content=index><meta name=googlebot content=noindex>", "", 0),
        ("<meta name=otherbot content=noindex>", "", 1),
        ("<meta name=robots content='noimageindex, max-snippet:-1, nosnippet'>", "", 1),
        ("<meta name=robots content='max-image-preview:none, max-video-preview: 0'>", "", 1),
        ("<meta name=' Robots ' content='max-image-preview:none, none'>", "", 0),
        ("", "googlebot: max-image-preview:none", 1),
        (f"<meta name=robots content='{'nosnippet,' * 50} noindex'>", "", 0),
        ("", "noindex", 0),
        ("", "nofollow,NONE", 0),
        ("", "nofollow\nnoindex", 0),
        ("", "googlebot: nofollow, noindex", 0),
        ("", "OtherBot: noindex, nofollow", 1),
        ("", "otherbot: nofollow\nnoindex", 0),
        ("", "otherbot: noindex, googlebot: none", 0),
        ("", "max-snippet: 20, max-image-preview: large, noindex", 0),
        ("", "unavailable_after: Wed, 25 Jun 2036 15:00:00 GMT, noindex", 0),
        ("", "unavailable_after: Wed, 25 Jun 2036 15:00:00 GMT", 1),
    ],
)
def test_whether_search_engines_may_list_a_page(elements, header, listed):
    """Every element and header counts, and those of large search engines for all."""
    found = evidence(f"{elements}<p>x", headers={"x-robots-tag": header})
    assert found.facts["indexable"] == listed


def test_links_to_pages_of_the_site():
    """Each page once, with the texts of all links to it."""
    found = evidence(
        "<a href=/book>Book</a><a href='/book/?utm_source=x'>Now</a>"
        "<a href=https://www.a.example/c>C</a><a href=https://b.example>B</a><a href=tel:1>T</a>"
    )
    assert found.links == [
        PageLink("https://a.example/book", "Book Now"), PageLink("https://www.a.example/c", "C"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("base", "address"),
    [
        ("<base href='/en/'>", "https://a.example/en/book"),
        ("<base href='https://www.a.example/de/index.html'>", "https://www.a.example/de/book"),
        ("<base target=_blank><base href=/en/><base href=/de/>", "https://a.example/en/book"),
        ("<template><base href=/en/></template>", "https://a.example/x/book"),
        ("<base href='javascript:0'>", "https://a.example/x/book"),
        ("<base href='http://['>", "https://a.example/x/book"),
        ("<base href=''>", "https://a.example/x/book"),
    ],
)
def test_links_are_relative_to_the_base_of_the_page(base, address):
    """As is its canonical address; a base that is none has no effect."""
    found = evidence(
        f"{base}<link rel=canonical href=book><a href=book>Book</a>", url="https://a.example/x/y"
    )
    assert [link.address for link in found.links] == [address]
    assert found.canonical == address


def test_a_base_of_another_site_leads_away():
    """So do all of its links."""
    assert evidence("<base href=https://b.example/><a href=book>Book</a>").links == []


def test_the_same_text_is_the_same_content():
    """Wherever it is, and however it is marked up."""
    one, other = evidence("<p>Care</p>"), evidence("<div>Care</div>", url="https://a.example/x")
    assert one.content == other.content != evidence("<p>Other").content


def test_a_canonical_address_of_another_site_is_none():
    """It would fold every page into somebody else's."""
    assert evidence("<link rel=canonical href=/c>").canonical == "https://a.example/c"
    assert evidence("<link rel=canonical href=https://b.example/c>").canonical is None


def test_evidence_is_stored_and_read():
    """But for links, which scores do not need."""
    found = evidence("<title>T</title><h1>a</h1><form><input></form><a href=/b>b</a>")
    read = load_evidence(found.dump())
    assert (read.facts, list(read.headings), read.links) == (found.facts, found.headings, [])
