"""What is in a page of HTML, as a person with a browser and one with a screen reader meet it.

libxml2 tells of the page as it reads it, and no tree is built: the tree of a page that was made to
hurt (a tag with a million attributes, a million open tags) takes minutes, its events two seconds.
Whatever is kept of a page is bounded, and what is hidden from people is not among its text.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

PAGE_BYTES = 2 * 2**20
"""Bytes of a page that are read; beyond, it is judged by its beginning."""

PIECE_BYTES = 64 * 1024
ELEMENTS_MOST = 100_000
"""Elements of a page after which no more of it is read; real pages have up to 20,000."""

TEXT_MOST = 100_000
"""Characters of a page's text that are kept."""

LABEL_MOST = 200
"""Characters of a title, heading, label or address."""

ADDRESS_MOST = 2_000
LINKS_MOST = 1_000
OTHERS_MOST = 300
"""Headings, alternative texts, scripts and fields that are kept; more are only counted."""

OPEN_MOST = 12
"""Elements inside each other whose text is wanted: real pages have three."""


@dataclass(frozen=True)
class Link:
    """Where it leads, as it is written, and what people read on it."""

    href: str
    text: str
    place: str = ""


@dataclass(frozen=True)
class Heading:
    """A heading and its level, 1 to 6."""

    level: int
    text: str


@dataclass
class Form:
    """A form: its fields for people, how many of them have a name that is read out, and what it
    says on its buttons."""

    fields: int = 0
    named: int = 0
    kinds: list[str] = field(default_factory=list)
    buttons: list[str] = field(default_factory=list)


@dataclass
class Markup:
    """All that is known of a page's HTML."""

    title: str | None = None
    description: str | None = None
    language: str | None = None
    viewport: str | None = None
    canonical: str | None = None
    robots: str | None = None
    has_icon: bool = False
    headings: list[Heading] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    buttons: list[str] = field(default_factory=list)
    forms: list[Form] = field(default_factory=list)
    images: int = 0
    images_without_alt: int = 0
    alts: list[str] = field(default_factory=list)
    scripts: int = 0
    script_addresses: list[str] = field(default_factory=list)
    stylesheets: int = 0
    frames: list[str] = field(default_factory=list)
    landmarks: list[str] = field(default_factory=list)
    data_types: list[str] = field(default_factory=list)
    shared_as: dict[str, str] = field(default_factory=dict)
    elements: int = 0
    text: str = ""
    hidden_characters: int = 0


def read_markup(body: bytes, charset: str | None = None) -> Markup:
    """The page. `charset` is what its headers say; the page may know better."""
    reader = _Reader()
    parser = etree.HTMLParser(target=reader, encoding=_known(charset), remove_pis=True)
    body = body[:PAGE_BYTES]
    for begin in range(0, len(body), PIECE_BYTES):
        if reader.page.elements <= ELEMENTS_MOST:
            parser.feed(body[begin : begin + PIECE_BYTES])
    try:
        parser.close()
    except etree.XMLSyntaxError:  # there is nothing in it
        reader.close()
    return reader.page


_CHARSETS = frozenset(
    """
    utf-8 iso-8859-1 iso-8859-2 iso-8859-15 windows-1250 windows-1251 windows-1252 windows-1254
    shift_jis euc-jp euc-kr gb2312 gbk gb18030 big5 koi8-r us-ascii utf-16
    """.split()  # noqa: SIM905  a list of them is three times as long
)
"""Those that are met on the web; others are left to the page."""


def _known(charset: str | None) -> str | None:
    name = (charset or "").strip("\"' ").lower()
    return name if name in _CHARSETS else None


_UNSEEN = frozenset({"script", "style", "noscript", "template", "svg", "math", "head", "title"})
_PLACES = {"nav": "nav", "header": "header", "footer": "footer", "main": "main"}
_ROLES = {"navigation": "nav", "banner": "header", "contentinfo": "footer", "main": "main"}
_BREAKS = frozenset(
    """
    address article aside blockquote br dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5
    h6 header hr label legend li main nav ol option p pre section table td th tr ul
    """.split()  # noqa: SIM905  a list of them is three times as long
)
_NAMED = frozenset({"a", "button", "label", "option", "summary"})
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_HIDING = re.compile(
    r"display:none|visibility:hidden|(font-size|opacity):0(px|r?em|%)?(;|$|!)", re.IGNORECASE
)


