"""The text of a definition, in YAML or its subset JSON, read into plain values."""

import json
import re
from typing import Any

import yaml


class YamlError(ValueError):
    """The text cannot be read. The message has the place, the problem, and the fix."""


def read_yaml(text: str) -> Any:
    """Return the content of the text, of any type. Raises `YamlError`."""
    try:
        content = yaml.load(text, _Yaml)  # noqa: S506  a SafeLoader
        # an unpaired surrogate cannot be stored
        json.dumps(content, default=str, skipkeys=True, ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        raise YamlError("this has an unpaired surrogate, or is nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        raise YamlError(f"{_place(error)}{error.problem}") from None
    except yaml.YAMLError as error:
        raise YamlError(f"this is not YAML: {error}") from None
    return content


def _place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark
    return f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""


class _Yaml(yaml.SafeLoader):
    """A YAML loader that refuses duplicate names, and reads `yes` and `no`, which may be the names
    of choices, as text.

    It refuses aliases: with them a few lines could expand to any number of rules.
    """

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event = self.peek_event()  # type: ignore[no-untyped-call]
            problem = f"*{event.anchor} is an alias, which is not allowed: write its value here"
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
