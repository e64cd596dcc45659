"""The HTML of a page, as a person with a browser and one with a screen reader perceive it.

libxml2 reports events as it parses, and no tree is built. The tree of a hostile page (a tag with a
million attributes, a million open tags) takes minutes, its events two seconds. Everything that is
read of a page is bounded, and its text excludes whatever is hidden from people.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from landfall.site.charset import charset_in_meta, decoded, redecoded
from landfall.site.html_forms import FormReader
from landfall.site.listing import SEARCH_ENGINES
from landfall.site.machines import speaks_to_machines
from landfall.site.markup import (
    MAX_HREF,
    MAX_ITEMS,
    MAX_LABEL,
    MAX_LINKS,
    MAX_TEXT,
    Anchor,
    Heading,
    Markup,
    add_label,
    shortened,
)
from landfall.site.structured_data import types_of
from landfall.site.visibility import Seen, Visibility

MAX_HTML_BYTES = 2 * 2**20
"""Bytes of a page that are parsed; a larger page is judged by its beginning."""

PIECE_BYTES = 64 * 1024
"""Bytes that the parser gets at a time."""

MAX_ELEMENTS = 100_000
"""Elements of a page after which parsing stops; real pages have up to 20,000."""

MAX_OPEN = 12
"""Nested elements with a label of their own: real pages have three."""


def read_markup(body: bytes, charset: str | None = None) -> Markup:
    """Parse a page. `charset` is that of its headers; the page may declare another."""
    body = body[:MAX_HTML_BYTES]
    text, certain = decoded(body, charset)
    page = _parsed(text)
    if page.charset and not certain and (again := redecoded(body, page.charset)):
        page = _parsed(again)
    return page


def _parsed(text: str) -> Markup:
    target = _PageTarget()
    parser = etree.HTMLParser(target=target, encoding="utf-8", remove_pis=True)
    data = text.replace("\0", "").encode(errors="replace")
    for begin in range(0, len(data), PIECE_BYTES):
        if target.page.elements <= MAX_ELEMENTS:
            parser.feed(data[begin : begin + PIECE_BYTES])
    try:
        parser.close()
    except etree.XMLSyntaxError:  # the page is empty
        target.close()
    return target.page


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
_INERT = frozenset({"noscript", "template"})
"""Elements whose content has no effect in a browser that runs scripts."""

_DIVIDING = _BREAKS | _NAMED | set(_HEADINGS)
"""Elements that divide the text of a page into passages."""


@dataclass
class _OpenElement:
    """An open element whose text is its label, with the text so far."""

    tag: str
    depth: int
    attributes: Mapping[str, str]
    pieces: list[str] = field(default_factory=list)
    size: int = 0

    def add(self, text: str) -> None:
        if self.size < MAX_LABEL:
            self.pieces.append(text[:MAX_LABEL])
            self.size += len(text)

    @property
    def label(self) -> str:
        return shortened("".join(self.pieces)) or shortened(self.attributes.get("aria-label", ""))


class _PageTarget:
    """The target of lxml's parser events; it collects the content of the page."""

    def __init__(self) -> None:
        self.page = Markup()
        self._forms = FormReader(self.page)
        self._depth = 0
        self._visibility = Visibility()
        self._passage: list[str] = []
        self._open: list[_OpenElement] = []
        self._places: list[tuple[int, str]] = []
        self._pieces: list[str] = []
        self._size = 0
        self._data: list[str] | None = None
        self._inert: int | None = None

    def start(self, tag: str, given: Mapping[str, str]) -> None:
        """Handle the start of an element."""
        self.page.elements += 1
        self._depth += 1
        if self._passage and tag in _DIVIDING:
            self._end_passage()
        if tag in _BREAKS:
            self._add_text(" ")
        self._visibility.enter(self._depth, tag, given)
        if tag in _INERT and self._inert is None:
            self._inert = self._depth
        self._enter(tag, given)
        handle = _HANDLERS.get(tag)
        if handle:
            handle(self, given)
        if "itemtype" in given:
            add_label(self.page.data_types, given["itemtype"].rsplit("/", 1)[-1])

    def end(self, tag: str) -> None:
        """Handle the end of an element."""
        if self._passage and tag in _DIVIDING:
            self._end_passage()
        while self._open and self._open[-1].depth >= self._depth:
            self._finish(self._open.pop())
        if self._places and self._places[-1][0] == self._depth:
            self._places.pop()
        self._forms.end(self._depth)
        if tag == "script" and self._data is not None:
            for kind in types_of("".join(self._data)):
                add_label(self.page.data_types, kind)
            self._data = None
        if self._inert == self._depth:
            self._inert = None
        if self._visibility.deepest == self._depth:
            self._end_passage()
            self._visibility.leave(self._depth)
        if tag in _BREAKS:
            self._add_text(" ")
        self._depth -= 1

    def data(self, text: str) -> None:
        """Handle text, which comes in one or several pieces."""
        if self._data is not None:
            self._data.append(text)
        match self._visibility.seen:
            case Seen.SEEN:
                self._see(text)
            case Seen.FADING:
                self._passage.append(text)
            case Seen.NEVER if self._open and self._open[-1].tag == "title":
                self._open[-1].add(text)
            case hidden:
                self.page.hidden_characters += len(text)
                if hidden == Seen.TRANSPARENT:
                    self.page.transparent_characters += len(text.strip())

    def comment(self, text: str) -> None:
        """Handle a comment, which is hidden from people."""
        self.page.hidden_characters += len(text)

    def close(self) -> None:
        """Handle the end of the page."""
        self._end_passage()
        while self._open:
            self._finish(self._open.pop())
        self._forms.close()
        self.page.text = " ".join("".join(self._pieces).split())[:MAX_TEXT]

    def _end_passage(self) -> None:
        """End a passage that is fading in: people read it, unless it is for machines."""
        if not self._passage:
            return
        passage = "".join(self._passage)
        self._passage.clear()
        if speaks_to_machines(passage):
            self.page.hidden_characters += len(passage)
        else:
            self._see(passage)

    def _see(self, text: str) -> None:
        for element in self._open:
            element.add(text)
        self._add_text(text)

    def _add_text(self, text: str) -> None:
        # the labels of navigation are about other pages
        in_nav = bool(self._places) and self._places[-1][1] == "nav"
        if not in_nav and self._size < 2 * MAX_TEXT:
            self._pieces.append(text)
            self._size += len(text)

    def _enter(self, tag: str, given: Mapping[str, str]) -> None:
        place = _PLACES.get(tag) or _ROLES.get(given.get("role", ""))
        if place:
            add_label(self.page.landmarks, place)
            if len(self._places) < MAX_OPEN:
                self._places.append((self._depth, place))
        if (tag in _NAMED or tag in _HEADINGS or tag == "title") and len(self._open) < MAX_OPEN:
            self._open.append(_OpenElement(tag, self._depth, given))

    def _finish(self, element: _OpenElement) -> None:
        page, tag = self.page, element.tag
        if tag == "title":
            page.title = page.title if page.title is not None else element.label
        elif tag in _HEADINGS and len(page.headings) < MAX_ITEMS:
            page.headings.append(Heading(_HEADINGS[tag], element.label))
        elif tag == "a" and len(page.links) < MAX_LINKS and "href" in element.attributes:
            place = self._places[-1][1] if self._places else ""
            page.links.append(Anchor(element.attributes["href"][:MAX_HREF], element.label, place))
        elif tag == "button":
            self._forms.button(element.label)
        elif tag == "label":
            self._forms.label(element.attributes.get("for", ""))

    # Elements

    def _meta(self, given: Mapping[str, str]) -> None:
        name = given.get("name", given.get("property", "")).strip().lower()
        content = shortened(given.get("content", ""))
        page = self.page
        page.charset = page.charset or charset_in_meta(given)
        if given.get("http-equiv", "").strip().lower() == "refresh" and self._inert is None:
            page.refresh = page.refresh or given.get("content", "")[:MAX_HREF]
        match name:
            case "description":
                page.description = page.description or content
            case "viewport":
                page.viewport = page.viewport or content
            case _ if name in SEARCH_ENGINES and len(page.robots) < MAX_ITEMS:
                page.robots.append(given.get("content", "")[:MAX_HREF])
            case _ if name.startswith("og:") and len(page.shared_as) < MAX_ITEMS:
                page.shared_as[name[:MAX_LABEL]] = content

    def _base(self, given: Mapping[str, str]) -> None:
        if self._inert is None:
            self.page.base = self.page.base or given.get("href", "")[:MAX_HREF] or None

    def _link(self, given: Mapping[str, str]) -> None:
        kinds = given.get("rel", "").lower().split()
        if "canonical" in kinds:
            self.page.canonical = self.page.canonical or given.get("href", "")[:MAX_HREF]
        self.page.has_icon |= "icon" in kinds
        self.page.stylesheets += "stylesheet" in kinds

    def _html(self, given: Mapping[str, str]) -> None:
        self.page.language = self.page.language or shortened(given.get("lang", "")) or None

    def _img(self, given: Mapping[str, str]) -> None:
        self.page.images += 1
        alt = given.get("alt")
        # an empty `alt` marks decoration; a missing one marks nothing
        self.page.images_without_alt += alt is None
        if alt and self._is_read(alt):
            add_label(self.page.alts, alt)
            for element in self._open:
                element.add(f" {alt} ")

    def _is_read(self, text: str) -> bool:
        """Return whether people perceive a text at this place of the page."""
        seen = self._visibility.seen
        return seen == Seen.SEEN or (seen == Seen.FADING and not speaks_to_machines(text))

    def _script(self, given: Mapping[str, str]) -> None:
        if given.get("type", "").lower() == "application/ld+json":
            self._data = []
            return
        self.page.scripts += 1
        if "src" in given and len(self.page.script_addresses) < MAX_ITEMS:
            self.page.script_addresses.append(given["src"][:MAX_HREF])

    def _iframe(self, given: Mapping[str, str]) -> None:
        if len(self.page.frames) < MAX_ITEMS:
            self.page.frames.append(given.get("src", "")[:MAX_HREF])

    def _form(self, _: Mapping[str, str]) -> None:
        self._forms.begin(self._depth)

    def _input(self, given: Mapping[str, str]) -> None:
        self._forms.input(given, in_label=self._in_label)

    def _textarea(self, given: Mapping[str, str]) -> None:
        self._forms.field("textarea", given, in_label=self._in_label)

    def _select(self, given: Mapping[str, str]) -> None:
        self._forms.field("select", given, in_label=self._in_label)

    @property
    def _in_label(self) -> bool:
        return any(element.tag == "label" for element in self._open)


_HANDLERS = {
    "base": _PageTarget._base,
    "html": _PageTarget._html,
    "meta": _PageTarget._meta,
    "link": _PageTarget._link,
    "img": _PageTarget._img,
    "script": _PageTarget._script,
    "iframe": _PageTarget._iframe,
    "frame": _PageTarget._iframe,
    "form": _PageTarget._form,
    "input": _PageTarget._input,
    "textarea": _PageTarget._textarea,
    "select": _PageTarget._select,
}
