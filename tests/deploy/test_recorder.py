"""The recorder's own behaviour, where gcloud does not show all of it."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from infra.cloud.resources.apis import APIS
from tests.deploy.google_apis import ApiError, GoogleApis, parse_request

FILE = os.urandom(3000)


@pytest.fixture
def apis() -> GoogleApis:
    """A project with a bucket."""
    found = GoogleApis()
    found.enabled = {name.split(".")[0] for name in APIS}
    found.put("storage", "b/sources", {"name": "sources"})
    return found


@pytest.fixture
def send(apis: GoogleApis) -> Callable[[bytes, str], Any]:
    """Start an upload in parts, and return what sends a part of it."""
    start = (
        "http://storage.fake/resumable/upload/storage/v1/b/sources/o?uploadType=resumable&name=a"
    )
    request = parse_request("POST", start, b'{"size": "3000"}')
    apis.answer(request)
    session = request.answered["Location"]
    return lambda part, where: apis.answer(parse_request("PUT", session, part, "", where))


def told(send: Callable[[bytes, str], Any], part: bytes, where: str) -> tuple[int, str]:
    """Return the status of an answer that does not end an upload, and how far it says it came."""
    with pytest.raises(ApiError) as caught:
        send(part, where)
    return caught.value.code, caught.value.headers.get("Range", "")


def test_a_file_that_is_uploaded_in_parts_is_whole(apis, send):
    """Each part is confirmed, a question in between too, and the last one makes the object."""
    assert told(send, b"", "bytes */3000") == (308, "")
    assert told(send, FILE[:1000], "bytes 0-999/3000") == (308, "bytes=0-999")
    assert told(send, b"", "bytes */3000") == (308, "bytes=0-999")
    assert told(send, FILE[1000:2000], "bytes 1000-1999/*") == (308, "bytes=0-1999")
    made = send(FILE[2000:], "bytes 2000-2999/3000")
    assert (made["name"], made["bucket"], made["size"]) == ("a", "sources", "3000")
    assert bytes.fromhex(apis.payloads["sources/a"]) == FILE
    assert apis.uploads == {}


@pytest.mark.parametrize(
    "where", ["bytes 1-1000/3000", "bytes 0-998/3000", "bytes 5000-5999/3000", "1000 bytes"]
)
def test_a_part_in_a_wrong_place_is_refused(apis, send, where):
    """It would make another file of it."""
    assert told(send, FILE[:1000], where) == (400, "")
    assert "sources/a" not in apis.payloads


def test_a_part_that_is_json_by_chance_stays_as_it_is(apis, send):
    """Digits alone are a number to a parser of JSON."""
    send(b"7" * 3000, "bytes 0-2999/3000")
    assert bytes.fromhex(apis.payloads["sources/a"]) == b"7" * 3000
