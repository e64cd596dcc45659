"""Definitions of scans, as people write them: their kind, limits and schedule.

`load` turns YAML or JSON text into a `Scan` of its kind, or raises a `DefinitionError` that names
the file, the path in it and the fix. `json_schema` is the same definition for editors.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

from pydantic import ValidationError
from pydantic.json_schema import models_json_schema

from landfall.kinds.table import KINDS
from landfall.reasons import BadRequestError
from landfall.scans.scan import Scan
from landfall.scans.settings import BASE_ID, ID, got, suggest

MAX_BYTES = 900_000
"""Bytes of a definition as it is stored; a document of Firestore has 1 MiB."""


class DefinitionError(BadRequestError):
    """The definition cannot be used. The message has a line for each problem: place, cause, fix."""


def load(text: str, source: str) -> Scan:
    """Read a scan from YAML or JSON text. Raises `DefinitionError`, which names the `source`."""
    from landfall.scans.yaml_text import YamlError, read_yaml  # YAML takes 13 ms to import

    try:
        content = read_yaml(text)
    except YamlError as error:
        raise DefinitionError(f"{source}: {error}") from None
    if content is None:
        raise DefinitionError(f"{source}: this is empty; begin with `id: my-scan`")
    if not isinstance(content, dict):
        raise DefinitionError(
            f"{source}: expected `name: value` lines that begin with `id: my-scan`"
        )
    return parse(content, source)


def parse(content: dict[str, Any], source: str) -> Scan:
    """Read a scan from plain values. Raises `DefinitionError`, which names the `source`."""
    kind = content.get("kind")
    known = KINDS.get(kind) if isinstance(kind, str) else None
    if known is None:
        raise DefinitionError(f"{source}: kind: {_no_kind(kind, KINDS, 'scan')}")
    model = known.scan()
    try:
        scan = model.model_validate(content)
    except ValidationError as error:
        problems = [
            line for problem in error.errors() for line in _problem(model, problem).splitlines()
        ]
        raise DefinitionError("\n".join(f"{source}: {line}" for line in problems)) from None
    size = len(scan.text().encode())
    if size > MAX_BYTES:
        raise DefinitionError(
            f"{source}: the definition has {size:,} bytes, and at most {MAX_BYTES:,} can be "
            "stored; make several scans of it"
        )
    return scan


def _no_kind(kind: Any, known: Iterable[str], what: str) -> str:
    there = ", ".join(known)
    if kind is None:
        return f"this is missing; add one of {there}"
    return f"there is no kind of {what} {kind!r}; {suggest(kind, known, f'there are {there}')}"


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of definitions, for editors."""
    kinds: list[tuple[type[Scan], Literal["validation"]]] = [
        (kind.scan(), "validation") for kind in KINDS.values()
    ]
    references, schema = models_json_schema(kinds)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Scan",
        "oneOf": [references[kind] for kind in kinds],
        "$defs": schema["$defs"],
    }


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
}
_FORMS = {
    ID: "use lower-case letters and digits, with single hyphens between them",
    BASE_ID: "a base's id is `app` and 14 letters or digits: see the base's web address",
    r"^[a-z][a-z_]*$": "use lower-case letters, with underscores between them",
    r"^[ -~]*$": "use plain letters, digits and signs (ASCII), as a mail or web address has them",
    r"^\S+( \S+)*$": "leave out blanks at its ends, and line breaks",
}


def _problem(scan: type[Scan], problem: Any) -> str:
    """Return the place, cause and fix of a problem; rules that do not fit take several lines."""
    location = list(problem["loc"])
    what, shown = problem["type"], got(problem["input"])
    path = _path(location)
    message = str(problem["msg"]).removeprefix("Value error, ").replace("Input should", "must")
    match what:
        case "value_error":  # our own: the message is complete
            return f"{path}: {message}" if path else message
        case "extra_forbidden":
            fix = suggest(
                location[-1], scan.settings_beside(location), "remove it or correct its name"
            )
            return f"{path}: there is no such setting; {fix}"
        case "union_tag_not_found" | "union_tag_invalid":
            from landfall.integrity.rules.kinds import KINDS as RULES  # the only union by kind

            return f"{path}.kind: {_no_kind(problem['ctx'].get('tag'), RULES, 'rule')}"
        case "string_pattern_mismatch":
            pattern = problem["ctx"]["pattern"]
            return f"{path}: {_FORMS.get(pattern, f'it must be like {pattern}')} {shown}"
        case "too_short":
            least = problem["ctx"]["min_length"]
            return f"{path}: give at least {'one' if least == 1 else least}"
        case _ if what in _SAYS:
            return f"{path}: {_SAYS[what]}"
        case _:
            return f"{path}: {_EXPECTED.get(what, message)} {shown}"


def _path(location: Sequence[Any]) -> str:
    if location[:1] == ["rules"]:
        # a tagged union puts its tag behind the rule's number; the file has no such level
        location = [*location[:2], *location[3:]]
    return ".".join(str(part) for part in location if not _is_tag(part))


def _is_tag(part: Any) -> bool:
    """Return whether a part is a choice between models, or a key, and no place in the file."""
    return part == "[key]" or (isinstance(part, str) and part[:1] == "(")
