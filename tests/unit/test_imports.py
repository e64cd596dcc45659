"""The shape of the package: how much a module imports, and names that stand for one idea."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

FUNCTIONS = Path(__file__).parents[2] / "functions"

MAX_IMPORTS = 14
"""Modules of ours that one module imports: more is a sign of two ideas in it."""

KINDS = "landfall.classification", "landfall.integrity", "landfall.site"

SAME_IDEA = {
    "kind": {"landfall.runs", *KINDS},  # the contract, and each kind's side of it
    "scan": {"landfall.scans", "landfall.airtable", *KINDS},  # settings, from all kinds to one
    "explain": {"landfall.airtable", "landfall.llm", *KINDS},  # for people, in sentences
    "fetch": {"landfall.airtable", "landfall.site"},  # the steps of a run
    "score": set(KINDS),
    "write": {"landfall.classification", "landfall.integrity"},
    "write_back": {"landfall.classification", "landfall.integrity"},  # its settings
    "fit": {"landfall.classification", "landfall.integrity"},  # of a scan to its base
    "prompt": {"landfall.classification", "landfall.site"},  # of a model
    "report": {"landfall.runs", *KINDS},  # of a run
    "routes": {"landfall.entry", "landfall.kinds", *KINDS},  # of the api
    "views": {"landfall.classification", "landfall.integrity.findings"},  # for people
    "client": {"landfall.airtable", "landfall.llm.openai", "landfall.site"},  # of a vendor
    "documents": {"landfall.store", "landfall.runs"},  # any, and those of runs and steps
    "packing": {"landfall.integrity.findings", "landfall.site"},  # of values into documents
}
"""Names of several modules, with their packages."""

SAME_CLASS = {
    # of a person, about an element or a finding
    "Decision": {"landfall.classification.views", "landfall.integrity.findings.entry"},
}
"""Names of several classes, with their modules."""


def _modules() -> Mapping[str, ast.Module]:
    """Return the syntax trees of our modules, by name; a package is its `__init__`."""
    return {
        ".".join(path.relative_to(FUNCTIONS).with_suffix("").parts): ast.parse(path.read_text())
        for path in sorted(FUNCTIONS.rglob("*.py"))
    }


MODULES = _modules()


def _imported(tree: ast.Module) -> set[str]:
    """Return our modules that a module imports: at its top, in functions, for types alone."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= whole & MODULES.keys() or {node.module}
    return names & MODULES.keys()


def _classes() -> Iterator[tuple[str, str]]:
    for module, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                yield node.name, module


def _unlisted(
    named: Iterable[tuple[str, str]], listed: Mapping[str, set[str]]
) -> dict[str, set[str]]:
    """Return names of several places that are not listed for all of them, with those places."""
    places: dict[str, set[str]] = defaultdict(set)
    for name, place in named:
        places[name].add(place)
    several = {name: found for name, found in places.items() if len(found) > 1}
    return {name: found for name, found in several.items() if found - listed.get(name, set())}


def test_no_module_imports_more_than_it_can_explain() -> None:
    """A module with one idea needs few others; imports of functions and types count."""
    counts = {module: len(_imported(tree)) for module, tree in MODULES.items()}
    assert {module: count for module, count in counts.items() if count > MAX_IMPORTS} == {}


def test_modules_of_one_name_have_one_idea() -> None:
    """Who reads the name of a module knows its idea, whichever kind or vendor it is of."""
    split = (module.rpartition(".") for module in MODULES if not module.endswith("__init__"))
    assert _unlisted(((name, package) for package, _, name in split), SAME_IDEA) == {}


def test_classes_of_one_name_have_one_idea() -> None:
    """Who reads the name of a class knows which one it is."""
    assert _unlisted(_classes(), SAME_CLASS) == {}
