"""Values written back to the elements' own records: these, and nothing else."""

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from infra.local.airtable.server import LocalAirtable
from infra.local.wire.faults import Fault, FaultKind, FaultRule
from landfall.airtable import pacer as airtable_pacer
from tests.fakes.bases import BASE, record_id
from tests.fakes.elements import LABEL, LABELS, ROWS, TABLE, Elements, by_the_rules, elements_server
from tests.fakes.models import FakeModel

FIELDS = {LABEL: "Class", "pii_flag": "Personal", "state": "Review"}
OWN = {"Class": "", "Personal": "", "Review": "", "Note": "by hand"}


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)


@pytest.fixture
async def server() -> AsyncIterator[LocalAirtable]:
    own = {"Class": "x", "Personal": "x", "Review": "x", "Note": "by hand"}
    async with elements_server(*[row | own for row in ROWS]) as server:
        yield server


@pytest.fixture
def elements(server: LocalAirtable) -> Elements:
    return filling(server, "confirmed")


def filling(server: LocalAirtable, when: str) -> Elements:
    write_back = {"fields": FIELDS, "when": when}
    return Elements(server, FakeModel(by_the_rules).open, write_back=write_back)


def cells(server: LocalAirtable, number: int) -> Mapping[str, Any]:
    """Return the cells of the n-th record that a scan may write, and one that it may not."""
    (record,) = [r for r in server.records(BASE, TABLE) if r["id"] == record_id(number)]
    return {name: record["fields"].get(name) for name in (*FIELDS.values(), "Note")}


def sent(server: LocalAirtable) -> int:
    """Return the number of requests that wrote, or tried to."""
    return sum(exchange.method == "PATCH" for exchange in server.requests)


UNTOUCHED = {"Class": "x", "Personal": "x", "Review": "x", "Note": "by hand"}


async def test_a_suggestion_stays_out_of_the_table(elements, server):
    """Nothing is sent, unless the scan has `always`."""
    assert (await elements.run())["status"] == "done"
    assert (sent(server), cells(server, 1)) == (0, UNTOUCHED)


async def test_confirmed_values_are_written(elements, server):
    """The next run writes the chosen fields of this record alone."""
    await elements.run()
    await elements.review(1, "confirmed")
    run = await elements.run()
    filled = {"Class": "HRCI", "Personal": True, "Review": "confirmed", "Note": "by hand"}
    assert (cells(server, 1), cells(server, 2)) == (filled, UNTOUCHED)
    assert (run["counts"]["records_to_write"], run["counts"]["records_written"]) == (1, 1)


async def test_always_writes_suggestions(server):
    """All four in one request; a second run sends nothing."""
    elements = filling(server, "always")
    await elements.run()
    assert [cells(server, n)["Class"] for n in (1, 2, 3, 4)] == list(LABELS)
    await elements.run()
    assert sent(server) == 1


async def test_only_changed_values_are_sent(server):
    """A person changes one element: one record, one request."""
    elements = filling(server, "always")
    await elements.run()
    await elements.review(2, "changed", {LABEL: "Public"})
    run = await elements.run()
    assert (run["counts"]["records_written"], sent(server)) == (1, 2)
    assert (cells(server, 2)["Class"], cells(server, 2)["Review"]) == ("Public", "changed")


async def test_withdrawn_values_are_emptied(elements, server):
    """After a rejection, the confirmed values are removed."""
    await elements.run()
    await elements.review(1, "confirmed")
    await elements.run()
    await elements.review(1, "rejected")
    await elements.run()
    assert cells(server, 1) == {**dict.fromkeys(FIELDS.values()), "Note": "by hand"}


async def test_a_failure_is_a_warning_and_retried(server):
    """The run is done with its verdict; the next one sends the rest."""
    elements = filling(server, "always")
    refused = Fault(FaultKind.STATUS, status=403, body=b'{"error": "NOT_AUTHORIZED"}')
    server.faults = [FaultRule(refused, method="PATCH", times=None)]
    run = await elements.run()
    assert (run["status"], run["verdict"]) == ("done", "healthy")
    assert [(w["what"], w["reason"]) for w in run["warnings"]] == [("write_back", "base_forbidden")]
    server.faults = []
    assert (await elements.run())["counts"]["records_written"] == 4


async def test_a_refused_record_affects_no_other(server):
    """It was deleted during the run: the others are written one by one."""
    elements = filling(server, "always")
    run_id = await elements.start()
    queue = elements.world.queue
    assert [await elements.deliver(queue.tasks[-1]) for _ in "fs"] == ["finished", "finished"]
    server.remove(BASE, TABLE, record_id(2))
    elements.world.clock.advance(1)
    assert await elements.deliver(queue.tasks[-1]) in ("base_rejected", "base_not_found")
    run = (await elements.world.run(run_id)).data
    assert (run["status"], run["counts"]["records_written"]) == ("done", 3)
    assert [cells(server, n)["Class"] for n in (1, 3, 4)] == ["HRCI", "Proprietary", "Public"]


async def test_a_write_without_a_response_is_sent_again(server):
    """Airtable wrote them, and its response was lost: the same values change nothing."""
    elements = filling(server, "always")
    server.faults = [FaultRule(Fault(FaultKind.CUT_BODY), method="PATCH")]
    run = await elements.run()
    assert (run["status"], run["warnings"], sent(server)) == ("done", [], 2)
    assert [cells(server, n)["Class"] for n in (1, 2, 3, 4)] == list(LABELS)
