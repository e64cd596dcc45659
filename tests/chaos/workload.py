"""What a campaign runs: small bases, tables of data elements and web sites, each scanned again and
again on a schedule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from infra.local.airtable.bases import BaseData, Field, TableData
from infra.local.site.pages import Resource, page, plain
from landfall.airtable.protocols import Record
from landfall.classification.scan import ClassificationScan
from landfall.integrity.scan import IntegrityScan
from landfall.scans.scan import Scan
from landfall.site.scan import SiteScan
from tests.simulation.base import ISSUES, SimulatedBase, draw_base, draw_scan
from tests.simulation.elements import TABLE, ElementTable, draw_classification, draw_elements
from tests.simulation.pages import ROBOTS, SimulatedSite, draw_site, draw_site_scan

_FIELD_TYPES = {"Number": "number", "Class": "multipleRecordLinks"}

ELEMENTS = 24
"""Of a table: so many questions that a kill finds some under way."""

PAGE_SECONDS = 0.4
"""That a page takes."""


@dataclass(frozen=True)
class Load:
    """A base over HTTP, the scan of it, and what people edit in it."""

    served: BaseData
    scan: IntegrityScan
    base: SimulatedBase


@dataclass(frozen=True)
class ElementsLoad:
    """A base with a table of data elements over HTTP, and the scan of it."""

    served: BaseData
    scan: ClassificationScan
    table: ElementTable


@dataclass(frozen=True)
class SiteLoad:
    """A web site over HTTP, and the scan of it by another address than it will have."""

    scan: SiteScan
    site: SimulatedSite

    def served(self, path: str) -> Resource:
        """A page as it is now."""
        return Resource(page(self.site.html(path)).response, seconds=PAGE_SECONDS)

    @property
    def pages(self) -> dict[str, Resource]:
        """All of them."""
        pages = {path: self.served(path) for path in self.site.paths}
        return pages | {"/robots.txt": plain(ROBOTS)}


@dataclass(frozen=True)
class Workload:
    """The loads, by the kind of scan."""

    integrity: Sequence[Load]
    classification: Sequence[ElementsLoad]
    site: Sequence[SiteLoad]

    @property
    def bases(self) -> tuple[BaseData, ...]:
        """All that Airtable has."""
        loads: list[Load | ElementsLoad] = [*self.integrity, *self.classification]
        return tuple(load.served for load in loads)

    @property
    def sites(self) -> dict[str, Mapping[str, Resource]]:
        """All sites, by the addresses that the scans have here."""
        return {load.scan.url: load.pages for load in self.site}

    def scans(self, addresses: Mapping[str, str]) -> list[Scan]:
        """All scans; those of sites go to where these are found."""
        loads: list[Load | ElementsLoad] = [*self.integrity, *self.classification]
        moved = [_at(load.scan, addresses[load.scan.url]) for load in self.site]
        return [*(load.scan for load in loads), *moved]


def _at(scan: SiteScan, url: str) -> SiteScan:
    return SiteScan.model_validate(scan.document() | {"url": f"{url}/"})


def draw_workload(
    random: Random,
    counts: Mapping[str, int],
    slots: list[datetime],
    deadlines: tuple[float, float],
) -> Workload:
    """So many loads of each kind, due at every slot or a little later, so that always one is due.

    Every fourth has the first, short deadline.
    """
    short, long = deadlines
    kinds = [kind for kind, count in counts.items() for _ in range(count)]
    random.shuffle(kinds)
    between = (slots[-1] - slots[0]).total_seconds() / len(slots)
    loads: dict[str, list[Any]] = {kind: [] for kind in counts}
    for number, kind in enumerate(kinds):
        later = timedelta(seconds=round(between * number / len(kinds)))
        own = loads[kind]
        settings = {
            "limits": {"deadline_seconds": long if len(own) % 4 else short},
            "schedule": {
                "cadence": {"at": [(slot + later).isoformat() for slot in slots]},
                "overlap": "allow",
                "catch_up": "all",
            },
        }
        own.append(_DRAW[kind](random, number, settings))
    return Workload(**loads)


def slots_from(begin: datetime, runs: int, seconds: float) -> list[datetime]:
    """Moments in whole seconds, evenly over so many seconds."""
    begin = begin.replace(microsecond=0)
    return [begin + timedelta(seconds=round(n * seconds / runs)) for n in range(runs)]


def _draw_load(random: Random, number: int, settings: dict[str, Any]) -> Load:
    base = draw_base(random)
    content = draw_scan(random, number).document()
    content |= settings | {"base": _base_id(number)}
    served = _served(number, base)
    return Load(served, IntegrityScan.model_validate(content), base)


def _draw_elements(random: Random, number: int, settings: dict[str, Any]) -> ElementsLoad:
    table = draw_elements(random, ELEMENTS)
    content = draw_classification(random, number).document()
    content |= settings | {"base": _base_id(number), "group_size": random.choice([2, 3])}
    scan = ClassificationScan.model_validate(content)
    filled = scan.write_back.fields.chosen().values() if scan.write_back else ()
    names = ("Name", "Description", *filled)
    fields = tuple(_field(TABLE, name, {}) for name in names)
    served = TableData(_table_id(TABLE), TABLE, fields, tuple(map(copied, table.records)))
    return ElementsLoad(BaseData(scan.base, scan.base, (served,)), scan, table)


def _draw_site(random: Random, number: int, settings: dict[str, Any]) -> SiteLoad:
    content = draw_site_scan(random, number, f"https://chaos-{number}.example/").document()
    content |= settings | {
        "mode": "deep",
        "max_pages": 10,
        "delay_seconds": 0.2,
        "scorer": "model" if random.random() < 0.8 else "rules",
    }
    return SiteLoad(SiteScan.model_validate(content), draw_site(random))


_DRAW = {"integrity": _draw_load, "classification": _draw_elements, "site": _draw_site}


def copied(record: Record) -> Record:
    """A record of its own: what people edit shows when they have saved it."""
    return {**record, "fields": {**record["fields"]}}


def _base_id(number: int) -> str:
    return f"appChaos{number:09d}"


def _served(number: int, base: SimulatedBase) -> BaseData:
    links = {"Class": _table_id("Classes")}
    tables = []
    for name, records in base.tables.items():
        names = sorted({field for record in records for field in record["fields"]})
        # Airtable's first field is the primary one, which cannot be a link
        names.sort(key=lambda field: field in links)
        fields = tuple(_field(name, field, links) for field in names)
        tables.append(TableData(_table_id(name), name, fields, tuple(map(copied, records))))
    columns = ("Fingerprint", "State", "Message")
    tables.append(
        TableData(
            _table_id("Issues"), ISSUES, tuple(_field("Issues", name, {}) for name in columns)
        )
    )
    return BaseData(_base_id(number), _base_id(number), tuple(tables))


def _field(table: str, name: str, links: dict[str, str]) -> Field:
    options: dict[str, Any] | None = None
    if name in links:
        options = {"linkedTableId": links[name]}
    elif name == "Number":
        options = {"precision": 0}
    kind = _FIELD_TYPES.get(name, "singleLineText")
    return Field(f"fld{table}{name.replace(' ', '')}".ljust(17, "0")[:17], name, kind, options)


def _table_id(name: str) -> str:
    return f"tbl{name}".ljust(17, "0")[:17]
