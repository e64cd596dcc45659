"""Addresses of pages: which are pages of the site at all, and which are the same one.

An address is kept as it would be asked for; its `key` is what it has in common with all the other
spellings of the same page. Whether an address may be fetched is not decided here but in `web`.
"""

import re
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

ADDRESS_MOST = 500
"""Characters of a page's address; those that people share are far shorter."""

_TRACKING = re.compile(
    r"utm_.*|mc_[ce]id|_ga|_gl|_hs(enc|mi)|igshid|msclkid|(g|fb|ms|dc|y|tw|wbra|gbra)clid|ref_src",
    re.IGNORECASE,
)
"""Parameters that say where a visitor came from, and nothing of the page."""

_NO_PAGE = re.compile(
    r"\.(7z|avi|bmp|css|csv|docx?|eot|exe|gif|gz|ico|ics|jpe?g|js|json|m4a|mov|mp[34]|mpe?g|ogg|"
    r"pdf|png|pptx?|rar|rss|svgz?|tar|tiff?|ttf|txt|vcf|wav|webm|webp|woff2?|xlsx?|xml|zip)",
    re.IGNORECASE,
)
"""Ends of a path behind which there is a file and no page."""

_INDEX = re.compile(r"/(index|default|home)\.(html?|php|aspx?)", re.IGNORECASE)

_PORTS = {"http": 80, "https": 443}


def page_address(reference: str, base: str) -> str | None:
    """The address that a reference on the page `base` leads to, where that may be a page.

    Without its fragment, tracking parameters, and a port that goes without saying. None for
    `mailto:`, `tel:`, files, and what is no address.
    """
    try:
        parts = urlsplit(urljoin(base, reference.strip()))
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not host or parts.username is not None:
        return None
    last = parts.path.rsplit("/", 1)[-1]
    if "." in last and _NO_PAGE.fullmatch(last[last.rindex(".") :]):
        return None
    place = f"[{host}]" if ":" in host else host
    if port and port != _PORTS[parts.scheme]:
        place = f"{place}:{port}"
    address = urlunsplit((parts.scheme, place, parts.path or "/", _query(parts.query), ""))
    return address if len(address) <= ADDRESS_MOST else None


def page_key(address: str) -> str:
    """What all spellings of a page's address have in common.

    Neither the scheme, `www.`, a slash at the end, `index.html`, nor the order of parameters makes
    another page.
    """
    parts = urlsplit(address)
    path = _INDEX.sub("", parts.path) if _INDEX.search(parts.path) else parts.path
    query = urlencode(sorted(parse_qsl(_query(parts.query), keep_blank_values=True)))
    return f"{site_of(address)}{path.rstrip('/')}{f'?{query}' if query else ''}"


def site_of(address: str) -> str:
    """The host and port that make a site; `www.` makes no other one."""
    place = urlsplit(address).netloc.lower()
    return place.removeprefix("www.")


def host_of(address: str) -> str:
    """The host and port, as they are asked."""
    return urlsplit(address).netloc.lower()


def _query(query: str) -> str:
    """The parameters without those that track, as they are spelled."""
    kept = [pair for pair in query.split("&") if not _TRACKING.fullmatch(pair.split("=", 1)[0])]
    return "&".join(kept)
