import base64
from random import Random

import pytest

from landfall.process.redaction import MAX_TRACEBACK, Redactor

HEX = "0123456789abcdef" * 4
JWT = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=")
    for part in (b'{"alg":"RS256"}', b"{}", b"s")
)


def failed(message: str, depth: int = 0) -> Exception:
    """An error that was raised, `depth` calls deep."""

    def fall(left: int) -> None:
        if left:
            fall(left - 1)
        raise ValueError(message)

    try:
        fall(depth)
    except ValueError as error:
        return error
    raise AssertionError


@pytest.mark.parametrize(
    "secret",
    [f"patAbCdEfGhIjKlMn.{HEX}", "sk-proj-abcDEF_0123456789", JWT],
    ids=["airtable", "openai", "web token"],
)
@pytest.mark.parametrize("text", ["{}", "key={}, retry", "https://x.example/?key={}&n=1", "'{}'"])
def test_what_looks_like_a_token_is_masked(secret: str, text: str) -> None:
    """Tokens of the services that we call go, wherever they stand; what is around them stays."""
    assert Redactor().text(text.format(secret)) == text.format("[redacted]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer [redacted]"),
        ("authorization: bearer abcdefgh", "authorization: bearer [redacted]"),
        ("https://me:pass@host.example/x", "https://[redacted]@host.example/x"),
    ],
)
def test_credentials_are_masked_by_where_they_stand(text: str, shown: str) -> None:
    """The text after `Bearer`, and the user part of a URL, is a secret in any form."""
    assert Redactor().text(text) == shown


@pytest.mark.parametrize(
    "text",
    ["", "record recAbCdEfGhIjKlMn", "https://api.airtable.com/v0/appX:Y", "a path, a task-sk-1"],
)
def test_other_text_stays(text: str) -> None:
    """Ids, URLs and words are what a person needs to find the error."""
    assert Redactor(["s3cret"]).text(text) == text


def test_configured_secrets_are_masked_whole() -> None:
    """A secret that holds another is masked first; an empty one masks nothing."""
    redactor = Redactor(["abc", "abcdef", ""])
    assert redactor.text("abcdef abc ab") == "[redacted] [redacted] ab"


def test_secrets_are_not_in_a_repr() -> None:
    """A redactor is printed without its secrets."""
    assert repr(Redactor(["hunter2"])) == "Redactor(1 secrets)"


def test_a_traceback_is_cut_to_its_end() -> None:
    """The last 5,000 characters stay: the error itself is there."""
    traceback = Redactor().traceback(failed("the end of " + "it " * 900, depth=2))
    assert (MAX_TRACEBACK, len(Redactor().traceback(failed("x" * 9000)))) == (5000, 5000)
    assert "the end of it" in traceback
    assert len(traceback) <= 5000


def test_a_cut_does_not_uncover_a_secret() -> None:
    """Secrets are masked before the cut: wherever it falls, no part of one is left."""
    random, secret = Random(7), "abcdefghij" * 3
    for _ in range(50):
        text = "." * random.randrange(4900, 5100) + secret + "." * random.randrange(4900, 5100)
        shown = Redactor([secret]).traceback(failed(text))
        assert "abc" not in shown.replace("redaction", "")
        assert "hij" not in shown


def test_a_traceback_shows_the_causes() -> None:
    """The chain of errors stays, without secrets."""
    try:
        raise RuntimeError("outer") from failed("Bearer abcdefgh")
    except RuntimeError as error:
        traceback = Redactor().traceback(error)
    assert "ValueError: Bearer [redacted]" in traceback
    assert "RuntimeError: outer" in traceback
