"""What people do to a running stack, and small bases of known content to do it with."""

from collections.abc import Mapping, Sequence
from typing import Any

from infra.local.airtable.bases import BaseData, Field, TableData
from infra.local.stack import Stack
from landfall.runs.lifecycle import RUN_ENDED
from tests.waiting import until

Run = Mapping[str, Any]
Found = dict[str, set[tuple[str, ...]]]


def people(base_id: str, records: int) -> tuple[BaseData, Found]:
    """A base with one table in which every 40th person has no e-mail address, and its key."""
    rows = [
        {
            "id": f"rec{number:014d}",
            "createdTime": "2026-01-01T00:00:00.000Z",
            "fields": {"Name": f"Confidential {number}"}
            | ({"Email": f"person.{number}@people.example"} if number % 40 else {}),
        }
        for number in range(records)
    ]
    fields = (
        Field("fldName0000000001", "Name", "singleLineText"),
        Field("fldEmail000000001", "Email", "email"),
    )
    key: Found = {"email": {(str(row["id"]),) for row in rows[::40]}}
    return BaseData(
        base_id, "People", (TableData("tblPeople00000001", "People", fields, tuple(rows)),)
    ), key


def scan(base: BaseData, scan_id: str, **more: Any) -> dict[str, Any]:
    """A scan of such a base with one rule."""
    return {
        "id": scan_id,
        "kind": "integrity",
        "base": base.id,
        "tables": {"People": ["Name", "Email"]},
        "rules": [{"id": "email", "kind": "required", "table": "People", "field": "Email"}],
    } | more


async def save(stack: Stack, definition: Mapping[str, Any]) -> Mapping[str, Any]:
    """Store a scan; what was stored."""
    answer = await stack.call("PUT", f"/scans/{definition['id']}", definition)
    assert answer.status_code == 200, answer.text
    saved: Mapping[str, Any] = answer.json()
    return saved


async def start(stack: Stack, definition: Mapping[str, Any]) -> str:
    """Store a scan and start a run of it; the run's id."""
    await save(stack, definition)
    answer = await stack.call("POST", "/runs", {"scan_id": definition["id"]})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["run_id"])


async def get(stack: Stack, path: str) -> Any:
    """The JSON of a path that is there."""
    answer = await stack.call("GET", path)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def ended(stack: Stack, run_id: str, seconds: float = 30.0, *, tick: bool = False) -> Run:
    """The run once it has ended. With `tick`, the watchdog looks after it all the while."""

    async def look() -> Run | None:
        if tick:
            await stack.tick("watchdog")
        run: Run = await get(stack, f"/runs/{run_id}")
        return run if run["status"] in RUN_ENDED else None

    return await until(look, seconds, every=0.2)


async def findings(stack: Stack, run_id: str) -> Found:
    """Rule id -> the record ids of each finding, from all pages of the api's answer."""
    found: Found = {}
    page = ""
    while True:
        part = await get(stack, f"/runs/{run_id}/findings{page}")
        for finding in part["findings"]:
            found.setdefault(finding["rule_id"], set()).add(tuple(sorted(finding["records"])))
        if not part["next_page_token"]:
            return found
        page = f"?page_token={part['next_page_token']}"


def history(debug: Mapping[str, Any], step: str | None = None) -> Sequence[str]:
    """The statuses of a run, or of a step of it, in order."""
    return [event["to"] for event in debug["events"] if event["step"] == step]
