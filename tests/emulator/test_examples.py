"""Every example of the documents goes the whole way: sent, stored, started, done, and looked at."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from infra.local.airtable.server import LocalAirtable
from infra.local.samples.clinic import clinic
from infra.local.site.server import LocalSite
from landfall.airtable import pacer as airtable_pacer
from landfall.api.request import Request
from landfall.classification.scan import ClassificationScan
from landfall.entry.routes import routes
from landfall.integrity.scan import IntegrityScan
from landfall.kinds.definition import parse
from landfall.scans.scan import Scan
from tests.fakes.bases import a_base, a_server
from tests.fakes.callers import ask
from tests.fakes.clients import FakeClients
from tests.fakes.elements import by_the_rules
from tests.fakes.examples import EXAMPLES
from tests.fakes.models import FakeModel
from tests.fakes.sites import site_clients
from tests.fakes.workers import clients_of, drive_with
from tests.fakes.world import World

CELLS: Sequence[Any] = ("Active", 7, ["rec00000000000001"], "2026-01-02", True, "a@example.org")
"""Of one record each, in every field."""

RESULTS = {
    "integrity": ("/runs/{id}/findings", "/scans/{id}/findings"),
    "classification": ("/scans/{id}/elements",),
    "site": ("/runs/{id}/report",),
}
"""Where the results of a scan of each kind are looked at."""

HANDLERS = {(route.method, route.path): route.handle for route in routes()}


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)


async def asked(request: Request, method: str, path: str, *ids: str) -> Any:
    """The answer to a request."""
    return await HANDLERS[method, path](request, *ids)


def a_server_for(scan: IntegrityScan | ClassificationScan) -> LocalAirtable:
    """A server of a base with the tables and fields that a scan reads and writes."""
    tables: dict[str, Sequence[Mapping[str, Any]]] = {
        table: [dict.fromkeys(fields, cell) for cell in CELLS]
        for table, fields in scan.tables.items()
    }
    written = scan.model_dump(exclude_none=True).get("write_back", {})
    if "table" in written:
        tables[written["table"]] = [dict.fromkeys(written["fields"].values(), "by hand")]
    return a_server(a_base(scan.base, **tables))


@asynccontextmanager
async def vendors_of(world: World, scan: Scan) -> AsyncIterator[FakeClients]:
    """The clients of what the scan uses: its base, its site, a model."""
    model = FakeModel(by_the_rules)
    if isinstance(scan, IntegrityScan | ClassificationScan):
        async with a_server_for(scan) as server:
            base = clients_of(world, server).base
            yield FakeClients(base=base, model=model.open)
    else:
        yield site_clients(world, str(scan.heading()["url"]).rstrip("/"))


@pytest.mark.parametrize("content", EXAMPLES.values(), ids=EXAMPLES)
async def test_an_example_goes_the_whole_way(world, content):
    """Whatever stores, reads and shows it on its way: an example can be used as it stands there."""
    async with LocalSite(clinic()) as site:
        if "url" in content:
            content = content | {"url": f"{site.url}/", "delay_seconds": 0.1}
        scan = parse(content, "example")
        body = json.dumps(content, default=str).encode()
        await asked(ask(world, raw=body), "PUT", "/scans/{id}", scan.id)
        shown = await asked(ask(world), "GET", "/scans/{id}", scan.id)
        assert parse(shown["definition"], "shown") == scan.unscheduled()
        started = await asked(ask(world, {"scan_id": scan.id}), "POST", "/runs")
        run_id = started["run_id"]
        async with vendors_of(world, scan) as clients:
            await drive_with(world, clients, run_id)
    run = await asked(ask(world), "GET", "/runs/{id}", run_id)
    assert (run["status"], run["error"]) == ("done", None)
    for path in RESULTS[scan.kind]:
        assert await asked(ask(world), "GET", path, run_id if "runs" in path else scan.id)
