"""The text of a definition, in YAML or its subset JSON, read into plain values.

A value is what it looks like: `null`, `true`, `false` and numbers in the form of JSON are these,
and everything else is text: `yes`, 2026-12-31, 18:30. What YAML would change into another number
(010 into 8) is an error, as is all that stands for something else: anchors, aliases, tags, merges.
"""

import math
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import yaml

from landfall.scans.json_text import JsonSyntaxError, TextError, read_json
from landfall.scans.plain import (
    MAX_DEPTH,
    WHOLE_NUMBERS,
    Content,
    Path,
    control,
    number,
    problems,
    shorten,
)
from landfall.scans.yaml_words import in_plain_words, looks_otherwise

MAX_YAML = 100_000
"""Characters of YAML that others may send; more would take seconds to read."""


def write_yaml(content: Mapping[str, Any]) -> str:
    """Return plain values in YAML that `read_text` reads as the same."""
    return yaml.dump(content, Dumper=_Writer, sort_keys=False, allow_unicode=True, width=100)


class _Writer(yaml.SafeDumper):
    """Writes text that is not taken as it is without quotes in quotes, and no aliases."""

    def ignore_aliases(self, _data: Any) -> bool:
        """Return true: what is there twice is written twice."""
        return True

    def represent_text(self, text: str) -> yaml.ScalarNode:
        """Return the node of a text."""
        escaped = re.match(r"[-+.\d]", text) or _OTHER_BREAK.search(text) or looks_otherwise(text)
        style = '"' if escaped else "|" if "\n" in text else None
        return self.represent_scalar("tag:yaml.org,2002:str", text, style)

    def represent_number(self, value: float) -> yaml.ScalarNode:
        """Return the node of a number, without an exponent where it can be read so."""
        if abs(value) < 1e16:
            return self.represent_scalar("tag:yaml.org,2002:float", _without_exponent(value))
        if math.isfinite(value) and int(value) in WHOLE_NUMBERS:
            return self.represent_int(int(value))
        return self.represent_float(value)


_Writer.add_representer(str, _Writer.represent_text)
_Writer.add_representer(float, _Writer.represent_number)


def _without_exponent(value: float) -> str:
    """Return a number with all its digits, as people write it."""
    return f"{Decimal(repr(value)):f}"


def read_text(text: str) -> Content:
    """Return the content of a text in YAML or JSON, of any type. Raises `TextError`."""
    content = _read_object(text) if text.lstrip()[:1] == "{" else _read_yaml(text)
    found = list(problems(content.value))
    if found:
        shown = with_lines(content, text)
        lines = [f"{_place(shown.line(path))}{problem}" for path, problem in found]
        raise TextError("\n".join(lines))
    return content


def _read_object(text: str) -> Content:
    """Read a JSON object, or a YAML text that looks like one: {id: x}."""
    try:
        return Content(read_json(text))
    except JsonSyntaxError:
        if len(text) > MAX_YAML:
            raise
        return _read_yaml(text)
    except TextError:
        if len(text) <= MAX_YAML:
            _read_yaml(_without_tabs(text))  # which names the line too
        raise


def _without_tabs(json_text: str) -> str:
    """Return the text with blanks in place of tabs: JSON has them only between values."""
    return json_text.replace("\t", " ")


def with_lines(content: Content, text: str) -> Content:
    """Return content that has lines, if its text has; that of JSON is read again as YAML."""
    if content.lines or "\n" not in text or len(text) > MAX_YAML:
        return content
    try:
        return Content(content.value, _read_yaml(_without_tabs(text)).lines)
    except TextError:
        return content


def _place(line: int | None, column: int | None = None) -> str:
    if line is None:
        return ""
    return f"line {line}: " if column is None else f"line {line}, column {column}: "


def _index(event: Any) -> int:
    """Return the character of a text at which an event begins."""
    return int(event.start_mark.index)


def _at(mark: Any) -> str:
    return _place(mark.line + 1, mark.column + 1)


_NOT_PRINTABLE = yaml.reader.Reader.NON_PRINTABLE


def _read_yaml(text: str) -> Content:
    text = text.removeprefix("\ufeff")
    found = _NOT_PRINTABLE.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise TextError(
            f"line {line}: this has the control character {control(found[0])}; remove it"
        )
    try:
        reader = _Events(text)
        value = reader.document()
    except yaml.MarkedYAMLError as error:
        mark, message = in_plain_words(error, text)
        raise TextError(f"{_at(mark)}{message}") from None
    except yaml.YAMLError as error:
        raise TextError(f"this is not YAML: {shorten(str(error))}") from None
    if reader.wrong:
        raise TextError("\n".join(reader.wrong))
    return Content(value, reader.lines, reader.commented)


