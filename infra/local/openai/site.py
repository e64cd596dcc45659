"""The rules by which the stand-in for a language model judges a page of a web site.

They are explicit, so that tests have a ground truth; they understand nothing. A dimension is scored
by the number of lines with one of its words in `SIGNS`:

    no line          no score
    one line         6
    more lines       8

The quotation is the first such line. Lines of less than `MIN_LINE` characters are ignored. An
instruction to the model inside a page is a line like any other.
"""

import re
from typing import Any

from infra.local.openai.answers import ParsedQuestion

MIN_LINE = 12

SIGNS = {
    "clarity_first_impression": ("dental", "dentistry", "dentists", "practice"),
    "booking_path": ("appointment", "book", "call"),
    "mobile_experience": ("call", "tap"),
    "trust_and_proof": ("association", "patients", "recommend", "university"),
    "treatments_and_offer": ("cleaning", "crowns", "implant", "implants", "whitening"),
    "tech_basics": ("online",),
}

_DIMENSION = re.compile(r"^- (\w+): ", re.MULTILINE)


def page_answer(question: ParsedQuestion) -> dict[str, Any]:
    """Return the answer about the page that the question quotes."""
    lines = [line.strip() for quote in question.quotes for line in quote.text.splitlines()]
    lines_read = [line for line in lines if len(line) >= MIN_LINE]
    found = [_judge(name, lines_read) for name in _DIMENSION.findall(question.instructions)]
    return {
        "dimensions": [one for one in found if one],
        "critique": f"The stand-in counted words in {len(lines_read)} lines of this page.",
    }


def _judge(dimension: str, lines: list[str]) -> dict[str, Any] | None:
    signs = SIGNS.get(dimension, ())
    signed = [line for line in lines if any(word in signs for word in _words(line))]
    if not signed:
        return None
    return {
        "dimension": dimension,
        "score": 8 if len(signed) > 1 else 6,
        "why": f"The stand-in found words for it in {len(signed)} of the lines.",
        "quote": signed[0][:200],
    }


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.casefold())
