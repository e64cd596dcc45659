"""The text of a definition: YAML, of which JSON is a part, into plain values."""

import json
import re
from typing import Any

import yaml


class TextError(ValueError):
    """The text cannot be read. The message says where, what, and the fix."""


def read(text: str) -> Any:
    """What the text says, whatever that is. Raises `TextError`."""
    try:
        content = yaml.load(text, _Yaml)  # noqa: S506  a SafeLoader
        # half a character cannot be stored
        json.dumps(content, default=str, skipkeys=True, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        raise TextError("this has half a character, or is far too deep") from None
    except yaml.MarkedYAMLError as error:
        raise TextError(f"{_place(error)}{error.problem}") from None
    except yaml.YAMLError as error:
        raise TextError(f"this is not YAML: {error}") from None
    return content


def _place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


class _Yaml(yaml.SafeLoader):
    """YAML in which a name is given once, and `yes` and `no` are text: they name choices.

    Nothing stands for something that is written elsewhere: a few lines could be any number of
    rules then.
    """

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            problem = f"*{event.anchor} stands for something else: write that out here"
            raise yaml.MarkedYAMLError(None, None, problem, event.start_mark)
        node: yaml.Node | None = super().compose_node(parent, index)
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(
                    None, None, f"{key.value!r} is given twice", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


_BOOL = "tag:yaml.org,2002:bool"
_Yaml.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in known if tag != _BOOL]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Yaml.add_implicit_resolver(_BOOL, re.compile("(true|True|TRUE|false|False|FALSE)$"), list("tTfF"))
