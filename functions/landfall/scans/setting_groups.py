"""The groups of settings that a definition's models are: which there are at a place, and where."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, TypeAlias, get_args, get_type_hints

from pydantic import BaseModel, Tag

Group: TypeAlias = type[BaseModel]
"""A group of settings."""

MAX_LEVELS = 4
"""Levels of groups in which a setting of another place is looked for."""


def names_of(group: Group) -> list[str]:
    """Return the names of a group's settings, as people write them."""
    return [field.alias or name for name, field in group.model_fields.items()]


def groups_at(group: Group, location: Sequence[Any]) -> list[Group]:
    """Return the groups of settings at a location of pydantic within a group."""
    groups, annotations = [group], [Any]
    for part in location:
        if isinstance(part, str) and part[:1] == "(":  # a choice between groups, by its tag
            groups = [one for annotation in annotations for one in _tagged(annotation, part)]
        elif isinstance(part, str):
            inner = [_inner(one) for one in groups]
            annotations = [names[part] for names in inner if part in names]
            groups = [one for annotation in annotations for one in _groups(annotation)]
    return list(dict.fromkeys(groups))


@cache
def places(group: Group) -> Mapping[str, str]:
    """Return the place of each setting in the groups that a group holds, the nearest first."""
    found: dict[str, str] = {}
    level = [("", group)]
    for _ in range(MAX_LEVELS):
        level = [
            (f"{path}{name}.", one)
            for path, outer in level
            for name, annotation in _inner(outer).items()
            for one in _groups(annotation)
        ]
        for path, one in level:
            found = {name: f"{path}{name}" for name in names_of(one)} | found
    return found


@cache
def _inner(group: Group) -> Mapping[str, Any]:
    """Return the annotation of each setting of a group."""
    hints = get_type_hints(group, include_extras=True)
    return {field.alias or name: hints[name] for name, field in group.model_fields.items()}


def _groups(annotation: Any) -> Iterator[Group]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _groups(argument)


def _tagged(annotation: Any, tag: str) -> Iterator[Group]:
    arguments = get_args(annotation)
    if any(isinstance(one, Tag) and one.tag == tag for one in arguments):
        yield from _groups(arguments[0])
        return
    for argument in arguments:
        yield from _tagged(argument, tag)
