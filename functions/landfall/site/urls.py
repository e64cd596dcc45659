"""Addresses of pages: the ones that may be pages of a site, and the keys that identify a page.

An address is stored as it is requested. Its `key` is the same for all spellings of the same page.
`client` decides which addresses may be fetched, not this module.
"""

import re
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

MAX_ADDRESS = 500
"""Characters of a page's address; real ones are far shorter."""

MAX_HOST = 253
"""Characters of a host's name."""

MAX_LABEL = 63
"""Characters of a label of a host's name."""

_TRACKING = re.compile(
    r"utm_.*|mc_[ce]id|_ga|_gl|_hs(enc|mi)|igshid|msclkid|(g|fb|ms|dc|y|tw|wbra|gbra)clid|ref_src",
    re.IGNORECASE,
)
"""Parameters that track visitors and do not affect the page."""

_NO_PAGE = re.compile(
    r"\.(7z|avi|bmp|css|csv|docx?|eot|exe|gif|gz|ico|ics|jpe?g|js|json|m4a|mov|mp[34]|mpe?g|ogg|"
    r"pdf|png|pptx?|rar|rss|svgz?|tar|tiff?|ttf|txt|vcf|wav|webm|webp|woff2?|xlsx?|xml|zip)",
    re.IGNORECASE,
)
"""Extensions of files that are not pages."""

_INDEX = re.compile(r"/(index|default|home)\.(html?|php|aspx?)", re.IGNORECASE)

_PORTS = {"http": 80, "https": 443}


def page_address(reference: str, base: str) -> str | None:
    """Return the address of a reference on the page `base`, if it may be a page.

    The result is None for files, and where `web_address` has none.
    """
    address = web_address(reference, base)
    last = urlsplit(address).path.rsplit("/", 1)[-1] if address else ""
    return None if "." in last and _NO_PAGE.fullmatch(last[last.rindex(".") :]) else address


def web_address(reference: str, base: str) -> str | None:
    """Return the address of a reference on the page `base`, on the web.

    It has no fragment, tracking parameters or default port, and its host is in ASCII. The result is
    None for `mailto:`, `tel:` and invalid addresses.
    """
    try:
        parts = urlsplit(urljoin(base, _PLACE.sub(_as_slashes, reference.strip())))
        host, port = _ascii(parts.hostname or ""), parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not host or parts.username is not None:
        return None
    place = f"[{host}]" if ":" in host else host
    if port and port != _PORTS[parts.scheme]:
        place = f"{place}:{port}"
    path = without_dots(parts.path)
    address = urlunsplit((parts.scheme, place, path, _query(parts.query), ""))
    return address if len(address) <= MAX_ADDRESS else None


_PLACE = re.compile(r"^[^?#]*")


def _as_slashes(found: re.Match[str]) -> str:
    """Return the part of a reference before its query as browsers read it."""
    return found[0].replace("\\", "/")


def without_dots(path: str) -> str:
    """Return a path without its segments `.` and `..`, also escaped ones, as browsers do."""
    segments: list[str] = []
    for segment in path.removeprefix("/").split("/"):
        dots = segment.lower().replace("%2e", ".")
        if dots == "..":
            del segments[-1:]
        elif dots != ".":
            segments.append(segment)
    if dots in (".", ".."):
        segments.append("")
    return f"/{'/'.join(segments)}"


def _ascii(host: str) -> str:
    """Return a host as it is requested: `xn--...` for one in another script. Raises ValueError."""
    if host.isascii():
        return host.lower()
    if len(host) > MAX_HOST:
        raise ValueError("no host is that long")
    import idna

    try:
        return idna.encode(host, uts46=True).decode()
    except idna.IDNAError:
        if not _SIGNS.search(host):
            raise
    # browsers request names with signs (an emoji), which newer rules do not allow
    labels = idna.uts46_remap(host, std3_rules=False, transitional=False).split(".")
    if max(map(len, labels)) > MAX_LABEL:
        raise ValueError("no label of a host is that long")
    return ".".join(
        one if one.isascii() else f"xn--{one.encode('punycode').decode()}" for one in labels
    )


_SIGNS = re.compile("[\u2190-\u2bff\U0001f000-\U0001faff]")


def page_key(address: str) -> str:
    """Return the key that all spellings of a page's address share.

    It ignores the scheme, `www.`, a final slash, `index.html`, and the order of parameters.
    """
    parts = urlsplit(address)
    path = _INDEX.sub("", parts.path) if _INDEX.search(parts.path) else parts.path
    query = urlencode(sorted(parse_qsl(_query(parts.query), keep_blank_values=True)))
    return f"{site_of(address)}{path.rstrip('/')}{f'?{query}' if query else ''}"


def site_of(address: str) -> str:
    """Return the host and port that identify a site, without `www.`."""
    place = urlsplit(address).netloc.lower()
    return place.removeprefix("www.")


def host_of(address: str) -> str:
    """Return the host and port of an address."""
    return urlsplit(address).netloc.lower()


def _query(query: str) -> str:
    """Return the parameters without those that track, in their spelling."""
    pairs = [pair for pair in query.split("&") if not _TRACKING.fullmatch(pair.split("=", 1)[0])]
    return "&".join(pairs)
