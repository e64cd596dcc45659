"""The evidence of a page: its facts, and the parts of its HTML that scoring needs.

It is made once, when the page is fetched, and stored with the page. Scores use nothing else, so
they can be made again.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec

from landfall.site.charset import charset_of
from landfall.site.facts import Facts, Vocabularies, facts_of
from landfall.site.html import read_markup
from landfall.site.markup import Form, Heading, Markup
from landfall.site.page import Page, Transfer, transfer_of
from landfall.site.urls import page_address, page_key, site_of
from landfall.site.words import words_beside

MAX_SHOWN = 40
"""Headings, calls to action, and alternative texts that are stored."""

MAX_TEXT = 12_000
"""Characters of a page's text that are stored."""


@dataclass(frozen=True)
class PageLink:
    """A link to a page of the same site: its address, and the texts of all such links."""

    address: str
    text: str


@dataclass(frozen=True)
class Evidence:
    """The knowledge about a page that its scores are made from.

    `content` is a digest of its text: pages with the same text are one page.
    """

    url: str
    facts: Facts
    title: str = ""
    description: str = ""
    headings: Sequence[Heading] = ()
    calls: Sequence[str] = ()
    contacts: Sequence[str] = ()
    forms: Sequence[Form] = ()
    alts: Sequence[str] = ()
    data_types: Sequence[str] = ()
    frames: Sequence[str] = ()
    text: str = ""
    content: str = ""
    canonical: str | None = None
    hidden_characters: int = 0
    transparent_characters: int = 0
    links: Sequence[PageLink] = field(default=(), repr=False)

    def dump(self) -> bytes:
        """Return the evidence as JSON, without the links, which only the crawl needs."""
        return msgspec.json.encode(replace(self, links=()))

    @property
    def words(self) -> int:
        """The number of visible words."""
        return int(self.facts["words"] or 0)

    @property
    def reading(self) -> str:
        """All text that people read on the page, in which a quotation must occur."""
        parts = [self.title, self.description, *(h.text for h in self.headings), *self.calls]
        return "\n".join([*parts, *self.alts, self.text])

    def words_beside(self, subject: re.Pattern[str]) -> int:
        """Count the words that people see which are not about a subject."""
        return words_beside("\n".join([self.title, *self.alts, self.text]), subject)


def load_evidence(data: bytes) -> Evidence:
    """Load evidence from JSON."""
    return msgspec.json.decode(data, type=Evidence)


def evidence_in(page: Page, vocabularies: Vocabularies) -> Evidence:
    """Return the evidence of a page as it was fetched."""
    return evidence_of(transfer_of(page), page.body, vocabularies)


def evidence_of(transfer: Transfer, body: bytes, vocabularies: Vocabularies) -> Evidence:
    """Return the evidence of a page with this body."""
    markup = read_markup(body, charset_of(transfer.headers))
    base = markup.base_at(transfer.url)
    canonical = page_address(markup.canonical, base) if markup.canonical else None
    return Evidence(
        url=transfer.url,
        facts=facts_of(transfer, markup, vocabularies),
        title=markup.title or "",
        description=markup.description or "",
        headings=markup.headings[:MAX_SHOWN],
        calls=_calls(markup),
        contacts=_contacts(markup),
        forms=markup.forms[:MAX_SHOWN],
        alts=markup.alts[:MAX_SHOWN],
        data_types=markup.data_types[:MAX_SHOWN],
        frames=markup.frames[:MAX_SHOWN],
        text=markup.text[:MAX_TEXT],
        content=_digest(markup),
        canonical=canonical if canonical and site_of(canonical) == site_of(transfer.url) else None,
        hidden_characters=markup.hidden_characters,
        transparent_characters=markup.transparent_characters,
        links=_page_links(markup, transfer.url),
    )


def _calls(markup: Markup) -> Sequence[str]:
    """Return the texts of the calls to action: buttons first, then links to pages."""
    links = [link.text for link in markup.links if link.text and not _is_contact(link.href)]
    return list(dict.fromkeys([*filter(None, markup.buttons), *links]))[:MAX_SHOWN]


def _contacts(markup: Markup) -> Sequence[str]:
    found = [link.href.strip() for link in markup.links if _is_contact(link.href)]
    return list(dict.fromkeys(found))[:MAX_SHOWN]


def _is_contact(href: str) -> bool:
    return href.strip().lower().startswith(("tel:", "mailto:"))


def _page_links(markup: Markup, url: str) -> Sequence[PageLink]:
    """Return the links to other pages of the site, each once, in the order of the page."""
    base = markup.base_at(url)
    texts: dict[str, tuple[str, list[str]]] = {}
    for link in markup.links:
        address = page_address(link.href, base)
        if address and site_of(address) == site_of(url):
            texts.setdefault(page_key(address), (address, []))[1].append(link.text)
    return [
        PageLink(address, " ".join(dict.fromkeys(labels))[:200])
        for address, labels in texts.values()
    ]


def _digest(markup: Markup) -> str:
    content = "\n".join([markup.title or "", *(h.text for h in markup.headings), markup.text])
    return hashlib.sha256(content.encode(errors="replace")).hexdigest()[:32]
