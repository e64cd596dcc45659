"""Another schedule in the text of a definition, whose other lines and comments stay as they are."""

from collections.abc import Mapping
from typing import Any

from landfall.scans.json_text import TextError
from landfall.scans.yaml_text import read_text, write_yaml

NAME = "schedule"


def with_schedule(text: str, schedule: Mapping[str, Any] | None) -> str:
    """Return a definition in YAML with this schedule, or without one.

    Comments within the old schedule are lost, and all of them where the text is no list of lines
    `name: value`, such as JSON. Raises `TextError`.
    """
    content = read_text(text)
    wanted = {name: value for name, value in content.value.items() if name != NAME}
    block = write_yaml({NAME: schedule}) if schedule else ""
    if schedule:
        wanted[NAME] = schedule
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    starts = sorted(line for path, line in content.lines.items() if len(path) == 1)
    first = content.lines.get((NAME,))
    if first is None:
        changed = [*lines, block]
    else:
        end = next((line for line in starts if line > first), len(lines) + 1) - 1
        while end > first and _between(lines[end - 1]):  # it belongs to what follows
            end -= 1
        changed = [*lines[: first - 1], block, *lines[end:]]
    new = "".join(changed)
    return new if _means(new, wanted) else write_yaml(wanted)


def _between(line: str) -> bool:
    return not line.strip() or line.startswith("#")


def _means(text: str, wanted: Mapping[str, Any]) -> bool:
    try:
        return bool(read_text(text).value == wanted)
    except TextError:
        return False
