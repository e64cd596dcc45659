"""The README says what the code says."""

import re

import pytest
import yaml
from pydantic import TypeAdapter

from landfall.integrity.rules.kinds import KINDS, Rule
from tests.generated import (
    CLASSIFICATION,
    README,
    ROOT,
    RULES,
    SCHEMA,
    classification_reference,
    recovery_margin,
    rendered,
    rule_reference,
    schema,
    tables,
)


def test_tables_are_those_of_the_code():
    """Moves, reasons, deadlines, variables and routes come from the code, and are not stale."""
    readme = README.read_text()
    assert readme == rendered(readme), "run: python -m tests.generated"


def test_a_killed_worker_is_replaced_in_two_minutes():
    """The ladder and the tick leave a busy machine 10 s of that, whenever the worker dies."""
    assert recovery_margin() >= 10


def test_schema_is_that_of_the_code():
    """Editors check a definition by the same model as Landfall does."""
    assert SCHEMA.read_text() == schema(), "run: python -m tests.generated"


def test_rule_reference_is_that_of_the_code():
    """The settings, docstrings and examples of the kinds."""
    assert RULES.read_text() == rule_reference(), "run: python -m tests.generated"


def test_classification_reference_is_that_of_the_code():
    """The settings, and the labels with what the model is told of each."""
    assert CLASSIFICATION.read_text() == classification_reference(), (
        "run: python -m tests.generated"
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_example_of_a_rule_is_one(kind):
    """It is taken at the door, over tables that have what it reads; and says a sentence."""
    rule = TypeAdapter(Rule).validate_python(yaml.safe_load(KINDS[kind].example))
    assert rule.kind == kind
    assert rule.sentence()
    assert rule.table in rule.tables()


def test_every_table_has_its_place():
    """A table that the README lost its marker for would never be compared."""
    readme = README.read_text()
    assert [name for name in tables() if f"<!-- {name} -->" not in readme] == []


def test_every_dependency_says_why():
    """One line for each package that a requirements file pins."""
    pinned = {
        line.split("==")[0].lower()
        for path in ROOT.rglob("requirements*.txt")
        if not {".venv", ".venv-bench"} & set(path.parts)
        for line in path.read_text().splitlines()
        if re.match(r"[A-Za-z]", line)
    }
    listed = set(re.findall(r"^\| `([\w.-]+)` \|", README.read_text(), flags=re.MULTILINE))
    assert {name for name in pinned if name not in {word.lower() for word in listed}} == set()


def test_every_folder_of_the_map_exists():
    """The map of the folders names only what is there."""
    section = README.read_text().split("## Where things are")[1].split("\n## ")[0]
    paths = re.findall(r"^([\w./-]+/[\w./-]*) ", section, flags=re.MULTILINE)
    assert paths
    assert [path for path in paths if not (ROOT / path).exists()] == []
