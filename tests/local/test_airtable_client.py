"""Airtable through our client: every page, at Airtable's rate, and every way in which it fails."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from infra.local.airtable.server import EXPIRED_OFFSET, LocalAirtable
from infra.local.processes import free_port
from infra.local.wire.faults import Fault, FaultKind, FaultRule, Framing
from landfall.airtable import pacer as airtable_pacer
from landfall.airtable.client import LOCKOUT, AirtableClient
from landfall.airtable.pacer import Pacer
from landfall.airtable.protocols import OffsetExpiredError, PageTooLargeError, RecordPage
from landfall.airtable.schema import FieldSchema
from landfall.deadlines import Deadline
from landfall.reasons import Reason, StepError
from landfall.runs.locks import QUIET
from tests.fakes.bases import BASE, KEY, a_base, a_server, record_id
from tests.local.hostile import HANGING, LATE, SECONDS
from tests.local.leftovers import nothing_left
from tests.simulation.virtual_time import run as run_virtually
from tests.waiting import until


@pytest.fixture(autouse=True)
def _fast(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "pace" not in request.function.__name__:
        monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)


@asynccontextmanager
async def reading(
    server: LocalAirtable, base_id: str = BASE, key: str = KEY
) -> AsyncIterator[AirtableClient]:
    reader = AirtableClient(base_id, key, server.url)
    try:
        yield reader
    finally:
        await reader.close()


@asynccontextmanager
async def faulty(*faults: Fault | str) -> AsyncIterator[tuple[LocalAirtable, AirtableClient]]:
    """Serve a base of 150 people whose first responses have these faults, and a client of it."""
    rules = [FaultRule(fault) for fault in faults]
    async with a_server(a_base(People=150), faults=rules) as server, reading(server) as reader:
        yield server, reader


def page(
    reader: AirtableClient, offset: str | None = None, seconds: float = 60, table: str = "People"
) -> Any:
    return reader.page(table, ["Name"], offset, Deadline.after(seconds))


async def every_page(reader: AirtableClient, table: str = "People") -> list[RecordPage]:
    pages = [await page(reader, table=table)]
    while pages[-1].offset:
        pages.append(await page(reader, pages[-1].offset, table=table))
    return pages


async def refusal(reader: AirtableClient, **how: Any) -> StepError:
    """Return the error of a page request. The key is neither in the error nor in its causes."""
    with pytest.raises(StepError) as caught:
        await page(reader, **how)
    error: BaseException | None = caught.value
    while error:
        assert KEY not in f"{error!r} {error}"
        error = error.__cause__
    return caught.value


async def test_pages_follow_their_offsets_to_the_end():
    """250 records are pages of 100, 100 and 50; one request each; the last has no offset."""
    async with a_server(a_base(People=250)) as server, reading(server) as reader:
        pages = await every_page(reader)
        assert [len(found.records) for found in pages] == [100, 100, 50]
        ids = [record["id"] for found in pages for record in found.records]
        assert ids == [record_id(number) for number in range(1, 251)]
        assert reader.requests == len(server.requests) == 3


async def test_an_empty_table_is_an_empty_page():
    """It takes one request."""
    async with a_server(a_base(People=0)) as server, reading(server) as reader:
        assert await page(reader) == RecordPage([], None)


async def test_only_the_fields_that_are_asked_for_come():
    """Fields that no rule needs do not leave Airtable."""
    async with a_server(a_base(People=1)) as server, reading(server) as reader:
        found = await reader.page("People", ["Name", "Age"], None, Deadline.after(60))
    assert found.records[0]["fields"] == {"Name": "Person 0", "Age": 0}


async def test_the_schema_names_tables_and_fields():
    """By name, in the base's order."""
    base = a_base(People=1, Pets=[{"Name": "Rex", "Owner": "x"}])
    async with a_server(base) as server, reading(server) as reader:
        schema = await reader.schema(Deadline.after(60))
    assert {table.name: [field.name for field in table.fields] for table in schema} == {
        "People": ["Name", "Email", "Age", "Secret"],
        "Pets": ["Name", "Email", "Owner"],
    }
    assert [table.id for table in schema] == [table.id for table in base.tables]
    assert schema[0].fields[0] == FieldSchema(base.tables[0].fields[0].id, "Name", "singleLineText")


