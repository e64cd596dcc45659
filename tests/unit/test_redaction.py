import base64
import json
import sys
import time
from random import Random
from urllib.parse import quote, quote_plus

import pytest

from landfall.process.redaction import MAX_TRACEBACK, Redactor, guard_output

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
    [
        "",
        "record recAbCdEfGhIjKlMn",
        "https://api.airtable.com/v0/appX:Y",
        "a path, a task-sk-1",
        "https://a.example/sk-kontaktujte-nas-2026",
    ],
)
def test_other_text_stays(text: str) -> None:
    """Ids, URLs and words are what a person needs to find the error."""
    assert Redactor(["s3cret"]).text(text) == text


def test_configured_secrets_are_masked_whole() -> None:
    """A secret that holds another is masked first; an empty one masks nothing."""
    redactor = Redactor(["abcdef", "abcdefghi", ""])
    assert redactor.text("abcdefghi abcdef abc") == "[redacted] [redacted] abc"


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


PASTED = "Ke/y+0~äöü.QwErTyUiOpAsDfGhJkL='x'"
SPELT = {
    "JSON": json.dumps(PASTED),
    "JSON with its letters": json.dumps(PASTED, ensure_ascii=False),
    "Python": repr([PASTED]),
    "bytes": repr(PASTED.encode()),
    "a query": f"https://a.example/?key={quote_plus(PASTED)}&n=1",
    "a path": f"https://a.example/{quote(PASTED)}/x",
    "all of it in percent": quote(PASTED, safe=""),
    "base64": base64.b64encode(PASTED.encode()).decode(),
    "base64 of a header": base64.b64encode(f"Bearer {PASTED}".encode()).decode(),
    "base64 of user and key": base64.b64encode(f"u:{PASTED}".encode()).decode(),
    "base64 for URLs": base64.urlsafe_b64encode(f"ab{PASTED}cd".encode()).decode(),
}


@pytest.mark.parametrize("text", SPELT.values(), ids=SPELT)
@pytest.mark.parametrize("cut", [slice(None), slice(0, -9), slice(9, None), slice(6, -6)])
def test_a_secret_is_masked_however_it_is_spelt(text: str, cut: slice) -> None:
    """Also a part of it: a service, a log or a terminal may have cut the text."""
    shown = Redactor([PASTED]).text(text[cut])
    for part in (text[at : at + 14] for at in range(len(text) - 13)):
        if not any(it in part for it in ("//", "exam", "Bearer", "QmVhcmVy")):
            assert part not in shown


@pytest.mark.parametrize("secret", ["none", "a", "", " \n", "12345"])
def test_what_is_no_secret_masks_nothing(secret: str) -> None:
    """A placeholder for a server that needs no key stands in ordinary words."""
    text = "none of 12345 a-b was found\n"
    assert Redactor([secret]).text(text) == text


@pytest.mark.parametrize(
    "secret", ['pa"ss w', "p\\ss'w0", "  spaced-out \n", "pässwörd", "ab\ncde"]
)
def test_a_short_secret_is_masked_as_it_is(secret: str) -> None:
    """No part of it is long enough to be found."""
    shown = Redactor([secret]).text(f"the key is {secret}, it said")
    assert secret.strip() not in shown
    assert "the key is" in shown
    assert "[redacted]" in shown


def test_a_part_of_a_secret_leaves_a_mask() -> None:
    """Whoever reads the text sees that something is left out, and the text around it."""
    redactor = Redactor(["abcdefghijklmnopqrstuvwxyz0123456789"])
    assert redactor.text("before defghijklmnopqrst after") == "before [redacted] after"


def test_ids_are_no_parts_of_a_key() -> None:
    """A run of zeros is in many ids, and in the keys of tests."""
    assert Redactor([f"patTest.{'0' * 40}"]).text(f"rec{'0' * 13}1") == f"rec{'0' * 13}1"


def test_masking_is_quick() -> None:
    """A million characters, also where they are much like a key, in less than a second."""
    for secret in "x9" * 5_000, HEX * 50, "sk-proj-AbCdEfGh0123456789xyz":
        redactor = Redactor([secret])
        for text in "x9" * 100_000, "lorem ipsum 0123" * 20_000, secret[:-1] + " " * 500_000:
            began = time.process_time()
            redactor.text(text)
            assert time.process_time() - began < 2, (secret[:9], text[:9])


def test_the_output_of_a_process_is_guarded(capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever writes to it, in pieces of a line or not; scripts see no other difference."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("stdout", "stderr"):
            patch.setattr(sys, name, getattr(sys, name))
        guard_output(PASTED)
        guard_output()
        sys.stdout.write(f"it is {PASTED}, ")
        sys.stderr.writelines([f"{PASTED}\n", "end\n"])
        assert sys.stdout.isatty() is False
    assert capsys.readouterr() == ("it is [redacted], ", "[redacted]\nend\n")
