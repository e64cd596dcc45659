"""The line of a definition as it was probably meant, behind the message about it."""

import re
from collections.abc import Callable, Mapping

from landfall.scans.spelling import nearest

MAX_SHOWN = 200
"""Characters of a line that is shown."""

MAX_LINES = 60
"""Lines of a rule in which a name is looked for."""

_VALUE = r"'(?P<wrong>[^']{1,100})'"
_SIMILAR = 0.75


class MeantLines:
    """Corrects the lines of a text, as far as the message about a line says how."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")

    def behind(self, problem: str) -> str:
        """Return a problem with the line to write instead, where there is no doubt about it."""
        place = re.search(r"\bline (\d{1,6})\b", problem)
        if not place or not 0 < int(place[1]) <= len(self._lines):
            return problem
        first = int(place[1])
        rest = self._lines[first - 1 : first - 1 + MAX_LINES]
        for pattern, change in _CHANGES.items():
            if found := re.search(pattern, problem):
                lines = rest if pattern.startswith(_IN_A_RULE) else rest[:1]
                for number, line in enumerate(lines, first):
                    better = change(line, found.groupdict())
                    if better != line and len(better.strip()) <= MAX_SHOWN:
                        where = "" if number == first else f"line {number} as "
                        return f"{problem}; write {where}`{better.strip()}`"
        return problem


Found = Mapping[str, str]
Change = Callable[[str, Found], str]


def _replaced(line: str, wrong: str, right: str, behind: str = "") -> str:
    """Return a line with the only such word replaced, and otherwise the line."""
    pattern = rf"(?<![\w-])(['\"]?){re.escape(wrong)}\1(?![\w-]){behind}"
    found = list(re.finditer(pattern, line))
    if len(found) != 1:
        return line
    quote = found[0][1] if right[:1] not in "\"'[" else ""
    return line[: found[0].start()] + quote + right + quote + line[found[0].end() :]


def _name(line: str, found: Found) -> str:
    wrong, meant = found["wrong"], found["meant"]
    if wrong.rstrip("s") == meant.rstrip("s") and not line.rstrip().endswith(":"):
        return line  # the value changes, too: a list in place of one, or one of a list
    return _replaced(line, wrong, meant, r"(?=\s*:)")


def _word(line: str, found: Found) -> str:
    return _replaced(line, found["wrong"], found["meant"])


def _choice(line: str, found: Found) -> str:
    known = re.findall(r"'([^']+)'", found["known"])
    meant = nearest(found["wrong"].lower(), known, _SIMILAR)
    return _replaced(line, found["wrong"], meant) if meant else line


def _bare_number(line: str, found: Found) -> str:
    return re.sub(rf"(['\"]){re.escape(found['wrong'])}\1", found["wrong"], line, count=1)


def _quoted(line: str, found: Found) -> str:
    return _replaced(line, found["wrong"], f'"{found["wrong"]}"')


def _in_list(line: str, found: Found) -> str:
    wrong = found["wrong"]
    pattern = rf"(?<=: )(['\"]?){re.escape(wrong)}\1(?=\s*($|[,}}]))"
    return re.sub(pattern, lambda it: f"[{it[0]}]", line, count=1)


def _out_of_list(line: str, found: Found) -> str:
    return re.sub(
        rf"\[\s*((['\"]?){re.escape(found['wrong'])}\2)\s*\]", lambda it: it[1], line, count=1
    )


def _slug(line: str, found: Found) -> str:
    slug = re.sub("[^a-z0-9]+", "-", found["wrong"].lower()).strip("-")
    return _replaced(line, found["wrong"], slug) if slug else line


def _base(line: str, found: Found) -> str:
    base = re.search(r"(?<![A-Za-z0-9])app[A-Za-z0-9]{14}(?![A-Za-z0-9])", found["wrong"])
    return re.sub(r"(?<=base: )\S+", base[0], line, count=1) if base else line


def _zone(line: str, found: Found) -> str:
    from zoneinfo import available_timezones

    known = sorted(it for it in available_timezones() if "/" in it)
    city = found["wrong"].replace(" ", "_").lower()
    same = [it for it in known if it.rpartition("/")[2].lower() == city]
    meant = same[0] if len(same) == 1 else nearest(found["wrong"], known, _SIMILAR)
    return _replaced(line, found["wrong"], meant) if meant else line


def _untabbed(line: str, _: Found) -> str:
    return line.replace("\t", " ").strip()


def _with_blank(line: str, _: Found) -> str:
    return re.sub(r"^(\s*(?:- )?[A-Za-z_]+:)(?=[^\s:/])", r"\1 ", line)


def _straight(line: str, _: Found) -> str:
    return re.sub("[\u201c\u201d\u201e]", '"', re.sub("[\u2018\u2019]", "'", line))


_IN_A_RULE = r"(table|field) '(?P<wrong>[^']{1,200})' is not in"
"""The beginning of a pattern whose word is on any line of the rule."""

_CHANGES: Mapping[str, Change] = {
    r"(?P<wrong>[\w-]{1,60}): there is no such setting; did you mean '(?P<meant>[^']+)'": _name,
    rf"there is no kind of \w+ {_VALUE}; did you mean '(?P<meant>[^']+)'": _word,
    rf"there is no cadence {_VALUE}; did you mean '(?P<meant>[^']+)'": _name,
    _IN_A_RULE + r" .*did you mean '(?P<meant>[^']+)'": _word,
    rf"must be (?P<known>'.*') \(got {_VALUE}\)": _choice,
    r"without quotes, such as [\d.]+ \(got '(?P<wrong>-?\d{1,15}(\.\d{1,6})?)'\)": _bare_number,
    r"expected text; put it in quotes \(got (?P<wrong>[\w.-]{1,60})\)": _quoted,
    rf"expected a list, such as \[A, B\] \(got {_VALUE}\)": _in_list,
    rf"expected one text, not a list.*\(got \[{_VALUE}\]\)": _out_of_list,
    r"(?P<wrong>\S+) is no number as .*for the number write (?P<meant>[^, ]+),": _word,
    rf"use lower-case letters and digits.*\(got {_VALUE}\)": _slug,
    rf"a base's id is `app`.*\(got {_VALUE}\)": _base,
    rf"unknown time zone {_VALUE}": _zone,
    r"'(?P<wrong>0 (?P<meant>[^']{1,200}))' has 6 of 5 fields": _word,
    "use spaces, not a tab": _untabbed,
    "is neither `name: value`": _with_blank,
    "has curly quotes": _straight,
}
"""Patterns of messages, and the change of the line that each asks for."""
