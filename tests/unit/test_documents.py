"""The documents say what the code says, and everything that they point to exists."""

import argparse
import importlib.util
import json
import os
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from infra.client import arguments as client
from infra.cloud import deploy, destroy, doctor
from infra.costs import command as cost
from infra.local import command as local
from landfall.entry.routes import routes
from landfall.integrity.rules.kinds import KINDS as RULES
from landfall.integrity.scan import IntegrityScan
from landfall.kinds.definition import load, parse
from landfall.reasons import REASONS, WHAT_TO_DO, Reason
from landfall.store.versions import DOCUMENT_KINDS as STORED
from tests.fakes.examples import EXAMPLES
from tests.generated import api, engine
from tests.generated.documents import BLOCKS, DOCUMENTS, MARKED, SCHEMA, rendered, schema
from tests.generated.markdown import ROOT, anchors, code_spans, fences, links
from tests.generated.picture import COMMAND, PICTURE

TEXTS = {path: (ROOT / path).read_text() for path in DOCUMENTS}

LONGEST_README = 9_000
"""Bytes: somebody who opens the repository reads it to its end."""

HELP = {
    "infra/local/run": local._arguments,
    "infra/cost": cost._arguments,
    "infra/deploy": deploy.parser,
    "infra/destroy": destroy._parser,
    "infra/doctor": doctor.parser,
    "infra/landfall": client.parser,
}
"""The command lines of the commands that the documents show."""

FOREIGN = {"docker", "curl", "export", "gcloud"}
"""Commands that are not of this repository."""

COMMANDS = [
    (path, words)
    for path in DOCUMENTS
    for text in fences(TEXTS[path], "sh")
    for line in text.splitlines()
    if (words := shlex.split(line, comments=True))
] + [
    (path, shlex.split(span))
    for path in DOCUMENTS
    for span in code_spans(TEXTS[path])
    if re.match(
        r"(infra/(local/run|cost|deploy|destroy|doctor|landfall)|tests/(bench/)?run)\b", span
    )
]


@pytest.mark.parametrize("path", DOCUMENTS)
def test_blocks_are_those_of_the_code(path):
    """Every table that mirrors code comes from the code, and is not stale."""
    assert TEXTS[path] == rendered(TEXTS[path]), "run: python -m tests.generated"


def test_schema_is_that_of_the_code():
    """Editors check a definition by the same model as Landfall does."""
    assert SCHEMA.read_text() == schema(), "run: python -m tests.generated"


def test_every_block_has_its_place():
    """A block that no document has a marker for would never be compared."""
    placed = {found[2] for text in TEXTS.values() for found in MARKED.finditer(text)}
    assert placed == set(BLOCKS)


def test_every_document_is_known():
    """A document that is listed here is compared, and its links are followed."""
    assert sorted(_tracked("*.md")) == sorted(DOCUMENTS)


def test_the_readme_is_short():
    """Everything else is a link away."""
    assert len(TEXTS["README.md"].encode()) <= LONGEST_README
    assert f"[{len(RULES)} kinds of rules]" in TEXTS["README.md"]


@pytest.mark.parametrize("path", DOCUMENTS)
def test_links_lead_somewhere(path):
    """To a file that is there, and to a heading of it."""
    broken = []
    for target, fragment in links(TEXTS[path]):
        there = (ROOT / path).parent / target if target else ROOT / path
        known = anchors(there.read_text()) if fragment and there.is_file() else {fragment}
        if not there.exists() or fragment not in known:
            broken.append(f"{target}#{fragment}")
    assert broken == []


def test_every_document_is_reached_from_the_readme():
    """In one step or two."""
    reached = {"README.md"}
    for _ in range(2):
        reached |= {
            os.path.relpath((ROOT / path).parent / target, ROOT)
            for path in reached & set(DOCUMENTS)
            for target, _ in links(TEXTS[path])
            if target
        }
    assert set(DOCUMENTS) <= reached


@pytest.mark.parametrize("path", DOCUMENTS)
def test_paths_exist(path):
    """A path or a test that the prose names is there."""
    paths = [span for span in code_spans(TEXTS[path]) if _is_path(span)]
    assert [span for span in paths if not _found(span)] == []


def _is_path(span: str) -> bool:
    return bool(re.fullmatch(r"(functions|infra|landfall|tests)/[\w./-]+|[\w/]+\.(py|md)", span))


def _found(span: str) -> bool:
    places = (ROOT, ROOT / "functions", ROOT / "functions/landfall", ROOT / "infra/docs")
    if "NAME" in span or any((place / span).exists() for place in places):
        return True
    return "/" not in span and any(any((ROOT / it).rglob(span)) for it in ("functions", "tests"))


