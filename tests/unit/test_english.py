"""Plain English: docstrings begin with a verb or a noun, and no house dialect comes back.

The openers and words are those that made a third of this code unlike its field, before every
docstring was rewritten. A name or a text that must stay is an exception, with the reason.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # each reads every line of the code

ROOT = Path(__file__).parents[2]
FILES = sorted(path for folder in ("functions", "infra") for path in (ROOT / folder).rglob("*.py"))

OPENERS = re.compile(r"(What|Who|Whose|Whom|Whether|How|Of|Which|Where|That)\b")
DIALECT = r"said|told|came|kept|stood|mended|mend|besides|brokenly|manieth|strangely"
WORDS = re.compile(rf"\b({DIALECT})\b", re.IGNORECASE)
NAMES = re.compile(rf"(^|_)({DIALECT}|most|abreast)(_|$)", re.IGNORECASE)

EXCEPTIONS = {
    "functions/landfall/classification/labels.py: mended",  # in a prompt, whose hash is stored
    "functions/landfall/classification/tracked_element.py: told",  # a stored field
    "functions/landfall/classification/views.py: told",  # the same field, in the api
    "functions/landfall/window/review_page.py: told",  # and on a page
    "functions/landfall/scans/notify.py: mended",  # an event, which a stored definition has
    "functions/landfall/runs/word.py: mended",
    "functions/landfall/integrity/news.py: mended",
    "functions/landfall/tell/phrases.py: mended",
    "functions/landfall/site/crawl_request.py: kept",  # a stored value
    "functions/landfall/site/crawl_request.py: came",  # a stored field
}


def test_docstrings_begin_with_a_verb_or_a_noun() -> None:
    """Of functions, classes, modules, constants and fields."""
    found = [f"{path}: {text}" for path, tree, _ in _parsed() for text in _texts(tree)]
    assert [one for one in found if OPENERS.match(one.split(": ", 1)[1])] == []


def test_texts_and_names_are_not_in_dialect() -> None:
    """Docstrings, comments, messages, and the names of functions, classes and constants."""
    found = {f"{path}: {word}" for path, tree, source in _parsed() for word in _words(tree, source)}
    assert found - EXCEPTIONS == set()
    assert found >= EXCEPTIONS, "an exception that is not needed"


def _parsed() -> Iterator[tuple[str, ast.Module, str]]:
    for path in FILES:
        source = path.read_text()
        yield path.relative_to(ROOT).as_posix(), ast.parse(source), source


def _texts(tree: ast.Module) -> Iterator[str]:
    """Yield the first lines of docstrings, and of the strings that follow an assignment."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            yield (ast.get_docstring(node) or "").partition("\n")[0]
        if isinstance(node, ast.ClassDef | ast.Module):
            for before, after in zip(node.body, node.body[1:], strict=False):
                if isinstance(before, ast.Assign | ast.AnnAssign) and isinstance(after, ast.Expr):
                    yield ast.unparse(after).strip("'\"").partition("\n")[0]


def _words(tree: ast.Module, source: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from (found[0].lower() for found in WORDS.finditer(node.value))
        yield from (name for name in _names(node) if NAMES.search(name))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield from (found[0].lower() for found in WORDS.finditer(token.string))


def _names(node: ast.AST) -> Iterator[str]:
    """Yield the names that others see: of functions, classes, constants and fields."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    if isinstance(node, ast.ClassDef | ast.Module):
        targets = (one.targets[0] for one in node.body if isinstance(one, ast.Assign))
        yield from (target.id for target in targets if isinstance(target, ast.Name))
