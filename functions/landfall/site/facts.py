"""The facts of a page: numbers that criteria ask about, from its HTML and from how it came.

A fact that a page cannot have (the share of its pictures that have a text, where there is none)
is None: it was not observed, which is neither good nor bad.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from urllib.parse import urljoin

from landfall.site.html import Markup
from landfall.site.page import Visit
from landfall.site.urls import site_of
from landfall.site.words import folded, vocabulary

Facts = dict[str, float | None]
Vocabularies = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Fact:
    """What a fact says, and how it is found."""

    meaning: str
    find: Callable[[Visit, Markup], float | None]


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 3) if whole else None


def _links(markup: Markup, scheme: str) -> int:
    return sum(link.href.strip().lower().startswith(scheme) for link in markup.links)


def _skips(_: Visit, markup: Markup) -> float | None:
    """Times that a heading is more than a level below the one before."""
    levels = [heading.level for heading in markup.headings]
    return sum(after > before + 1 for before, after in pairwise(levels)) if levels else None


def _third_parties(visit: Visit, markup: Markup) -> float:
    sites = {site_of(urljoin(visit.url, one)) for one in markup.script_addresses if _is_plain(one)}
    return len(sites - {site_of(visit.url)})


def _is_plain(address: str) -> bool:
    return not address.startswith(("data:", "blob:")) and "[" not in address


def _insecure(visit: Visit, markup: Markup) -> float | None:
    if not visit.url.startswith("https:"):
        return None
    parts = [*markup.script_addresses, *markup.frames]
    return sum(part.strip().lower().startswith("http:") for part in parts)


def _zoomable(_: Visit, markup: Markup) -> float | None:
    if markup.viewport is None:
        return None
    settings = markup.viewport.replace(" ", "").lower()
    return not ("user-scalable=no" in settings or "user-scalable=0" in settings)


def _adapts(_: Visit, markup: Markup) -> float:
    return "width=device-width" in (markup.viewport or "").replace(" ", "").lower()


def _fields_of_forms(_: Visit, markup: Markup) -> float | None:
    sizes = [form.fields for form in markup.forms if form.fields > 1]
    return min(sizes) if sizes else None


def _named_fields(_: Visit, markup: Markup) -> float | None:
    return _share(
        sum(form.named for form in markup.forms), sum(form.fields for form in markup.forms)
    )


def _indexable(visit: Visit, markup: Markup) -> float:
    said = f"{markup.robots or ''} {visit.headers.get('x-robots-tag', '')}".lower()
    return "noindex" not in said


FACTS: dict[str, Fact] = {
    "status": Fact("the answer's status", lambda v, _: v.status),
    "redirects": Fact("redirects on the way", lambda v, _: v.redirects),
    "seconds": Fact("seconds until the page was complete", lambda v, _: round(v.seconds, 3)),
    "kilobytes": Fact("size of the HTML, unpacked", lambda v, _: round(v.page_bytes / 1000, 1)),
    "wire_kilobytes": Fact("size as it was sent", lambda v, _: round(v.wire_bytes / 1000, 1)),
    "https": Fact("1 over HTTPS, with a good certificate", lambda v, _: v.url[:6] == "https:"),
    "modern_tls": Fact(
        "1 with TLS 1.2 or newer; none without TLS",
        lambda v, _: v.tls in ("TLSv1.2", "TLSv1.3") if v.tls else None,
    ),
    "keeps_https": Fact(
        "1 when browsers are told to stay with HTTPS",
        lambda v, _: "strict-transport-security" in v.headers if v.url[:6] == "https:" else None,
    ),
    "compressed": Fact("1 when it was sent compressed", lambda v, _: v.wire_bytes < v.page_bytes),
    "cacheable": Fact("1 when caching is spoken of", lambda v, _: "cache-control" in v.headers),
    "title_characters": Fact("length of the title", lambda _, m: len(m.title or "")),
    "description_characters": Fact(
        "length of the description for search engines", lambda _, m: len(m.description or "")
    ),
    "h1": Fact("main headings", lambda _, m: sum(h.level == 1 for h in m.headings)),
    "headings": Fact("headings", lambda _, m: len(m.headings)),
    "heading_skips": Fact("headings that skip a level", _skips),
    "words": Fact("words that people see", lambda _, m: len(m.text.split())),
    "images": Fact("pictures", lambda _, m: m.images),
    "images_described": Fact(
        "share of the pictures with a text, or said to be ornaments",
        lambda _, m: _share(m.images - m.images_without_alt, m.images),
    ),
    "scripts": Fact("scripts", lambda _, m: m.scripts),
    "third_parties": Fact("other hosts whose scripts are run", _third_parties),
    "frames": Fact("frames, such as maps and films", lambda _, m: len(m.frames)),
    "insecure_parts": Fact("scripts and frames without HTTPS on a page with it", _insecure),
    "viewport": Fact("1 when the page adapts to the width of a phone", _adapts),
    "zoomable": Fact("1 when a phone may enlarge it", _zoomable),
    "telephone_links": Fact("telephone numbers to tap", lambda _, m: _links(m, "tel:")),
    "mail_links": Fact("mail addresses to tap", lambda _, m: _links(m, "mailto:")),
    "forms": Fact("forms with fields", lambda _, m: sum(form.fields > 0 for form in m.forms)),
    "form_fields": Fact("fields of the shortest form with more than one", _fields_of_forms),
    "fields_named": Fact("share of fields whose name is read out", _named_fields),
    "structured_data": Fact("things described for machines", lambda _, m: len(m.data_types)),
    "language": Fact("1 when it says its language", lambda _, m: m.language is not None),
    "main_landmark": Fact("1 when its main part is marked", lambda _, m: "main" in m.landmarks),
    "links_named": Fact(
        "share of links with a text",
        lambda _, m: _share(sum(bool(link.text) for link in m.links), len(m.links)),
    ),
    "icon": Fact("1 when it has an icon", lambda _, m: m.has_icon),
    "indexable": Fact("1 when search engines may list it", _indexable),
    "canonical": Fact("1 when it says its own address", lambda _, m: m.canonical is not None),
    "shared_as": Fact("settings for when it is shared", lambda _, m: len(m.shared_as)),
}  # fmt: skip
"""Facts that every page has."""


@dataclass(frozen=True)
class Family:
    """Facts that there is one of for each vocabulary, or for each type of page."""

    meaning: str
    of_types: bool = False


FAMILIES: dict[str, Family] = {
    "words": Family("how often a word of it stands in the text"),
    "title": Family("1 when the title has one of its words"),
    "headings": Family("headings with one of its words"),
    "calls": Family("links and buttons with one of its words"),
    "data": Family("described things (schema.org types) with one of its words"),
    "links": Family("links to pages of this type", of_types=True),
    "pages": Family("1 when the site has a page of this type, as far as is known", of_types=True),
}


def facts_of(visit: Visit, markup: Markup, vocabularies: Vocabularies) -> Facts:
    """All facts of a page but those about other pages (`links.` and `pages.`)."""
    facts: Facts = {name: _plain(fact.find(visit, markup)) for name, fact in FACTS.items()}
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
    """What people read on everything that can be followed or pressed."""
    return [text for text in [*(link.text for link in markup.links), *markup.buttons] if text]


def _plain(value: float | None) -> float | None:
    return int(value) if isinstance(value, bool) else value
