"""Words, types of pages, and the selection of pages to fetch."""

import time

import pytest

from landfall.site.page_selection import (
    MAX_CANDIDATES,
    OTHER,
    Candidate,
    Types,
    candidates,
    chosen,
)
from landfall.site.rubric import PageType, clinic_rubric
from landfall.site.urls import page_key
from landfall.site.words import folded, vocabulary

SITE = "https://a.example"


@pytest.mark.parametrize(
    ("words", "text", "count"),
    [
        (["book*"], "Book now! Booking, booked; rebook", 3),
        (["first visit"], "Your FIRST-visit, and first visits", 1),
        (["uber uns"], "\u00dcber uns", 1),
        (["strasse"], "Hauptstra\u00dfe 5, Stra\u00dfe", 1),
        (["a.b", "$60"], "a-b and 60", 2),
        (["dr"], "dr dr dr", 3),
        (["book"], "", 0),
        (["book book"], "book book book book", 2),
        (["first visit", "visit*"], "first visit, visits", 2),
    ],
)
def test_words_are_found_whole(words, text, count):
    """Whatever their case, accents and punctuation; a star is any ending."""
    assert vocabulary(tuple(words)).counted(folded(text)) == count


def test_words_are_counted_in_time():
    """As many as a page may have, in proportion to its length."""
    began = time.process_time()
    assert (
        vocabulary(("book", "first visit")).counted(folded("book first visit " * 6_000)) == 12_000
    )
    assert time.process_time() - began < 0.5


def test_the_pages_of_a_sitemap_are_typed_in_time():
    """Also those with as many parts as an address may have."""
    began = time.process_time()
    types = Types(clinic_rubric().page_types)
    listed = [f"{SITE}/{'/'.join(f'{n % 89 + k}' for k in range(120))}" for n in range(1_000)]
    assert len(candidates(types, [], listed)) == 89
    listed = [f"{one}/{number}" for number, one in enumerate(listed)]
    assert len(candidates(types, [], listed)) == MAX_CANDIDATES
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    ("path", "text", "page_type"),
    [
        ("/x", "Book online", "booking"),
        ("/services", "", "services"),
        ("/services/implants", "", "service_detail"),
        ("/preise-und-kosten", "", "pricing"),
        ("/uber-uns", "", "about"),
        ("/blog/2026", "", OTHER),
    ],
)
def test_the_type_of_a_page(path, text, page_type):
    """By what links to it say, and then by the last part of its address."""
    assert Types(clinic_rubric().page_types).of(SITE + path, text) == page_type


TYPES = Types(
    [
        PageType(id="booking", words=["book*"], most=1),
        PageType(id="services", words=["service*"], most=2),
    ]
)


def known(*paths):
    return candidates(TYPES, [(SITE + path, "") for path in paths], [])


def picked(most, *paths, taken=()):
    there = {page_key(SITE + path): TYPES.of(path) for path in taken}
    return [one.address.removeprefix(SITE) for one in chosen(TYPES, known(*paths), there, most)]


def test_types_take_turns():
    """Each has one before any has two; above its most, a type waits for pages of no type."""
    paths = ["/service-1", "/service-2", "/service-3", "/x", "/book-1", "/book-2"]
    assert picked(3, *paths) == ["/book-1", "/service-1", "/service-2"]
    assert picked(9, *paths) == [
        "/book-1", "/service-1", "/service-2", "/x", "/book-2", "/service-3",
    ]  # fmt: skip


def test_what_was_looked_at_counts():
    """It is not chosen again, and takes its type's turn."""
    assert picked(2, "/book", "/book-2", "/service", taken=["/book"]) == ["/service", "/book-2"]


def test_a_page_is_known_once():
    """Whatever links and the sitemap call it; what a page links to is known better."""
    found = candidates(TYPES, [(f"{SITE}/book/", "")], [f"{SITE}/book?utm_source=x", f"{SITE}/y"])
    assert found == [
        Candidate(f"{SITE}/book/", "booking", True), Candidate(f"{SITE}/y", OTHER, False),
    ]  # fmt: skip


def test_a_long_sitemap_pushes_nothing_out():
    """Pages with a type stay, at any position of the sitemap."""
    listed = [f"{SITE}/{number}" for number in range(1_000)] + [f"{SITE}/book"]
    found = candidates(TYPES, [], listed)
    assert (len(found), found[0].page_type) == (MAX_CANDIDATES, "booking")
