"""Which pages of a site are looked at: by their types, in turns, each page once."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from landfall.site.rubric import PageType
from landfall.site.urls import page_key
from landfall.site.words import folded, vocabulary

OTHER = "other"
"""The type of a page that is of none of the rubric's."""

HOME = "home"

CANDIDATES_MOST = 300
"""Pages that are known of a site; no more than fifty are looked at."""


@dataclass(frozen=True)
class Candidate:
    """A page that could be looked at. `linked`: a page leads to it, not the sitemap alone."""

    address: str
    page_type: str
    linked: bool


class Types:
    """The page types of a rubric."""

    def __init__(self, page_types: Sequence[PageType]) -> None:
        self._types = page_types
        self.names = [page_type.id for page_type in page_types]
        self._most = {page_type.id: page_type.most for page_type in page_types}

    def is_over(self, page_type: str, count: int) -> int:
        """0 while a type has its turns; 1 for pages of no type; 2 for more than its most."""
        if page_type == OTHER:
            return 1
        return 0 if count < self._most[page_type] else 2

    def of(self, address: str, text: str = "") -> str:
        """The type of a page, by its address and by what links to it say.

        The last part of an address says most: `/services/implants` is a detail of the services.
        """
        parts = [part for part in unquote(urlsplit(address).path).split("/") if part]
        for said in (folded(text), *(folded(part) for part in reversed(parts))):
            matching = [one for one in self._types if vocabulary(tuple(one.words)).within(said)]
            if matching:
                return matching[0].id
        return OTHER


def candidates(
    types: Types, links: Iterable[tuple[str, str]], listed: Iterable[str]
) -> list[Candidate]:
    """Pages from links (address and text) and from a sitemap, in their order, each once."""
    found: dict[str, Candidate] = {}
    for address, text in links:
        found.setdefault(page_key(address), Candidate(address, types.of(address, text), True))
    for address in listed:
        if len(found) >= 10 * CANDIDATES_MOST:
            break
        found.setdefault(page_key(address), Candidate(address, types.of(address), False))
    return weightiest(found.values())


def weightiest(those: Iterable[Candidate]) -> list[Candidate]:
    """As many as are kept: what has a type first, so that a long sitemap does not push it out."""
    ordered = sorted(those, key=lambda one: (one.page_type == OTHER, not one.linked))
    return ordered[:CANDIDATES_MOST]


def chosen(
    types: Types, known: Sequence[Candidate], taken: Mapping[str, str], most: int
) -> list[Candidate]:
    """The next pages to look at, `most` of them, when those `taken` (key to type) already were.

    The types take turns in the rubric's order, up to the `most` of each; then come pages of no
    type, and then what is left.
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
