"""A stand-in for the Airtable Web API, for scans and tests without an Airtable account.

Modelled as Airtable documents it: listing records (GET, and POST …/listRecords) with pages, offsets
that expire, selected fields and field ids; one record; updating and upserting up to 10 records;
the base schema; authentication; the formats of errors; 5 requests a second a base and the lock-out
after more. On request it makes faults on the wire (`wire.faults.FaultRule`).

Not modelled: formulas, sorting, views, cell formats, comments, creating records (except by an
upsert), replacing or deleting them, two records of an upsert with the same key, typecast, computed
fields, checks of a cell's type (except the options of a select), the list of bases, attachments,
webhooks, scopes, the limit of 50 requests a second a user, monthly quotas. A request for any of
these is refused with 422 NOT_IMPLEMENTED_BY_STAND_IN: ignoring a part of it would answer a
different request.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from infra.local.airtable import errors
from infra.local.airtable.bases import BaseData, Record, TableData
from infra.local.airtable.list_options import ListOptions, boolean
from infra.local.airtable.listings import Listings
from infra.local.airtable.rate_limit import RateLimit
from infra.local.airtable.tables import StoredTable
from infra.local.wire.faults import Fault, FaultRule
from infra.local.wire.messages import WireRequest, WireResponse
from infra.local.wire.stand_in import StandIn

# Characters; support.airtable.com/docs/enforcement-of-url-length-limit-for-web-api-requests
MAX_URL = 16_000

# Seconds without use after which the offset of a listing expires. Airtable states no figure ("may
# timeout due to client inactivity or server restarts"); users report minutes.
OFFSET_LIFETIME = 300.0

# The stand-in's own fault: the offset of this request has expired.
EXPIRED_OFFSET = "expired_offset"


class _StoredBase:
    def __init__(self, base: BaseData, limit: RateLimit) -> None:
        self.limit = limit
        self.tables = [StoredTable(table) for table in base.tables]

    def table(self, id_or_name: str) -> StoredTable:
        """Return the table. Raises `RefusedError`."""
        for table in self.tables:
            if id_or_name in (table.schema.id, table.schema.name):
                return table
        raise errors.model_not_found()


class LocalAirtable(StandIn):
    """A server of `bases` at `url`, which is pyairtable's `endpoint_url`.

    `latency`: seconds before each response; may be set while it runs, like `faults`.
    `lockout_seconds`: 30 at Airtable. `offset_lifetime`: seconds without use.
    A fault that replaces the work (STATUS, REDIRECT_LOOP) leaves a write undone; with any other
    one the write is done and its response damaged. A request that is refused for its token, its
    base or the rate limit meets no fault and is not counted by a fault rule.
    """

    OWN_FAULTS = (EXPIRED_OFFSET,)

    def __init__(
        self,
        bases: Iterable[BaseData],
        *,
        api_key: str,
        latency: float = 0.0,
        requests_per_second: float = 5,
        lockout_seconds: float = 30.0,
        offset_lifetime: float = OFFSET_LIFETIME,
        faults: Sequence[FaultRule] = (),
    ) -> None:
        super().__init__(latency, faults)
        self._api_key = api_key
        self._bases = {
            base.id: _StoredBase(base, RateLimit(requests_per_second, lockout_seconds))
            for base in bases
        }
        self._listings = Listings(offset_lifetime)

    @property
    def statuses(self) -> Counter[int | None]:
        """The number of responses by status; requests without a response count under None."""
        return Counter(exchange.status for exchange in self._wire.exchanges)

    def records(self, base_id: str, table: str) -> tuple[Record, ...]:
        """Return the present records of the table (id or name)."""
        return self._bases[base_id].table(table).records

    def put(self, base_id: str, table: str, record: Record) -> None:
        """Add or replace a record, as a person would on Airtable's page. Raises `ValueError`."""
        self._bases[base_id].table(table).put(record)

    def remove(self, base_id: str, table: str, record_id: str) -> None:
        """Remove a record. Raises `KeyError`."""
        self._bases[base_id].table(table).remove(record_id)

    async def _handle(self, request: WireRequest) -> WireResponse:
        try:
            response = self._respond(request)
        except errors.RefusedError as refusal:
            response = refusal.response
        await asyncio.sleep(self.latency)
        return response

    def _respond(self, request: WireRequest) -> WireResponse:
        now = time.monotonic()
        self._authenticate(request)
        base = self._base(request.segments)
        base.limit.admit(now)
        fault = self._fault(request)
        if fault and fault.replaces_work:
            return WireResponse(fault=fault)
        try:
            response = WireResponse.json(self._execute(base, request, now))
        except errors.RefusedError as refusal:
            response = refusal.response
        return replace(response, fault=fault)

    def _authenticate(self, request: WireRequest) -> None:
        if len(self.url) + len(request.target) > MAX_URL:
            raise errors.url_too_long()
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise errors.token_missing()
        if token != self._api_key:
            raise errors.token_wrong()

    def _base(self, segments: tuple[str, ...]) -> _StoredBase:
        match segments:
            case ("v0", "meta", "bases", base_id, "tables"):
                pass
            case ("v0", "meta", *_):
                raise errors.not_modelled("/".join(segments))
            case ("v0", base_id, _) | ("v0", base_id, _, _):
                pass
            case _:
                raise errors.not_found()
        if base_id not in self._bases:
            raise errors.model_not_found()
        return self._bases[base_id]

    def _fault(self, request: WireRequest) -> Fault | None:
        offset = _offset(request)
        possible = {EXPIRED_OFFSET} if offset else set()
        fault = self._plan.pick(request.method, "/" + "/".join(request.segments), possible)
        if isinstance(fault, Fault):
            return fault
        if fault and offset:
            self._listings.forget(offset)
        return None

    def _execute(self, base: _StoredBase, request: WireRequest, now: float) -> Any:
        """Return the JSON of the response. Raises `RefusedError`."""
        match request.method, request.segments:
            case "GET", ("v0", "meta", "bases", _, "tables"):
                _check_names(request.query, {"include"})
                return {"tables": [_table_schema(table.schema) for table in base.tables]}
            case "GET", ("v0", _, table):
                options = ListOptions.from_query(request.query)
                return self._list(base.table(table), options, now)
            case "POST", ("v0", _, table, "listRecords"):
                _check_names(request.query, set())
                options = ListOptions.from_json(_json(request))
                return self._list(base.table(table), options, now)
            case "GET", ("v0", _, table, record_id):
                return _get_record(base.table(table), record_id, request.query)
            case "PATCH", ("v0", _, table):
                return _update(base.table(table), _json(request))
        raise errors.not_modelled(f"{request.method} {request.path}")

    def _list(self, table: StoredTable, options: ListOptions, now: float) -> Any:
        # An unknown field is refused even if the page has no records.
        for name in options.fields or ():
            table.field(name)
        records, offset = self._listings.page(table, options, now)
        shown = [table.as_json(record, options) for record in records]
        return {"records": shown, "offset": offset} if offset else {"records": shown}


