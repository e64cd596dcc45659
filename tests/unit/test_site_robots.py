"""robots.txt and sitemaps: what a site asks of us, and the pages that it names."""

import codecs
import gzip
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from protego import Protego

from landfall.site.robots import (
    MAX_CRAWL_DELAY,
    MAX_PATTERNS,
    MAX_ROBOTS_BYTES,
    MAX_RULE,
    MAX_WILDCARDS,
    READ_BYTES,
    robots_of,
)
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


@pytest.mark.parametrize(
    "text", [b"", b"\xff\xfe\0garbage", b"<html>404</html>", b"User-agent", b"Disallow: /"]
)
def test_no_rules_allow_everything(text):
    """An empty file, and what is none."""
    assert robots_of(text, "LandfallBot").allow("https://a.example/")


def test_a_delay_has_a_cap():
    """A day between two pages would be no scan."""
    slow = robots_of(b"User-agent: *\nCrawl-delay: 86400", "LandfallBot")
    assert slow.delay(1.0) == MAX_CRAWL_DELAY


@pytest.mark.parametrize("value", ["inf", "nan", "-1", "soon", "9" * 500_000])
def test_a_delay_is_a_number(value):
    """Anything else is none."""
    slow = robots_of(f"User-agent: *\nCrawl-delay: {value}".encode(), "LandfallBot")
    assert slow.delay(1.0) == (MAX_CRAWL_DELAY if value.isdigit() else 1.0)


def test_of_a_long_file_the_beginning_counts():
    """RFC 9309 asks for 500 KiB; a line that was cut would forbid more than it says."""
    begin = b"User-agent: *\nDisallow: /a\n"
    long = begin + b"#" * (MAX_ROBOTS_BYTES - len(begin) - 11) + b"\nDisallow: /private"
    rules = robots_of(long[:READ_BYTES], "LandfallBot")
    assert not rules.allow("https://a.example/a")
    assert rules.allow("https://a.example/x")


FORBIDDING = "User-agent: *\nDisallow: /privat\u00e9\n"


@pytest.mark.parametrize(
    "body",
    [
        FORBIDDING.encode(),
        FORBIDDING.encode("utf-8-sig"),
        FORBIDDING.encode("utf-16"),
        codecs.BOM_UTF16_BE + FORBIDDING.encode("utf-16-be"),
        FORBIDDING.encode("utf-16-le"),
        FORBIDDING.encode("windows-1252"),
        FORBIDDING.replace("\n", "\r").encode(),
        FORBIDDING.replace("\n", "\r\n\r\n").encode(),
        b"<html><body><pre>" + FORBIDDING.encode() + b"</pre></body></html>",
        b"<!doctype html><p>User-agent: *<br>Disallow: /privat&eacute;</p>",
        FORBIDDING.upper().replace("/PRIVAT\u00c9", "/privat%c3%A9").encode(),
        b"USERAGENT *\ndisallow /privat%C3%A9 # a comment",
        b"User-agent: a\nUser-agent: *\nSitemap: x\nDissallow:/privat%c3%a9",
        b"User-agent: *\nAllow: /\n\nUser-agent: *\nDisallow: *vat*\nUser-agent: b\nDisallow: /",
        b"User-agent: *\nDisallow: privat",
        b"User-agent: *\nDisallow: /p%72ivat",
        b"user-agent: landfallbot/2.0\nDisallow: /privat",
        codecs.BOM_UTF8 * 2 + FORBIDDING.encode(),
        codecs.BOM_UTF8[:2] + b"User-agent: *\nDisallow: /privat",
        codecs.BOM_UTF8.decode("windows-1252").encode() + FORBIDDING.encode(),
        b"User-agent: b\nDisallow: /\n\n" + codecs.BOM_UTF8 + FORBIDDING.encode(),
        b"User-agent: * (all)\nDisallow: /privat",
        b"User-agent: Mozilla/5.0 (compatible; LandfallBot/1.0; +https://b.example)\nDisallow: /p",
    ],
)
def test_what_forbids_is_followed_in_every_form(body):
    """Encodings, marks, line ends, HTML, and the mistakes that people make."""
    rules = robots_of(body, "LandfallBot")
    assert not rules.allow("https://a.example/privat%C3%A9?a=1")
    assert rules.allow("https://a.example/other")


