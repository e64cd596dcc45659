"""What a campaign runs: many small bases, each scanned again and again on a schedule."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from infra.local.base_model import Base, Field, Table
from landfall.integrity.scan import IntegrityScan
from tests.simulation.base import ISSUES, SimulatedBase, draw_base, draw_scan

_FIELD_TYPES = {"Number": "number", "Class": "multipleRecordLinks"}


@dataclass(frozen=True)
class Load:
    """A base over HTTP, the scan of it, and what the scan must find."""

    served: Base
    scan: IntegrityScan
    expected: SimulatedBase


def draw_loads(
    random: Random, bases: int, slots: list[datetime], deadlines: tuple[float, float]
) -> list[Load]:
    """Bases with a scan each, due at every slot or a little later, so that always one is due.

    Every fourth has the first, short deadline.
    """
    short, long = deadlines
    between = (slots[-1] - slots[0]).total_seconds() / len(slots)
    loads = []
    for number in range(bases):
        later = timedelta(seconds=round(between * number / bases))
        own = [slot + later for slot in slots]
        loads.append(_draw_load(random, number, own, long if number % 4 else short))
    return loads


def slots_from(begin: datetime, runs: int, seconds: float) -> list[datetime]:
    """Moments in whole seconds, evenly over so many seconds."""
    begin = begin.replace(microsecond=0)
    return [begin + timedelta(seconds=round(n * seconds / runs)) for n in range(runs)]


def _draw_load(random: Random, number: int, slots: list[datetime], deadline: float) -> Load:
    base_id = f"appChaos{number:09d}"
    expected = draw_base(random)
    content = draw_scan(random, number).document()
    content |= {
        "base": base_id,
        "limits": {"deadline_seconds": deadline},
        "schedule": {
            "cadence": {"at": [slot.isoformat() for slot in slots]},
            "overlap": "allow",
            "catch_up": "all",
        },
    }
    return Load(_served(base_id, expected), IntegrityScan.model_validate(content), expected)


def _served(base_id: str, expected: SimulatedBase) -> Base:
    links = {"Class": _table_id("Classes")}
    tables = []
    for name, records in expected.tables.items():
        names = sorted({field for record in records for field in record["fields"]})
        # Airtable's first field is the primary one, which cannot be a link
        names.sort(key=lambda field: field in links)
        fields = tuple(_field(name, field, links) for field in names)
        tables.append(Table(_table_id(name), name, fields, tuple(records)))
    columns = ("Fingerprint", "State", "Message")
    tables.append(
        Table(_table_id("Issues"), ISSUES, tuple(_field("Issues", name, {}) for name in columns))
    )
    return Base(base_id, base_id, tuple(tables))


def _field(table: str, name: str, links: dict[str, str]) -> Field:
    options: dict[str, Any] | None = None
    if name in links:
        options = {"linkedTableId": links[name]}
    elif name == "Number":
        options = {"precision": 0}
    kind = _FIELD_TYPES.get(name, "singleLineText")
    return Field(f"fld{table}{name}".ljust(17, "0")[:17], name, kind, options)


def _table_id(name: str) -> str:
    return f"tbl{name}".ljust(17, "0")[:17]
