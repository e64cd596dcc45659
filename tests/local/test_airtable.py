"""The Airtable stand-in behaves as Airtable does, seen through pyairtable and through raw HTTP."""

import asyncio
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pyairtable
import pytest
import requests

from infra.local.airtable.bases import BaseData, Field, Record, TableData
from infra.local.airtable.errors import RefusedError
from infra.local.airtable.list_options import ListOptions
from infra.local.airtable.listings import Listings
from infra.local.airtable.rate_limit import RateLimit
from infra.local.airtable.server import LocalAirtable
from infra.local.airtable.tables import StoredTable
from infra.local.wire.faults import Fault, FaultKind, FaultRule

KEY = "patTest"
# A context without certificates: loading them for every client would cost more than the tests.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
BASE, OTHER = "appSchool00000001", "appOther000000001"
STUDENTS = "Students / 2024"  # a slash and a space: what URL encoding is for
CHOICES = [{"id": "selLow0000000001", "name": "Low"}, {"id": "selHigh000000001", "name": "High"}]
LINK = {
    "linkedTableId": "tblClasses0000001",
    "isReversed": False,
    "prefersSingleRecordLink": False,
}


def record(n: int, **cells: Any) -> Record:
    fields = {"Name": f"Student {n}", **cells}
    return {"id": f"rec{n:014d}", "createdTime": "2024-05-01T09:00:00.000Z", "fields": fields}


def school(base_id: str = BASE, students: int = 250) -> BaseData:
    fields = (
        Field("fldName0000000001", "Name", "singleLineText"),
        Field("fldAge00000000001", "Age", "number", {"precision": 0}),
        Field("fldRisk0000000001", "Risk", "singleSelect", {"choices": CHOICES}),
        Field("fldClass000000001", "Class", "multipleRecordLinks", LINK),
    )
    rows = tuple(record(n, Age=n, Risk="Low") for n in range(students))
    classes = TableData("tblClasses0000001", "Classes", (fields[0],), (record(1),))
    return BaseData(
        base_id, "School", (TableData("tblStudents000001", STUDENTS, fields, rows), classes)
    )


def local_airtable(*bases: BaseData, **settings: Any) -> LocalAirtable:
    return LocalAirtable(
        bases or [school()], **{"api_key": KEY, "requests_per_second": 1000, **settings}
    )


@pytest.fixture
async def airtable() -> AsyncIterator[LocalAirtable]:
    async with local_airtable() as server:
        yield server


@pytest.fixture
async def client(airtable: LocalAirtable) -> AsyncIterator[httpx.AsyncClient]:
    async with raw(airtable) as client:
        yield client


def raw(server: LocalAirtable) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {KEY}"}
    return httpx.AsyncClient(
        base_url=server.url, headers=headers, timeout=5, trust_env=False, verify=NO_TLS
    )


@contextmanager
def opened(url: str, table: str) -> Iterator[pyairtable.Table]:
    api = pyairtable.Api(KEY, endpoint_url=url, retry_strategy=None, timeout=(5, 5))
    api.session.trust_env = False  # a proxy of the environment is no part of this
    with api.session:
        yield api.table(BASE, table)


async def through_pyairtable(
    server: LocalAirtable, use: Callable[[pyairtable.Table], Any], table: str = STUDENTS
) -> Any:
    """Return the result of `use` on a real client's table, in a thread, as pyairtable blocks."""

    def work() -> Any:
        with opened(server.url, table) as opened_table:
            return use(opened_table)

    return await asyncio.to_thread(work)


def pages(table: pyairtable.Table, offset: str | None = None) -> Iterator[Any]:
    options = {"page_size": 100, **({"offset": offset} if offset else {})}
    fallback = ("post", table.urls.records_post)
    return table.api.iterate_requests("get", table.urls.records, fallback, options)


async def test_a_listing_reads_every_record_in_pages(airtable: LocalAirtable) -> None:
    """250 records are three pages of at most 100, in the table's order."""
    records = await through_pyairtable(airtable, lambda table: table.all())
    assert [r["id"] for r in records] == [record(n)["id"] for n in range(250)]
    assert airtable.statuses == {200: 3}