@pytest.mark.parametrize(
    ("rule", "path", "matches"),
    [
        ("/a$", "/a", True),
        ("/a$", "/ab", False),
        ("/a$b", "/a$b/c", True),
        ("/*.pdf$", "/x.pdf", True),
        ("/*.pdf$", "/x.pdf?y", False),
        ("/*.pdf$", "/x.pdf.pdf", True),
        ("/a*", "/a", True),
        ("/*/b/*/c", "/x/b/y/c/d", True),
        ("/*/b/*/c", "/x/b/c", False),
        ("/?", "/?a=1", True),
        ("/?", "/a?b", False),
        ("/a%2Ab", "/a*b", True),
        ("/a*b", "/a%2Ab", True),
        ("/%E4%BD%A0", "/\u4f60", True),
        ("/A", "/a", False),
        ("/a b", "/a%20b", True),
        ("/a%20b", "/a b", True),
        ("/a?q={b}|c", "/a?q=%7Bb%7D%7Cc", True),
        ("/a%22", '/a"', True),
        ("/a%2fb", "/a/b", False),
        ("/b", "/a/../b", True),
        ("/b", "/a/%2e%2E/b", True),
        ("/a?b=/../", "/a?b=/../", True),
        ("*", "/", True),
        ("/", "", True),
    ],
)
def test_a_rule_matches_a_path(rule, path, matches):
    """`*` is any text, a last `$` the end; both spellings of a character are one."""
    rules = robots_of(f"User-agent: *\nDisallow: {rule}".encode(), "LandfallBot")
    assert rules.allow(f"https://a.example{path}") is not matches


@pytest.mark.parametrize(
    ("allow", "disallow", "allowed"),
    [("/a", "/", True), ("/a/", "/a", False), ("/a", "/a", True), ("/*a", "/a", True),
     ("/a", "/*a", False), ("/$", "/", True)],
)  # fmt: skip
def test_the_longest_rule_decides(allow, disallow, allowed):
    """Of two that are as long, the one that allows."""
    text = f"User-agent: *\nDisallow: {disallow}\nAllow: {allow}"
    path = "" if allow == "/$" else "a"
    assert robots_of(text.encode(), "LandfallBot").allow(f"https://a.example/{path}") is allowed


PATHS = st.lists(st.sampled_from(["/", "a", "b", "ab", "?"]), max_size=6).map("".join)
RULES = st.tuples(
    st.sampled_from(["Allow", "Disallow"]),
    st.lists(st.sampled_from(["/", "a", "b", "ab", "*"]), max_size=6).map("".join),
    st.sampled_from(["", "$"]),
)


@given(st.lists(RULES, max_size=6), PATHS)
def test_rules_are_read_as_others_read_them(rules, path):
    """Protego, which Scrapy uses, says the same of every file and path."""
    lines = [f"{name}: /{rule}{end}" for name, rule, end in rules]
    text = "\n".join(["User-agent: *", *lines])
    url = f"https://a.example/{path}"
    ours = robots_of(text.encode(), "LandfallBot").allow(url)
    assert ours == Protego.parse(text).can_fetch(url, "LandfallBot")


