"""Passages of a page that address machines, and not the page's visitors."""

import re

from landfall.llm.quoting import visible_text

_TO_MACHINES = re.compile(
    r"instruc|instruk|anweisung|istruzion|prompt|assistant|assistent|asistente|language model|"
    r"sprachmodell|\b(a\.?i\.?|ki|ia|llms?|gpt\S*|chatbots?|bots?)\b|ignore|ignorier|ignora|"
    r"disregard|\bscor(e|es|ing)\b|bewerte|punktzahl|puntuaci|rate this|"
    r"\b10 ?(/|of|out of|von|de) ?10\b|system message|json|<untrusted|"
    r"指示|評価|忽略|评分|инструкц|оценк|تعليمات",
    re.IGNORECASE,
)
"""Words of passages that address the model which scores a page, and not the page's visitors."""


def speaks_to_machines(passage: str) -> bool:
    """Return whether a passage addresses the model that scores the page."""
    # invisible characters would split its words
    return _TO_MACHINES.search(visible_text(passage, len(passage)).text) is not None