@pytest.mark.parametrize(("path", "words"), COMMANDS, ids=lambda it: str(it)[:60])
def test_commands_exist(path, words):
    """Each with the options that are shown."""
    command = [word for word in words if not re.match(r"\w+=", word)]
    if command and command[0] not in FOREIGN:
        known = _help(*command)
        options = [word for word in command if word.startswith("--")]
        assert [option for option in options if option not in known] == [], path


def _help(program: str, *arguments: str) -> str:
    """Return the text that has the command's options. Fails when there is no such command."""
    if program in HELP:
        return HELP[program]().format_help() + _commands_help(HELP[program](), arguments)
    if program == "tests/run" and arguments:
        usage = (ROOT / program).read_text()
        assert (ROOT / arguments[0]).exists() or re.search(rf"\b{arguments[0]}\b", usage)
    if arguments[:1] == ("-m",):
        return _source(arguments[1])
    assert os.access(ROOT / program, os.X_OK), f"there is no command {program}"
    return (ROOT / program).read_text(errors="replace")  # ruff is a binary


def _commands_help(parser: argparse.ArgumentParser, arguments: Sequence[str]) -> str:
    """Return the text of the command among the arguments, where the parser has commands."""
    parts = [it for it in parser._actions if isinstance(it, argparse._SubParsersAction)]
    named = next((it for it in arguments if not it.startswith("-")), "")
    if not (parts and named):
        return ""
    assert named in parts[0].choices, f"there is no command {named}"
    return str(parts[0].choices[named].format_help())


def _source(module: str) -> str:
    """Return the text of the module that `python -m` runs."""
    spec = importlib.util.find_spec(module)
    assert spec, f"there is no module {module}"
    main = (
        importlib.util.find_spec(f"{module}.__main__") if spec.submodule_search_locations else spec
    )
    assert main, f"{module} cannot be run"
    return Path(main.origin or "").read_text()


@pytest.mark.parametrize("content", EXAMPLES.values(), ids=EXAMPLES)
def test_examples_can_be_used(content):
    """A whole scan, a rule, or some settings of a scan: each is taken at the door."""
    scan = parse(content, "example")
    rules = scan.rules if isinstance(scan, IntegrityScan) else []
    assert all(rule.sentence() for rule in rules)


def test_a_killed_worker_is_replaced_in_two_minutes():
    """The ladder and the tick leave a busy machine 10 s of that, whenever the worker dies."""
    assert engine.recovery_margin() >= 10


def test_every_reason_says_what_to_do():
    """In the same place as its meaning."""
    assert set(WHAT_TO_DO) == set(REASONS) == set(Reason)


def test_every_kind_of_document_says_what_it_is_for():
    """Its retention, where it has one of its own, too."""
    assert set(engine.PURPOSES) == set(STORED)
    assert set(engine.OTHER_RETENTION) <= set(STORED)


def test_every_dependency_says_why():
    """A comment behind each package that a requirements file pins."""
    lists = _tracked("*requirements*.txt")
    assert sorted(lists) == sorted(engine.REQUIREMENTS)
    assert [name for path in lists for name, why in engine.pins(ROOT / path) if not why] == []


def test_every_error_of_the_api_says_what_to_do():
    """By its code, and no code that there is not."""
    assert set(api.ERRORS) == {code for _, code in api.errors_of_code()}


def test_examples_of_the_api_are_of_its_routes():
    """No body is for a route that is gone."""
    known = {(route.method, route.path) for route in routes()}
    assert all(isinstance(json.loads(body), dict) for body in api.BODIES.values())
    assert {*api.BODIES, *api.FILES} <= known


def test_the_map_names_every_package():
    """And every module beside them."""
    rows = re.findall(r"^\| `(\w+(?:\.py)?)` \|", TEXTS["functions/README.md"], re.MULTILINE)
    there = {path.name for path in (ROOT / "functions/landfall").iterdir()}
    assert set(rows) == {name for name in there if not name.startswith("__")}


def test_the_picture_is_of_the_sample():
    """The rules that it shows are those of the scan that its command runs."""
    scan = load((ROOT / COMMAND.split()[1]).read_text(), COMMAND)
    assert isinstance(scan, IntegrityScan)
    picture = PICTURE.read_text().replace("&#160;", " ")
    assert [rule.id for rule in scan.rules if not re.search(f">{rule.id}[ <]", picture)] == []
    assert "critical" in picture


def _tracked(pattern: str) -> list[str]:
    command = ["git", "ls-files", "-co", "--exclude-standard", pattern]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.split()
