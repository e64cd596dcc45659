"""The JSON schema: what an editor says while a scan is written, one clear message a mistake."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from jsonschema.exceptions import ValidationError

from landfall.integrity.rules.kinds import KINDS
from landfall.kinds.definition import load, parse
from landfall.kinds.editor_schema import json_schema
from landfall.scans.yaml_text import read_text
from tests.unit.test_definition import BAD, GONE, GOOD, SAMPLES, changed

SCHEMA = json_schema()
EDITOR = Draft7Validator(SCHEMA)
ROOT = Path(__file__).parents[2]


def errors(content: Any) -> list[ValidationError]:
    """All that an editor would underline."""
    return list(EDITOR.iter_errors(content))


def meant(error: ValidationError) -> str:
    """What an editor shows where a text has not the form that it must have."""
    assert isinstance(error.schema, dict)
    return str(error.schema["patternErrorMessage"])


def test_the_schema_is_one_of_the_draft_that_editors_know() -> None:
    """The language server of YAML reads draft 7 and below."""
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    Draft7Validator.check_schema(SCHEMA)


def test_no_choice_is_without_a_clear_message() -> None:
    """Of `anyOf` and `oneOf`, an editor shows the errors of a choice that was not meant."""

    def keywords(schema: Any) -> Iterator[str]:
        for name, value in schema.items() if isinstance(schema, dict) else ():
            yield name
            yield from keywords(value)
        for value in schema if isinstance(schema, list) else ():
            yield from keywords(value)

    assert not {"anyOf", "oneOf", "discriminator"} & set(keywords(SCHEMA))


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_sample_has_no_mistake(sample: Path) -> None:
    """Nor has the definition that is stored of it."""
    text = sample.read_text(encoding="utf-8")
    assert errors(read_text(text).value) == []
    assert errors(load(text, sample.name).document()) == []


@pytest.mark.parametrize("kind", KINDS)
def test_an_example_of_a_rule_has_no_mistake(kind: str) -> None:
    """The reference shows it for people to copy."""
    rule = read_text(KINDS[kind].example).value
    assert errors(GOOD | {"rules": [rule]}) == []


VALID: list[dict[str, Any]] = [
    GOOD,
    changed("schedule", GONE),
    changed("rules", 0, "severity", {"warning": 3, "critical": "2.5 %"}),
    changed("rules", 0, "when", {"not": {"all": [{"field": "Name", "above": "today - 3d"}]}}),
    changed("rules", 0, "when", {"any": [{"field": "Name", "one_of": ["x", 1, True]}]}),
    changed("schedule", "cadence", {"cron": " */15  8-18 * * mon "}),
    changed("schedule", "cadence", {"weekly": {"days": "mon", "times": ["06:00"]}}),
    changed("schedule", "cadence", {"at": "2026-12-01T06:00"}),
    changed("schedule", "max_runs", 3),
]


@pytest.mark.parametrize("content", VALID, ids=range(len(VALID)))
def test_what_is_right_has_no_mistake(content: dict[str, Any]) -> None:
    """An editor must not warn of what the loader takes."""
    parse(content, "scan.yaml")
    assert errors(content) == []


BEYOND = (
    r"is not in `tables|used twice|give either `field`|unknown time zone|say in which time zone"
)
"""What a schema cannot say: references between settings, and names of the tz database."""

OF_FORM = [(content, says) for content, says in BAD if isinstance(content, dict)]
OF_FORM = [(content, says) for content, says in OF_FORM if not re.search(BEYOND, says)]


@pytest.mark.parametrize(("content", "says"), OF_FORM, ids=[says for _, says in OF_FORM])
def test_a_mistake_has_one_message(content: dict[str, Any], says: str) -> None:
    """At its place, whatever else is in the file, and short; a pattern says what is meant."""
    (error,) = errors(content)
    place = says.split(": ")[1 if says.startswith("rule ") else 0]
    last = error.path[-1] if error.path else ""
    assert isinstance(last, int) or error.validator != "enum" or last in place
    assert "given schemas" not in error.message
    assert error.validator != "pattern" or meant(error)


DUPLICATE = {"id": "twice", "kind": "duplicate", "table": "People"}

EDITED: list[tuple[dict[str, Any], list[str | int], str]] = [
    (changed("rules", 0, "kind", "requird"), ["rules", 0, "kind"], "'requird' is not one of ["),
    (changed("rules", 0, "kind", GONE), ["rules", 0], "'kind' is a required property"),
    (changed("rules", 0, "id", GONE), ["rules", 0], "'id' is a required property"),
    (changed("kind", "integrty"), ["kind"], "'integrty' is not one of ['integrity', "),
    (changed("kind", GONE), [], "'kind' is a required property"),
    (changed("id", GONE), [], "'id' is a required property"),
    (
        changed("rules", 1, "ignorecase", True),
        ["rules", 1],
        "Additional properties are not allowed ('ignorecase' was unexpected)",
    ),
    (
        changed("rules", 0, "when", {"all": [{"field": "Name", "equal": 1}]}),
        ["rules", 0, "when", "all", 0],
        "Additional properties are not allowed ('equal' was unexpected)",
    ),
    (changed("rules", 0, "severity", 5), ["rules", 0, "severity"], "5 is not one of ['info', "),
    (changed("rules", 0, 3), ["rules", 0], "3 is not of type 'object'"),
    (changed("rules", 0, "when", 3), ["rules", 0, "when"], "3 is not of type 'object'"),
    (
        changed("rules", 0, DUPLICATE | {"likely": [[{"field": "Name", "exct": "text"}]]}),
        ["rules", 0, "likely", 0, 0],
        "'exct' is not one of ['at_least', 'date_within', 'equals', 'exact', ",
    ),
]


@pytest.mark.parametrize(("content", "place", "says"), EDITED, ids=[one[2] for one in EDITED])
def test_an_editor_names_the_mistake(
    content: dict[str, Any], place: list[str | int], says: str
) -> None:
    """A misspelt kind and a missing id are one message each, not one for each kind of rule."""
    (error,) = errors(content)
    assert [*error.path] == place
    assert error.message.startswith(says)


FORMS: list[tuple[dict[str, Any], str]] = [
    (changed("rules", 0, "severity", {"critical": "5 percent"}), "must be a whole number from 1"),
    (changed("schedule", "cadence", {"cron": "0 0 6 * * 1"}), "must be five fields: minute, hour"),
    (changed("schedule", "cadence", {"daily": "6:00"}), "must be a time of day such as 06:00"),
    (changed("schedule", "cadence", {"at": ["soon"]}), "must be a date and time such as 2026-12"),
    (changed("rules", 0, "id", "My Rule"), "use lower-case letters and digits"),
    (
        changed("rules", 0, "when", {"field": "Name", "above": "5 percent"}),
        "must be a number, a date as YYYY-MM-DD",
    ),
]


@pytest.mark.parametrize(("content", "says"), FORMS, ids=[says for _, says in FORMS])
def test_an_editor_says_what_a_text_must_be(content: dict[str, Any], says: str) -> None:
    """In words, by the keyword that editors show instead of a pattern."""
    (error,) = errors(content)
    assert error.validator == "pattern"
    assert meant(error).startswith(says)


def test_every_setting_is_described() -> None:
    """An editor explains each top-level setting but the obvious, and refuses unknown ones."""
    schema = SCHEMA["$defs"]["IntegrityScan"]
    silent = [name for name, about in schema["properties"].items() if "description" not in about]
    assert silent == ["kind", "limits", "schedule", "rules"]
    assert schema["required"] == ["id", "kind", "base", "tables", "rules"]
    models = [model for model in SCHEMA["$defs"].values() if model["type"] == "object"]
    assert all(model["additionalProperties"] is False for model in models)


def test_a_rule_is_of_its_kind() -> None:
    """An editor completes the settings of the kind that was chosen."""
    rule = SCHEMA["$defs"]["IntegrityScan"]["properties"]["rules"]["items"]
    assert set(rule["properties"]["kind"]["enum"]) == set(KINDS)
    for choice in rule["allOf"]:
        model = SCHEMA["$defs"][choice["then"]["$ref"].rsplit("/", 1)[1]]
        kind = choice["if"]["properties"]["kind"]["const"]
        assert model["properties"]["kind"]["const"] == kind
        assert {"id", "table", "kind"} <= set(model["required"])
        assert model["description"]