@dataclass
class _Open:
    """An element whose text is wanted: what was read of it, and what becomes of it."""

    tag: str
    depth: int
    attributes: Mapping[str, str]
    pieces: list[str] = field(default_factory=list)
    size: int = 0

    def add(self, text: str) -> None:
        if self.size < LABEL_MOST:
            self.pieces.append(text[:LABEL_MOST])
            self.size += len(text)

    @property
    def text(self) -> str:
        return _short("".join(self.pieces))


class _Reader:
    """What lxml tells of a page as it comes."""

    def __init__(self) -> None:
        self.page = Markup()
        self._depth = 0
        self._unseen: int | None = None
        self._open: list[_Open] = []
        self._places: list[tuple[int, str]] = []
        self._form: tuple[int, Form] | None = None
        self._labels: set[str] = set()
        self._unnamed: list[tuple[Form, str]] = []
        self._pieces: list[str] = []
        self._size = 0
        self._data: list[str] | None = None

    def start(self, tag: str, given: Mapping[str, str]) -> None:
        """An element begins."""
        self.page.elements += 1
        self._depth += 1
        if tag in _BREAKS:
            self._say(" ")
        if self._unseen is None and (tag in _UNSEEN or _is_hidden(given)):
            self._unseen = self._depth
        self._enter(tag, given)
        handle = _HANDLERS.get(tag)
        if handle:
            handle(self, given)
        if "itemtype" in given:
            self._found(self.page.data_types, given["itemtype"].rsplit("/", 1)[-1])

    def end(self, tag: str) -> None:
        """An element ends."""
        while self._open and self._open[-1].depth >= self._depth:
            self._finish(self._open.pop())
        if self._places and self._places[-1][0] == self._depth:
            self._places.pop()
        if self._form and self._form[0] == self._depth:
            self._form = None
        if tag == "script" and self._data is not None:
            self._read_data("".join(self._data))
            self._data = None
        if self._unseen == self._depth:
            self._unseen = None
        if tag in _BREAKS:
            self._say(" ")
        self._depth -= 1

    def data(self, text: str) -> None:
        """Text, in one or several pieces."""
        if self._data is not None:
            self._data.append(text)
        for one in self._open:
            if one.tag == "title" or self._unseen is None:
                one.add(text)
        if self._unseen is None:
            self._say(text)
        elif not (self._open and self._open[-1].tag == "title"):
            self.page.hidden_characters += len(text)

    def comment(self, text: str) -> None:
        """A comment, which nobody sees."""
        self.page.hidden_characters += len(text)

    def close(self) -> None:
        """The page ends."""
        while self._open:
            self._finish(self._open.pop())
        for form, name in self._unnamed:
            form.named += name in self._labels
        self._unnamed.clear()
        self.page.text = " ".join("".join(self._pieces).split())[:TEXT_MOST]

    def _say(self, text: str) -> None:
        # what the ways through the site are called is not said on this page
        in_nav = bool(self._places) and self._places[-1][1] == "nav"
        if self._unseen is None and not in_nav and self._size < 2 * TEXT_MOST:
            self._pieces.append(text)
            self._size += len(text)

    def _enter(self, tag: str, given: Mapping[str, str]) -> None:
        place = _PLACES.get(tag) or _ROLES.get(given.get("role", ""))
        if place:
            self._found(self.page.landmarks, place)
            if len(self._places) < OPEN_MOST:
                self._places.append((self._depth, place))
        if (tag in _NAMED or tag in _HEADINGS or tag == "title") and len(self._open) < OPEN_MOST:
            self._open.append(_Open(tag, self._depth, given))

    def _finish(self, one: _Open) -> None:
        page, text = self.page, one.text or _short(one.attributes.get("aria-label", ""))
        if one.tag == "title":
            page.title = page.title if page.title is not None else text
        elif one.tag in _HEADINGS and len(page.headings) < OTHERS_MOST:
            page.headings.append(Heading(_HEADINGS[one.tag], text))
        elif one.tag == "a" and len(page.links) < LINKS_MOST and "href" in one.attributes:
            place = self._places[-1][1] if self._places else ""
            page.links.append(Link(one.attributes["href"][:ADDRESS_MOST], text, place))
        elif one.tag == "button":
            self._button(text)
        elif one.tag == "label" and len(self._labels) < OTHERS_MOST:
            self._labels.add(one.attributes.get("for", ""))

    def _button(self, text: str) -> None:
        self._found(self.page.buttons, text)
        if self._form:
            self._found(self._form[1].buttons, text)

    def _found(self, those: list[str], text: str) -> None:
        if len(those) < OTHERS_MOST:
            those.append(_short(text))

    # Elements

    def _meta(self, given: Mapping[str, str]) -> None:
        name = given.get("name", given.get("property", "")).lower()
        content = _short(given.get("content", ""))
        page = self.page
        match name:
            case "description":
                page.description = page.description or content
            case "viewport":
                page.viewport = page.viewport or content
            case "robots":
                page.robots = content
            case _ if name.startswith("og:") and len(page.shared_as) < OTHERS_MOST:
                page.shared_as[name[:LABEL_MOST]] = content

    def _link(self, given: Mapping[str, str]) -> None:
        kinds = given.get("rel", "").lower().split()
        if "canonical" in kinds:
            self.page.canonical = self.page.canonical or given.get("href", "")[:ADDRESS_MOST]
        self.page.has_icon |= "icon" in kinds
        self.page.stylesheets += "stylesheet" in kinds

    def _html(self, given: Mapping[str, str]) -> None:
        self.page.language = self.page.language or _short(given.get("lang", "")) or None

    def _img(self, given: Mapping[str, str]) -> None:
        self.page.images += 1
        alt = given.get("alt")
        # an empty text says that there is nothing to see; none at all says nothing
        self.page.images_without_alt += alt is None
        if alt:
            self._found(self.page.alts, alt)
            for one in self._open:
                one.add(f" {alt} ")

    def _script(self, given: Mapping[str, str]) -> None:
        if given.get("type", "").lower() == "application/ld+json":
            self._data = []
            return
        self.page.scripts += 1
        if "src" in given and len(self.page.script_addresses) < OTHERS_MOST:
            self.page.script_addresses.append(given["src"][:ADDRESS_MOST])

    def _iframe(self, given: Mapping[str, str]) -> None:
        if len(self.page.frames) < OTHERS_MOST:
            self.page.frames.append(given.get("src", "")[:ADDRESS_MOST])

    def _begin_form(self, _: Mapping[str, str]) -> None:
        if self._form is None and len(self.page.forms) < OTHERS_MOST:
            self._form = (self._depth, Form())
            self.page.forms.append(self._form[1])

    def _input(self, given: Mapping[str, str]) -> None:
        kind = given.get("type", "text").lower()
        if kind in ("submit", "button", "image"):
            self._button(given.get("value") or given.get("alt") or "")
        elif kind not in ("hidden", "reset"):
            self._field(kind, given)

    def _field(self, kind: str, given: Mapping[str, str]) -> None:
        if self._form is None:
            return
        form = self._form[1]
        form.fields += 1
        self._found(form.kinds, kind)
        if any(given.get(name) for name in ("aria-label", "aria-labelledby", "title")) or any(
            one.tag == "label" for one in self._open
        ):
            form.named += 1
        elif "id" in given and len(self._unnamed) < OTHERS_MOST:
            self._unnamed.append((form, given["id"]))

    def _textarea(self, given: Mapping[str, str]) -> None:
        self._field("textarea", given)

    def _select(self, given: Mapping[str, str]) -> None:
        self._field("select", given)

    def _read_data(self, text: str) -> None:
        try:
            content = json.loads(text)
        except (ValueError, RecursionError):
            return
        for kind in _types(content):
            self._found(self.page.data_types, kind)


_HANDLERS = {
    "html": _Reader._html,
    "meta": _Reader._meta,
    "link": _Reader._link,
    "img": _Reader._img,
    "script": _Reader._script,
    "iframe": _Reader._iframe,
    "form": _Reader._begin_form,
    "input": _Reader._input,
    "textarea": _Reader._textarea,
    "select": _Reader._select,
}


def _types(content: Any) -> Sequence[str]:
    """The `@type`s of JSON-LD, wherever they are in it."""
    found: list[str] = []
    left = [content]
    while left and len(found) < OTHERS_MOST:
        one = left.pop()
        if isinstance(one, dict):
            kind = one.get("@type")
            kinds = kind if isinstance(kind, list) else [kind]
            found += [name for name in kinds if isinstance(name, str)]
            left += one.values()
        elif isinstance(one, list):
            left += one
    return found


def _is_hidden(given: Mapping[str, str]) -> bool:
    if "hidden" in given:
        return True
    return _HIDING.search(given.get("style", "")[: 4 * LABEL_MOST].replace(" ", "")) is not None


def _short(text: str) -> str:
    return " ".join(text[: 4 * LABEL_MOST].split())[:LABEL_MOST]
