"""The content of a page's HTML that is of use, bounded whatever the page has."""

from dataclasses import dataclass, field

from landfall.site.urls import web_address

MAX_TEXT = 100_000
"""Characters of a page's text."""

MAX_LABEL = 200
"""Characters of a title, heading, label or property."""

MAX_HREF = 2_000
"""Characters of an address."""

MAX_LINKS = 1_000
"""Links of a page."""

MAX_ITEMS = 300
"""Headings, alternative texts, scripts or fields of a page; more are only counted."""


@dataclass(frozen=True)
class Anchor:
    """A link: its address as it is written, its text, and the landmark that it is in."""

    href: str
    text: str
    place: str = ""


@dataclass(frozen=True)
class Heading:
    """A heading with its level, 1 to 6."""

    level: int
    text: str


@dataclass
class Form:
    """A form: its visible fields, the number of them with an accessible name, and its buttons."""

    fields: int = 0
    named: int = 0
    kinds: list[str] = field(default_factory=list)
    buttons: list[str] = field(default_factory=list)


@dataclass
class Markup:
    """The content of a page's HTML.

    `base` is the reference of its `base` element, `refresh` the content of its refresh. All text
    that people do not see has `hidden_characters`; `transparent_characters` are those of them that
    a script may show.
    """

    title: str | None = None
    description: str | None = None
    language: str | None = None
    viewport: str | None = None
    canonical: str | None = None
    charset: str | None = None
    base: str | None = None
    refresh: str | None = None
    robots: list[str] = field(default_factory=list)
    has_icon: bool = False
    headings: list[Heading] = field(default_factory=list)
    links: list[Anchor] = field(default_factory=list)
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
    transparent_characters: int = 0

    def base_at(self, url: str) -> str:
        """Return the address that references of this page at `url` are relative to."""
        return (web_address(self.base, url) if self.base else None) or url


def add_label(labels: list[str], text: str) -> None:
    """Append a shortened text, unless there are `MAX_ITEMS`."""
    if len(labels) < MAX_ITEMS:
        labels.append(shortened(text))


def shortened(text: str) -> str:
    """Return at most `MAX_LABEL` characters of a text, with single spaces."""
    return " ".join(text[: 4 * MAX_LABEL].split())[:MAX_LABEL]
