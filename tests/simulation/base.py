"""The base that a simulation reads, the scans over it, and what is wrong with what they read."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from landfall.airtable.protocols import Record
from landfall.airtable.snapshot import Table
from landfall.integrity.scan import IntegrityScan
from landfall.store.documents import Fields
from tests.fakes.world import START

BASE_ID = "appSimulated00001"

ISSUES = "Data issues"
"""The table that findings are written back to, in scans that do so."""

PUPILS = "Pupils"

SEVERITY = {"name": "warning", "number": "warning", "class": "critical"}
"""Severities of the findings of the rules of `draw_scan`."""

Found = tuple[str, tuple[str, ...]]
"""Rule and sorted record ids."""


@dataclass(frozen=True)
class SimulatedBase:
    """Pupils in classes, whom people edit, and the cells that each pupil has ever had."""

    tables: dict[str, list[Record]]
    told: dict[str, list[Fields]]

    def edit(self, random: Random) -> Record:
        """Somebody gives a pupil a name, or takes it away; the record."""
        pupil = random.choice(self.tables[PUPILS][:-1])  # the last has every field, always
        if pupil["fields"].pop("Name", None) is None:
            pupil["fields"]["Name"] = "Somebody"
        self.told[pupil["id"]].append({**pupil["fields"]})
        return pupil

    def never_had(self, pupils: Table) -> list[str]:
        """Those of these pupils who are not as they have ever been."""
        cells = (
            {name: cell for name, cell in zip(pupils.columns, row, strict=True) if cell is not None}
            for row in zip(*pupils.columns.values(), strict=True)
        )
        return [
            id_ for id_, its in zip(pupils.ids, cells, strict=True) if its not in self.told[id_]
        ]


def defects(tables: Mapping[str, Table]) -> Counter[Found]:
    """What the rules of `draw_scan` must find in these tables."""
    return Counter(_defects(tables[PUPILS], set(tables["Classes"].ids)))


def _defects(pupils: Table, classes: set[str]) -> Iterator[Found]:
    numbers = defaultdict(list)
    columns = (pupils.columns[name] for name in ("Name", "Class", "Number"))
    for record_id, name, links, number in zip(pupils.ids, *columns, strict=True):
        numbers[number].append(record_id)
        if name is None:
            yield "name", (record_id,)
        if not set(links) <= classes:
            yield "class", (record_id,)
    for some in numbers.values():
        if len(some) > 1:
            yield "number", tuple(sorted(some))


def draw_base(random: Random) -> SimulatedBase:
    """With some defects."""
    classes = [_record(f"recClass{n:09d}", {"Code": f"C{n}"}) for n in range(random.randint(1, 8))]
    pupils: list[Record] = []
    for number in range(random.choice([1, 4, 8, 12, 40])):
        record_id = f"recPupil{number:09d}"
        fields: dict[str, Any] = {
            "Name": f"Pupil {number}",
            "Number": number,
            "Class": [random.choice(classes)["id"]],
        }
        if random.random() < 0.15:
            del fields["Name"]
        if random.random() < 0.15:
            fields["Class"] = ["recClassGone00000"]
        if pupils and random.random() < 0.1:
            fields["Number"] = number - 1
        pupils.append(_record(record_id, fields))
    # somebody has every field, so that the schema knows it
    classes.append(_record("recClass999999999", {"Code": "C999"}))
    pupils.append(
        _record("recPupil999999999", {"Name": "Z", "Number": -1, "Class": [classes[0]["id"]]})
    )
    told = {pupil["id"]: [{**pupil["fields"]}] for pupil in pupils}
    return SimulatedBase({PUPILS: pupils, "Classes": classes}, told)


def draw_scan(random: Random, number: int) -> IntegrityScan:
    """A scan of the base that runs a few times."""
    return IntegrityScan.model_validate(
        {
            "id": f"scan-{number}",
            "kind": "integrity",
            "base": BASE_ID,
            "tables": {PUPILS: ["Name", "Number", "Class"], "Classes": []},
            "rules": [
                {"id": "name", "kind": "required", "table": PUPILS, "field": "Name"},
                {"id": "number", "kind": "unique", "table": PUPILS, "fields": ["Number"]},
                {
                    "id": "class",
                    "kind": "link",
                    "table": PUPILS,
                    "field": "Class",
                    "to": {"table": "Classes"},
                    "severity": SEVERITY["class"],
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
