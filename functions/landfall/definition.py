"""What a person writes: a scan, its rules, limits and schedule. Checked at the door.

`load` turns YAML or JSON text into a `Scan`, or raises `DefinitionError` which names the file, the
path in it and the fix. `json_schema` is the same definition for editors.
"""

import difflib
import hashlib
import json
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
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
    values: list[str | bool | int | float] = Field(min_length=1, max_length=1000)


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
    def _rules_are_distinct(self) -> Self:
        seen: set[str] = set()
        for number, rule in enumerate(self.rules):
            if rule.id in seen:
                raise ValueError(f"rules.{number}.id: {rule.id!r} is used twice; rename one")
            seen.add(rule.id)
        return self

    @model_validator(mode="after")
    def _rules_read_what_is_listed(self) -> Self:
        for number, rule in enumerate(self.rules):
            tables = {rule.table} | ({rule.to.table} if isinstance(rule, Link) else set())
            for table in sorted(tables - set(self.tables)):
                raise ValueError(
                    f"rules.{number}: table {table!r} is not in `tables`; "
                    f"{_suggest(table, self.tables, 'add it there')}"
                )
            for table, field in rule.reads():
                if field not in self.tables[table]:
                    raise ValueError(
                        f"rules.{number}: field {field!r} is not in `tables.{table}`; "
                        f"{_suggest(field, self.tables[table], 'add it there')}"
                    )
        return self

    def document(self) -> dict[str, Any]:
        """The definition as plain values, as it is stored."""
        return self.model_dump(mode="json", exclude_none=True)

    def version(self) -> str:
        """16 hex digits of the content, the schedule left out: it does not change what is found."""
        content = {key: value for key, value in self.document().items() if key != "schedule"}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def load(text: str, source: str) -> Scan:
    """A scan from YAML or JSON text. `source` names it in a `DefinitionError`."""
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise DefinitionError(f"{source}: this is not YAML: {error}") from None
    if not isinstance(content, dict):
        raise DefinitionError(f"{source}: expected a mapping that begins with `id: ...`")
    return parse(content, source)


def parse(content: dict[str, Any], source: str) -> Scan:
    """A scan from plain values. `source` names it in a `DefinitionError`."""
    try:
        return Scan.model_validate(content)
    except ValidationError as error:
        lines = [f"{source}: {_problem(problem)}" for problem in error.errors()]
        raise DefinitionError("\n".join(lines)) from None


def json_schema() -> dict[str, Any]:
    """The definition as a JSON schema, for editors."""
    schema = Scan.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


def _problem(problem: Any) -> str:
    location = list(problem["loc"])
    if location[:1] == ["rules"]:
        # a tagged union puts its tag behind the rule's number, where the file has no such level
        del location[2:3]
    path = ".".join(str(part) for part in location)
    message = problem["msg"].removeprefix("Value error, ")
    match problem["type"]:
        case "missing":
            return f"{path}: this is missing; add it"
        case "extra_forbidden":
            return f"{path}: there is no such setting; remove it or correct its name"
        case "value_error" if not path:
            return message
        case _:
            return f"{path}: {message} (it is {_shown(problem['input'])})"


def _shown(value: Any) -> str:
    text = f"{value!r}"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _suggest(word: str, known: Any, otherwise: str) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else otherwise
