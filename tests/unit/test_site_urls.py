"""Addresses of pages: what is a page, and which spellings are the same one."""

import pytest

from landfall.site.urls import MAX_ADDRESS, page_address, page_key, site_of

BASE = "https://www.clinic.example/care/today"


@pytest.mark.parametrize(
    ("reference", "address"),
    [
        ("/prices", "https://www.clinic.example/prices"),
        ("more", "https://www.clinic.example/care/more"),
        ("../", "https://www.clinic.example/"),
        ("#top", BASE),
        ("/a?b=1&utm_source=x&fbclid=y&c=2#d", "https://www.clinic.example/a?b=1&c=2"),
        ("HTTPS://WWW.Clinic.Example:443", "https://www.clinic.example/"),
        ("http://clinic.example:8080/x", "http://clinic.example:8080/x"),
        ("//other.example/v1.2/", "https://other.example/v1.2/"),
        ("  /spaced  ", "https://www.clinic.example/spaced"),
        ("/index.html", "https://www.clinic.example/index.html"),
        ("http://m\u00fcnchen.example/", "http://xn--mnchen-3ya.example/"),
        ("http://M\u00dcNCHEN.example:80/a", "http://xn--mnchen-3ya.example/a"),
        ("http://xn--MNCHEN-3ya.example", "http://xn--mnchen-3ya.example/"),
        ("http://m\u00fcn\u00adchen\u3002example", "http://xn--mnchen-3ya.example/"),
        ("//\u0437\u0443\u0431\u044b.\u0440\u0444/", "https://xn--90al0b7a.xn--p1ai/"),
        ("http://a_b.clinic.example/", "http://a_b.clinic.example/"),
        ("http://\u2603.example", "http://xn--n3h.example/"),
        ("http://fa\u00df.example", "http://xn--fa-hia.example/"),
        ("https://clinic.example/a/../b/./c", "https://clinic.example/b/c"),
        ("https://clinic.example/../a/%2E%2e/b?c=/../d", "https://clinic.example/b?c=/../d"),
        ("https://clinic.example/a/..", "https://clinic.example/"),
        ("https:\\\\clinic.example\\a?b=\\c", "https://clinic.example/a?b=\\c"),
    ],
)
def test_where_a_reference_leads(reference, address):
    """Absolute, without fragment, tracking and ports that go without saying."""
    assert page_address(reference, BASE) == address


@pytest.mark.parametrize(
    "reference",
    [
        "mailto:a@clinic.example", "tel:+15550100", "javascript:void(0)", "data:text/html,x",
        "/team.jpg", "/prices.PDF", "/sitemap.xml", "http://[::1", "http://u:p@clinic.example/",
        "ftp://clinic.example/", "http://\u2100.example/", "http://\ud800.example/",
        "http://a\u0301\u200d.\u00df\u0640\u0640-.example/",
        "http://\u00fc" + "u" * 99 + ".example/",
        "http://clinic.example:99999/",
        f"/{'a' * MAX_ADDRESS}",
    ],
)  # fmt: skip
def test_what_is_no_page(reference):
    """Other schemes, files, credentials, and what cannot be read."""
    assert page_address(reference, BASE) is None


@pytest.mark.parametrize(
    "spelling",
    [
        "https://clinic.example/prices",
        "http://www.clinic.example/prices/",
        "https://clinic.example/prices?utm_medium=mail",
        "https://clinic.example/prices/index.html",
    ],
)
def test_spellings_of_one_page(spelling):
    """They have one key."""
    assert page_key(spelling) == "clinic.example/prices"


def test_parameters_in_any_order():
    """They are the same page, and other values are another."""
    one, other = "https://a.example/p?a=1&b=2", "https://a.example/p?b=2&a=1"
    assert page_key(one) == page_key(other) != page_key("https://a.example/p?a=1&b=3")


def test_both_spellings_of_a_host_are_one_site():
    """In its own script, and as it is requested."""
    hosts = ("b\u00fccher.example", "xn--bcher-kva.example")
    addresses = [page_address(f"http://{host}/", BASE) or "" for host in hosts]
    assert [site_of(one) for one in addresses] == ["xn--bcher-kva.example"] * 2


def test_www_is_the_same_site():
    """Other names, also below it, are other sites, and so are other ports."""
    assert site_of("https://www.a.example/x") == site_of("http://a.example") == "a.example"
    assert site_of("https://shop.a.example/") != "a.example"
    assert site_of("http://a.example:81/") == "a.example:81"
