"""A key that is not one is named and not shown, before anything is changed."""

import secrets

import pytest

AS_A_FILE = {
    "two lines": "{half}\n{half}\n",
    "a blank": "{half} {half}",
    "quotes": '"{half}{half}"\n',
    "no ASCII": "{half}é{half}",
    "no text": b"\xff\xfe",
    "nothing": "\n",
}


@pytest.mark.parametrize("content", AS_A_FILE.values(), ids=AS_A_FILE)
def test_a_file_without_a_key(console, tmp_path, content):
    """Exit 2; the message has the option or the variable, and the fault."""
    half = secrets.token_hex(10)
    file = tmp_path / "key"
    raw = content if isinstance(content, bytes) else content.format(half=half).encode()
    file.write_bytes(raw)
    refused = console.deploy("--openai-api-key-file", str(file))
    assert (refused.status, refused.mutating) == (2, [])
    assert half not in refused.output + refused.errors
    said = "OPENAI_API_KEY is no key: it has ", "--openai-api-key-file: the file "
    assert any(it in refused.errors for it in said)


def test_a_key_in_place_of_its_file(console):
    """It is not repeated."""
    key = secrets.token_hex(20)
    refused = console.deploy("--openai-api-key-file", key)
    assert (refused.status, refused.mutating) == (2, [])
    assert "--openai-api-key-file: the file cannot be read: No such file" in refused.errors
    assert key not in refused.output + refused.errors
