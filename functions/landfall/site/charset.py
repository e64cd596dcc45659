"""The encoding of a page, as browsers find it (WHATWG: HTML, "determining the character encoding").

A byte order mark decides, then the header, then a `meta` element in the first 1,024 bytes, then one
further down. A page without any is UTF-8 if all of it can be, and else windows-1252.
"""

import codecs
import re
from collections.abc import Mapping

import webencodings

PRESCAN_BYTES = 1024
"""Bytes that are searched for a declaration before the page is parsed."""


def charset_of(headers: Mapping[str, str]) -> str | None:
    """Return the charset of a Content-Type header, of the last type if there are several."""
    found: dict[str, str] = {}
    kind = ""
    for value in re.split("[,\n]", headers.get("content-type", "")):
        kind, *parameters = (part.strip() for part in value.split(";"))
        pairs = (parameter.partition("=") for parameter in parameters)
        charsets = [given for name, _, given in pairs if name.strip().lower() == "charset"]
        if charsets:
            found[kind.lower()] = charsets[0].strip(" \t\"'")
    return found.get(kind.lower())


def decoded(body: bytes, charset: str | None) -> tuple[str, bool]:
    """Return the text of a page, and whether its encoding is certain.

    `charset` is that of its headers, an encoding's label in any spelling. The encoding of a page
    that does not declare it early is not certain: it may declare it later.
    """
    declared = encoding(charset) or _prescanned(body[:PRESCAN_BYTES])
    certain = declared is not None or body.startswith(_MARKS)
    return _decode(body, declared or _likely(body)), certain


def redecoded(body: bytes, label: str) -> str | None:
    """Return the text of a page by the label of a late `meta` element; None if it has no effect."""
    declared = _of_meta(label)
    return _decode(body, declared) if declared and declared != _likely(body) else None


def plain_text(body: bytes) -> str:
    """Return the text of a file that cannot declare an encoding, such as a robots.txt."""
    return _decode(body, _likely(body))


def encoding(label: str | None) -> str | None:
    """Return the name of the encoding with this label, such as `latin1`; None if there is none.

    Python knows more of them than browsers, and some of those decompress.
    """
    found = webencodings.lookup(label[:40]) if label else None
    return found.name if found else None


def _decode(body: bytes, name: str) -> str:
    # one decoder is that of both, and a byte order mark has the last word
    text, _ = webencodings.decode(body, "gb18030" if name == "gbk" else name)
    return text


_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _likely(body: bytes) -> str:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(body)  # the last character may be cut
    except UnicodeDecodeError:
        return "windows-1252"
    return "utf-8"


def _of_meta(label: str | None) -> str | None:
    """Return the encoding that a label within a page means: one in which it can be read."""
    name = encoding(label)
    if name in ("utf-16le", "utf-16be"):
        return "utf-8"
    return "windows-1252" if name == "x-user-defined" else name


def _prescanned(head: bytes) -> str | None:
    """Return the encoding that the beginning of a page declares."""
    if wide := _WIDE.get(head[:6]):
        return encoding(wide)
    for tag in _TAG.finditer(head):
        if (tag[1] or b"").lower() == b"meta":
            attributes: dict[str, str] = {}
            for name, *values in _ATTRIBUTE.findall(tag[2].decode("ascii", "replace")):
                attributes.setdefault(name.lower(), "".join(values))
            if found := _of_meta(charset_in_meta(attributes)):
                return found
    xml = _XML.match(head)
    return _of_meta(xml[1].decode("ascii", "replace")) if xml else None


def charset_in_meta(given: Mapping[str, str]) -> str | None:
    """Return the charset that a `meta` element with these attributes declares."""
    if "charset" in given:
        return given["charset"].strip()
    if given.get("http-equiv", "").strip().lower() != "content-type":
        return None
    found = _CHARSET.search(given.get("content", "")[:500])
    return "".join(filter(None, found.groups())) if found else None


_WIDE = {b"<\0?\0x\0": "utf-16le", b"\0<\0?\0x": "utf-16be"}
"""Beginnings of XML of 16 bits without a byte order mark."""

_TAG = re.compile(
    rb"""<!--.*?(?:-->|\Z)|<[!?/][^>]*|<([a-z][^\s/>]*)((?:[^>"']|"[^"]*"|'[^']*')*)""",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r"""([^\s/>=]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]*)))?""")
_CHARSET = re.compile(r"""charset\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s;"']+))""", re.IGNORECASE)
_XML = re.compile(rb"""<\?xml[^>]*\bencoding\s*=\s*["']([^"'>]+)""")
