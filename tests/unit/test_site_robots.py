"""robots.txt and sitemaps: what a site asks of us, and the pages that it names."""

import pytest

from landfall.site.robots import MAX_CRAWL_DELAY, MAX_ROBOTS_BYTES, robots_of
from landfall.site.sitemaps import MAX_LOCATIONS, MAX_SITEMAP_BYTES, SitemapError, read_sitemap

ROBOTS = b"""
User-agent: *
Disallow: /private
Crawl-delay: 2

User-agent: LandfallBot
Disallow: /only-for-others/*.html$
Allow: /private/open
Disallow: /private
Sitemap: https://a.example/map.xml
"""


def test_the_rules_for_us_alone_count():
    """Those for everybody do not when there are some for us; the longest match decides."""
    ours = robots_of(ROBOTS, "LandfallBot")
    assert not ours.allow("https://a.example/private/x")
    assert ours.allow("https://a.example/private/open/x")
    assert not ours.allow("https://a.example/only-for-others/x.html")
    assert ours.delay(1.0) == 1.0
    assert robots_of(ROBOTS, "OtherBot").delay(1.0) == 2.0
    assert list(ours.sitemaps) == ["https://a.example/map.xml"]


@pytest.mark.parametrize("text", [b"", b"\xff\xfe\0garbage", b"<html>404</html>", b"User-agent"])
def test_no_rules_allow_everything(text):
    """An empty file, and what is none."""
    assert robots_of(text, "LandfallBot").allow("https://a.example/")


def test_a_delay_has_a_cap():
    """A day between two pages would be no scan."""
    slow = robots_of(b"User-agent: *\nCrawl-delay: 86400", "LandfallBot")
    assert slow.delay(1.0) == MAX_CRAWL_DELAY


def test_rules_beyond_the_limit_are_not_read():
    """RFC 9309 asks for 500 KiB."""
    rules = b"User-agent: *\n" + b"#" * MAX_ROBOTS_BYTES + b"\nDisallow: /"
    assert robots_of(rules, "LandfallBot").allow("https://a.example/")


def test_patterns_cannot_take_long():
    """A hundred stars against a long address: neither of them is ours."""
    rules = robots_of(b"User-agent: *\nDisallow: /" + b"*a" * 100 + b"$", "LandfallBot")
    assert rules.allow("https://a.example/" + "a" * 5_000 + "b")


def test_a_sitemap_names_pages():
    """Locations of pages, and none of pictures."""
    found = read_sitemap(
        b'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
        b'xmlns:i="http://www.google.com/schemas/sitemap-image/1.1">'
        b"<url><loc> https://a.example/b?c=1&amp;d=2 </loc><i:image><i:loc>x.png</i:loc></i:image>"
        b"</url><url><loc><![CDATA[https://a.example/e]]></loc></url></urlset>"
    )
    assert found.pages == ["https://a.example/b?c=1&d=2", "https://a.example/e"]
    assert found.sitemaps == []


def test_an_index_names_sitemaps():
    """And no pages."""
    found = read_sitemap(b"<sitemapindex><sitemap><loc>x</loc></sitemap></sitemapindex>")
    assert (found.pages, found.sitemaps) == ([], ["x"])


BOMB = b"""<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>
<urlset><url><loc>&b;</loc></url></urlset>"""
LEAK = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><urlset>&a;</urlset>'


@pytest.mark.parametrize("text", [b"", b"no", b"<html/>", b"{}", BOMB, LEAK, b"<a><b></a>"])
def test_what_is_no_sitemap(text):
    """Least of all one with entities, which grow, or read files."""
    with pytest.raises(SitemapError):
        read_sitemap(text)


def test_half_a_sitemap_is_half_of_its_pages():
    """Addresses before the cut count, also before that of the limit."""
    url = b"<url><loc>https://a.example/%d</loc></url>"
    many = b"<urlset>" + b"".join(url % n for n in range(100_000))
    assert len(many) > MAX_SITEMAP_BYTES
    assert len(read_sitemap(many).pages) == MAX_LOCATIONS
    assert read_sitemap(b"<urlset><url><loc>x</loc></url><url><lo").pages == ["x"]
