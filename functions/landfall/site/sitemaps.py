"""Sitemaps (sitemaps.org): the pages that a site names itself, or other sitemaps.

Read as events, so that no tree is built; a document with a DOCTYPE is none, and so there are no
entities that could grow.
"""

from dataclasses import dataclass, field

from lxml import etree

LOCATIONS_MOST = 5_000
"""Addresses of a sitemap that are read; a file may name 50,000."""

SITEMAP_BYTES = 2 * 2**20
"""Bytes of a sitemap that are read."""

_LOCATION_MOST = 2_000


@dataclass
class Sitemap:
    """Addresses of pages, or of further sitemaps; what was cut off or broken is left out."""

    pages: list[str] = field(default_factory=list)
    sitemaps: list[str] = field(default_factory=list)


class SitemapError(ValueError):
    """This is no sitemap; the message says why."""


def read_sitemap(body: bytes) -> Sitemap:
    """The addresses of a sitemap or of an index of them. Raises `SitemapError`."""
    if b"<!DOCTYPE" in body[:SITEMAP_BYTES] or b"<!ENTITY" in body[:SITEMAP_BYTES]:
        raise SitemapError("it has a document type, which no sitemap needs")
    reader = _Reader()
    parser = etree.XMLParser(target=reader, resolve_entities=False, no_network=True)
    try:
        parser.feed(body[:SITEMAP_BYTES])
        parser.close()
    except etree.XMLSyntaxError as error:
        # what came before the fault, or before the cut, is as good as ever
        if not (reader.found.pages or reader.found.sitemaps):
            raise SitemapError(f"it is not XML: {error.msg}"[:200]) from None
    if reader.root not in ("urlset", "sitemapindex"):
        raise SitemapError(f"it is a {reader.root[:50]!r}, and no sitemap")
    return reader.found


class _Reader:
    """What lxml tells of the document as it comes."""

    def __init__(self) -> None:
        self.found = Sitemap()
        self.root = ""
        self._path: list[str] = []
        self._text: list[str] = []

    def start(self, tag: str, _: object) -> None:
        """An element begins."""
        name = tag.rsplit("}", 1)[-1]
        self.root = self.root or name
        self._path.append(name)
        self._text.clear()

    def data(self, text: str) -> None:
        """Text, in one or several pieces."""
        if self._path[-1:] == ["loc"]:
            self._text.append(text)

    def end(self, _: str) -> None:
        """An element ends."""
        where = tuple(self._path[-2:])
        self._path.pop()
        into = {("url", "loc"): self.found.pages, ("sitemap", "loc"): self.found.sitemaps}
        locations = into.get(where)  # type: ignore[arg-type]  # of another length: none
        address = "".join(self._text).strip()
        if locations is not None and address and len(locations) < LOCATIONS_MOST:
            locations.append(address[:_LOCATION_MOST])
        self._text.clear()

    def close(self) -> None:
        """The document ends."""
