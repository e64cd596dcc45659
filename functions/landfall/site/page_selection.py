"""The selection of pages to crawl: the page types take turns, and each page is selected once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from landfall.site.rubric import PageType
from landfall.site.urls import page_key
from landfall.site.words import folded, vocabulary

OTHER = "other"
"""The type of a page that has none of the rubric's types."""

HOME = "home"

MAX_CANDIDATES = 300
"""Known pages of a site; at most fifty are fetched."""

MAX_PARTS = 8
"""Parts of a path that are read for a type, the last ones; real addresses have up to six."""


@dataclass(frozen=True)
class Candidate:
    """A page that could be fetched. `linked`: a page links to it, not just the sitemap."""

    address: str
    page_type: str
    linked: bool


class Types:
    """The page types of a rubric, in its order."""

    def __init__(self, page_types: Sequence[PageType]) -> None:
        self._types = page_types
        self.names = [page_type.id for page_type in page_types]
        self._most = {page_type.id: page_type.most for page_type in page_types}

    def is_over(self, page_type: str, count: int) -> int:
        """Return 0 below a type's maximum, 1 for pages without a type, and 2 above it."""
        if page_type == OTHER:
            return 1
        return 0 if count < self._most[page_type] else 2

    def of(self, address: str, text: str = "") -> str:
        """Return the type of a page, by the text of links to it and by its address.

        The last part of an address counts most: `/services/implants` is a detail of the services.
        """
        parts = [part for part in unquote(urlsplit(address).path).split("/") if part]
        for label in (folded(text), *(folded(part) for part in reversed(parts[-MAX_PARTS:]))):
            matching = [one for one in self._types if vocabulary(tuple(one.words)).within(label)]
            if matching:
                return matching[0].id
        return OTHER


def candidates(
    types: Types, links: Iterable[tuple[str, str]], listed: Iterable[str]
) -> list[Candidate]:
    """Return the pages of links (address and text) and of a sitemap, each once."""
    found: dict[str, Candidate] = {}
    for address, text in links:
        found.setdefault(page_key(address), Candidate(address, types.of(address, text), True))
    for address in listed:
        if len(found) >= 10 * MAX_CANDIDATES:
            break
        found.setdefault(page_key(address), Candidate(address, types.of(address), False))
    return weightiest(found.values())


def weightiest(those: Iterable[Candidate]) -> list[Candidate]:
    """Return at most `MAX_CANDIDATES`: those with a type first, which outlast a long sitemap."""
    ordered = sorted(those, key=lambda one: (one.page_type == OTHER, not one.linked))
    return ordered[:MAX_CANDIDATES]


def chosen(
    types: Types, known: Sequence[Candidate], taken: Mapping[str, str], most: int
) -> list[Candidate]:
    """Return the next pages to fetch, at most `most`; `taken` maps keys of fetched ones to types.

    The types take turns in the rubric's order, up to the maximum of each. Pages without a type
    follow, and then all others.
    """
    left: dict[str, list[Candidate]] = {name: [] for name in [*types.names, OTHER]}
    for one in known:
        if page_key(one.address) not in taken:
            left[one.page_type].append(one)
    counts = {name: list(taken.values()).count(name) for name in left}
    picked: list[Candidate] = []
    while len(picked) < most and any(left.values()):
        turn = min(
            (name for name in left if left[name]),
            key=lambda name: (types.is_over(name, counts[name]), counts[name]),
        )
        picked.append(left[turn].pop(0))
        counts[turn] += 1
    return picked
