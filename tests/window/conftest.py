"""A window with scans and runs of every kind and end, once for all tests of a test process."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from infra.local.runner import save_scan
from infra.local.samples.catalogue import catalogue
from infra.local.scan_files import load_file
from infra.local.stack import ROOT, Stack, StackOptions, running
from tests.end_to_end.acting import ended, get, people, save, scan, start
from tests.window.browsing import a_browser

BASE, _ = people("appPeople00000001", 240)
GONE, _ = people("appPeople00000009", 1)  # no stand-in serves it

OPTIONS = StackOptions(
    bases=(catalogue(), BASE),
    tick_seconds=None,
    stand_in={"requests_per_second": 50},
    window=True,
)

VERDICTS = {
    "found": "warning",
    "failed": None,
    "unsure": "inconclusive",
    "gym": "healthy",
    "catalogue": "healthy",
}

SAMPLES = ROOT / "infra/local/samples"


@dataclass(frozen=True)
class Shown:
    """A running window, and addresses of its pages by what they show."""

    stack: Stack
    pages: Mapping[str, str]

    @property
    def url(self) -> str:
        """The address of the window."""
        return self.stack.addresses.window


async def _pages(stack: Stack) -> dict[str, str]:
    for sample in ("gym", "catalogue"):
        await save_scan(stack, load_file(SAMPLES / f"{sample}.yaml"))
    await save(stack, scan(BASE, "never", name="Not yet run"))
    wider = {"People": ["Name", "Email", "Phone"]}  # the base has no such field
    lacking = {"id": "phone", "kind": "required", "table": "People", "field": "Phone"}
    rules = [{"id": "email", "kind": "required", "table": "People", "field": "Email"}]
    runs = {
        "found": await start(
            stack, scan(BASE, "people", name="People & co", rules=[rules[0] | {"owner": "Office"}])
        ),
        "failed": await start(stack, scan(GONE, "gone")),
        "unsure": await start(stack, scan(BASE, "unsure", tables=wider, rules=[*rules, lacking])),
    }
    for sample in ("gym", "catalogue"):
        answer = await stack.call("POST", "/runs", {"scan_id": sample})
        runs[sample] = answer.json()["run_id"]
    whole = await asyncio.gather(*(ended(stack, run_id, 60) for run_id in runs.values()))
    again = await stack.call("POST", "/runs", {"scan_id": "people"})
    await ended(stack, again.json()["run_id"], 60)
    verdicts = {name: run["verdict"] for name, run in zip(runs, whole, strict=True)}
    assert verdicts == VERDICTS, [run["error"] for run in whole]
    listed = await get(stack, "/scans/people/findings?limit=1")
    return {
        "home": "/",
        "runs": "/runs",
        "failed runs": "/runs?status=error&scan_id=gone",
        "health": "/health",
        "words": "/words",
        "scan": "/scans/people",
        "filtered": "/scans/people?severity=critical",
        "rules": "/scans/people/rules",
        "compared": "/scans/people/compare?change=still",
        "nothing to compare": "/scans/never/compare",
        "never": "/scans/never",
        "failing": "/scans/gone",
        "site": "/scans/gym",
        "labels": "/scans/catalogue",
        "review": "/scans/catalogue/review",
        **{f"run {name}": f"/runs/{run_id}" for name, run_id in runs.items()},
        **{f"report {it}": f"/runs/{runs[it]}/report" for it in ("gym", "unsure", "failed")},
        "settings": "/scans/people/settings",
        "settings without a run": "/scans/never/settings",
        "schedule": "/scans/gym/schedule",
        "versions": "/scans/people/versions",
        "new": "/new?from=integrity",
        "delete": "/scans/people/delete",
        "version": "/scans/people/versions/1",
        "finding": f"/scans/people/findings/{listed['findings'][0]['finding_id']}",
    }


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shown() -> AsyncIterator[Shown]:
    """A running window. Where it cannot start, the tests fail."""
    async with running(OPTIONS) as stack:
        await stack.tick("scheduler")
        await stack.tick("watchdog")
        yield Shown(stack, await _pages(stack))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """A browser. Where there is none, the tests fail, and say how to install it."""
    async with a_browser() as started:
        yield started


@pytest.fixture(scope="session", autouse=True)
def _grpc_engine(grpc_engine: None) -> None:
    """Keep gRPC's engine for the tests' own channels."""
