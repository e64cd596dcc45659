"""Questions to the stand-in for OpenAI, and the general rule by which it answers.

A value of any schema is filled from the question, the same one each time:

- an array of objects with an id (`id`, `record_id`, `key`) has one object for each quoted text in
  the question; the id is the last word of the quoted text's name;
- a string is part of a line of the (matching) quoted text, so that it can be cited;
- everything else (a choice, a number, a Boolean, the length of an array) is drawn from a digest of
  the quoted text and of the place in the schema.

None of it is a judgement. `rules` has the rules for particular schemas.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from infra.local.openai.schemas import Schema, id_of, resolve

_QUOTED = re.compile(
    r'^<untrusted id=(\w+) name="([^"\n]*)"[^\n]*>\n(.*?)\n</untrusted id=\1>$', re.DOTALL | re.M
)


@dataclass(frozen=True)
class QuotedText:
    """Untrusted text quoted in a question, with its name."""

    name: str
    text: str

    @property
    def id(self) -> str:
        """The last word of the name."""
        return self.name.split()[-1] if self.name.split() else ""


@dataclass(frozen=True)
class ParsedQuestion:
    """A question as the stand-in reads it: the name and schema of its answer, and its texts."""

    name: str
    schema: Schema
    instructions: str
    text: str

    @cached_property
    def quotes(self) -> list[QuotedText]:
        """Its quoted texts, except the list of errors in a question for a repair."""
        found = [QuotedText(name, text) for _, name, text in _QUOTED.findall(self.text)]
        return [quote for quote in found if quote.name != "what was wrong"]


def general_answer(question: ParsedQuestion) -> Any:
    """Return a JSON value that answers a question of any schema."""
    text = "\n".join(quote.text for quote in question.quotes) or question.text
    return _GeneralRule(question).fill(question.schema, QuotedText("", text), question.name)


@dataclass(frozen=True)
class _GeneralRule:
    """The general rule, applied to one question."""

    question: ParsedQuestion

    def fill(self, schema: Schema, about: QuotedText, place: str) -> Any:
        """Return a value that the schema allows; values of two places differ."""
        schema = resolve(schema, self.question.schema)
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

    def _entries(self, schema: Schema, items: Schema, about: QuotedText, place: str) -> list[Any]:
        key = id_of(resolve(items, self.question.schema))
        if key and self.question.quotes:
            filled = [(f, self.fill(items, f, f"{place}[]")) for f in self.question.quotes]
            return [entry | {key: quote.id} for quote, entry in filled]
        least, most = schema.get("minItems", 0), schema.get("maxItems", 3)
        number = least + _draw(about.text, place) % (max(least, most) - least + 1)
        return [self.fill(items, about, f"{place}[{at}]") for at in range(number)]


def _draw(text: str, place: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{place}\0{text}".encode()).digest()[:8], "big")


def _text(schema: Schema, about: QuotedText, place: str) -> str:
    """Return a part of one line, verbatim, so that it can be cited."""
    lines = [line.strip() for line in about.text.splitlines() if line.strip()] or ["nothing"]
    line = lines[_draw(about.text, place) % len(lines)]
    return line[: min(120, schema.get("maxLength", 120))].rstrip()


def _number(schema: Schema, about: QuotedText, place: str, *, whole: bool) -> float:
    least, most = schema.get("minimum", 0), schema.get("maximum", 100)
    drawn = least + _draw(about.text, place) % (int(most - least) + 1)
    return int(drawn) if whole else float(drawn)


def to_json(value: Any) -> str:
    """Return the value as JSON."""
    return json.dumps(value, ensure_ascii=False)
