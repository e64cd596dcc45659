"""What the stand-in for OpenAI is asked, and the general rule by which it answers.

Any shape is filled from the question, the same each time:

- an array of objects with an id (`id`, `record_id`, `key`) has one for each fence in the question,
  whose id is the last word of the fence's name;
- text is a part of the (matching) fence's text, so that it can be cited;
- everything else (a choice, a number, true or false, how many entries) is drawn from a digest of
  the fence's text and of where it stands.

None of it is a judgement, and nobody should take it for one. `rules` has other rules.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infra.local.openai.schemas import Schema, id_of, resolved

_FENCE = re.compile(
    r'^<untrusted id=(\w+) name="([^"\n]*)"[^\n]*>\n(.*?)\n</untrusted id=\1>$', re.DOTALL | re.M
)


@dataclass(frozen=True)
class Fence:
    """Fenced text of a question, by its name."""

    name: str
    text: str

    @property
    def id(self) -> str:
        """The last word of the name."""
        return self.name.split()[-1] if self.name.split() else ""


@dataclass(frozen=True)
class Asked:
    """A question as the stand-in sees it: the shape's name and schema, instructions and text."""

    name: str
    schema: Schema
    instructions: str
    text: str

    @cached_property
    def fences(self) -> list[Fence]:
        """Its fenced parts; what a repair's question says was wrong is none of them."""
        found = [Fence(name, text) for _, name, text in _FENCE.findall(self.text)]
        return [fence for fence in found if fence.name != "what was wrong"]


def general(asked: Asked) -> Any:
    """The JSON value that answers a question of any shape."""
    text = "\n".join(fence.text for fence in asked.fences) or asked.text
    return _General(asked).fill(asked.schema, Fence("", text), asked.name)


@dataclass(frozen=True)
class _General:
    """The general rule, for one question."""

    asked: Asked

    def fill(self, schema: Schema, about: Fence, place: str) -> Any:
        """A value that the schema allows; `place` tells two of them apart."""
        schema = resolved(schema, self.asked.schema)
        match schema:
            case {"const": value}:
                return value
            case {"enum": values}:
                return values[_draw(about.text, place) % len(values)]
            case {"anyOf": choices}:
                return self.fill(choices[0], about, place)
            case {"type": "object"}:
                return {
                    name: self.fill(part, about, f"{place}.{name}")
                    for name, part in schema.get("properties", {}).items()
                }
            case {"type": "array", "items": items}:
                return self._entries(schema, items, about, place)
            case {"type": "string"}:
                return _text(schema, about, place)
            case {"type": "integer" | "number" as kind}:
                return _number(schema, about, place, whole=kind == "integer")
            case {"type": "boolean"}:
                return _draw(about.text, place) % 2 == 0
            case _:
                return None

    def _entries(self, schema: Schema, items: Schema, about: Fence, place: str) -> list[Any]:
        key = id_of(resolved(items, self.asked.schema))
        if key and self.asked.fences:
            filled = [(f, self.fill(items, f, f"{place}[]")) for f in self.asked.fences]
            return [entry | {key: fence.id} for fence, entry in filled]
        least, most = schema.get("minItems", 0), schema.get("maxItems", 3)
        number = least + _draw(about.text, place) % (max(least, most) - least + 1)
        return [self.fill(items, about, f"{place}[{at}]") for at in range(number)]


def _draw(text: str, place: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{place}\0{text}".encode()).digest()[:8], "big")


def _text(schema: Schema, about: Fence, place: str) -> str:
    """A part of one line, as it stands there: it can be cited."""
    lines = [line.strip() for line in about.text.splitlines() if line.strip()] or ["nothing"]
    line = lines[_draw(about.text, place) % len(lines)]
    return line[: min(120, schema.get("maxLength", 120))].rstrip()


def _number(schema: Schema, about: Fence, place: str, *, whole: bool) -> float:
    least, most = schema.get("minimum", 0), schema.get("maximum", 100)
    drawn = least + _draw(about.text, place) % (int(most - least) + 1)
    return int(drawn) if whole else float(drawn)


def as_text(value: Any) -> str:
    """How the stand-in writes JSON."""
    return json.dumps(value, ensure_ascii=False)
