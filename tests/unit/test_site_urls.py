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
        "ftp://clinic.example/", "http://clinic.example:99999/",
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


def test_www_is_the_same_site():
    """Other names, also below it, are other sites, and so are other ports."""
    assert site_of("https://www.a.example/x") == site_of("http://a.example") == "a.example"
    assert site_of("https://shop.a.example/") != "a.example"
    assert site_of("http://a.example:81/") == "a.example:81"