async def test_a_table_may_have_any_name():
    """Slashes, spaces and umlauts are encoded."""
    base = a_base(**{"Schüler / 2026?": 120})
    async with a_server(base) as server, reading(server) as reader:
        pages = await every_page(reader, "Schüler / 2026?")
    assert [len(found.records) for found in pages] == [100, 20]


async def test_a_long_list_of_fields_goes_as_post():
    """Airtable accepts URLs of 16,000 characters; the rest of the listing is requested the same
    way."""
    fields = [f"A rather long name of a field, of which there are many: {n}" for n in range(250)]
    rows = [dict.fromkeys(fields, "x")] * 101
    async with a_server(a_base(People=rows)) as server, reading(server) as reader:
        first = await reader.page("People", fields, None, Deadline.after(60))
        last = await reader.page("People", fields, first.offset, Deadline.after(60))
        assert [exchange.method for exchange in server.requests] == ["POST", "POST"]
    assert len(first.records) + len(last.records) == 101
    assert len(last.records[0]["fields"]) == 250


async def test_an_expired_offset_differs_from_the_end():
    """It is an error of its own, and never a page without an offset."""
    async with faulty(EXPIRED_OFFSET) as (server, reader):
        first = await page(reader)
        with pytest.raises(OffsetExpiredError):
            await page(reader, first.offset)
        assert server.statuses == {200: 1, 422: 1}


def answer(status: int, kind: str = "", message: str = "", **headers: str) -> Fault:
    """Return an error in Airtable's usual form."""
    body = json.dumps({"error": {"type": kind, "message": message}}).encode()
    return Fault(FaultKind.STATUS, status=status, body=body, headers=headers)


def plain(status: int, body: bytes) -> Fault:
    return Fault(FaultKind.STATUS, status=status, body=body)


RECORD = '{"id": "recA", "createdTime": "2026", "fields": {}}'


def records(*each: str, offset: str = "null") -> Fault:
    """Return an answer with these records, as they are written."""
    return plain(200, f'{{"records": [{", ".join(each)}], "offset": {offset}}}'.encode())


def with_cell(cell: str) -> str:
    return RECORD.replace("{}", f'{{"Name": {cell}}}')


SPENT = json.dumps(
    {"errors": [{"error": "PUBLIC_API_BILLING_LIMIT_EXCEEDED", "message": "No calls left"}]}
).encode()
LIMITED = b'{"errors": [{"error": "RATE_LIMIT_REACHED", "message": "Rate limit exceeded."}]}'
ANSWERS = [
    (answer(401, "UNAUTHORIZED", "Invalid token"), "base_unauthorized", "401 UNAUTHORIZED: Inva"),
    (answer(403, "INVALID_PERMISSIONS", "Not you"), "base_forbidden", "403 INVALID_PERMISSIONS: N"),
    (plain(404, b'{"error": "NOT_FOUND"}'), "base_not_found", "answered 404 NOT_FOUND"),
    (answer(422, "UNKNOWN_FIELD_NAME", '"Nme"'), "base_rejected", '422 UNKNOWN_FIELD_NAME: "Nme"'),
    (answer(422, "INVALID_OFFSET_VALUE"), "base_rejected", "422 INVALID_OFFSET_VALUE"),
    (answer(413, "TOO_LARGE"), "base_rejected", "answered 413 TOO_LARGE"),
    (plain(429, SPENT), "base_quota_spent", "429 PUBLIC_API_BILLING_LIMIT_EXCEEDED: No calls left"),
    (plain(429, LIMITED), "base_rate_limited", "429 RATE_LIMIT_REACHED: Rate limit exceeded."),
    (answer(500, "SERVER_ERROR", "Oops"), "base_unavailable", "500 SERVER_ERROR: Oops"),
    (plain(502, b"<html>Bad gateway</html>"), "base_unavailable", "502: <html>Bad gateway</html>"),
    (plain(503, b""), "base_unavailable", "answered 503"),
    (plain(503, b"null"), "base_unavailable", "answered 503"),
    (plain(503, b"5"), "base_unavailable", "answered 503"),
    (plain(200, b""), "base_malformed", "Expecting value: line 1"),
    (plain(200, b"[]"), "base_malformed", "Expected `object`, got `array`"),
    (plain(200, b'{"records": {}}'), "base_malformed", "got `object` - at `$.records`"),
    (records("{}"), "base_malformed", "missing required field `id` - at `$.records[0]`"),
    (records("null"), "base_malformed", "at `$.records[0]`"),
    (records(RECORD.replace('"recA"', "7")), "base_malformed", "got `int` - at `$.records[0].id`"),
    (records(RECORD.replace("recA", "../x")), "base_malformed", "`$.records[0].id`"),
    (records(RECORD.replace("recA", "a" * 200)), "base_malformed", "`$.records[0].id`"),
    (records(RECORD.replace("{}", "[]")), "base_malformed", "`$.records[0].fields`"),
    (records(RECORD.replace("{}", "null")), "base_malformed", "`$.records[0].fields`"),
    (records(RECORD, RECORD.replace('"2026"', "null")), "base_malformed", "[1].createdTime`"),
    (records(with_cell("[" * 21 + "]" * 21)), "base_malformed", "nested more than 20 deep"),
    (records(with_cell("[" * 900 + "]" * 900)), "base_malformed", "nested more than 20 deep"),
    (records(with_cell("[" * 100_000 + "]" * 100_000)), "base_malformed", "Airtable: "),
    (records(with_cell("9" * 5_000)), "base_malformed", "Airtable: "),
    (records(with_cell("NaN")), "base_malformed", "a number that JSON does not have"),
    (records(with_cell('[{"x": 1e999}]')), "base_malformed", "a number that JSON does not have"),
    (records(RECORD, offset='""'), "base_malformed", "`$.offset`"),
    (records(RECORD, offset="5"), "base_malformed", "`$.offset`"),
    (records(RECORD, offset=f'"{"x" * 5_000}"'), "base_malformed", "`$.offset`"),
    (plain(503, b"[" * 100_000), "base_unavailable", "answered 503"),
    (plain(200, b"<html>"), "base_malformed", "Airtable: "),
    (plain(204, b""), "base_malformed", "Expecting value: line 1"),
    (Fault(FaultKind.MALFORMED_JSON), "base_malformed", "Airtable: "),
    (Fault(FaultKind.CUT_BODY), "base_malformed", "invalid HTTP response"),
    (Fault(FaultKind.CUT_BODY, framing=Framing.CLOSE), "base_malformed", "Airtable: "),
    (Fault(FaultKind.REDIRECT_LOOP), "base_malformed", "answered 302"),
    (Fault(FaultKind.RESET), "base_unreachable", "cannot be reached"),
]


