"""The web site of a made-up clinic: pages from `clinic_pages/`, a redirect, duplicates, a slow and
a broken page, a page for phones, a page with instructions to machines."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from infra.local.site.pages import HTML, Resource, page, plain, redirect, sitemap
from infra.local.wire.messages import WireResponse

PAGES = Path(__file__).with_name("clinic_pages")


def clinic() -> dict[str, Resource]:
    """Return the resources of the clinic's site."""
    read = _read
    return {
        "/": replace(page(read("home.html")), mobile=page(read("home_mobile.html")).response),
        "/services": page(read("services.html")),
        "/services/implants": page(read("implants.html")),
        "/services/whitening": page(read("whitening.html")),
        "/services/whitening/": page(read("whitening.html")),
        "/services/checkups": page(read("checkups.html")),
        "/services/emergency": replace(page(read("emergency.html")), seconds=3.0),
        "/prices": page(read("prices.html")),
        "/about": redirect("/about-us/"),
        "/about-us/": page(read("about.html")),
        "/contact": page(read("contact.html")),
        "/book": page(read("book.html")),
        "/reviews": page(read("reviews.html")),
        "/our-reviews": page(read("reviews.html")),
        "/gallery": Resource(WireResponse(500, HTML, b"<!doctype html><title>Error</title>")),
        "/private/prices": page("<title>Not for robots</title>"),
        "/robots.txt": plain(read("robots.txt")),
        "/sitemap.xml": sitemap(*_LISTED),
    }


_LISTED = (
    "/", "/services", "/services/implants", "/services/whitening/", "/services/checkups",
    "/services/emergency", "/prices", "/about", "/contact", "/book", "/our-reviews",
    "/private/prices",
)  # fmt: skip


def _read(name: str) -> str:
    return (PAGES / name).read_text(encoding="utf-8")


def sample_sites() -> dict[str, Mapping[str, Resource]]:
    """Return the sites of the samples, by the addresses in their definitions."""
    return {"https://brightside.example/": clinic()}