async def test_a_table_is_found_by_id_too(airtable: LocalAirtable) -> None:
    """A table's id works wherever its name does."""
    records = await through_pyairtable(
        airtable, lambda t: t.all(max_records=1), "tblClasses0000001"
    )
    assert records == [record(1)]


async def test_a_listing_goes_on_from_a_saved_offset(airtable: LocalAirtable) -> None:
    """Another client with the offset reads exactly the remaining records."""
    first = await through_pyairtable(airtable, lambda table: next(pages(table)))
    rest = await through_pyairtable(airtable, lambda table: list(pages(table, first["offset"])))
    ids = [r["id"] for page in [first, *rest] for r in page["records"]]
    assert ids == [record(n)["id"] for n in range(250)]


async def test_an_offset_sent_again_answers_the_same_page(airtable: LocalAirtable) -> None:
    """A lost response can be requested again without losing or doubling a record."""
    first = await through_pyairtable(airtable, lambda table: next(pages(table)))
    again = [
        await through_pyairtable(airtable, lambda table: next(pages(table, first["offset"])))
        for _ in range(2)
    ]
    assert again[0] == again[1]
    assert again[0]["records"][0]["id"] == record(100)["id"]


async def test_only_the_chosen_fields_are_sent(airtable: LocalAirtable) -> None:
    """`fields` limits the cells; a record without that cell is still listed."""
    records = await through_pyairtable(airtable, lambda t: t.all(fields=["Age", "Class"]))
    assert len(records) == 250
    assert records[7]["fields"] == {"Age": 7}


async def test_fields_can_go_by_id(airtable: LocalAirtable) -> None:
    """With field ids, request and response are keyed by id."""
    ask = {"fields": ["fldAge00000000001"], "use_field_ids": True, "max_records": 1}
    records = await through_pyairtable(airtable, lambda table: table.all(**ask))
    assert records[0]["fields"] == {"fldAge00000000001": 0}


@pytest.mark.parametrize(("limit", "size", "requests"), [(150, 100, 2), (100, 50, 2), (0, 100, 1)])
async def test_max_records_ends_a_listing(
    airtable: LocalAirtable, limit: int, size: int, requests: int
) -> None:
    """maxRecords counts over all pages; no offset follows its last record."""
    records = await through_pyairtable(
        airtable, lambda table: table.all(max_records=limit, page_size=size)
    )
    assert (len(records), len(airtable.requests)) == (limit, requests)


async def test_a_long_url_becomes_a_post(airtable: LocalAirtable) -> None:
    """Above 16,000 characters pyairtable lists by POST, with the same records and paging."""
    records = await through_pyairtable(airtable, lambda t: t.all(fields=["Name", "Age"] * 600))
    assert records[249]["fields"] == {"Name": "Student 249", "Age": 249}
    assert [(r.method, r.path) for r in airtable.requests] == [
        ("POST", f"/v0/{BASE}/{STUDENTS}/listRecords")
    ] * 3


async def test_a_url_above_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    """16,000 characters is Airtable's limit for a whole URL."""
    assert (await client.get(f"/v0/{BASE}/Classes?fields[]={'x' * 16000}")).status_code == 414


async def test_the_schema_parses_with_types_and_options(airtable: LocalAirtable) -> None:
    """pyairtable's own model finds choices, links, types and the primary field."""
    schema = await through_pyairtable(airtable, lambda table: table.schema())
    assert schema.primary_field_id == "fldName0000000001"
    assert [c.name for c in schema.field("Risk").options.choices] == ["Low", "High"]
    assert schema.field("Class").options.linked_table_id == "tblClasses0000001"


async def test_one_record_is_read(airtable: LocalAirtable) -> None:
    """GET of a record returns its id, creation time and cells."""
    found = await through_pyairtable(airtable, lambda table: table.get(record(3)["id"]))
    assert found == record(3, Age=3, Risk="Low")


