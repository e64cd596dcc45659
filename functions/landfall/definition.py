"""What a person writes: a scan, its rules, limits and schedule. Checked at the door.

`load` turns YAML or JSON text into a `Scan`, or raises `DefinitionError` which names the file, the
path in it and the fix. `json_schema` is the same definition for editors.
"""

import difflib
import hashlib
import json
import math
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal, Self, get_args

import yaml
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from landfall.cadence import Cadence, time_zone
from landfall.deadlines import LADDER

Id = Annotated[str, Field(pattern=r"^[a-z0-9](-?[a-z0-9]+)*$", max_length=60)]
"""Lower-case letters, digits and single hyphens: these ids become parts of document paths."""

Name = Annotated[str, Field(min_length=1, max_length=255)]
Severity = Literal["info", "warning", "critical"]


class DefinitionError(ValueError):
    """The definition cannot be used. The message has a line a problem: where, what, the fix."""


def _plain(value: Any) -> Any:
    if isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError(f"must be text, a number, true or false; put a date in quotes {_it_is(value)}")


Plain = Annotated[str | bool | int | float, BeforeValidator(_plain)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Rule(_Model):
    id: Id = Field(description="Names the rule in findings; stays the same when the rule changes.")
    table: Name = Field(description="The table whose records are checked, as named in `tables`.")
    severity: Severity = Field("warning", description="How bad a finding of this rule is.")

    def reads(self) -> list[tuple[str, str]]:
        """(table, field) of everything that the rule looks at."""
        raise NotImplementedError


class _FieldRule(_Rule):
    field: Name = Field(description="The field that is checked.")

    def reads(self) -> list[tuple[str, str]]:
        """(table, field) of everything that the rule looks at."""
        return [(self.table, self.field)]


class Required(_FieldRule):
    """The field has a value. 0 and false are values; blank text and an empty list are not."""

    kind: Literal["required"]


class AllowedValues(_FieldRule):
    """The field's value, or each value of a list, is one of these. No value is no finding."""

    kind: Literal["allowed_values"]
    values: list[Plain] = Field(min_length=1, max_length=1000)


class Unique(_Rule):
    """No two records have the same values. A record that lacks one of them is left out."""

    kind: Literal["unique"]
    fields: list[Name] = Field(
        min_length=1, max_length=10, description="The fields that together must be unique."
    )
    ignore_case: bool = Field(
        False, description="Take text as equal when only case or surrounding blanks differ."
    )

    def reads(self) -> list[tuple[str, str]]:
        """(table, field) of everything that the rule looks at."""
        return [(self.table, field) for field in self.fields]


class Target(_Model):
    """Where a link points to."""

    table: Name
    field: Name | None = Field(
        None,
        description="The field in which the value must occur. Without it, the link holds record "
        "ids, as Airtable's linked-record fields do.",
    )


class Link(_FieldRule):
    """What the field points to is there: records by id, or a value in another table's field."""

    kind: Literal["link"]
    to: Target

    def reads(self) -> list[tuple[str, str]]:
        """(table, field) of everything that the rule looks at."""
        own = (self.table, self.field)
        return [own, (self.to.table, self.to.field)] if self.to.field else [own]


Rule = Annotated[Required | Unique | AllowedValues | Link, Field(discriminator="kind")]


class Limits(_Model):
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


def _known_zone(name: str) -> str:
    time_zone(name)
    return name


class Schedule(_Model):
    """When a scan runs by itself."""

    cadence: Cadence
    time_zone: Annotated[str, AfterValidator(_known_zone)] = Field(
        "UTC", description="An IANA name such as Europe/Berlin; local times are of this zone."
    )
    overlap: Literal["skip", "allow", "cancel_running"] = Field(
        "skip", description="What a slot does when a run of this schedule is still under way."
    )
    catch_up: Literal["one", "none", "all"] = Field(
        "one", description="How many runs are made for slots that were missed."
    )
    max_runs: int | None = Field(None, ge=1, description="The schedule ends after this many runs.")
    stop_at: AwareDatetime | None = Field(None, description="No slot after this moment.")
    paused: bool = Field(False, description="Keep the schedule, but start nothing.")


class Scan(_Model):
    """An integrity scan of an Airtable base: what is read, and the rules it must keep."""

    id: Id = Field(description="Names the scan; saving another definition under it replaces it.")
    name: str = Field("", max_length=200, description="For people.")
    kind: Literal["integrity"]
    base: str = Field(
        pattern=r"^app[A-Za-z0-9]{14}$",
        description="The base's id: the part of its web address that begins with `app`.",
    )
    tables: dict[Name, list[Name]] = Field(
        min_length=1,
        description="The fields of each table that the scan reads. Nothing else leaves Airtable.",
    )
    rules: list[Rule] = Field(min_length=1, max_length=500)
    limits: Limits = Limits()
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
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _unlisted(self, rule: Rule) -> list[str]:
        """What the rule reads and `tables` does not have."""
        tables = [rule.table, *([rule.to.table] if isinstance(rule, Link) else [])]
        return [
            f"table {table!r} is not in `tables`; {_suggest(table, self.tables, 'add it there')}"
            for table in dict.fromkeys(tables)
            if table not in self.tables
        ] + [
            f"field {field!r} is not in `tables.{table}`; "
            f"{_suggest(field, self.tables[table], 'add it there')}"
            for table, field in dict.fromkeys(rule.reads())
            if field not in self.tables.get(table, [field])
        ]

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


_KINDS: dict[str, type[_Rule]] = {
    get_args(rule.model_fields["kind"].annotation)[0]: rule for rule in get_args(get_args(Rule)[0])
}

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
    what, shown = problem["type"], _it_is(problem["input"])
    path = _path(location)
    message = str(problem["msg"]).removeprefix("Value error, ").replace("Input should", "must")
    match what:
        case "value_error":  # our own, which say it all
            return f"{path}: {message}" if path else message
        case "extra_forbidden":
            fix = _suggest(location[-1], _settings(location), "remove it or correct its name")
            return f"{path}: there is no such setting; {fix}"
        case "union_tag_not_found":
            return f"{path}.kind: this is missing; add one of {', '.join(_KINDS)}"
        case "union_tag_invalid":
            kind = problem["ctx"]["tag"]
            fix = _suggest(kind, _KINDS, f"there are {', '.join(_KINDS)}")
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
    return ".".join(str(part) for part in location if part != "[key]")


def _settings(location: Sequence[Any]) -> Iterable[str]:
    """The settings that there are beside the one at this location."""
    match location:
        case [_]:
            return Scan.model_fields
        case ["rules", _, kind, _]:
            return _KINDS[kind].model_fields
        case ["rules", *_]:
            return Target.model_fields
        case ["limits", _]:
            return Limits.model_fields
        case ["schedule", _]:
            return Schedule.model_fields
        case _:
            return []


def _it_is(value: Any) -> str:
    text = f"{value!r}"
    return f"(it is {text if len(text) <= 60 else f'{text[:57]}...'})"


def _suggest(word: Any, known: Iterable[str], otherwise: str) -> str:
    close = difflib.get_close_matches(str(word), list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else otherwise