@pytest.mark.parametrize(("fault", "reason", "says"), ANSWERS)
async def test_every_failure_has_its_reason(fault, reason, says):
    """The reason is one of the closed list, with Airtable's message; one request, never two."""
    async with faulty(fault) as (server, reader):
        error = await refusal(reader)
        assert (error.reason, len(server.requests)) == (reason, 1)
        assert says in error.message


async def test_a_page_with_too_many_bytes_is_to_be_asked_for_in_fewer_records():
    """No more than the limit is read of it; any other answer that is too large is a fault."""
    async with faulty(*[Fault(FaultKind.FLOOD)] * 3) as (_, reader):
        with pytest.raises(PageTooLargeError, match="larger than 2097152 bytes"):
            await page(reader)
        with pytest.raises(PageTooLargeError, match="larger than 1000 bytes"):
            await reader.page("People", ["Name"], None, Deadline.after(60), 1, 1_000)
        with pytest.raises(StepError, match="larger than 16777216 bytes") as refused:
            await reader.schema(Deadline.after(60))
        assert refused.value.reason == Reason.BASE_MALFORMED


@pytest.mark.parametrize("cell", ["[" * 20 + "]" * 20, '{"a": [{"b": null}]}', "1e308"])
async def test_a_page_with_such_a_cell_is_read(cell):
    """The bound is far above Airtable's own."""
    async with faulty(records(with_cell(cell))) as (_, reader):
        assert (await page(reader)).records[0]["fields"] == {"Name": json.loads(cell)}


SCHEMA = '{"tables": [{"id": "tblA", "name": "A", "fields": [FIELD]}]}'
FIELD = '{"id": "fldA", "name": "a", "type": "number"}'
SCHEMAS = [
    ("[]", "got `array`"),
    ("{}", "missing required field `tables`"),
    (SCHEMA.replace("FIELD", "{}"), "missing required field `id` - at `$.tables[0].fields[0]`"),
    (SCHEMA.replace("FIELD", FIELD.replace('"a"', "null")), "`$.tables[0].fields[0].name`"),
    (SCHEMA.replace("FIELD", FIELD.replace('"number"', "[]")), "`$.tables[0].fields[0].type`"),
    (SCHEMA.replace("[FIELD]", "5"), "`$.tables[0].fields`"),
]


