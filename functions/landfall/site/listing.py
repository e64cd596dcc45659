"""The listing of pages by search engines: robots meta elements, and X-Robots-Tag headers."""

import re
from collections.abc import Iterable

SEARCH_ENGINES = frozenset(
    """
    robots * applebot baiduspider bingbot duckduckbot googlebot msnbot slurp yandex yandexbot
    """.split()  # noqa: SIM905  a list of them is three times as long
)
"""The names by which directives are for all search engines, or for a large one."""

_WITH_VALUES = {"max-image-preview", "max-snippet", "max-video-preview", "unavailable_after"}
"""Directives with a colon, which do not begin with the name of a search engine."""

_AGENT = re.compile(r"\s*([a-z*][\w*.-]*)\s*:")
_NOT_LISTED = {"noindex", "none"}


def may_be_listed(directives: Iterable[str]) -> bool:
    """Return whether no directive keeps the page out of a search engine's list.

    An item is what one element or header says. In a header, the name of a search engine and a colon
    go before the directives that are for it alone.
    """
    return not any(map(_excludes, directives))


def _excludes(directives: str) -> bool:
    applies = True
    for part in directives.lower().split(","):
        found = _AGENT.match(part)
        if found and found[1] not in _WITH_VALUES:
            applies = found[1] in SEARCH_ENGINES
            part = part[found.end() :]  # noqa: PLW2901  the directive
            found = _AGENT.match(part)
        # `none` is a value too, of a preview
        words = [] if found and found[1] in _WITH_VALUES else re.split(r"[\s:;]+", part)
        if applies and not _NOT_LISTED.isdisjoint(words):
            return True
    return False