STARS = b"*a" * 240
HOSTILE = {
    "one rule of stars": b"Disallow: /" + b"*a" * 250_000 + b"$",
    "rules of stars": b"".join(b"Disallow: /%d%s$\n" % (n, STARS) for n in range(1_000)),
    "short patterns": b"".join(b"Disallow: /*%x\n" % n for n in range(30_000)),
    "long patterns": b"".join(b"Disallow: /a*a*a*a*a*a*a*a*a%x$\n" % n for n in range(12_000)),
    "prefixes": b"".join(b"Disallow: /%s%d\n" % (b"a" * 200, n) for n in range(2_300)),
    "user agents": b"".join(b"User-agent: %d\n" % n for n in range(15_000))
    + b"".join(b"Disallow: /%d\n" % n for n in range(15_000)),
    "the same user agent": b"User-agent: *\n" * 18_000 + b"Disallow: /a\n" * 18_000,
    "groups": b"User-agent: *\nDisallow: /*a*b$\n" * 15_000,
    "tags": b"<" * MAX_ROBOTS_BYTES,
    "references": b"<&" + b"&amp" * 125_000,
    "spaces": b"Disallow" + b" " * 400_000 + b":",
    "line ends": b"\r\n" * 250_000,
    "escapes": b"Disallow: /" + b"%41" * 160_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_file_takes_long(text):
    """All of it is read, and 100 addresses, as long as they may be, are looked up."""
    began = time.process_time()
    rules = robots_of(b"User-agent: *\n" + text, "LandfallBot")
    for number in range(100):
        rules.allow(f"https://a.example/{'a' * 470}{number}")
    assert time.process_time() - began < 1


def test_a_long_address_takes_no_time():
    """A redirect may lead to any."""
    text = b"".join(b"Disallow: /*%s%d*c\n" % (b"b" * 400, n) for n in range(1_000))
    rules = robots_of(b"User-agent: *\nDisallow: /" + b"a" * 90_000 + b"\n" + text, "LandfallBot")
    began = time.process_time()
    assert rules.allow("https://a.example/" + "b" * 100_000)
    assert time.process_time() - began < 1


def test_beyond_the_bound_a_rule_forbids_more():
    """It ends at its last wildcard that is read; one that allows is not read."""
    many = b"*a" * (MAX_WILDCARDS + 1)
    forbids = robots_of(b"User-agent: *\nDisallow: /b" + many + b"c$", "LandfallBot")
    assert not forbids.allow("https://a.example/b" + "a" * MAX_WILDCARDS)
    assert forbids.allow("https://a.example/b")
    allows = robots_of(b"User-agent: *\nDisallow: /\nAllow: /" + many, "LandfallBot")
    assert not allows.allow("https://a.example/" + "a" * 99)
    long = robots_of(b"User-agent: *\nDisallow: /" + b"b" * 9_999, "LandfallBot")
    assert not long.allow("https://a.example/" + "b" * MAX_RULE)
    assert long.allow("https://a.example/" + "b" * 99)
    patterns = b"".join(b"Disallow: /*%d\n" % n for n in range(MAX_PATTERNS))
    last = robots_of(b"User-agent: *\n" + patterns + b"Disallow: /b*c", "LandfallBot")
    assert not last.allow("https://a.example/b")
    assert last.allow("https://a.example/c")


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


LISTED = ["https://a.example/b", "https://a.example/caf\u00e9"]
URLSET = (
    "<urlset><url><loc>https://a.example/b</loc></url>"
    "<url><loc>https://a.example/caf\u00e9</loc></url></urlset>"
)
LIST = "https://a.example/b\r\n\r\n  https://a.example/caf\u00e9 \r\nno address\r\n"
FEED = (
    "<rss><channel><link>https://a.example/</link><item><link>https://a.example/b</link></item>"
    "<item><title>x</title><link>https://a.example/caf\u00e9</link></item></channel></rss>"
)
ATOM = (
    "<feed xmlns='http://www.w3.org/2005/Atom'><link href='https://a.example/'/>"
    "<entry><link href='https://a.example/b'/></entry>"
    "<entry><link href='https://a.example/caf\u00e9'/></entry></feed>"
)


@pytest.mark.parametrize(
    "body",
    [
        b"<br />\n<b>Warning</b>: x in y\n<?xml version='1.0'?>" + URLSET.encode(),
        b"<!-- made --><?xml version='1.0'?>" + URLSET.encode(),
        codecs.BOM_UTF8 * 2 + URLSET.encode(),
        LIST.replace("\r\n", "\r").encode(),
        gzip.compress(gzip.compress(URLSET.encode())),
        gzip.compress(URLSET[:60].encode()) + gzip.compress(URLSET[60:].encode()) + b"\0" * 9,
        gzip.compress(URLSET.encode())[:-4],
        URLSET.replace("<urlset>", "<urlset>\x0b<url><loc> \x02 </loc></url>").encode(),
        ATOM.replace("<entry>", "<entry><link rel='edit' href='https://a.example/edit'/>").encode(),
    ],
)
def test_mistakes_of_a_sitemap(body):
    """Of those who make it, and of those who send it."""
    assert read_sitemap(body).pages == LISTED


def test_ampersands_of_a_sitemap():
    """Many are not escaped; within CDATA none is."""
    found = read_sitemap(
        b"<urlset><url><loc>https://a.example/?a=1&b=2</loc></url><url><loc><![CDATA[https://"
        b"a.example/?a=1&b=3]]></loc></url><url><loc>https://a.example/?a=1&amp;b=4</loc></url>"
        b"</urlset>"
    )
    assert found.pages == [f"https://a.example/?a=1&b={n}" for n in (2, 3, 4)]


@pytest.mark.parametrize(
    "body",
    [gzip.compress(b"") * 100_000, gzip.compress(b"a" * 30_000_000), b"<urlset>" + b"&" * 500_000,
     b"<urlset>" + b"<![CDATA[" * 50_000, b"<?xml" * 100_000],
)  # fmt: skip
def test_no_sitemap_takes_long(body):
    """Whatever it is made of."""
    began = time.process_time()
    with pytest.raises(SitemapError):
        read_sitemap(body)
    assert time.process_time() - began < 3


@pytest.mark.parametrize("text", [URLSET, LIST, FEED, ATOM], ids=["xml", "list", "rss", "atom"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "windows-1252"])
@pytest.mark.parametrize("packed", [False, True])
def test_forms_of_a_sitemap(text, encoding, packed):
    """XML, a plain list or a feed; in every encoding, and compressed."""
    if text.startswith("<") and encoding == "utf-16-le":
        text = f"<?xml version='1.0' encoding='utf-16'?>{text}"
    elif encoding == "utf-16-le":
        encoding = "utf-16"  # without a mark, nothing says it
    body = ("\n " + text if encoding == "utf-8" else text).encode(encoding)
    assert read_sitemap(gzip.compress(body) if packed else body).pages == LISTED


def test_the_encoding_that_xml_declares():
    """In any of its labels."""
    body = f"<?xml version='1.0' encoding='Latin1'?>{URLSET}".encode("iso-8859-1")
    assert read_sitemap(body).pages == LISTED


def test_a_compressed_sitemap_has_bounds():
    """A bomb is read to the limit, a cut one to its end."""
    bomb = gzip.compress(b"<urlset>" + b" " * 2**26)
    with pytest.raises(SitemapError):
        read_sitemap(bomb)
    urls = "".join(
        f"<url><loc>https://a.example/{n * 7919 % 10007}</loc></url>" for n in range(999)
    )
    packed = gzip.compress(f"<urlset>{urls}</urlset>".encode())
    assert 100 < len(read_sitemap(packed[: len(packed) // 2]).pages) < 999


BOMB = b"""<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>
<urlset><url><loc>&b;</loc></url></urlset>"""
LEAK = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><urlset>&a;</urlset>'


@pytest.mark.parametrize(
    "text",
    [b"", b"no", b"<html/>", b"{}", BOMB, LEAK, b"<a><b></a>", b"\x1f\x8b", b"\x1f\x8bno gzip",
     BOMB.decode().encode("utf-16"), LEAK.decode().encode("utf-16-le"), b"\n" * 10**6],
)  # fmt: skip
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
