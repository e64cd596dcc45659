"""The rules by which the stand-in for a language model judges a page of a web site.

They are stated, so that tests have a truth; they understand nothing. What a page says about a
dimension is what its lines have of the words in `SIGNS`:

    no line          nothing is said about it
    one line         6
    more lines       8

The quotation is the first such line; lines of less than `LEAST` characters are passed over. What a
page tells the model to answer is a line like any other.
"""

import re
from typing import Any

from infra.local.openai.answers import Asked

LEAST = 12

SIGNS = {
    "clarity_first_impression": ("dental", "dentistry", "dentists", "practice"),
    "booking_path": ("appointment", "book", "call"),
    "mobile_experience": ("call", "tap"),
    "trust_and_proof": ("association", "patients", "recommend", "university"),
    "treatments_and_offer": ("cleaning", "crowns", "implant", "implants", "whitening"),
    "tech_basics": ("online",),
}

_DIMENSION = re.compile(r"^- (\w+): ", re.MULTILINE)


def answers(asked: Asked) -> dict[str, Any]:
    """What the stand-in answers about the page in the question's fence."""
    lines = [line.strip() for fence in asked.fences for line in fence.text.splitlines()]
    told = [line for line in lines if len(line) >= LEAST]
    found = [_judged(name, told) for name in _DIMENSION.findall(asked.instructions)]
    return {
        "dimensions": [one for one in found if one],
        "critique": f"The stand-in has counted words in {len(told)} lines of this page.",
    }


def _judged(dimension: str, lines: list[str]) -> dict[str, Any] | None:
    signs = SIGNS.get(dimension, ())
    having = [line for line in lines if any(word in signs for word in _words(line))]
    if not having:
        return None
    return {
        "dimension": dimension,
        "score": 8 if len(having) > 1 else 6,
        "why": f"The stand-in found signs of it in {len(having)} of the lines.",
        "quote": having[0][:200],
    }


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.casefold())
