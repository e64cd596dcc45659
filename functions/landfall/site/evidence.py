"""The evidence of a page: its facts, and what of its HTML is worth reading again.

It is made once, when the page has come, and stored beside the page; scores are made of nothing
else, and so they can be made again.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import msgspec

from landfall.site.facts import Facts, Vocabularies, facts_of
from landfall.site.html import Form, Heading, Markup, read_markup
from landfall.site.page import Visit
from landfall.site.urls import page_address, page_key, site_of

SHOWN_MOST = 40
"""Headings, links to press, and alternative texts that are kept to be read again."""

READ_MOST = 12_000
"""Characters of a page's text that are kept to be read again."""


@dataclass(frozen=True)
class PageLink:
    """A link to a page of the same site: its address, and every text that was read on it."""

    address: str
    text: str


@dataclass(frozen=True)
class Evidence:
    """All that is known of a page when it is scored.

    `content` is a digest of its text: the same text under two addresses is one page.
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
    links: Sequence[PageLink] = field(default=(), repr=False)

    def dump(self) -> bytes:
        """As JSON; without its links, which nothing but the way through the site needs."""
        return msgspec.json.encode(replace(self, links=()))

    @property
    def reading(self) -> str:
        """Everything that people read on it: what a quotation must be in."""
        parts = [self.title, self.description, *(h.text for h in self.headings), *self.calls]
        return "\n".join([*parts, *self.alts, self.text])


def load_evidence(data: bytes) -> Evidence:
    """From JSON."""
    return msgspec.json.decode(data, type=Evidence)


def evidence_of(visit: Visit, body: bytes, vocabularies: Vocabularies) -> Evidence:
    """What is known of a page that came like this."""
    markup = read_markup(body, _charset(visit.headers))
    canonical = page_address(markup.canonical, visit.url) if markup.canonical else None
    return Evidence(
        url=visit.url,
        facts=facts_of(visit, markup, vocabularies),
        title=markup.title or "",
        description=markup.description or "",
        headings=markup.headings[:SHOWN_MOST],
        calls=_calls(markup),
        contacts=_contacts(markup),
        forms=markup.forms[:SHOWN_MOST],
        alts=markup.alts[:SHOWN_MOST],
        data_types=markup.data_types[:SHOWN_MOST],
        frames=markup.frames[:SHOWN_MOST],
        text=markup.text[:READ_MOST],
        content=_digest(markup),
        canonical=canonical if canonical and site_of(canonical) == site_of(visit.url) else None,
        hidden_characters=markup.hidden_characters,
        links=_page_links(markup, visit.url),
    )


def _charset(headers: Mapping[str, str]) -> str | None:
    _, found, charset = headers.get("content-type", "").partition("charset=")
    return charset.split(";")[0] if found else None


def _calls(markup: Markup) -> Sequence[str]:
    """What can be pressed to do something: buttons first, then links to pages."""
    links = [link.text for link in markup.links if link.text and not _is_contact(link.href)]
    return list(dict.fromkeys([*filter(None, markup.buttons), *links]))[:SHOWN_MOST]


def _contacts(markup: Markup) -> Sequence[str]:
    found = [link.href.strip() for link in markup.links if _is_contact(link.href)]
    return list(dict.fromkeys(found))[:SHOWN_MOST]


def _is_contact(href: str) -> bool:
    return href.strip().lower().startswith(("tel:", "mailto:"))


def _page_links(markup: Markup, url: str) -> Sequence[PageLink]:
    """Links to other pages of the site, each once, in the order of the page."""
    texts: dict[str, tuple[str, list[str]]] = {}
    for link in markup.links:
        address = page_address(link.href, url)
        if address and site_of(address) == site_of(url):
            texts.setdefault(page_key(address), (address, []))[1].append(link.text)
    return [
        PageLink(address, " ".join(dict.fromkeys(said))[:200]) for address, said in texts.values()
    ]


def _digest(markup: Markup) -> str:
    content = "\n".join([markup.title or "", *(h.text for h in markup.headings), markup.text])
    return hashlib.sha256(content.encode(errors="replace")).hexdigest()[:32]
