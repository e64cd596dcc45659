"""Text of files and requests, and JSON, which would lose something where a name is given twice."""

import json
from typing import Any

from landfall.scans.plain import MAX_DEPTH, number, shorten


class TextError(ValueError):
    """The text cannot be read. The message has a line a problem: place, problem, fix."""


def decode(data: bytes) -> str:
    """Return the text of a file or a request's body. Raises `TextError`."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if data.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise TextError("this is text in UTF-16; save it in UTF-8") from None
        line = data.count(b"\n", 0, error.start) + 1
        raise TextError(
            f"line {line}: this is not text in UTF-8 (byte {data[error.start]:#04x}); save it in "
            "UTF-8"
        ) from None


class JsonSyntaxError(TextError):
    """The text is not JSON."""


def is_json(text: str) -> bool:
    """Return whether a text of a definition is an object in JSON, and not YAML."""
    try:
        return text.lstrip()[:1] == "{" and isinstance(read_json(text), dict)
    except TextError:
        return False


def read_json(text: str) -> Any:
    """Return the value of a JSON text.

    Raises `JsonSyntaxError`, and `TextError` for JSON that would lose something: a name that is
    given twice, a number that cannot be stored.
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_json_number,
            parse_float=_json_number,
            parse_constant=_no_number,
        )
    except json.JSONDecodeError as error:
        raise JsonSyntaxError(
            f"line {error.lineno}, column {error.colno}: this is not JSON: {error.msg}"
        ) from None
    except RecursionError:
        raise TextError(f"this is nested more than {MAX_DEPTH} levels deep") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, value in pairs:
        if name in content:
            raise TextError(f"{shorten(name)!r} is given twice; remove one")
        content[name] = value
    return content


def _json_number(text: str) -> int | float:
    try:
        return number(text)
    except ValueError as error:
        raise TextError(str(error)) from None


def _no_number(text: str) -> None:
    raise TextError(f"{text} is not a number that can be stored; remove it, or put it in quotes")
