"""What a person writes: a scan, its rules, limits and schedule. Checked at the door.

`load` turns YAML or JSON text into a `Scan`, or raises `DefinitionError` which names the file, the
path in it and the fix. `json_schema` is the same definition for editors.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from datetime import tzinfo
from typing import Any, Literal, Self

import yaml
from pydantic import (
    Field,
    ValidationError,
    model_validator,
)

from landfall.cadence import time_zone
from landfall.deadlines import LADDER
from landfall.integrity.options import BaseId, Id, Name, Settings, it_is, suggest
from landfall.integrity.rules import KINDS, Rule, nested_settings
from landfall.schedules import Schedule, ZoneName
from landfall.write_back import FieldNames, WriteBack


class DefinitionError(ValueError):
    """The definition cannot be used. The message has a line a problem: where, what, the fix."""


class Limits(Settings):
    """Where a run stops."""

    deadline_seconds: float = Field(
        LADDER.run,
        ge=LADDER.stale,
        le=24 * 3600,
        description="A run ends within this many seconds after its creation.",
    )
    max_records: int = Field(
        500_000, ge=1, le=5_000_000, description="A base with more records ends the run in error."
    )


class Scan(Settings):
    """An integrity scan of an Airtable base: what is read, and the rules it must keep."""

    id: Id = Field(description="Names the scan; saving another definition under it replaces it.")
    name: str = Field("", max_length=200, description="For people.")
    kind: Literal["integrity"]
    base: BaseId = Field(
        description="The base's id: the part of its web address that begins with `app`."
    )
    tables: dict[Name, list[Name]] = Field(
        min_length=1,
        description="The fields of each table that the scan reads. Nothing else leaves Airtable.",
    )
    rules: list[Rule] = Field(min_length=1, max_length=500)
    time_zone: ZoneName | None = Field(
        None,
        description="Where the days of dates begin, as an IANA name. Without it, the schedule's "
        "time zone, or UTC.",
    )
    limits: Limits = Limits()
    write_back: WriteBack | None = Field(
        None, description="Write findings to a table of Airtable, a row each."
    )
    schedule: Schedule | None = None

    @model_validator(mode="after")
    def _rules_fit(self) -> Self:
        ids = [rule.id for rule in self.rules]
        problems = [
            f"rules.{number}.id: {rule_id!r} is used twice; rename one"
            for number, rule_id in enumerate(ids)
            if rule_id in ids[:number]
        ]
        for number, rule in enumerate(self.rules):
            problems += [f"rules.{number}: {problem}" for problem in self._unlisted(rule)]
        issues = self.write_back
        if issues and issues.table in self.tables and self.write_base == self.base:
            problems.append(
                f"write_back.table: {issues.table!r} is a table that the scan checks; "
                "give one that is for findings only"
            )
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _unlisted(self, rule: Rule) -> list[str]:
        """What the rule reads and `tables` does not have."""
        return [
            f"table {table!r} is not in `tables`; {suggest(table, self.tables, 'add it there')}"
            for table in rule.tables()
            if table not in self.tables
        ] + [
            f"field {field!r} is not in `tables.{table}`; "
            f"{suggest(field, self.tables[table], 'add it there')}"
            for table, field in rule.reads()
            if field not in self.tables.get(table, [field])
        ]

    @property
    def write_base(self) -> str:
        """The base in which findings are written."""
        return (self.write_back and self.write_back.base) or self.base

    @property
    def zone(self) -> tzinfo:
        """Where the days of dates begin."""
        return time_zone(self.time_zone or (self.schedule.time_zone if self.schedule else "UTC"))

    def document(self) -> dict[str, Any]:
        """The definition as plain values, as it is stored."""
        return self.model_dump(mode="json", exclude_none=True)

    def version(self) -> str:
        """16 hex digits of the content, the schedule left out: it does not change what is found."""
        content = {key: value for key, value in self.document().items() if key != "schedule"}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Yaml(yaml.SafeLoader):
    """YAML in which a name is given once, and `yes` and `no` are text: they name choices."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(
                    None, None, f"{key.value!r} is given twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_BOOL = "tag:yaml.org,2002:bool"
