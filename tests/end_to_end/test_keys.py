"""A key that a service says back is in no log, answer or document of the functions."""

import asyncio
from collections.abc import Sequence

import pytest

from infra.local.endpoints import AirtableEndpoint
from infra.local.stack import Stack, StackOptions, running
from tests.end_to_end.acting import ended, people, scan, start
from tests.end_to_end.firestore import client_of, everything
from tests.fakes.keys import ANSWERS, a_key, a_service, shown
from tests.waiting import until

pytestmark = pytest.mark.asyncio(loop_scope="session")

BASES = [people(f"appKeys{number:010}", 1)[0] for number in range(2)]
"""One that is refused, so that its run ends, and one that answers no HTTP."""


async def test_it_is_nowhere_when_airtable_says_it_back() -> None:
    """Neither of a run that ends for it, nor of one that waits and tries again."""
    key = a_key()
    async with a_service(_by_base) as url:
        options = StackOptions(airtable=AirtableEndpoint(url, key), tick_seconds=None)
        async with running(options) as stack:
            runs = [await start(stack, scan(base, f"keys-{base.id[-1]}")) for base in BASES]
            assert (await ended(stack, runs[0]))["error"]["reason"] == "base_unauthorized"
            await until(lambda: _failed(stack, runs[1]), 20)
            answers = [(await stack.call("GET", f"/runs/{run}/debug")).text for run in runs]
            logs = [process.log.read_text() for process in stack.processes.values()]
            documents = await _contents(stack)
    assert "base_malformed" in "".join(documents)
    for text in [*answers, *logs, *documents]:
        assert shown(key, text) == []


def _by_base(said: str) -> str:
    return ANSWERS["no HTTP" if BASES[1].id in said else "refused"](said)


async def _failed(stack: Stack, run_id: str) -> bool:
    step = (await stack.call("GET", f"/runs/{run_id}/debug")).json()["steps"][0]
    return step["last_error"] is not None


async def _contents(stack: Stack) -> Sequence[str]:
    async with client_of(stack) as client:
        paths = await everything(stack)
        found = await asyncio.gather(*(client.document(path).get() for path in paths))
    return [repr(one.to_dict()) for one in found]
