"""The tree of errors: what a caller is answered, drawn where the errors begin."""

import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import landfall
import landfall.reasons
from landfall.entry.serve import problem
from landfall.reasons import LandfallError
from landfall.store.documents import StoreError


def _load_all() -> None:
    for module in pkgutil.walk_packages(landfall.__path__, "landfall."):
        importlib.import_module(module.name)


def _drawn(error: type[LandfallError], indent: str = "") -> Iterator[str]:
    below = sorted(error.__subclasses__(), key=lambda one: (one.status, one.__name__))
    ours = [one for one in below if one.__module__.startswith("landfall.")]
    for number, one in enumerate(ours, 1):
        last = number == len(ours)
        name = f"{indent}{'└── ' if last else '├── '}{one.__name__}"
        yield f"    {name:42}{one.status} {one.code}"
        yield from _drawn(one, indent + ("    " if last else "│   "))


def test_the_tree_is_drawn_as_it_is() -> None:
    """With the status and the code of each, in the docstring of `landfall.reasons`."""
    _load_all()
    root = f"    {'LandfallError':42}{LandfallError.status} {LandfallError.code}"
    tree = "\n".join([root, *_drawn(LandfallError)])
    assert tree in (inspect.getdoc(landfall.reasons) or ""), f"the tree is:\n\n{tree}"


def test_every_error_says_what_it_is() -> None:
    """Its docstring is the message for whoever reads the code."""
    _load_all()
    waiting = [LandfallError]
    while waiting:
        error = waiting.pop()
        assert error.__doc__
        waiting += error.__subclasses__()


def test_an_answer_does_not_repeat_what_is_only_for_the_log() -> None:
    """What the store said may name a document."""
    status, content = problem(StoreError("no answer to runs/m-1"))
    assert (status, content["error"]["code"]) == (500, "store_unavailable")
    assert content["error"]["message"] == "Firestore cannot be used at the moment; try again"