def _get_record(table: StoredTable, record_id: str, query: Mapping[str, list[str]]) -> Any:
    _check_names(query, {"returnFieldsByFieldId"})
    return table.as_json(table.record(record_id), ListOptions.from_query(query))


def _update(table: StoredTable, body: Any) -> Any:
    if not isinstance(body, dict):
        raise errors.parameter_invalid()
    _check_names(body, {"records", "typecast", "returnFieldsByFieldId", "performUpsert"})
    if boolean(body.get("typecast", False)):
        raise errors.not_modelled("typecast")
    options = ListOptions(by_field_id=boolean(body.get("returnFieldsByFieldId", False)))
    merge_on = _parse_merge_fields(body["performUpsert"]) if "performUpsert" in body else None
    changes = _parse_changes(body.get("records"), ids_needed=merge_on is None)
    before = {record["id"] for record in table.records}
    records = table.update(changes, merge_on or ())
    answer: dict[str, Any] = {"records": [table.as_json(record, options) for record in records]}
    if merge_on:
        ids = [record["id"] for record in records]
        answer["updatedRecords"] = [record_id for record_id in ids if record_id in before]
        answer["createdRecords"] = [record_id for record_id in ids if record_id not in before]
    return answer


def _parse_merge_fields(upsert: Any) -> list[str]:
    fields = upsert.get("fieldsToMergeOn") if isinstance(upsert, dict) else None
    if not isinstance(fields, list) or not 1 <= len(fields) <= errors.MAX_MERGE_ON:
        raise errors.parameter_invalid()
    return [str(field) for field in fields]


def _parse_changes(records: Any, *, ids_needed: bool) -> list[tuple[str | None, Mapping[str, Any]]]:
    if not isinstance(records, list) or not 1 <= len(records) <= errors.MAX_BATCH:
        raise errors.records_invalid()
    for record in records:
        if not isinstance(record, dict) or not isinstance(record.get("fields"), dict):
            raise errors.records_invalid()
        if record.keys() - {"id", "fields"} or (ids_needed and "id" not in record):
            raise errors.records_invalid()
    return [(str(r["id"]) if "id" in r else None, r["fields"]) for r in records]


def _check_names(given: Iterable[str], modelled: set[str]) -> None:
    if other := sorted(set(given) - modelled):
        raise errors.not_modelled(f"the parameter {other[0]}")


def _json(request: WireRequest) -> Any:
    try:
        return request.json()
    except ValueError:
        raise errors.body_not_json() from None


def _offset(request: WireRequest) -> str | None:
    """Return the offset of a list request in either form, even if the request is invalid."""
    if request.method == "GET":
        return request.query.get("offset", [None])[-1]
    try:
        offset = request.json()["offset"]
    except (ValueError, KeyError, TypeError):
        return None
    return offset if isinstance(offset, str) else None


def _table_schema(table: TableData) -> dict[str, Any]:
    fields = [
        {
            "id": f.id,
            "name": f.name,
            "type": f.type,
            **({"options": f.options} if f.options else {}),
        }
        for f in table.fields
    ]
    return {
        "id": table.id,
        "name": table.name,
        "primaryFieldId": table.fields[0].id,
        "fields": fields,
        "views": [],
    }
