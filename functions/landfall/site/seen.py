"""The part of a page's evidence that a report shows to people: what somebody sees who opens it."""

from collections.abc import Sequence

from landfall.site.evidence import Evidence
from landfall.site.facts import FACTS
from landfall.store.documents import Fields

MAX_SEEN = 3
"""Main headings, calls to action and ways of contact of a page in a report, each."""

MAX_CHARACTERS = 160
"""Characters of each text."""


def seen_on(evidence: Evidence) -> Fields:
    """Return the texts and the facts of a page, but no fact of a vocabulary."""
    main = [heading.text for heading in evidence.headings if heading.level == 1]
    return {
        "url": evidence.url,
        "title": evidence.title[:MAX_CHARACTERS],
        "description": evidence.description[:MAX_CHARACTERS],
        "headings": _few(main),
        "calls": _few(evidence.calls),
        "contacts": _few(evidence.contacts),
        "facts": {name: evidence.facts[name] for name in FACTS if name in evidence.facts},
    }


def _few(texts: Sequence[str]) -> list[str]:
    return [text[:MAX_CHARACTERS] for text in texts[:MAX_SEEN]]
