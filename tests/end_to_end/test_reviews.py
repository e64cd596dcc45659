"""What a person says of suggestions, over HTTP, and what runs make of it."""

from collections.abc import Mapping
from typing import Any

import pytest

from infra.local.environment import DEVELOPER
from infra.local.stack import Stack
from tests.end_to_end.acting import ended, get, save, start

pytestmark = pytest.mark.asyncio(loop_scope="session")

SCAN = {
    "id": "reviewed",
    "kind": "classification",
    "base": "appCatalogue00001",
    "table": "Data elements",
    "mapping": {"name": "Name", "description": "Description"},
}
FIRST = "/scans/reviewed/elements/recCatalogue00001"


async def run(stack: Stack) -> Mapping[str, Any]:
    """A run of the scan, to its end."""
    return await ended(stack, await start(stack, SCAN))


async def test_a_review_is_kept_and_nothing_is_asked_twice(stack: Stack) -> None:
    """Suggested, confirmed by whom the token names, and not asked about again."""
    assert (await run(stack))["verdict"] == "healthy"
    seen = (await get(stack, FIRST))["suggestion"]["suggestion_id"]
    said = await stack.call("POST", f"{FIRST}/confirm", {"suggestion_id": seen})
    assert (said.status_code, said.json()["review"]["by"]) == (200, DEVELOPER)
    again = await run(stack)
    assert (again["counts"]["model_calls"], again["counts"]["confirmed"]) == (0, 1)


async def test_what_cannot_be_said_is_refused(stack: Stack) -> None:
    """409 for a suggestion that is not the present one, 400 for values, 404 for nobody."""
    await save(stack, SCAN)
    outdated = await stack.call("POST", f"{FIRST}/reject", {"suggestion_id": "0" * 16})
    assert (outdated.status_code, outdated.json()["error"]["code"]) == (409, "outdated")
    seen = (await get(stack, FIRST))["suggestion"]["suggestion_id"]
    body = {"suggestion_id": seen, "values": {"criticality": "vital"}}
    refused = await stack.call("POST", f"{FIRST}/change", body)
    assert (refused.status_code, "criticality must be one of" in refused.text) == (400, True)
    nobody = await stack.call("GET", "/scans/reviewed/elements/recNobody")
    assert nobody.status_code == 404


async def test_regenerate_starts_a_run(stack: Stack) -> None:
    """Of one element; the run's report says that it is as it was."""
    body = {"records": ["recCatalogue00002"]}
    started = await stack.call("POST", "/scans/reviewed/regenerate", body)
    assert started.status_code == 202
    ended_run = await ended(stack, started.json()["run_id"])
    assert ended_run["counts"]["model_calls"] == 1
    assert ended_run["report"]["changes"] == {"asked_again": 1, "changed": 0, "elements": []}
