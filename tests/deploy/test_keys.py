"""A key that is not one is named and not shown, before anything is changed."""

import copy
import secrets

import pytest

from tests.deploy.google_apis import PROJECT, ApiError
from tests.deploy.recorder import TOKEN
from tests.fakes.keys import a_key, shown, spelt_back

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


def test_a_key_among_the_arguments(console):
    """No command takes one there; the refusal does not repeat it."""
    for typed in "--airtable-key={}", "--key {}", "--set OPENAI_API_KEY={}", "AIRTABLE_API_KEY={}":
        key = a_key()
        refused = console.deploy(*typed.format(key).split())
        assert (refused.status, refused.mutating) == (2, [])
        assert shown(key, refused.output + refused.errors) == []


def said_back(console, key, *apis):
    """Have Google refuse every request to these APIs, with the key and the token in its answer."""

    def refuse(request):
        if request.api in apis:
            said = f"{spelt_back(f'Bearer {key}')} {spelt_back(f'Bearer {TOKEN}')}"
            raise ApiError(403, "PERMISSION_DENIED", f"{request.path}: {said}")
        return False

    console.recorder.refuses = refuse


@pytest.mark.parametrize("api", ["secretmanager", "run", "firestore", "cloudtasks", "iam"])
def test_google_says_a_key_back(console, tmp_path, api):
    """A deployment stops, and shows neither the key that it was given nor gcloud's token."""
    key, file = a_key(), tmp_path / "key"
    file.write_text(key)
    said_back(console, key, api)
    stopped = console.deploy("--airtable-api-key-file", str(file))
    console.recorder.refuses = None
    assert stopped.status != 0
    assert "Bearer [redacted]" in stopped.output + stopped.errors
    for secret in key, TOKEN:
        assert shown(secret, stopped.output + stopped.errors) == []


def test_everybody_says_a_key_back_to_doctor(console, monkeypatch):
    """Its checks fail, with the keys that it read in the answers; none is shown."""
    apis = copy.deepcopy(console.recorder.apis)
    monkeypatch.setattr(console.recorder, "apis", apis)
    keys = {name: a_key() for name in ("airtable", "openai")}
    for name, key in keys.items():
        version = f"projects/{PROJECT}/secrets/landfall-{name}-api-key/versions/9"
        apis.put("secretmanager", version, {"name": version, "state": "ENABLED"})
        apis.payloads[version] = key
        apis.outside[name] = (403, spelt_back(f"Bearer {key}"))
    for (api, _), service in apis.resources.items():
        if api == "run":
            variables = service["spec"]["template"]["spec"]["containers"][0]["env"]
            variables.append({"name": "AIRTABLE_ENDPOINT_URL", "value": "http://airtable.fake"})
            variables.append({"name": "OPENAI_BASE_URL", "value": "http://openai.fake/v1"})
    both = " ".join(keys.values())
    said_back(console, both, "firestore", "cloudtasks", "cloudscheduler", "monitoring", "api")
    found = console.run("doctor")
    console.recorder.refuses = None
    output = found.output + found.errors
    assert "the model API refuses the key (403)" in output
    assert "unknown " in output
    for secret in *keys.values(), TOKEN:
        assert shown(secret, output) == []
