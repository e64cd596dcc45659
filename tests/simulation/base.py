"""The base that a simulation reads, the scans over it, and what they must find."""

from dataclasses import dataclass
from random import Random
from typing import Any

from landfall.integrity.scan import IntegrityScan
from landfall.records import Record
from tests.fakes.world import START

BASE_ID = "appSimulated00001"

ISSUES = "Data issues"
"""The table that findings are written back to, in scans that do so."""

Findings = frozenset[tuple[str, tuple[str, ...]]]
"""(rule, sorted record ids) of each."""


@dataclass(frozen=True)
class SimulatedBase:
    """Its tables, and the findings that the rules of `draw_scan` must come to."""

    tables: dict[str, list[Record]]
    findings: Findings


def draw_base(random: Random) -> SimulatedBase:
    """Pupils in classes. The defects are known as they are made."""
    classes = [_record(f"recClass{n:09d}", {"Code": f"C{n}"}) for n in range(random.randint(1, 8))]
    pupils: list[Record] = []
    findings: set[tuple[str, tuple[str, ...]]] = set()
    for number in range(random.choice([1, 4, 8, 12, 40])):
        record_id = f"recPupil{number:09d}"
        fields: dict[str, Any] = {
            "Name": f"Pupil {number}",
            "Number": number,
            "Class": [random.choice(classes)["id"]],
        }
        if random.random() < 0.15:
            del fields["Name"]
            findings.add(("name", (record_id,)))
        if random.random() < 0.15:
            fields["Class"] = ["recClassGone00000"]
            findings.add(("class", (record_id,)))
        if pupils and random.random() < 0.1:
            twin = pupils[-1]
            if twin["fields"]["Number"] == number - 1:
                fields["Number"] = number - 1
                findings.add(("number", (twin["id"], record_id)))
        pupils.append(_record(record_id, fields))
    # somebody has every field, so that the schema knows it
    classes.append(_record("recClass999999999", {"Code": "C999"}))
    pupils.append(
        _record("recPupil999999999", {"Name": "Z", "Number": -1, "Class": [classes[0]["id"]]})
    )
    return SimulatedBase({"Pupils": pupils, "Classes": classes}, frozenset(findings))


def draw_scan(random: Random, number: int) -> IntegrityScan:
    """A scan of the base that runs a few times."""
    return IntegrityScan.model_validate(
        {
            "id": f"scan-{number}",
            "kind": "integrity",
            "base": BASE_ID,
            "tables": {"Pupils": ["Name", "Number", "Class"], "Classes": []},
            "rules": [
                {"id": "name", "kind": "required", "table": "Pupils", "field": "Name"},
                {"id": "number", "kind": "unique", "table": "Pupils", "fields": ["Number"]},
                {
                    "id": "class",
                    "kind": "link",
                    "table": "Pupils",
                    "field": "Class",
                    "to": {"table": "Classes"},
                },
            ],
            "write_back": {
                "table": ISSUES,
                "fields": {"finding_id": "Fingerprint", "state": "State", "message": "Message"},
            }
            if random.random() < 0.6
            else None,
            "limits": {"deadline_seconds": random.choice([300, 900, 1800])},
            "schedule": {
                "cadence": {"every_minutes": random.choice([1, 2, 3])},
                "overlap": random.choice(["skip", "allow", "cancel_running"]),
                "catch_up": random.choice(["one", "none", "all"]),
                "max_runs": random.randint(1, 2),
            },
        }
    )


def _record(record_id: str, fields: dict[str, Any]) -> Record:
    return {"id": record_id, "createdTime": START.isoformat(), "fields": fields}
