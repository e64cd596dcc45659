"""Mistakes that people make: the door says where and what, and shows the line as it was meant."""

import json
import re

import pytest
import yaml
from jsonschema import Draft7Validator

from landfall.kinds.definition import DefinitionError, load
from landfall.kinds.editor_schema import json_schema
from landfall.kinds.meant_lines import MAX_SHOWN
from tests.fakes.mistakes import GOOD, MISTAKES, Mistake

EDITOR = Draft7Validator(json_schema())

EACH = pytest.mark.parametrize("mistake", MISTAKES, ids=lambda it: it.name.replace(" ", "-"))


def _typed(mistake: Mistake) -> str:
    assert mistake.good in GOOD
    return GOOD.replace(mistake.good, mistake.typed, 1)


def _said(text: str) -> str:
    with pytest.raises(DefinitionError) as refused:
        load(text, "my-scan.yaml")
    return str(refused.value)


def test_what_is_right_is_taken() -> None:
    """By the door and by an editor; there are many ways to be wrong."""
    assert load(GOOD, "my-scan.yaml").id == "my-scan"
    assert [*EDITOR.iter_errors(yaml.safe_load(GOOD))] == []
    assert len(MISTAKES) >= 40


@EACH
def test_a_mistake_is_named_with_its_place_and_the_line_that_was_meant(mistake: Mistake) -> None:
    """The file, the line unless a setting is missing, what is wrong, and what to write."""
    said = _said(_typed(mistake))
    assert all(line.startswith("my-scan.yaml: ") for line in said.splitlines())
    assert mistake.says in said
    if mistake.line:
        assert re.search(rf"\bline {mistake.line}\b", said)
    shown = re.findall(r"; write (?:line \d+ as )?`(.*)`$", said, re.MULTILINE)
    assert shown == ([mistake.corrected] if mistake.corrected else [])


@pytest.mark.parametrize(
    "mistake", [it for it in MISTAKES if it.corrected], ids=lambda it: it.name.replace(" ", "-")
)
def test_the_line_that_is_shown_mends_the_definition(mistake: Mistake) -> None:
    """Copied into its place, with the indentation of before: the problem is gone."""
    said, lines = _said(_typed(mistake)), _typed(mistake).split("\n")
    pattern = r"line (\d+)\b([^\n]*); write (?:line (\d+) as )?`(.*)`$"
    found = re.search(pattern, said, re.MULTILINE)
    assert found
    number = int(found[3] or found[1]) - 1
    indentation = " " * 4 if "\t" in lines[number] else re.match(" *", lines[number])[0]  # type: ignore[index]
    lines[number] = indentation + found[4]
    left = ""
    try:
        load("\n".join(lines), "my-scan.yaml")
    except DefinitionError as error:
        left = str(error)
    assert found[2] not in left
    assert not left or "is not in `tables." in left  # which its author alone knows


@pytest.mark.parametrize(
    "mistake", [it for it in MISTAKES if it.editor], ids=lambda it: it.name.replace(" ", "-")
)
def test_an_editor_refuses_what_a_schema_can(mistake: Mistake) -> None:
    """Those that need no other part of the definition, and that are YAML."""
    assert [*EDITOR.iter_errors(yaml.safe_load(_typed(mistake)))] != []


def test_a_correction_is_short_and_certain() -> None:
    """A long line is not shown again, nor one that has the word twice; JSON has lines, too."""
    long = GOOD.replace("name: required", "").replace(
        "kind: unique", f"name: {'x' * MAX_SHOWN}, kind: uniqe"
    )
    assert "write `" not in _said(long)
    twice = GOOD.replace("kind: range", "name: rnge, kind: rnge")
    assert "write `" not in _said(twice)
    content = json.dumps(yaml.safe_load(GOOD) | {"kind": "integrty"}, indent=1)
    assert _said(content).endswith('; write `"kind": "integrity",`')
