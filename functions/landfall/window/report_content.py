"""The content of a report, the same in the window and in a file: a template for each kind of scan.

    a run's report ──values of a kind──> template ──> HTML of at most MAX_CONTENT bytes

What a report shows has no bound of its own: names and texts are a rubric's, a base's or a web
site's. So it is made with as many details as fit.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

from markupsafe import Markup

from landfall.airtable.values import printable, truncate
from landfall.window.rendering import render

MAX_CONTENT = 250_000
"""Bytes of the HTML of a report: with its style, a file has at most 300,000."""

MAX_HREF = 500
"""Characters of an address to which a report links; a longer one is shown as text."""

MAX_LABEL = 60
"""Characters of the name of a page."""

HOME = "home page"

Entry = TypeVar("Entry")


@dataclass(frozen=True)
class Detail:
    """The details of a report: `rows` of each list, characters of each `text`, pages that are
    `cited` for a statement, `remarks` of a model on a dimension, and `findings` of a rule."""

    rows: int
    text: int
    cited: int
    remarks: int
    findings: int


DETAILS = (
    Detail(500, 600, 5, 3, 20),
    Detail(500, 160, 2, 1, 5),
    Detail(40, 160, 2, 1, 3),
    Detail(14, 100, 1, 0, 1),
    Detail(6, 50, 1, 0, 1),
)
"""From the most to the fewest: a report has the first that fit."""


@dataclass(frozen=True)
class Few:
    """The first entries of a list, and the number of those that are left out."""

    shown: list[Any]
    more: int

    @classmethod
    def of(cls, entries: Sequence[Entry], most: int, shown: Callable[[Entry], Any]) -> "Few":
        """Return at most so many entries, each as it is shown."""
        return cls([shown(one) for one in entries[:most]], max(0, len(entries) - most))


@dataclass(frozen=True)
class Cited:
    """A page that shows something: its address where it can be opened, its name and its value."""

    url: str
    label: str
    value: str = ""


def content_of(template: str, values: Callable[[Detail], Mapping[str, Any]]) -> Markup:
    """Return the content of a report with the most details that fit; the template says so."""
    html = ""
    for number, detail in enumerate(DETAILS):
        html = render(template, {**values(detail), "shortened": number > 0})
        if len(html.encode()) <= MAX_CONTENT:
            break
    return Markup(html)  # noqa: S704 - every value in it was escaped as it was rendered


def web_url(address: str | None) -> str:
    """Return an address to which a page may link: one of the web; else nothing."""
    if not address or len(address) > MAX_HREF:
        return ""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return address if parts.scheme in ("http", "https") and parts.netloc else ""


def cited(url: str, most: int, value: str = "") -> Cited:
    """Return a page by the part of its address that people know it by."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return Cited("", text_of(url, most), value)
    path = unquote(parts.path) + (f"?{unquote(parts.query)}" if parts.query else "")
    return Cited(web_url(url), HOME if path in ("", "/") else text_of(path, most), value)


def page_of(url: str) -> Cited:
    """Return a page by its name in a list."""
    return cited(url, MAX_LABEL)


def text_of(text: object, most: int) -> str:
    """Return a text of a stranger on one line, cut, without characters that turn it around."""
    return truncate(" ".join(printable(str(text)).split()), most)
