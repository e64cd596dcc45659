"""Sitemaps (sitemaps.org): a site's own list of its pages, or of other sitemaps.

They are parsed as events, without a tree. A document with a DOCTYPE is refused, because its
entities could expand without limit.
"""

from dataclasses import dataclass, field

from lxml import etree

MAX_LOCATIONS = 5_000
"""Addresses of a sitemap that are read; a file may have 50,000."""

MAX_SITEMAP_BYTES = 2 * 2**20
"""Bytes of a sitemap that are read."""

MAX_LOCATION = 2_000


@dataclass
class Sitemap:
    """Addresses of pages, or of other sitemaps, without those that are truncated or invalid."""

    pages: list[str] = field(default_factory=list)
    sitemaps: list[str] = field(default_factory=list)


class SitemapError(ValueError):
    """The document is not a sitemap; the message has the reason."""


def read_sitemap(body: bytes) -> Sitemap:
    """Read the addresses of a sitemap or of a sitemap index. Raises `SitemapError`."""
    if b"<!DOCTYPE" in body[:MAX_SITEMAP_BYTES] or b"<!ENTITY" in body[:MAX_SITEMAP_BYTES]:
        raise SitemapError("it has a DOCTYPE, which no sitemap needs")
    target = _SitemapTarget()
    parser = etree.XMLParser(target=target, resolve_entities=False, no_network=True)
    try:
        parser.feed(body[:MAX_SITEMAP_BYTES])
        parser.close()
    except etree.XMLSyntaxError as error:
        # the addresses before the error, or before the end of a truncated file, are valid
        if not (target.found.pages or target.found.sitemaps):
            raise SitemapError(f"it is not XML: {error.msg}"[:200]) from None
    if target.root not in ("urlset", "sitemapindex"):
        raise SitemapError(f"its root is {target.root[:50]!r}, so it is not a sitemap")
    return target.found


class _SitemapTarget:
    """The target of lxml's parser events; it collects the addresses."""

    def __init__(self) -> None:
        self.found = Sitemap()
        self.root = ""
        self._path: list[str] = []
        self._text: list[str] = []

    def start(self, tag: str, _: object) -> None:
        """Handle the start of an element."""
        name = tag.rsplit("}", 1)[-1]
        self.root = self.root or name
        self._path.append(name)
        self._text.clear()

    def data(self, text: str) -> None:
        """Handle text, which comes in one or several pieces."""
        if self._path[-1:] == ["loc"]:
            self._text.append(text)

    def end(self, _: str) -> None:
        """Handle the end of an element."""
        where = tuple(self._path[-2:])
        self._path.pop()
        into = {("url", "loc"): self.found.pages, ("sitemap", "loc"): self.found.sitemaps}
        locations = into.get(where)  # type: ignore[arg-type]  # of another length: none
        address = "".join(self._text).strip()
        if locations is not None and address and len(locations) < MAX_LOCATIONS:
            locations.append(address[:MAX_LOCATION])
        self._text.clear()

    def close(self) -> None:
        """Handle the end of the document."""
