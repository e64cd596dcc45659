"""Pages that lead on by a refresh, of a `meta` element or a header, as a redirect does."""

import re

from landfall.site.challenges import challenge_in
from landfall.site.charset import charset_of
from landfall.site.evidence import evidence_in
from landfall.site.html import read_markup
from landfall.site.markup import MAX_HREF
from landfall.site.page import Page
from landfall.site.urls import web_address

MAX_SECONDS = 5
"""Seconds after which a page leads on, at most; one that stays longer is read."""


def refresh_of(page: Page) -> str | None:
    """Return the address that a page leads to by itself, unless it was there already.

    A challenge leads to itself, with an answer that only a browser has.
    """
    header = page.headers.get("refresh", "")[:MAX_HREF]
    if not (page.is_success and (header or _REFRESH.search(page.body))):
        return None
    markup = read_markup(page.body, charset_of(page.headers))
    found = _CONTENT.match(header or markup.refresh or "")
    if not found or float(found["seconds"] or 0) > MAX_SECONDS:
        return None
    target = found["target"].partition(found["quote"] or "\n")[0].strip()
    address = web_address(target, markup.base_at(page.url)) if target else None
    was_there = address in (page.url, *page.redirects)
    return None if was_there or challenge_in(page, evidence_in(page, {})) else address


_REFRESH = re.compile(rb"""http-equiv\s{0,9}=\s{0,9}["']?\s{0,9}refresh""", re.IGNORECASE)
_CONTENT = re.compile(
    r"""\s*(?P<seconds>\d{1,6}|(?=\.))[\d.]*\s*[;,\s]\s*(url\s*=\s*)?(?P<quote>["']?)(?P<target>.*)""",
    re.IGNORECASE | re.DOTALL,
)
