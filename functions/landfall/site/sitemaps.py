"""Sitemaps (sitemaps.org): a site's own list of its pages, or of other sitemaps.

They are XML, a feed or a plain list, compressed or not. XML is parsed as events, without a tree. A
document with a DOCTYPE is refused, because its entities could expand without limit.
"""

import gzip
import io
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from lxml import etree

from landfall.site.charset import decoded

MAX_LOCATIONS = 5_000
"""Addresses of a sitemap that are read; a file may have 50,000."""

MAX_SITEMAP_BYTES = 2 * 2**20
"""Bytes of a sitemap that are read."""

MAX_LOCATION = 2_000
"""Characters of an address that are read."""

MAX_LAYERS = 2
"""Times that a sitemap is decompressed: a server may compress a compressed one."""

PIECE_BYTES = 256 * 1024
"""Bytes that are decompressed at a time."""

MAX_BEFORE = 5_000
"""Characters before the XML of a sitemap, such as a warning of PHP."""


@dataclass
class Sitemap:
    """Addresses of pages, or of other sitemaps, without those that are truncated or invalid."""

    pages: list[str] = field(default_factory=list)
    sitemaps: list[str] = field(default_factory=list)


class SitemapError(ValueError):
    """The document is not a sitemap; the message has the reason."""


def read_sitemap(body: bytes) -> Sitemap:
    """Read the addresses of a sitemap or of a sitemap index. Raises `SitemapError`."""
    for _ in range(MAX_LAYERS):
        if body.startswith(_GZIP):
            body = _decompressed(body)
    text, _ = decoded(body[:MAX_SITEMAP_BYTES], None)
    begin = text.find("<?xml", 0, MAX_BEFORE)
    text = text[max(0, begin) :].strip("\0 \t\r\n\ufeff")
    return _from_xml(text) if text.startswith("<") else _from_list(text)


_GZIP = b"\x1f\x8b"


def _decompressed(body: bytes) -> bytes:
    """Return the beginning of gzip data, which may have several members, or lack its end."""
    found = b""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as file:
            while len(found) < MAX_SITEMAP_BYTES and (piece := file.read1(PIECE_BYTES)):
                found += piece
    except (EOFError, OSError, zlib.error) as error:
        if not found:
            raise SitemapError(f"its gzip data is corrupt: {error}") from None
    return found


def _from_list(text: str) -> Sitemap:
    """Read a plain list, an address a line."""
    lines = (line.strip() for line in text[: MAX_LOCATIONS * MAX_LOCATION].splitlines())
    pages = [line[:MAX_LOCATION] for line in lines if line[:8].lower().startswith(_SCHEMES)]
    if not pages:
        raise SitemapError("it is neither XML nor a list of addresses")
    return Sitemap(pages[:MAX_LOCATIONS])


_SCHEMES = ("http://", "https://")


def _from_xml(text: str) -> Sitemap:
    text = _MISTAKES.sub(_corrected, text)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise SitemapError("it has a DOCTYPE, which no sitemap needs")
    target = _SitemapTarget()
    parser = etree.XMLParser(
        target=target, encoding="utf-8", resolve_entities=False, no_network=True
    )
    try:
        parser.feed(text.encode(errors="replace"))
        parser.close()
    except etree.XMLSyntaxError as error:
        # the addresses before the error, or before the end of a truncated file, are valid
        if not (target.found.pages or target.found.sitemaps):
            raise SitemapError(f"it is not XML: {error.msg}"[:200]) from None
    if target.root not in _ROOTS:
        raise SitemapError(f"its root is {target.root[:50]!r}, so it is not a sitemap")
    return target.found


_MISTAKES = re.compile(
    r"<!\[CDATA\[.*?(?:\]\]>|\Z)|&(?!(?:amp|lt|gt|quot|apos|#\d{1,7}|#x[\da-fA-F]{1,6});)|"
    r"[\0-\x08\x0b\x0c\x0e-\x1f]",
    re.DOTALL,
)
"""Ampersands and entities that XML does not know, and characters that it does not have."""


def _corrected(mistake: re.Match[str]) -> str:
    if mistake[0] == "&":
        return "&amp;"
    return mistake[0] if len(mistake[0]) > 1 else ""


_ROOTS = ("urlset", "sitemapindex", "rss", "RDF", "feed")
"""Sitemaps, and the feeds that sitemaps.org allows in their place."""


class _SitemapTarget:
    """The target of lxml's parser events; it collects the addresses."""

    def __init__(self) -> None:
        self.found = Sitemap()
        self.root = ""
        self._path: list[str] = []
        self._text: list[str] = []

    def start(self, tag: str, given: Mapping[str, str]) -> None:
        """Handle the start of an element."""
        name = tag.rsplit("}", 1)[-1]
        self.root = self.root or name
        self._path.append(name)
        self._text.clear()
        if self._path[-2:] == ["entry", "link"] and given.get("rel", "alternate") == "alternate":
            self._add(self.found.pages, given.get("href", ""))

    def data(self, text: str) -> None:
        """Handle text, which comes in one or several pieces."""
        if self._path[-1:] in (["loc"], ["link"]):
            self._text.append(text)

    def end(self, _: str) -> None:
        """Handle the end of an element."""
        into = {
            ("url", "loc"): self.found.pages,
            ("sitemap", "loc"): self.found.sitemaps,
            ("item", "link"): self.found.pages,
        }
        locations = into.get(tuple(self._path[-2:]))  # type: ignore[arg-type]  # of another length: none
        self._path.pop()
        if locations is not None:
            self._add(locations, "".join(self._text))
        self._text.clear()

    def _add(self, locations: list[str], address: str) -> None:
        if address.strip() and len(locations) < MAX_LOCATIONS:
            locations.append(address.strip()[:MAX_LOCATION])

    def close(self) -> None:
        """Handle the end of the document."""