@pytest.mark.parametrize(("body", "says"), SCHEMAS)
async def test_a_wrong_schema_is_malformed(body, says):
    """It is tried again, as an answer that was cut."""
    async with faulty(plain(200, body.encode())) as (_, reader):
        with pytest.raises(StepError) as refused:
            await reader.schema(Deadline.after(60))
    assert refused.value.reason == Reason.BASE_MALFORMED
    assert says in refused.value.message


async def test_a_failure_does_not_spoil_the_reader():
    """The next request is answered."""
    async with faulty(Fault(FaultKind.RESET), answer(503)) as (_, reader):
        await refusal(reader)
        await refusal(reader)
        assert len((await page(reader)).records) == 100


async def test_refusals_of_the_stand_in_itself():
    """A wrong key, an unknown base, an unknown table and an unknown field."""
    async with a_server(a_base(People=1)) as server:
        async with reading(server, key="patWrong") as reader:
            assert (await refusal(reader)).reason == Reason.BASE_UNAUTHORIZED
        async with reading(server, base_id="appNobody00000001") as reader:
            assert (await refusal(reader)).reason == Reason.BASE_FORBIDDEN
        async with reading(server) as reader:
            assert (await refusal(reader, table="Nobody")).reason == Reason.BASE_FORBIDDEN
            with pytest.raises(StepError, match='422 UNKNOWN_FIELD_NAME: Unknown field name: "X"'):
                await reader.page("People", ["X"], None, Deadline.after(60))


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"5", b"<html>", b'{"tables": [{"name": "T"}]}']
)
async def test_a_schema_that_is_none_is_malformed(body):
    """The response is complete, but has another form."""
    async with faulty(plain(200, body)) as (_, reader):
        with pytest.raises(StepError) as caught:
            await reader.schema(Deadline.after(60))
    assert caught.value.reason == Reason.BASE_MALFORMED


async def test_nobody_listens():
    """The address is wrong, or Airtable is down."""
    reader = AirtableClient(BASE, KEY, f"http://127.0.0.1:{free_port()}")
    assert (await refusal(reader)).reason == Reason.BASE_UNREACHABLE
    await reader.close()


RETRY_AFTER = [
    (429, {}, LOCKOUT),
    (429, {"Retry-After": "5"}, LOCKOUT),
    (429, {"Retry-After": "45"}, 45),
    (503, {"Retry-After": "7.5"}, 7.5),
    (503, {}, 0),
    (503, {"Retry-After": "-3"}, 0),
    (503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, 0),
    (503, {"Retry-After": "nan"}, 0),
    (503, {"Retry-After": "inf"}, 300),
    (503, {"Retry-After": "86400"}, 300),
    (429, {"Retry-After": "1" * 30}, 300),
]


@pytest.mark.parametrize(("status", "headers", "seconds"), RETRY_AFTER)
async def test_retry_after_is_respected(status, headers, seconds):
    """429 lasts at least the lock-out; a value that is no number of seconds is ignored."""
    async with faulty(answer(status, **headers)) as (_, reader):
        assert (await refusal(reader)).retry_after == seconds


@pytest.mark.parametrize("fault", HANGING.values(), ids=HANGING)
async def test_airtable_hangs_and_we_do_not(fault):
    """The page ends at its deadline, with the reason, and leaves no thread or connection."""
    async with nothing_left(), faulty(fault) as (_, reader):
        deadline = Deadline.after(SECONDS)
        error = await refusal(reader, seconds=SECONDS)
        assert deadline.remaining() > -LATE
    assert error.reason == Reason.BASE_TIMEOUT


async def test_a_hanging_schema_ends_too():
    """It has the same deadline and the same way to end."""
    async with nothing_left(), faulty(Fault(FaultKind.SILENT)) as (_, reader):
        deadline = Deadline.after(SECONDS)
        with pytest.raises(StepError) as caught:
            await reader.schema(deadline)
        assert deadline.remaining() > -LATE
    assert caught.value.reason == Reason.BASE_TIMEOUT


async def arrived(server: LocalAirtable, count: int) -> None:
    async def there() -> bool:
        return len(server.requests) >= count

    await until(there, seconds=10, every=0.01)


