"""The rules by which the stand-in for a language model classifies data elements.

They are stated, so that tests have a truth; they understand nothing. An element is what the words
of its name and description say, in this order:

    HRCI          one of `RESTRICTED`
    Public        one of `OPEN`
    Confidential  one of `PERSONAL` or `SENSITIVE`
    Proprietary   else

What a text tells the model to answer is a text like any other.
"""

import re
from collections.abc import Mapping
from typing import Any

from infra.local.openai.answers import Asked

# fmt: off
HEALTH = (
    "allergies", "allergy", "diagnosis", "disability", "health", "medical", "medication",
    "therapist", "therapy",
)
SECRET = ("password", "token")
IDENTIFYING = ("iban", "passport", "safeguarding")
RESTRICTED = (*HEALTH, *SECRET, *IDENTIFYING)
OPEN = ("brochure", "opening", "press", "public", "published")
PERSONAL = (
    "applicant", "attendance", "birth", "child", "e-mail", "employee", "guardian", "parent",
    "patient", "patient's", "student", "teacher", "telephone",
)
SENSITIVE = ("contract", "invoice", "salary")
VITAL = (
    "allergies", "allergy", "diagnosis", "emergency", "guardian", "medication", "safeguarding",
    "timetable",
)
OLD = ("brochure", "comment", "legacy", "motto", "note", "parking")
# fmt: on

CONTROLS = {
    "HRCI": ["encryption at rest", "access by named persons", "access log"],
    "Confidential": ["access by role", "encryption in transit"],
    "Proprietary": ["access for staff"],
    "Public": [],
}
RISK = {"HRCI": "high", "Confidential": "medium", "Proprietary": "low", "Public": "low"}


def answers(asked: Asked) -> dict[str, Any]:
    """What the stand-in answers about the elements of a question, each in its fence."""
    return {
        "elements": [{"id": fence.id, **classified(_told(fence.text))} for fence in asked.fences]
    }


def _told(text: str) -> dict[str, str]:
    """The parts of an element: a line each, with its name before it."""
    lines = (line.partition(": ") for line in text.splitlines())
    return {part: said for part, _, said in lines}


def classified(told: Mapping[str, str]) -> dict[str, Any]:
    """What the stand-in answers about an element; the labels are the defaults of Landfall."""
    words = _words(f"{told.get('name', '')} {told.get('description', '')}")
    security, why = _security(words)
    personal = (
        _first(words, (*HEALTH, *IDENTIFYING, *PERSONAL)) is not None and security != "Public"
    )
    references = _references(words, personal)
    return {
        "information_security_classification": security,
        "criticality": _criticality(words),
        "risk_level": RISK[security],
        "regulatory_flag": bool(references),
        "pii_flag": personal,
        "regulatory_references": references,
        "security_controls": CONTROLS[security],
        "rationale": f"The stand-in took it for {security}: {why}.",
        "confidence": 90 if told.get("description") else 40,
    }


def _security(words: list[str]) -> tuple[str, str]:
    for label, signs in (
        ("HRCI", RESTRICTED),
        ("Public", OPEN),
        ("Confidential", (*PERSONAL, *SENSITIVE)),
    ):
        word = _first(words, signs)
        if word:
            return label, f"it has the word {word!r}"
    return "Proprietary", "it has no word that says otherwise"


def _references(words: list[str], personal: bool) -> list[str]:
    health = _first(words, HEALTH) is not None
    student = _first(words, ("student",)) is not None
    return ["HIPAA"] * health + ["FERPA"] * student + ["GDPR"] * personal


def _criticality(words: list[str]) -> str:
    if _first(words, VITAL):
        return "high"
    return "low" if _first(words, OLD) else "medium"


def _first(words: list[str], signs: tuple[str, ...]) -> str | None:
    return next((word for word in words if word in signs), None)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+(?:[-'][a-z]+)*", text.casefold())
