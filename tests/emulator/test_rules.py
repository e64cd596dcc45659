"""Nobody but the functions reads or writes: Firestore's rules, over the emulator's REST API."""

import base64
import json
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

RULES = Path(__file__).parents[2] / "infra/firestore.rules"
# a token as a signed-in user has one; the emulator takes it unsigned
USER = ".".join(
    base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=")
    for part in ({"alg": "none"}, {"sub": "ann", "user_id": "ann"}, "")
)
FIELDS = {"fields": {"status": {"stringValue": "done"}}}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """Yield a client that waits for the first answers of an emulator that has just started."""
    with httpx.Client(timeout=60) as opened:
        yield opened


def documents(host: str, project: str) -> str:
    return f"http://{host}/v1/projects/{project}/databases/(default)/documents"


@pytest.fixture
def project() -> str:
    """A database of its own."""
    return f"test-{secrets.token_hex(6)}"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/runs/r1", None),
        ("GET", "/runs", None),
        ("GET", "/runs/r1/results/name-000000", None),
        ("POST", ":runQuery", {"structuredQuery": {"from": [{"collectionId": "runs"}]}}),
        ("POST", "/runs?documentId=r2", FIELDS),
        ("PATCH", "/runs/r1", FIELDS),
        ("PATCH", "/anything/else", FIELDS),
        ("DELETE", "/runs/r1", None),
    ],
)
@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": f"Bearer {USER}"}], ids=["nobody", "signed in"]
)
def test_a_client_is_denied(
    client: httpx.Client,
    emulator_host: str,
    project: str,
    method: str,
    path: str,
    body: Any,
    headers: dict[str, str],
) -> None:
    """Whoever is not a server's service account may neither read nor write, anywhere."""
    url = documents(emulator_host, project) + path
    answer = client.request(method, url, json=body, headers=headers)
    assert answer.status_code == 403


def test_what_is_denied_is_not_done(client: httpx.Client, emulator_host: str, project: str) -> None:
    """The emulator's owner, who no rule binds, finds no document after the try."""
    url = documents(emulator_host, project) + "/runs/r1"
    client.patch(url, json=FIELDS)
    owner = {"Authorization": "Bearer owner"}
    assert client.get(url, headers=owner).status_code == 404
    assert client.patch(url, json=FIELDS, headers=owner).status_code == 200


@pytest.mark.parametrize(("appendix", "status"), [("", 200), ("allow what?", 400)])
def test_the_rules_compile(
    client: httpx.Client, emulator_host: str, project: str, appendix: str, status: int
) -> None:
    """The file is what Firestore takes; what is no rule is found here, not at the deployment."""
    files = [{"name": RULES.name, "content": RULES.read_text() + appendix}]
    url = f"http://{emulator_host}/emulator/v1/projects/{project}:securityRules"
    answer = client.put(url, json={"rules": {"files": files}})
    assert answer.status_code == status