async def test_a_cancelled_page_ends_its_thread():
    """Three tables are being read when the step is ended: nothing continues in the background."""
    faults = [Fault(FaultKind.SILENT)] * 3
    async with nothing_left(), faulty(*faults) as (server, reader):
        asking = [asyncio.create_task(page(reader)) for _ in range(3)]
        await arrived(server, 3)
        for task in asking:
            task.cancel()
        ended = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(error, asyncio.CancelledError) for error in ended)
        assert len(server.requests) == 3


async def test_a_page_that_is_cancelled_before_its_turn_is_not_asked_for(monkeypatch):
    """A page cancelled while it waits for its turn makes no request."""
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 60.0)
    async with nothing_left(), faulty() as (server, reader):
        await page(reader)
        waiting = asyncio.create_task(page(reader))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert len(server.requests) == 1


async def test_no_turn_before_the_deadline_is_a_timeout(monkeypatch):
    """The wait for a turn counts towards the deadline."""
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 60.0)
    async with faulty() as (server, reader):
        await page(reader)
        deadline = Deadline.after(SECONDS)
        assert (await refusal(reader, seconds=SECONDS)).reason == Reason.BASE_TIMEOUT
        assert deadline.remaining() > -LATE
        assert len(server.requests) == 1


async def test_close_leaves_no_thread():
    """Threads belong to a client, and end with it."""
    async with nothing_left(), faulty() as (_, reader):
        await asyncio.gather(*(page(reader) for _ in range(4)))
        assert [thread for thread in threading.enumerate() if "pyairtable" in thread.name]


async def test_the_pace_keeps_within_airtables_limit():
    """25 requests over three tables at Airtable's 5 a second, by two clients one after another."""
    base = a_base(People=500, Pets=400, Places=350)
    async with a_server(base, requests_per_second=5) as server:
        for _ in range(2):
            async with reading(server) as reader:
                tables = ("People", "Pets", "Places")
                await asyncio.gather(*(every_page(reader, table) for table in tables))
            await asyncio.sleep(QUIET)
        assert server.statuses == {200: 26}


async def test_the_pace_holds_when_the_process_is_stalled():
    """A pause in the middle is not caught up: no 6 requests begin within a second."""
    pacer, loop = Pacer(airtable_pacer.INTERVAL / 10), asyncio.get_running_loop()
    started: list[float] = []

    async def request() -> None:
        await pacer.acquire()
        started.append(loop.time())

    for moment in (0.03, 0.25):  # seconds; in the middle of somebody's wait
        loop.call_later(moment, time.sleep, 0.09)
    await asyncio.gather(*(request() for _ in range(20)))
    spans = [sixth - first for first, sixth in zip(started, started[5:], strict=False)]
    assert min(spans) > 0.1
    assert started == sorted(started)


def test_a_first_request_that_connects_keeps_its_distance():
    """It takes longer than the others, which shows once they are answered."""

    async def arrivals() -> list[float]:
        pacer, loop = Pacer(0.2), asyncio.get_running_loop()
        arrived = []
        for latency in (0.15, *[0.01] * 5):
            request = await pacer.acquire()
            await asyncio.sleep(latency)
            arrived.append(loop.time())
            pacer.answered(request)
        return arrived

    first, *_, sixth = run_virtually(arrivals())
    assert sixth - first >= 5 * 0.2 - 1e-9


async def test_a_request_in_flight_while_the_process_was_stalled_counts_from_then(monkeypatch):
    """It may not have left the process before: five more within its second would be six."""
    monkeypatch.setattr(airtable_pacer, "MAX_OVERSLEEP", 0.02)
    pacer, loop = Pacer(0.02), asyncio.get_running_loop()
    pacer.answered(await pacer.acquire())
    on_its_way = await pacer.acquire()
    loop.call_later(0.005, time.sleep, 0.06)
    turns = [await pacer.acquire() for _ in range(5)]
    assert on_its_way.arrived_by - on_its_way.started > 0.04
    assert turns[-1].started - on_its_way.arrived_by >= 5 * 0.02


async def test_what_was_answered_late_may_have_come_in_late():
    """The sixth request keeps its distance from the latest possible arrival of the first."""
    pacer = Pacer(0.01)
    quick = await pacer.acquire()
    pacer.answered(quick)
    late = await pacer.acquire()
    await asyncio.sleep(0.06)
    pacer.answered(late)
    turns = [await pacer.acquire() for _ in range(5)]
    assert 0.05 < late.arrived_by - late.started <= airtable_pacer.MAX_LATENESS
    assert turns[-1].started - late.arrived_by >= 5 * 0.01
