"""Nobody gets in without a token of the right issuer, for us, from a caller on the list."""

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

import httpx
import pytest
import pytest_asyncio

from infra.local.environment import (
    AUDIENCE,
    DEVELOPER,
    QUEUE,
    SCHEDULER_ACCOUNT,
    TASKS_ACCOUNT,
)
from infra.local.issuer import Issuer
from infra.local.stack import Stack
from landfall.process.config import FUNCTIONS
from landfall.runs.cloud_tasks import cloud_tasks_client
from tests.end_to_end.acting import save, scan, start
from tests.end_to_end.conftest import SMALL
from tests.end_to_end.firestore import everything

pytestmark = pytest.mark.asyncio(loop_scope="session")


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def waiting_run(stack: Stack) -> AsyncIterator[str]:
    """A run whose task is held back: a call that got in would claim its step."""
    client = cloud_tasks_client(stack.addresses.tasks)
    await client.pause_queue(name=QUEUE)
    run_id = await start(stack, scan(SMALL, "auth"))
    # and a schedule that the next tick would find due
    await save(stack, scan(SMALL, "auth-due", schedule={"cadence": {"every_minutes": 1}}))
    yield run_id
    await stack.call("POST", f"/runs/{run_id}/cancel")
    await client.resume_queue(name=QUEUE)
    await client.transport.close()


def _unsigned(email: str) -> str:
    claims = {"iss": "https://issuer.landfall.local", "aud": AUDIENCE, "email": email}
    parts = [{"alg": "none", "typ": "JWT"}, claims | {"email_verified": True, "exp": 2**33}]
    return (
        ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts)
        + "."
    )


def _bad_tokens(issuer: Issuer) -> dict[str, str | None]:
    """Authorization headers that must end in 401."""
    return {
        "none": None,
        "empty": "Bearer",
        "garbage": "Bearer not.a.token",
        "basic": "Basic dXNlcjpwYXNzd29yZA==",
        "unsigned": f"Bearer {_unsigned(DEVELOPER)}",
        "expired": f"Bearer {issuer.token(DEVELOPER, AUDIENCE, lifetime=-60)}",
        "for somebody else": f"Bearer {issuer.token(DEVELOPER, 'https://elsewhere.example')}",
        "foreign key": f"Bearer {Issuer().token(DEVELOPER, AUDIENCE)}",
        "foreign issuer": f"Bearer {issuer.token(DEVELOPER, AUDIENCE, iss='https://evil.example')}",
        "no address": f"Bearer {issuer.token('', AUDIENCE)}",
        "unverified": f"Bearer {issuer.token(DEVELOPER, AUDIENCE, email_verified=False)}",
    }


async def _statuses(stack: Stack, run_id: str, headers: list[str | None]) -> dict[str, set[int]]:
    """What each function answers to a call that would do something."""
    bodies: dict[str, Any] = {
        name: {"run_id": run_id, "step_id": name, "attempt": 0} for name in ("fetch", "score")
    }
    bodies["api"] = {"scan_id": "auth"}
    answered: dict[str, set[int]] = {name: set() for name in FUNCTIONS}
    async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
        for name in FUNCTIONS:
            url = asdict(stack.addresses)[name] + ("/runs" if name == "api" else "")
            for header in headers:
                given = {"Authorization": header} if header is not None else {}
                answer = await client.post(url, json=bodies.get(name, {}), headers=given)
                answered[name].add(answer.status_code)
    return answered


async def test_every_function_refuses_a_bad_token(stack: Stack, waiting_run: str) -> None:
    """401 from all five, whatever is wrong with it."""
    answered = await _statuses(stack, waiting_run, list(_bad_tokens(stack.issuer).values()))
    assert answered == {name: {401} for name in FUNCTIONS}


async def test_every_function_refuses_a_stranger(stack: Stack, waiting_run: str) -> None:
    """403: the token is good, and its owner is not on the list."""
    token = stack.issuer.token("stranger@people.example", AUDIENCE)
    answered = await _statuses(stack, waiting_run, [f"Bearer {token}"])
    assert answered == {name: {403} for name in FUNCTIONS}


async def test_each_function_has_its_own_list(stack: Stack) -> None:
    """Cloud Scheduler's account may not deliver tasks, and Cloud Tasks' may not tick."""
    scheduler, tasks = (
        f"Bearer {stack.issuer.token(account, AUDIENCE)}"
        for account in (SCHEDULER_ACCOUNT, TASKS_ACCOUNT)
    )
    by_scheduler = await _statuses(stack, "no-such-run", [scheduler])
    assert {name for name, status in by_scheduler.items() if status == {403}} == {
        *("fetch", "score", "api")
    }
    by_tasks = await _statuses(stack, "no-such-run", [tasks])
    assert {name for name, status in by_tasks.items() if status == {403}} == {
        *("scheduler", "watchdog", "api")
    }


async def test_who_is_refused_has_done_nothing(stack: Stack, waiting_run: str) -> None:
    """Not one document is written, no run is made, Airtable is not asked."""
    assert stack.airtable
    before, requests = await everything(stack), len(stack.airtable.requests)
    stranger = f"Bearer {stack.issuer.token('stranger@people.example', AUDIENCE)}"
    await _statuses(stack, waiting_run, [*_bad_tokens(stack.issuer).values(), stranger])
    assert len(before) > 5
    assert await everything(stack) == before
    assert len(stack.airtable.requests) == requests


async def test_a_refusal_does_not_repeat_the_token(stack: Stack) -> None:
    """The answer says what is wrong, without the token in it."""
    token = stack.issuer.token(DEVELOPER, "https://elsewhere.example")
    async with httpx.AsyncClient(trust_env=False) as client:
        answer = await client.get(stack.addresses.api, headers={"Authorization": f"Bearer {token}"})
    assert token not in answer.text
    assert answer.json()["error"]["code"] == "unauthenticated"
