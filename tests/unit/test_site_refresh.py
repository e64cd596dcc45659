"""Pages that lead on by themselves, as browsers follow them."""

import pytest

from landfall.site.page import Page
from landfall.site.refresh import refresh_of

URL = "https://a.example/x/"


def led(html, status=200, redirects=(), **headers):
    body = html.encode()
    return refresh_of(Page(URL, redirects, status, headers, body, "192.0.2.1", 0.1, len(body)))


def refreshing(content):
    return f'<title>x</title><meta http-equiv="Refresh" content="{content}"><p>You are led on.'


@pytest.mark.parametrize(
    ("content", "address"),
    [
        ("0; url=/en/", "https://a.example/en/"),
        ("0;URL=en", "https://a.example/x/en"),
        ("5 ; Url = 'https://www.b.example/c?d=1'", "https://www.b.example/c?d=1"),
        ("0.0, /en/", "https://a.example/en/"),
        ("3 /en/", "https://a.example/en/"),
        ("0;url='/en/' x", "https://a.example/en/"),
        (".5; url=/en/", "https://a.example/en/"),
        ("0", None),
        ("", None),
        ("30; url=/en/", None),
        ("999999999; url=/en/", None),
        ("x; url=/en/", None),
        ("0; url=", None),
        ("0; url=#top", None),
        ("0; url=/x/", None),
        ("0; url=javascript:alert(1)", None),
        ("0; url=http://[", None),
        ("0; url=/before", None),
    ],
)
def test_the_address_of_a_refresh(content, address):
    """Soon, and to another page than those that led here."""
    assert led(refreshing(content), redirects=("https://a.example/before",)) == address


def test_a_header_leads_on_too():
    """Few servers send it, all browsers follow it."""
    assert led("<p>x", refresh="0; url=/en/") == "https://a.example/en/"


def test_a_base_counts():
    """The reference is one of the page."""
    html = "<base href='/de/'>" + refreshing("0; url=start")
    assert led(html) == "https://a.example/de/start"


@pytest.mark.parametrize(
    "html",
    [
        f"<noscript>{refreshing('0; url=/en/')}</noscript>",
        f"<template>{refreshing('0; url=/en/')}</template>",
        f"<!-- {refreshing('0; url=/en/')} -->",
        f"<script>'{refreshing('0; url=/en/')}'</script>",
        "<meta http-equiv=refresh content='5; URL=/?bm-verify=AAQ'><script>var i=1</script>",
        "<meta http-equiv=refresh content='0;/.well-known/sgcaptcha/?r=%2F'>",
    ],
)
def test_what_leads_nowhere(html):
    """Markup for browsers without scripts, texts, and challenges."""
    assert led(html) is None
    assert led(refreshing("0; url=/en/"), status=404) is None