async def test_records_are_updated_ten_at_a_time(airtable: LocalAirtable) -> None:
    """12 changes are two requests; other cells stay, and an emptied one disappears."""
    cells = {"Risk": "High", "Age": None}
    changes: list[Any] = [{"id": record(n)["id"], "fields": cells} for n in range(12)]
    updated = await through_pyairtable(airtable, lambda table: table.batch_update(changes))
    assert updated == [record(n, Risk="High") for n in range(12)]
    assert list(airtable.records(BASE, STUDENTS)[:12]) == updated
    assert airtable.statuses == {200: 2}


async def test_a_refused_batch_changes_nothing(client: httpx.AsyncClient) -> None:
    """With one unknown record, the valid change beside it is not applied either."""
    changes = [{"id": record(n)["id"], "fields": {"Name": "x"}} for n in (1, 9)]
    answer = await client.patch(f"/v0/{BASE}/Classes", json={"records": changes})
    kept = await client.get(f"/v0/{BASE}/Classes")
    assert (answer.status_code, kept.json()["records"]) == (422, [record(1)])


def changes(count: int = 1, **cells: Any) -> dict[str, Any]:
    return {"records": [{"id": record(n)["id"], "fields": cells} for n in range(count)]}


def upsert(*rows: dict[str, Any], on: tuple[str, ...] = ("Name",)) -> dict[str, Any]:
    records = [{"fields": cells} for cells in rows]
    return {"records": records, "performUpsert": {"fieldsToMergeOn": list(on)}}


async def test_pyairtable_upserts(airtable: LocalAirtable) -> None:
    """An existing record changes only in the named cells; a missing one is created with them."""
    name = record(3)["fields"]["Name"]
    rows = [{"fields": {"Name": name, "Age": 99}}, {"fields": {"Name": "New", "Age": 7}}]
    result = await through_pyairtable(airtable, lambda table: table.batch_upsert(rows, ["Name"]))
    assert result["updatedRecords"] == [record(3)["id"]]
    *_, new = airtable.records(BASE, STUDENTS)
    assert (result["createdRecords"], new["fields"]) == ([new["id"]], {"Name": "New", "Age": 7})
    assert list(airtable.records(BASE, STUDENTS)[:4])[-1] == record(3, Age=99, Risk="Low")
    again = await through_pyairtable(airtable, lambda table: table.batch_upsert(rows, ["Name"]))
    assert (len(again["updatedRecords"]), again["createdRecords"]) == (2, [])


async def test_an_upsert_that_several_records_match_changes_nothing(
    airtable: LocalAirtable, client: httpx.AsyncClient
) -> None:
    """If a row has a duplicate, the whole request fails."""
    before = airtable.records(BASE, STUDENTS)[0]
    airtable.put(BASE, STUDENTS, {**before, "id": record(998)["id"]})
    body = upsert({"Name": "New"}, {"Name": before["fields"]["Name"], "Age": 1})
    answer = await client.patch(TABLE, json=body)
    assert (answer.status_code, len(airtable.records(BASE, STUDENTS))) == (422, 251)
    assert airtable.records(BASE, STUDENTS)[0] == before