class _Events:
    """Makes plain values of the events of a YAML text; `wrong` has what cannot stay as it is."""

    def __init__(self, text: str) -> None:
        self._events: Iterator[Any] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._text = text
        self.lines: dict[Path, int] = {}
        self.commented: set[Path] = set()
        self.wrong: list[str] = []

    def document(self) -> Any:
        """Return the value of the only document. Raises `TextError`, `YAMLError`."""
        next(self._events)  # the stream begins
        value = None
        if isinstance(next(self._events), yaml.DocumentStartEvent):
            value = self._value(next(self._events), ())
            next(self._events)  # the document ends
            event = next(self._events)
            if isinstance(event, yaml.DocumentStartEvent):
                raise TextError(
                    f"{_at(event.start_mark)}a second document begins here; put each scan in a "
                    "file of its own"
                )
        return value

    def _value(self, event: Any, path: Path) -> Any:
        self.lines.setdefault(path, event.start_mark.line + 1)
        self._refuse_references(event)
        if isinstance(event, yaml.AliasEvent):
            return None
        if isinstance(event, yaml.ScalarEvent):
            if event.value == "" and _COMMENT.match(self._text, _index(event)):
                self.commented.add(path)
            return self._scalar(event)
        if len(path) >= MAX_DEPTH:
            raise TextError(
                f"{_at(event.start_mark)}this is nested more than {MAX_DEPTH} levels deep; use "
                "fewer levels"
            )
        return (
            self._mapping(path) if isinstance(event, yaml.MappingStartEvent) else self._list(path)
        )

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        plain = event.style is None
        if not plain or text in _WORDS:
            return _WORDS[text] if plain else text
        if _NUMBER.fullmatch(text):
            try:
                return number(text)
            except ValueError as error:
                self._refuse(event, str(error))
        elif _OTHER_NUMBER.fullmatch(text):
            self._refuse(event, _written_otherwise(text))
        else:
            self._refuse_look(event)
        return text

    def _list(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        content: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            name = self._name(event, path)
            if name in content:
                self._refuse(event, f"{shorten(name)!r} is given twice; remove one")
            self.lines.setdefault((*path, name), event.start_mark.line + 1)
            content[name] = self._value(next(self._events), (*path, name))
        return content

    def _name(self, event: Any, path: Path) -> str:
        """Return a name as it is written: a table may be called 2026 or 007."""
        if not isinstance(event, yaml.ScalarEvent):
            found = self._value(event, (*path, ""))
            self._refuse(
                event,
                f"a {'list' if isinstance(found, list) else 'group'} cannot be a name; write "
                "`name: value`, and put a name that begins with a bracket or brace in quotes",
            )
            return ""
        self._refuse_references(event)
        if event.value == "<<" and event.style is None:
            self._refuse(
                event, "`<<` merges other settings, which is not allowed here; write them out"
            )
        self._refuse_look(event)
        return str(event.value)

    def _refuse_look(self, event: Any) -> None:
        """Refuse text without quotes that has what nobody sees, or quotes that are none."""
        if event.style is None and not event.value.isascii():
            fault = looks_otherwise(event.value)
            if fault:
                self._refuse(event, fault)

    def _refuse_references(self, event: Any) -> None:
        """Refuse what stands for another value, or changes one."""
        if isinstance(event, yaml.AliasEvent):
            mark, meaning = f"*{event.anchor}", "stands for another value"
        elif event.anchor is not None:
            mark, meaning = f"&{event.anchor}", "names a value for other places"
        elif event.tag is not None:
            mark, meaning = event.tag.replace("tag:yaml.org,2002:", "!!"), "changes a value's type"
        else:
            return
        self._refuse(
            event,
            f"{shorten(mark)} {meaning}, which is not allowed here; write the value itself, or put "
            f"text that begins with {mark[0]} in quotes",
        )

    def _refuse(self, event: Any, message: str) -> None:
        self.wrong.append(f"{_at(event.start_mark)}{message}")


_WORDS: Mapping[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_COMMENT = re.compile("[ \t]+#")
_OTHER_BREAK = re.compile("[\x85\u2028\u2029]")
"""Line breaks of YAML 1.1 that only an escape keeps apart from each other."""
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_OTHER_NUMBER = re.compile(
    r"[-+]?(0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|\.(inf|Inf|INF)"
    r"|([0-9][0-9_]*(\.[0-9_]*)?|\.[0-9][0-9_]*)([eE][-+]?[0-9]+)?)|\.(nan|NaN|NAN)"
)
"""Numbers of YAML 1.1 or 1.2 that are not written as people, and JSON, write them."""


def _written_otherwise(text: str) -> str:
    meant = _meant(text)
    for_a_number = f"for the number write {meant}, " if meant else ""
    octal = meant and re.fullmatch("[-+]?0[0-7]+", text)
    changed = f", and YAML makes {int(text, 8)} of it" if octal and abs(int(meant)) > 7 else ""
    return (
        f"{shorten(text)} is no number as people write them{changed}; "
        f'{for_a_number}for text write "{shorten(text)}" in quotes'
    )


def _meant(text: str) -> str:
    """Return the number that a person means: the decimal one, except after 0x, 0o and 0b."""
    bare = text.replace("_", "")
    if len(text) > MAX_LENGTH or ("." in bare[:2] and bare[-1] in "fFnN"):
        return ""
    try:
        value = int(bare, 0) if re.match("[-+]?0[xob]", bare) else float(bare)
    except ValueError:  # 0x_
        return ""
    if not math.isfinite(value) or abs(value) >= 2**53:
        return ""
    meant = f"{int(value)}" if value == int(value) else _without_exponent(value)
    return meant if len(meant) <= MAX_LENGTH else ""


MAX_LENGTH = 40
"""Characters of a number in a message, and of one that is converted for it."""
