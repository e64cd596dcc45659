"""Answers have the headers, tags and bodies that programs expect; and a caller has an allowance."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import Response

from landfall.entry.allowances import MAX_BUCKETS, Allowances, bucket_of
from landfall.entry.manners import SAFE, in_json, problem_body
from landfall.process.config import load_config
from tests.fakes.windows import ENVIRONMENT

PROBLEM = problem_body(404, "not_found", "there is no run x")


def request(
    headers: Mapping[str, str] | None = None, method: str = "GET", path: str = "/runs"
) -> Request:
    pairs = [(name.encode(), value.encode()) for name, value in (headers or {}).items()]
    return Request({"type": "http", "method": method, "path": path, "headers": pairs})


def answer(content: Any, status: int = 200, **headers: str) -> Response:
    return in_json(request({k.replace("_", "-"): v for k, v in headers.items()}), status, content)


@pytest.mark.parametrize(("content", "status"), [({"a": 1}, 200), (PROBLEM, 404), ({}, 202)])
def test_every_answer_is_safe_to_receive(content: Any, status: int) -> None:
    """No cache keeps it, no browser guesses its type or shows it inside a page of others."""
    headers = answer(content, status).headers
    assert {name: headers.get(name) for name in SAFE} == SAFE


def test_a_refusal_is_a_problem() -> None:
    """As RFC 9457 has it; with `error`, which programs read before."""
    response = answer(PROBLEM, 404)
    assert response.headers["content-type"] == "application/problem+json"
    assert json.loads(bytes(response.body)) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no run x",
        "reason": "not_found",
        "error": {"code": "not_found", "message": "there is no run x"},
    }


def test_ill_health_is_no_problem_body() -> None:
    """It is the same as of good health, with another status."""
    assert answer({"status": "late"}, 503).headers["content-type"] == "application/json"


@pytest.mark.parametrize("form", ["{}", '"other", {}', "*", 'W/"x",{}'])
def test_what_a_caller_has_is_not_sent_again(form: str) -> None:
    """Until something differs."""
    tag = answer({"a": 1}).headers["etag"]
    response = answer({"a": 1}, if_none_match=form.format(tag))
    assert (response.status_code, bytes(response.body)) == (304, b"")
    assert response.headers["etag"] == tag
    if form != "*":
        assert answer({"a": 2}, if_none_match=form.format(tag)).status_code == 200


@pytest.mark.parametrize("given", ["", "nonsense", '"', "W/", '"unclosed', '"' * 1000])
def test_an_odd_tag_is_that_of_nothing(given: str) -> None:
    """The whole answer is sent."""
    assert answer({"a": 1}, if_none_match=given).status_code == 200


def test_the_tag_of_a_scan_begins_with_that_of_its_definition() -> None:
    """It differs with the schedule as well."""
    one, other = (answer({"etag": "3-ab", "next": n}).headers["etag"] for n in (1, 2))
    assert one.startswith('"3-ab.')
    assert other.startswith('"3-ab.')
    assert one != other


def test_only_what_was_read_has_a_tag() -> None:
    """An act is never "not modified"."""
    for method, status in (("POST", 200), ("GET", 202), ("GET", 404)):
        asked = request({"if-none-match": "*"}, method)
        response = in_json(asked, status, {"a": 1})
        assert (response.status_code, "etag" in response.headers) == (status, False)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_caller_has_a_burst_and_then_the_rate() -> None:
    """It is told the seconds until the next one, and other callers are not in its way."""
    clock = Clock()
    allowances = Allowances(200, clock)
    assert [allowances.take("ann").left for _ in range(60)] == [*reversed(range(60))]
    refused = allowances.take("ann")
    assert (refused.left, round(refused.wait, 3)) == (0, 0.3)
    assert refused.headers == {
        "RateLimit-Policy": '"caller";q=60;w=18',
        "RateLimit": '"caller";r=0;t=1',
        "Retry-After": "1",
    }
    assert allowances.take("bob").left == 59
    for _ in range(1000):  # one that goes on trying is not punished for it
        assert allowances.take("ann").wait
    clock.now += 0.3
    assert not allowances.take("ann").wait
    assert allowances.take("ann").wait
    clock.now += 3600
    allowed = [allowances.take("ann").wait == 0 for _ in range(61)]
    assert allowed == [True] * 60 + [False]


def test_the_memory_of_callers_is_bounded() -> None:
    """One who calls again and again is not forgotten by the others."""
    allowances = Allowances(60, Clock())
    for number in range(3 * MAX_BUCKETS):
        allowances.take(f"caller {number}")
        last = allowances.take("ann")
    assert last.wait
    assert len(allowances._full_at) == MAX_BUCKETS


@pytest.mark.parametrize(
    ("function", "method", "path", "headers", "bucket"),
    [
        ("api", "GET", "/health", {}, None),
        ("window", "GET", "/health", {}, None),
        ("window", "GET", "/assets/window.css", {}, None),
        ("window", "GET", "/", {"if-none-match": "x"}, "ann looks"),
        ("window", "GET", "/", {}, "ann"),
        ("window", "POST", "/health", {"if-none-match": "x"}, "ann"),
        ("api", "GET", "/runs", {"if-none-match": "x"}, "ann"),
        ("api", "GET", "/assets/window.css", {}, "ann"),
        ("api", "POST", "/runs", {}, "ann"),
    ],
)
def test_what_is_counted(
    function: str, method: str, path: str, headers: dict[str, str], bucket: str | None
) -> None:
    """Health never is; a look whether a page has changed is counted by itself."""
    assert bucket_of(function, request(headers, method, path), "ann") == bucket


def test_only_people_and_programs_have_an_allowance() -> None:
    """Cloud Tasks and Cloud Scheduler are not slowed down."""
    environment = ENVIRONMENT | {"LANDFALL_REQUESTS_A_MINUTE": "10", "LANDFALL_CALLERS": "a@b.c"}
    rates = {}
    for function in ("api", "window", "fetch", "score", "scheduler", "watchdog"):
        allowances = Allowances.of(load_config(function, environment))
        rates[function] = allowances.take("ann").a_minute if allowances else None
    assert rates == {"api": 10, "window": 30} | dict.fromkeys(
        ("fetch", "score", "scheduler", "watchdog")
    )
