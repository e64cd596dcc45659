"""The facts of a page: numbers for criteria, from its HTML and its transfer.

A fact that does not apply to a page (the share of described images, where there are none) is None,
which is neither good nor bad.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from landfall.site.listing import may_be_listed
from landfall.site.markup import Markup
from landfall.site.page import Transfer
from landfall.site.urls import site_of, web_address
from landfall.site.words import folded, vocabulary, word_count

MIN_ZOOM = 2.0
"""Scale to which a page must be zoomable: 200 %, as WCAG 1.4.4 asks."""

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)")

_SETTING = re.compile(r"([^\s=,;]+)\s*=\s*([^\s=,;]+)")

Facts = dict[str, float | None]
Vocabularies = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Fact:
    """A fact: its meaning, and the function that finds it."""

    meaning: str
    find: Callable[[Transfer, Markup], float | None]


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


def _links(markup: Markup, scheme: str) -> int:
    return sum(link.href.strip().lower().startswith(scheme) for link in markup.links)


def _skips(_: Transfer, markup: Markup) -> float | None:
    """Count headings that are more than one level below the one before."""
    levels = [heading.level for heading in markup.headings]
    return sum(after > before + 1 for before, after in pairwise(levels)) if levels else None


def _third_parties(transfer: Transfer, markup: Markup) -> float:
    sites = {site_of(one) for one in _addresses(markup.script_addresses, transfer, markup)}
    return len(sites - {site_of(transfer.url)})


def _insecure(transfer: Transfer, markup: Markup) -> float | None:
    if not transfer.url.startswith("https:"):
        return None
    parts = _addresses([*markup.script_addresses, *markup.frames], transfer, markup)
    return sum(part.startswith("http:") for part in parts)


def _addresses(references: Sequence[str], transfer: Transfer, markup: Markup) -> Sequence[str]:
    base = markup.base_at(transfer.url)
    return [one for one in (web_address(reference, base) for reference in references) if one]


def _viewport(markup: Markup) -> Mapping[str, str]:
    """Return the settings of the viewport, of which the last of each counts.

    Browsers divide them by spaces as well as by commas.
    """
    return dict(_SETTING.findall((markup.viewport or "").lower()))


def _zoomable(_: Transfer, markup: Markup) -> float | None:
    if markup.viewport is None:
        return None
    settings = _viewport(markup)
    most = _leading_number(settings.get("maximum-scale", ""))
    least = _leading_number(settings.get("user-scalable", ""))
    # browsers take what they do not know, such as `false`, for `no`
    given = settings.get("user-scalable", "yes")
    known = least is not None or given in ("yes", "device-width", "device-height")
    fixed = not known or (least is not None and abs(least) < 1)
    return not fixed and (most is None or most < 0 or most >= MIN_ZOOM)


def _leading_number(value: str) -> float | None:
    found = _NUMBER.match(value[:20])
    return float(found[0]) if found else None


def _adapts(_: Transfer, markup: Markup) -> float:
    settings = _viewport(markup)
    width = settings.get("width")
    # the scale alone sets the width too
    return width == "device-width" or (
        width is None and _leading_number(settings.get("initial-scale", "")) == 1
    )


def _fields_of_forms(_: Transfer, markup: Markup) -> float | None:
    sizes = [form.fields for form in markup.forms if form.fields > 1]
    return min(sizes) if sizes else None


def _named_fields(_: Transfer, markup: Markup) -> float | None:
    return _share(
        sum(form.named for form in markup.forms), sum(form.fields for form in markup.forms)
    )


def _indexable(transfer: Transfer, markup: Markup) -> float:
    headers = transfer.headers.get("x-robots-tag", "").splitlines()
    return may_be_listed([*markup.robots, *headers])


FACTS: dict[str, Fact] = {
    "status": Fact("HTTP status", lambda t, _: t.status),
    "redirects": Fact("redirects before the page", lambda t, _: t.redirects),
    "seconds": Fact("seconds until the page was complete", lambda t, _: round(t.seconds, 3)),
    "kilobytes": Fact("size of the HTML, uncompressed", lambda t, _: round(t.page_bytes / 1000, 1)),
    "wire_kilobytes": Fact("size of the HTML as sent", lambda t, _: round(t.wire_bytes / 1000, 1)),
    "https": Fact("1 over HTTPS, with a valid certificate", lambda t, _: t.url[:6] == "https:"),
    "modern_tls": Fact(
        "1 with TLS 1.2 or newer; none without TLS",
        lambda t, _: t.tls in ("TLSv1.2", "TLSv1.3") if t.tls else None,
    ),
    "keeps_https": Fact(
        "1 with Strict-Transport-Security; none without HTTPS",
        lambda t, _: "strict-transport-security" in t.headers if t.url[:6] == "https:" else None,
    ),
    "compressed": Fact("1 if it was sent compressed", lambda t, _: t.wire_bytes < t.page_bytes),
    "cacheable": Fact("1 with a Cache-Control header", lambda t, _: "cache-control" in t.headers),
    "title_characters": Fact("length of the title", lambda _, m: len(m.title or "")),
    "description_characters": Fact(
        "length of the meta description", lambda _, m: len(m.description or "")
    ),
    "h1": Fact("main headings", lambda _, m: sum(h.level == 1 for h in m.headings)),
    "headings": Fact("headings", lambda _, m: len(m.headings)),
    "heading_skips": Fact("headings that skip a level", _skips),
    "words": Fact("visible words", lambda _, m: word_count(m.text)),
    "images": Fact("images", lambda _, m: m.images),
    "images_described": Fact(
        "share of images with an `alt`, which is empty for decoration",
        lambda _, m: _share(m.images - m.images_without_alt, m.images),
    ),
    "scripts": Fact("scripts", lambda _, m: m.scripts),
    "third_parties": Fact("other hosts with scripts on the page", _third_parties),
    "frames": Fact("frames, such as maps and videos", lambda _, m: len(m.frames)),
    "insecure_parts": Fact("scripts and frames over HTTP on an HTTPS page", _insecure),
    "viewport": Fact("1 if the page adapts to the width of a phone", _adapts),
    "zoomable": Fact("1 if it can be zoomed to 200 % on a phone", _zoomable),
    "telephone_links": Fact("links to telephone numbers", lambda _, m: _links(m, "tel:")),
    "mail_links": Fact("links to e-mail addresses", lambda _, m: _links(m, "mailto:")),
    "forms": Fact("forms with fields", lambda _, m: sum(form.fields > 0 for form in m.forms)),
    "form_fields": Fact("fields of the shortest form with more than one", _fields_of_forms),
    "fields_named": Fact("share of form fields with an accessible name", _named_fields),
    "structured_data": Fact("items of structured data", lambda _, m: len(m.data_types)),
    "language": Fact("1 if it declares its language", lambda _, m: m.language is not None),
    "main_landmark": Fact("1 if it has a `main` landmark", lambda _, m: "main" in m.landmarks),
    "links_named": Fact(
        "share of links with a text",
        lambda _, m: _share(sum(bool(link.text) for link in m.links), len(m.links)),
    ),
    "icon": Fact("1 if it has an icon", lambda _, m: m.has_icon),
    "indexable": Fact("1 if search engines may list it", _indexable),
    "canonical": Fact("1 if it has a canonical address", lambda _, m: m.canonical is not None),
    "shared_as": Fact("Open Graph properties", lambda _, m: len(m.shared_as)),
}  # fmt: skip
"""The facts of every page."""


@dataclass(frozen=True)
class Family:
    """A family of facts: one for each vocabulary, or for each page type."""

    meaning: str
    of_types: bool = False


FAMILIES: dict[str, Family] = {
    "words": Family("number of its words in the text"),
    "title": Family("1 if the title has one of its words"),
    "headings": Family("headings with one of its words"),
    "calls": Family("links and buttons with one of its words"),
    "data": Family("items of structured data whose schema.org type has one of its words"),
    "links": Family("links to pages of this type", of_types=True),
    "pages": Family("1 if the site is known to have a page of this type", of_types=True),
}


def facts_of(transfer: Transfer, markup: Markup, vocabularies: Vocabularies) -> Facts:
    """Return all facts of a page except those about other pages (`links.` and `pages.`)."""
    facts: Facts = {name: _plain(fact.find(transfer, markup)) for name, fact in FACTS.items()}
    text, title = folded(markup.text), folded(markup.title or "")
    headings = [folded(heading.text) for heading in markup.headings]
    calls = [folded(call) for call in calls_of(markup)]
    data = [folded(kind) for kind in markup.data_types]
    for name, words in vocabularies.items():
        known = vocabulary(words)
        facts[f"words.{name}"] = known.counted(text)
        facts[f"title.{name}"] = int(known.within(title))
        facts[f"headings.{name}"] = sum(map(known.within, headings))
        facts[f"calls.{name}"] = sum(map(known.within, calls))
        facts[f"data.{name}"] = sum(map(known.within, data))
    return facts


def calls_of(markup: Markup) -> Sequence[str]:
    """Return the texts of all links and buttons."""
    return [text for text in [*(link.text for link in markup.links), *markup.buttons] if text]


def _plain(value: float | None) -> float | None:
    return int(value) if isinstance(value, bool) else value
