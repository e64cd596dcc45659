"""Corrections of settings that do not exist: the one that may be meant, and those of its place."""

from collections.abc import Iterator, Mapping, Sequence

from landfall.scans.spelling import nearest

SIMILAR, SIMILAR_ELSEWHERE = 0.7, 0.8
"""Likeness (0 to 1) of a setting that may be meant, beside it or in another place."""

SYNONYMS: Mapping[str, Sequence[str]] = {
    "enabled": ("paused",),
    "disabled": ("paused",),
    "active": ("paused",),
    "status": ("paused", "state"),
    "tz": ("time_zone",),
    "zone": ("time_zone",),
    "interval": ("every_minutes", "cadence"),
    "frequency": ("cadence",),
    "every": ("every_minutes", "cadence"),
    "minutes": ("every_minutes",),
    "hourly": ("every_minutes",),
    "monthly": ("cron",),
    "start": ("at", "cadence"),
    "end": ("stop_at",),
    "until": ("stop_at",),
    "expires": ("until", "stop_at"),
    "start_at": ("at", "cadence"),
    "end_at": ("stop_at",),
    "runs": ("max_runs",),
    "time": ("times", "daily"),
    "day": ("days",),
    "hour": ("times", "daily"),
    "column": ("field",),
    "columns": ("fields", "field"),
    "key": ("fields", "field", "finding_id"),
    "keys": ("fields",),
    "sheet": ("table",),
    "app": ("base",),
    "base_id": ("base",),
    "database": ("base",),
    "type": ("kind",),
    "check": ("kind", "rules"),
    "checks": ("rules",),
    "tests": ("rules",),
    "title": ("name",),
    "label": ("name",),
    "rule_id": ("rule",),
    "scan": ("scan_id",),
    "page": ("page_token",),
    "cursor": ("page_token",),
    "offset": ("page_token",),
    "per_page": ("limit",),
    "page_size": ("limit",),
    "size": ("limit",),
    "reason": ("why",),
    "comment": ("why",),
    "description": ("name", "message"),
    "text": ("message",),
    "level": ("severity",),
    "priority": ("severity",),
    "assignee": ("owner",),
    "responsible": ("owner",),
    "team": ("owner",),
    "if": ("when",),
    "where": ("when",),
    "filter": ("when",),
    "condition": ("when",),
    "unless": ("when",),
    "min": ("at_least", "min"),
    "max": ("at_most", "max"),
    "minimum": ("at_least", "min"),
    "maximum": ("at_most", "max"),
    "gt": ("above",),
    "gte": ("at_least",),
    "lt": ("below",),
    "lte": ("at_most",),
    "greater_than": ("above",),
    "less_than": ("below",),
    "more_than": ("above",),
    "after": ("above",),
    "before": ("below",),
    "eq": ("equals",),
    "is": ("equals",),
    "equal": ("equals",),
    "value": ("equals", "values"),
    "in": ("one_of", "values"),
    "not_in": ("none_of",),
    "is_empty": ("has_value",),
    "empty": ("has_value",),
    "not_empty": ("has_value",),
    "exists": ("has_value",),
    "regex": ("matches", "pattern"),
    "pattern": ("matches",),
    "like": ("contains", "matches"),
    "options": ("values",),
    "allowed": ("values",),
    "choices": ("values",),
    "enum": ("values",),
    "case_insensitive": ("ignore_case",),
    "case_sensitive": ("ignore_case",),
    "and": ("all",),
    "or": ("any",),
    "target": ("to",),
    "references": ("to",),
    "links_to": ("to",),
    "limit": ("max_records", "limits"),
    "timeout": ("deadline_seconds",),
    "deadline": ("deadline_seconds",),
    "budget": ("limits",),
    "output": ("write_back",),
    "export": ("write_back",),
    "writeback": ("write_back",),
    "website": ("url",),
    "address": ("url",),
    "delay": ("delay_seconds",),
    "email": ("contact",),
    "pages": ("max_pages",),
}
"""Words of other products and of everyday language, and the settings that do this here."""

OPPOSITES = {"enabled", "active", "is_empty", "empty", "case_sensitive", "unless"}
"""Words that say the opposite of their setting here."""


def correct(name: str, beside: Sequence[str], elsewhere: Mapping[str, str]) -> str:
    """Return what may be meant by an unknown setting, and which there are in its place.

    `elsewhere` has the place of each setting that other groups have.
    """
    there = f"there are {', '.join(beside)}" if beside else "remove it"
    meant = next(_meant(name, beside, elsewhere), "")
    return f"did you mean {meant}? {there}" if meant else there


def _meant(name: str, beside: Sequence[str], elsewhere: Mapping[str, str]) -> Iterator[str]:
    """Yield what may be meant, the likeliest first: a spelling, a synonym, a similar word."""
    word = name.lower().replace("-", "_").replace(" ", "_")
    opposite = ", its opposite" if word in OPPOSITES else ""
    synonyms = SYNONYMS.get(word, ())
    yield from (repr(one) for one in beside if _bare(one) == _bare(word))
    yield from (repr(one) for one in beside if _bare(one).rstrip("s") == _bare(word).rstrip("s"))
    yield from (f"{one!r}{opposite}" for one in synonyms if one in beside)
    yield from (f"`{place}`" for one, place in elsewhere.items() if _bare(one) == _bare(word))
    yield from (f"`{elsewhere[one]}`{opposite}" for one in synonyms if one in elsewhere)
    if (one := nearest(word, beside, SIMILAR)) is not None:
        yield repr(one)
    if (one := nearest(word, elsewhere, SIMILAR_ELSEWHERE)) is not None:
        yield f"`{elsewhere[one]}`"


def _bare(name: str) -> str:
    return name.replace("_", "")
