"""The rules by which the stand-in for a language model classifies data elements.

They are explicit, so that tests have a ground truth; they understand nothing. The words of an
element's name and description decide its label, in this order:

    HRCI          one of `RESTRICTED`
    Public        one of `OPEN`
    Confidential  one of `PERSONAL` or `SENSITIVE`
    Proprietary   otherwise

An instruction to the model inside a text is a text like any other.
"""

import re
from collections.abc import Mapping
from typing import Any

from infra.local.openai.answers import ParsedQuestion

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


def element_answers(question: ParsedQuestion) -> dict[str, Any]:
    """Return the answers about the elements of a question, one for each quoted text."""
    return {
        "elements": [
            {"id": quote.id, **classify(_parse_element(quote.text))} for quote in question.quotes
        ]
    }


def _parse_element(text: str) -> dict[str, str]:
    """Return the parts of an element: one on each line, after its name."""
    lines = (line.partition(": ") for line in text.splitlines())
    return {part: value for part, _, value in lines}


def classify(element: Mapping[str, str]) -> dict[str, Any]:
    """Return the answer about an element; the labels are the defaults of Landfall."""
    words = _words(f"{element.get('name', '')} {element.get('description', '')}")
    security, why = _security(words)
    personal = (
        _first_sign(words, (*HEALTH, *IDENTIFYING, *PERSONAL)) is not None and security != "Public"
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
        "rationale": f"The stand-in chose {security}: {why}.",
        "confidence": 90 if element.get("description") else 40,
    }


def _security(words: list[str]) -> tuple[str, str]:
    for label, signs in (
        ("HRCI", RESTRICTED),
        ("Public", OPEN),
        ("Confidential", (*PERSONAL, *SENSITIVE)),
    ):
        word = _first_sign(words, signs)
        if word:
            return label, f"the text has the word {word!r}"
    return "Proprietary", "no word suggests another label"


def _references(words: list[str], personal: bool) -> list[str]:
    health = _first_sign(words, HEALTH) is not None
    student = _first_sign(words, ("student",)) is not None
    return ["HIPAA"] * health + ["FERPA"] * student + ["GDPR"] * personal


def _criticality(words: list[str]) -> str:
    if _first_sign(words, VITAL):
        return "high"
    return "low" if _first_sign(words, OLD) else "medium"


def _first_sign(words: list[str], signs: tuple[str, ...]) -> str | None:
    return next((word for word in words if word in signs), None)


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+(?:[-'][a-z]+)*", text.casefold())
