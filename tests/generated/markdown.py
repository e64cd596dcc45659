"""Pieces of Markdown, and the texts that they take from the code."""

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).parents[2]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar within a cell is escaped."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def anchor(heading: str) -> str:
    """Return the fragment that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors(text: str) -> set[str]:
    """Return the fragments of a document's headings; a repeated heading gets a number."""
    found = Counter[str]()
    fragments = set()
    for heading in re.findall(r"^#+ (.+)$", unfenced(text), re.MULTILINE):
        fragment = anchor(heading)
        fragments.add(f"{fragment}-{found[fragment]}" if found[fragment] else fragment)
        found[fragment] += 1
    return fragments


def links(text: str) -> list[tuple[str, str]]:
    """Return the path and the fragment of each link that stays in the repository."""
    targets = re.findall(r"\]\(([^)\s]+)\)", unfenced(text))
    split = (target.partition("#")[::2] for target in targets if "://" not in target)
    return [(path, fragment) for path, fragment in split]


def fences(text: str, language: str) -> list[str]:
    """Return the blocks of code in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def unfenced(text: str) -> str:
    """Return a document without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def code_spans(text: str) -> list[str]:
    """Return what stands between backticks within the prose and the tables."""
    return re.findall(r"`([^`\n]+)`", unfenced(text))


def listed(names: Iterable[str]) -> str:
    """Return names as code, with commas."""
    return ", ".join(f"`{name}`" for name in names)


def first_paragraph(of: object) -> str:
    """Return the first paragraph of a docstring, on one line."""
    text = inspect.cleandoc(of.__doc__ or "")
    return " ".join(text.split("\n\n")[0].split())


def first_sentence(of: object) -> str:
    """Return a docstring up to what it raises, or to its second paragraph."""
    return first_paragraph(of).split(" Raises")[0]


def field_docs(path: str, name: str) -> dict[str, str]:
    """Return the text below each field of a class, by the field."""
    tree = ast.parse((ROOT / path).read_text())
    body = next(
        node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name
    )
    return {
        field.target.id: " ".join(str(text.value.value).split())
        for field, text in pairwise(body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
    }


def heredoc(path: str, word: str) -> str:
    """Return the text that a shell script prints with `cat <<'WORD'`."""
    found = re.search(rf"<<'{word}'\n(.*?)\n{word}\n", (ROOT / path).read_text(), re.DOTALL)
    assert found, f"{path} prints no {word}"
    return found[1]