TABLE = f"/v0/{BASE}/tblStudents000001"
REFUSALS: list[tuple[str, str, Any, int, str]] = [
    ("GET", f"/v0/{OTHER}/Classes", None, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
    ("GET", f"/v0/{BASE}/Nothing", None, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
    ("GET", f"/v0/meta/bases/{OTHER}/tables", None, 403, "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND"),
    ("GET", f"{TABLE}/rec99999999999999", None, 404, "NOT_FOUND"),
    ("GET", "/v1/nowhere", None, 404, "NOT_FOUND"),
    ("GET", f"{TABLE}?fields[]=Shoe", None, 422, "UNKNOWN_FIELD_NAME"),
    ("GET", f"{TABLE}?pageSize=101", None, 422, "INVALID_PAGE_SIZE_ARGUMENT"),
    ("GET", f"{TABLE}?maxRecords=x", None, 422, "INVALID_REQUEST_UNKNOWN"),
    ("GET", f"{TABLE}?offset=100", None, 422, "INVALID_OFFSET_VALUE"),
    ("GET", f"{TABLE}?offset=itrA/recB", None, 422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"),
    ("POST", f"{TABLE}/listRecords", {"fields": ["Shoe"]}, 422, "UNKNOWN_FIELD_NAME"),
    ("POST", f"{TABLE}/listRecords", [], 422, "INVALID_REQUEST_UNKNOWN"),
    ("PATCH", TABLE, changes(11, Age=1), 422, "INVALID_RECORDS"),
    ("PATCH", TABLE, changes(0), 422, "INVALID_RECORDS"),
    ("PATCH", TABLE, {"records": [{"id": "recX"}]}, 422, "INVALID_RECORDS"),
    ("PATCH", f"/v0/{BASE}/Classes", changes(1), 422, "ROW_DOES_NOT_EXIST"),
    ("PATCH", TABLE, changes(Shoe=44), 422, "UNKNOWN_FIELD_NAME"),
    ("PATCH", TABLE, changes(Risk="Medium"), 422, "INVALID_MULTIPLE_CHOICE_OPTIONS"),
    ("PATCH", TABLE, upsert({"Age": 1}), 422, "INVALID_RECORDS"),
    ("PATCH", TABLE, upsert({"Name": "x"}, on=()), 422, "INVALID_REQUEST_UNKNOWN"),
    ("PATCH", TABLE, upsert({"Shoe": "x"}, on=("Shoe",)), 422, "UNKNOWN_FIELD_NAME"),
    ("PATCH", TABLE, upsert({"Name": "x", "Shoe": 44}), 422, "UNKNOWN_FIELD_NAME"),
]
NOT_MODELLED: list[tuple[str, str, Any]] = [
    ("GET", f"{TABLE}?filterByFormula=1", None),
    ("GET", f"{TABLE}?sort[0][field]=Name", None),
    ("GET", f"{TABLE}?view=Grid", None),
    ("GET", f"{TABLE}/{record(1)['id']}?cellFormat=string", None),
    ("GET", "/v0/meta/bases", None),
    ("POST", f"{TABLE}/listRecords", {"view": "Grid"}),
    ("POST", f"{TABLE}/listRecords?timeZone=utc", {}),
    ("POST", TABLE, {"fields": {"Name": "new"}}),
    ("DELETE", f"{TABLE}/{record(1)['id']}", None),
    ("PATCH", TABLE, upsert({"Name": "New"}, {"Name": "New"})),
    ("PATCH", TABLE, {**changes(Age=1), "typecast": True}),
]


@pytest.mark.parametrize(("method", "url", "body", "status", "kind"), REFUSALS)
async def test_a_refusal_has_airtables_shape(
    client: httpx.AsyncClient, method: str, url: str, body: Any, status: int, kind: str
) -> None:
    """Status and type are Airtable's; only NOT_FOUND and the expired offset lack a message."""
    answer = await client.request(method, url, json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error if status == 404 else error["type"]) == (status, kind)
    assert status == 404 or ("message" in error) == (not kind.startswith("LIST_RECORDS"))


@pytest.mark.parametrize(("method", "url", "body"), NOT_MODELLED)
async def test_what_is_not_modelled_is_refused(
    client: httpx.AsyncClient, method: str, url: str, body: Any
) -> None:
    """A parameter or route that the stand-in lacks is named and refused, never ignored."""
    answer = await client.request(method, url, json=body)
    assert (answer.status_code, answer.json()["error"]["type"]) == (
        422,
        "NOT_IMPLEMENTED_BY_STAND_IN",
    )


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ({}, "AUTHENTICATION_REQUIRED"),
        ({"Authorization": KEY}, "AUTHENTICATION_REQUIRED"),
        ({"Authorization": "Bearer wrong"}, "UNAUTHORIZED"),
    ],
)
async def test_a_token_is_required(
    airtable: LocalAirtable, header: dict[str, str], kind: str
) -> None:
    """A missing and a wrong token are both 401, with Airtable's two error types."""
    async with httpx.AsyncClient(trust_env=False, verify=NO_TLS) as client:
        answer = await client.get(f"{airtable.url}/v0/{BASE}/Classes", headers=header)
    assert (answer.status_code, answer.json()["error"]["type"]) == (401, kind)


async def test_a_body_that_is_not_json_is_400(client: httpx.AsyncClient) -> None:
    """The status is 400 if a request cannot be parsed."""
    assert (await client.patch(TABLE, content=b"{")).status_code == 400


async def test_above_the_limit_the_base_is_locked_out() -> None:
    """The sixth request in a second locks its base for all requests; other bases go on."""
    bases = school(students=1), school(OTHER, students=1)
    limits = {"requests_per_second": 5, "lockout_seconds": 60}
    async with local_airtable(*bases, **limits) as server, raw(server) as client:
        answers = [await client.get(f"/v0/{BASE}/Classes") for _ in range(6)]
        schema = await client.get(f"/v0/meta/bases/{BASE}/tables")
        other = await client.get(f"/v0/{OTHER}/Classes")
    assert [a.status_code for a in answers] == [200] * 5 + [429]
    assert (schema.status_code, other.status_code) == (429, 200)
    assert schema.json() == {
        "errors": [
            {
                "error": "RATE_LIMIT_REACHED",
                "message": "Rate limit exceeded. Please try again later",
            }
        ]
    }


async def test_after_the_lockout_requests_pass_again() -> None:
    """The lock-out ends by itself, although requests arrive during all of it."""
    limits = {"requests_per_second": 1, "lockout_seconds": 0.3}
    async with local_airtable(**limits) as server, raw(server) as client, asyncio.timeout(5):
        for _ in range(2):
            refused = await client.get(f"/v0/{BASE}/Classes")
        while (await client.get(f"/v0/{BASE}/Classes")).status_code == 429:  # noqa: ASYNC110  # it is the server that decides
            await asyncio.sleep(0.05)
    first = next(r for r in server.requests if r.status == 429)
    assert refused.status_code == 429
    assert server.requests[-1].started - first.started >= 0.3


def test_the_window_slides() -> None:
    """Five late in one second and one early in the next are six in a second: refused."""
    limit = RateLimit(5, lockout=30)
    for at in (0.9, 0.91, 0.92, 0.93, 0.94):
        limit.admit(at)
    with pytest.raises(RefusedError):
        limit.admit(1.1)


def test_a_steady_pace_below_the_limit_is_never_refused() -> None:
    """One request every 0.2 s is five in every window; a sixth is one too many."""
    limit = RateLimit(5, lockout=30)
    moments = [n / 5 + 0.001 * n for n in range(50)]
    for moment in moments:
        limit.admit(moment)
    with pytest.raises(RefusedError):
        limit.admit(moments[-1] + 0.001)


async def test_a_listing_is_a_snapshot(airtable: LocalAirtable) -> None:
    """Records added or removed meanwhile neither shift nor enter the pages that follow."""
    first = await through_pyairtable(airtable, lambda table: next(pages(table)))
    airtable.remove(BASE, STUDENTS, record(0)["id"])
    airtable.remove(BASE, STUDENTS, record(150)["id"])
    airtable.put(BASE, STUDENTS, record(999))
    rest = await through_pyairtable(airtable, lambda table: list(pages(table, first["offset"])))
    ids = [r["id"] for page in rest for r in page["records"]]
    assert ids == [record(n)["id"] for n in range(100, 250)]


def test_an_offset_expires_without_use() -> None:
    """Each use restarts the lifetime; after it the listing is gone for good."""
    table, listings = StoredTable(school().tables[0]), Listings(lifetime=10)
    _, offset = listings.page(table, ListOptions(), now=0)
    _, offset = listings.page(table, ListOptions(offset=offset), now=9)
    listings.page(table, ListOptions(offset=offset), now=18)
    with pytest.raises(RefusedError, match="LIST_RECORDS_ITERATOR_NOT_AVAILABLE"):
        listings.page(table, ListOptions(offset=offset), now=29)


async def test_an_offset_belongs_to_its_table(client: httpx.AsyncClient) -> None:
    """The offset of one table is invalid in another."""
    offset = (await client.get(TABLE)).json()["offset"]
    answer = await client.get(f"/v0/{BASE}/Classes", params={"offset": offset})
    assert answer.json()["error"]["type"] == "INVALID_OFFSET_VALUE"


async def test_an_offset_can_expire_as_a_fault(airtable: LocalAirtable) -> None:
    """The second page of a listing is refused with 422, and a new listing reads everything."""
    airtable.faults = [FaultRule("expired_offset", path=f"{STUDENTS}$", after=1)]
    with pytest.raises(requests.HTTPError, match="LIST_RECORDS_ITERATOR_NOT_AVAILABLE"):
        await through_pyairtable(airtable, lambda table: table.all())
    assert airtable.statuses == {200: 2, 422: 1}
    assert len(await through_pyairtable(airtable, lambda table: table.all())) == 250


async def test_faults_can_be_set_from_json_at_run_time(
    airtable: LocalAirtable, client: httpx.AsyncClient
) -> None:
    """A rule applies to its own method and path, as often as it says."""
    text = '{"fault": {"kind": "status", "status": 502}, "method": "GET", "path": "/Classes$"}'
    airtable.faults = [FaultRule.from_dict(json.loads(text))]
    urls = [TABLE, f"/v0/{BASE}/Classes", f"/v0/{BASE}/Classes"]
    assert [(await client.get(url)).status_code for url in urls] == [200, 502, 200]


def test_an_unknown_named_fault_is_refused() -> None:
    """A plan that could never fire does not start."""
    with pytest.raises(ValueError, match="no such fault"):
        local_airtable(faults=[FaultRule("expired_ofset")])


@pytest.mark.parametrize(
    ("fault", "done"), [(Fault(FaultKind.STATUS), False), (Fault(FaultKind.RESET), True)]
)
async def test_a_lost_answer_is_not_a_lost_write(
    airtable: LocalAirtable, client: httpx.AsyncClient, fault: Fault, done: bool
) -> None:
    """A refused write is undone; one whose response was lost is done."""
    airtable.faults = [FaultRule(fault, method="PATCH")]
    try:
        await client.patch(TABLE, json=changes(Age=-1))
    except httpx.TransportError:
        assert done
    assert (airtable.records(BASE, STUDENTS)[0]["fields"]["Age"] == -1) is done


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.SILENT, requests.ReadTimeout),
        (FaultKind.STALL_BODY, requests.ConnectionError),
        (FaultKind.CUT_BODY, requests.exceptions.ChunkedEncodingError),
        (FaultKind.RESET, requests.ConnectionError),
        (FaultKind.STATUS, requests.HTTPError),
        (FaultKind.MALFORMED_JSON, requests.JSONDecodeError),
        (FaultKind.REDIRECT_LOOP, requests.TooManyRedirects),
    ],
)
async def test_each_fault_reaches_pyairtable(
    airtable: LocalAirtable, kind: FaultKind, error: type[Exception]
) -> None:
    """The real client meets each fault on the second page of a listing."""
    airtable.faults = [FaultRule(Fault(kind), after=1, times=None)]

    def listed(table: pyairtable.Table) -> Any:
        table.api.timeout = (5, 0.3)  # type: ignore[assignment]  # seconds; floats work too
        return table.all()

    with pytest.raises(error):
        await through_pyairtable(airtable, listed)


async def test_latency_delays_every_answer(
    airtable: LocalAirtable, client: httpx.AsyncClient
) -> None:
    """`latency` is a lower bound for each response, and can be set at run time."""
    airtable.latency = 0.2
    started = time.monotonic()
    await client.get(f"/v0/{BASE}/Classes")
    assert time.monotonic() - started >= 0.2


@pytest.mark.parametrize(
    "wrong", [{"id": "rec1"}, {"fields": {"Shoe": 44}}, {"fields": {"Name": ""}}]
)
async def test_an_impossible_sample_is_refused(
    airtable: LocalAirtable, wrong: dict[str, Any]
) -> None:
    """A malformed id, an unknown field or an empty cell is refused by `put`."""
    with pytest.raises(ValueError, match="rec"):
        airtable.put(BASE, STUDENTS, {**record(1), **wrong})
