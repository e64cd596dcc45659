"""Problems of a definition, for a person: the rule and the line, the setting, the fix."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from pydantic_core import ErrorDetails

from landfall.scans.plain import Content, Path, shorten
from landfall.scans.scan import Scan
from landfall.scans.setting_groups import groups_at, names_of, places
from landfall.scans.settings import BASE_ID, ID, MisfitsError, got, suggest
from landfall.scans.unknown_settings import correct

_EMPTY = "this is empty; write a value, or remove the setting"
_SAYS = {
    "missing": "this is missing; add it",
    "string_too_short": "must not be empty",
    "timezone_aware": "say in which time zone, such as 2026-12-01T06:00:00+01:00",
}
_EXPECTED = {
    "string_type": "expected text; put it in quotes",
    "list_type": "expected a list, such as [A, B]",
    "dict_type": "expected `name: value` lines",
    "model_type": "expected `name: value` lines",
    "model_attributes_type": "expected `name: value` lines",
    "int_type": "expected a whole number without quotes, such as 3",
    "float_type": "expected a number without quotes, such as 0.5",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "datetime_parsing": "expected a date, a time and a zone: 2026-12-01T06:00:00+01:00",
    "datetime_from_date_parsing": "expected a date, a time and a zone: 2026-12-01T06:00:00+01:00",
}
KIND_SYNONYMS: Mapping[str, str] = {
    **dict.fromkeys(("not_null", "mandatory", "missing", "completeness", "presence"), "required"),
    **dict.fromkeys(("null", "empty", "is_null"), "forbidden"),
    **dict.fromkeys(("uniqueness", "primary_key", "distinct"), "unique"),
    **dict.fromkeys(("accepted_values", "enum", "in_set", "one_of"), "allowed_values"),
    **dict.fromkeys(("regex", "pattern", "matches", "email", "url", "phone"), "format"),
    **dict.fromkeys(("between", "min", "max", "bounds"), "range"),
    **dict.fromkeys(("relationships", "foreign_key", "reference", "references"), "link"),
    **dict.fromkeys(("similar", "dedupe", "duplicates"), "duplicate"),
    **dict.fromkeys(("recency", "stale", "staleness"), "freshness"),
    **dict.fromkeys(("sum", "average", "avg", "mean", "aggregate"), "metric"),
    **dict.fromkeys(("row_count", "count", "rows"), "volume"),
    **dict.fromkeys(("anomaly", "distribution"), "drift"),
    **dict.fromkeys(("query", "custom_sql", "expression"), "sql"),
    **dict.fromkeys(("airtable", "quality"), "integrity"),
    **dict.fromkeys(("website", "web", "crawl"), "site"),
    **dict.fromkeys(("classify", "tagging"), "classification"),
}
"""Words of other products and of everyday language, and the kinds that do this here."""

FORMS = {
    ID: "use lower-case letters and digits, with single hyphens between them",
    BASE_ID: "a base's id is `app` and 14 letters or digits: see the base's web address",
    r"^[a-z][a-z_]*$": "use lower-case letters, with underscores between them",
    r"^[ -~]*$": "use plain letters, digits and signs (ASCII), as a mail or web address has them",
    r"^\S+( \S+)*$": "leave out blanks at its ends, and line breaks",
}
"""The meaning of each pattern that a text must have."""


class Problems:
    """Says what is wrong with the content of a definition of this kind of scan."""

    def __init__(self, scan: type[Scan], content: Content) -> None:
        self._scan = scan
        self._content = content
        cut = content.commented
        self._commented = {one[:-1]: one for one in cut} | {one: one for one in cut}

    def lines(self, errors: Iterable[ErrorDetails]) -> Iterator[str]:
        """Yield a line for each problem; settings that contradict each other have several."""
        for error in errors:
            cause = error.get("ctx", {}).get("error")
            if isinstance(cause, MisfitsError):
                for place, message in cause.misfits:
                    yield f"{self.place(place)}{message}{self._comment(place)}"
            else:
                path = tuple(part for part in self._location(error) if not _is_tag(part))
                where = self.place(self._setting(error, path))
                yield f"{where}{self._message(error)}{self._comment(path)}"

    def place(self, path: Path) -> str:
        """Return the place of a value, such as `rule email, line 7: severity: `."""
        line = self._content.line(path)
        where = [f"line {line}"] if line else []
        match path:
            case ("rules", int(number), *rest):
                where = [self._rule(number), *where]
                path = tuple(rest)
                inside = self._value(("rules", number))
            case _:
                inside = self._content.value
        return "".join(f"{part}: " for part in (", ".join(where), _setting(path, inside)) if part)

    def _comment(self, path: Path) -> str:
        """Return a hint at a comment in place of a value, here or in a setting of this group."""
        if path not in self._commented:
            return ""
        line = self._content.line(self._commented[path])
        return f"; on line {line}, ' #' begins a comment: put text that begins with # in quotes"

    def _rule(self, number: int) -> str:
        rule = self._value(("rules", number))
        rule_id = rule.get("id") if isinstance(rule, dict) else None
        return (
            f"rule {shorten(rule_id)}" if isinstance(rule_id, str) else f"rule number {number + 1}"
        )

    def _value(self, path: Path) -> Any:
        return _inside(self._content.value, path)

    def _location(self, error: ErrorDetails) -> list[str | int]:
        location = list(error["loc"])
        # a tagged union puts its tag behind the rule's number; the file has no such level
        return [*location[:2], *location[3:]] if location[:1] == ["rules"] else location

    def _setting(self, error: ErrorDetails, path: Path) -> Path:
        """Return the path of the setting at fault, which for a kind is in the rule."""
        return (*path, "kind") if error["type"].startswith("union_tag") else path

    def _message(self, error: ErrorDetails) -> str:
        what, context = error["type"], error.get("ctx", {})
        message = str(error["msg"]).removeprefix("Value error, ").replace("Input should", "must")
        shown = got(error["input"])
        match what:
            case "value_error":  # our own: the message is complete
                return message
            case "extra_forbidden":
                return f"there is no such setting; {self._correction(list(error['loc']))}"
            case "union_tag_not_found" | "union_tag_invalid":
                from landfall.integrity.rules.kinds import KINDS  # the only union by kind

                return no_kind(context.get("tag"), KINDS, "rule")
            case "string_pattern_mismatch":
                pattern = context["pattern"]
                return f"{FORMS.get(pattern, f'it must be like {pattern}')} {shown}"
            case "too_short":
                least = context["min_length"]
                return f"give at least {'one' if least == 1 else least}"
            case "too_long" | "string_too_long":
                noun = " characters" if what == "string_too_long" else ""
                return f"give at most {context['max_length']}{noun}"
            case "string_type" if isinstance(error["input"], list):
                return f"expected one text, not a list; remove the brackets or dashes {shown}"
            case _ if what in _SAYS:
                return _SAYS[what]
            case _ if error["input"] is None:
                return _EMPTY
            case _:
                return f"{_EXPECTED.get(what, message)} {shown}"

    def _correction(self, location: list[str | int]) -> str:
        """Return what may be meant by an unknown setting, and which there are."""
        root, level = self._scan.root(location)
        groups = groups_at(root, location[level:-1])
        beside = list(dict.fromkeys(name for group in groups for name in names_of(group)))
        return correct(str(location[-1]), beside, places(root))


def no_kind(kind: Any, known: Collection[str], what: str) -> str:
    """Return the message for a kind that is missing or unknown."""
    there = f"there are {', '.join(known)}"
    if kind is None:
        return f"this is missing; add one of {', '.join(known)}"
    meant = KIND_SYNONYMS.get(str(kind).lower().replace("-", "_"), "")
    guess = f"did you mean {meant!r}?" if meant in known else suggest(kind, known, "")
    return f"there is no kind of {what} {shorten(repr(kind))}; {guess}{' ' if guess else ''}{there}"


def _setting(path: Path, content: Any) -> str:
    """Return a path as people read it: an item of a list by its id, or counted from 1."""
    text = ""
    for part in path:
        content = _inside(content, (part,))
        if isinstance(part, int):
            named = isinstance(content, dict) and isinstance(content.get("id"), str)
            text += f".{content['id']}" if named else f" item {part + 1}"
        else:
            text += f".{part}"
    return text.lstrip(". ")


def _inside(content: Any, path: Path) -> Any:
    for part in path:
        try:
            content = content[part]
        except (KeyError, IndexError, TypeError):
            return None
    return content


def _is_tag(part: Any) -> bool:
    """Return whether a part is a choice between models, or a key, and no place in the file."""
    return part == "[key]" or (isinstance(part, str) and part[:1] == "(")