_Yaml.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in known if tag != _BOOL]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Yaml.add_implicit_resolver(_BOOL, re.compile("(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))


def load(text: str, source: str) -> Scan:
    """A scan from YAML or JSON text. `source` names it in a `DefinitionError`."""
    try:
        content = yaml.load(text, _Yaml)  # noqa: S506  a SafeLoader
    except yaml.MarkedYAMLError as error:
        raise DefinitionError(f"{source}: {_place(error)}{error.problem}") from None
    except yaml.YAMLError as error:
        raise DefinitionError(f"{source}: this is not YAML: {error}") from None
    if content is None:
        raise DefinitionError(f"{source}: this is empty; begin with `id: my-scan`")
    if not isinstance(content, dict):
        raise DefinitionError(
            f"{source}: expected `name: value` lines that begin with `id: my-scan`"
        )
    return parse(content, source)


def parse(content: dict[str, Any], source: str) -> Scan:
    """A scan from plain values. `source` names it in a `DefinitionError`."""
    try:
        return Scan.model_validate(content)
    except ValidationError as error:
        problems = [line for problem in error.errors() for line in _problem(problem).splitlines()]
        raise DefinitionError("\n".join(f"{source}: {line}" for line in problems)) from None


def json_schema() -> dict[str, Any]:
    """The definition as a JSON schema, for editors."""
    schema = Scan.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


def _place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


_SAYS = {
    "missing": "this is missing; add it",
    "too_short": "give at least one",
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
    "id": "use lower-case letters and digits, with single hyphens between them",
    "base": "a base's id is `app` and 14 letters or digits: see the base's web address",
}


def _problem(problem: Any) -> str:
    """Where, what, and the fix. Several lines where a scan's rules do not fit."""
    location = list(problem["loc"])
    what, shown = problem["type"], it_is(problem["input"])
    path = _path(location)
    message = str(problem["msg"]).removeprefix("Value error, ").replace("Input should", "must")
    match what:
        case "value_error":  # our own, which say it all
            return f"{path}: {message}" if path else message
        case "extra_forbidden":
            fix = suggest(location[-1], _settings(location), "remove it or correct its name")
            return f"{path}: there is no such setting; {fix}"
        case "union_tag_not_found":
            return f"{path}.kind: this is missing; add one of {', '.join(KINDS)}"
        case "union_tag_invalid":
            kind = problem["ctx"]["tag"]
            fix = suggest(kind, KINDS, f"there are {', '.join(KINDS)}")
            return f"{path}.kind: there is no kind of rule {kind!r}; {fix}"
        case "string_pattern_mismatch":
            return f"{path}: {_FORMS[location[-1]]} {shown}"
        case _ if what in _SAYS:
            return f"{path}: {_SAYS[what]}"
        case _:
            return f"{path}: {_EXPECTED.get(what, message)} {shown}"


def _path(location: Sequence[Any]) -> str:
    if location[:1] == ["rules"]:
        # a tagged union puts its tag behind the rule's number, where the file has no such level
        location = [*location[:2], *location[3:]]
    return ".".join(str(part) for part in location if not _is_tag(part))


def _is_tag(part: Any) -> bool:
    """Whether it names a choice between models, or a key as such, and not a place in the file."""
    return part == "[key]" or (isinstance(part, str) and part[:1] == "(")


def _settings(location: Sequence[Any]) -> Iterable[str]:
    """The settings that there are beside the one at this location."""
    match location:
        case [_]:
            return Scan.model_fields
        case ["rules", _, kind, _]:
            return KINDS[kind].model_fields
        case ["rules", _, kind, *_]:
            return nested_settings(KINDS[kind])
        case ["limits", _]:
            return Limits.model_fields
        case ["schedule", _]:
            return Schedule.model_fields
        case ["write_back", _]:
            return WriteBack.model_fields
        case ["write_back", "fields", _]:
            return FieldNames.model_fields
        case _:
            return []
