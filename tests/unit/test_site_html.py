"""The content of a page's HTML, computed by hand; and hostile pages."""

import time

import pytest

from landfall.site.html import MAX_ELEMENTS, MAX_HTML_BYTES, read_markup
from landfall.site.markup import MAX_LINKS, MAX_TEXT, Anchor, Form, Heading

PAGE = b"""<!doctype html>
<html lang="en"><head>
<title>Care &amp; teeth</title>
<meta name="description" content="What we do">
<meta name="viewport" content="width=device-width">
<meta property="og:title" content="Care">
<link rel="canonical" href="/care"><link rel="shortcut icon" href="/i.png">
<script src="https://cdn.example/a.js"></script><script>var a = "<p>no</p>"</script>
<script type="application/ld+json">
{"@graph": [{"@type": ["Dentist", "Place"]}, {"@type": "Review"}]}</script>
</head><body>
<nav><a href="/"><img src="l.png" alt="Home"></a></nav>
<main><h1>Teeth <b>first</b></h1><h3>Open</h3>
<p>One<br>two</p><p style="font-size: 0.9em">three</p>
<p style="display: none">hidden <a href="/trap">trap</a></p><p hidden>gone</p>
<!-- a comment -->
<img src="a.png"><img src="b.png" alt="">
<a href="tel:+1">Call</a>
<form><label for="m">Mail</label><input id="m" type="email"><label>Name <input></label>
<textarea></textarea><input type="hidden" name="x"><input type="submit" value="Send"></form>
<button>Book</button></main></body></html>"""


@pytest.fixture(scope="module")
def markup():
    """The page above."""
    return read_markup(PAGE)


def test_the_head(markup):
    """Title, description, viewport, language, canonical address, icon, sharing."""
    assert (markup.title, markup.description) == ("Care & teeth", "What we do")
    assert (markup.viewport, markup.language) == ("width=device-width", "en")
    assert (markup.canonical, markup.has_icon) == ("/care", True)
    assert markup.shared_as == {"og:title": "Care"}


def test_headings_and_landmarks(markup):
    """With their levels; text within them is theirs."""
    assert markup.headings == [Heading(1, "Teeth first"), Heading(3, "Open")]
    assert markup.landmarks == ["nav", "main"]


def test_links(markup):
    """A picture's text is the link's; what is hidden is read by nobody."""
    assert markup.links == [
        Anchor("/", "Home", "nav"), Anchor("/trap", "", "main"), Anchor("tel:+1", "Call", "main"),
    ]  # fmt: skip


def test_the_text_is_what_people_see(markup):
    """Neither scripts, comments, hidden elements, nor the names of other pages."""
    assert markup.text == "Teeth first Open One two three Call Mail Name Book"
    assert markup.hidden_characters > 20


def test_pictures(markup):
    """An empty text is a text: it says that there is nothing to see."""
    assert (markup.images, markup.images_without_alt, markup.alts) == (3, 1, ["Home"])


def test_forms(markup):
    """Hidden fields are none; a label names the field that it is around, or that it points to."""
    (form,) = markup.forms
    assert form == Form(fields=3, named=2, kinds=["email", "text", "textarea"], buttons=["Send"])
    assert markup.buttons == ["Send", "Book"]


def test_scripts_and_what_is_for_machines(markup):
    """Types of JSON-LD in whatever depth; its script is none that runs."""
    assert (markup.scripts, markup.script_addresses) == (2, ["https://cdn.example/a.js"])
    assert sorted(markup.data_types) == ["Dentist", "Place", "Review"]


@pytest.mark.parametrize("body", [b"", b"   ", b"<!--", b"\0", b"\xff\xfe", b"<", b"</p>"])
def test_nothing_is_a_page_too(body):
    """Without anything in it."""
    assert read_markup(body).links == []


@pytest.mark.parametrize("charset", [None, "utf-8", "no-such", "unicode_escape", "zlib_codec"])
def test_a_charset_of_the_headers_is_one_of_the_web(charset):
    """Others, which Python knows and browsers do not, are left to the page."""
    body = '<meta charset="utf-8"><p>caf\u00e9</p>'.encode()
    assert read_markup(body, charset).text == "caf\u00e9"


def test_the_charset_of_the_headers_counts():
    """As it does in browsers."""
    assert read_markup("<p>\u00e9</p>".encode("windows-1252"), "Windows-1252").text == "\u00e9"


HOSTILE = {
    "open elements": b"<div>",
    "open formats": b"<b><i>",
    "blocks in formats": b"<b><div>",
    "lists": b"<ul><li>",
    "headings": b"<h1>",
    "links": b"<a href=x>y",
    "tables": b"<table><tr><td>",
    "fields": b"<form><label><input id=a>",
    "hidden": b"<div hidden>",
    "scripts": b"<script>",
    "comments": b"<!--",
    "entities": b"&amp;",
    "less than": b"<",
    "buttons": b"<button>x",
    "navigation": b"<nav>",
}


@pytest.mark.slow
@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_a_page_that_is_made_to_hurt(piece):
    """It takes time in proportion to its length, and the stored content is bounded."""
    began = time.process_time()
    markup = read_markup(piece * (MAX_HTML_BYTES // len(piece)))
    assert time.process_time() - began < 5
    assert len(markup.links) <= MAX_LINKS
    assert len(markup.text) <= MAX_TEXT
    assert markup.elements <= 2 * MAX_ELEMENTS


def test_a_tag_of_many_attributes():
    """A tree of it would take minutes."""
    began = time.process_time()
    names = " ".join(f"a{number}=b" for number in range(150_000))
    assert read_markup(f"<p {names}>text</p>".encode()).text == "text"
    assert time.process_time() - began < 5


def test_types_in_a_deep_nest():
    """JSON that is too deep to be read says nothing."""
    body = b'<script type="application/ld+json">' + b"[" * 100_000 + b"</script><p>x</p>"
    markup = read_markup(body)
    assert (markup.data_types, markup.text) == ([], "x")
