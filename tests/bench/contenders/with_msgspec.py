"""The rules written by hand over msgspec, all of a table's in one loop: the ids, and nothing else.

The time of Python for these rules and no others, one record after the other.
"""

import gc
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from operator import attrgetter
from pathlib import Path
from typing import Any

import msgspec
from flight_rules import ENGINES, ONCE

gc.disable()

PLANE = {"tailnum": str, "year": int, "engine": str, "seats": int}
AIRPORT = {"faa": str, "name": str, "tz": int}
FLIGHT = {
    "year": int,
    "month": int,
    "day": int,
    "carrier": str,
    "flight": int,
    "tailnum": str,
    "dest": str,
    "dep_delay": int,
}

Found = defaultdict[str, list[str]]
"""The ids of the records that each rule finds."""


def main(folder: Path, out: Path) -> None:
    """Read the tables, write the ids of the records that each rule finds."""
    found: Found = defaultdict(list)
    tails = look_at_planes(records(folder, "planes", PLANE), found)
    places = look_at_airports(records(folder, "airports", AIRPORT), found)
    carriers = {one.fields.carrier for one in records(folder, "airlines", {"carrier": str})}
    look_at_flights(records(folder, "flights", FLIGHT), tails, places, carriers, found)
    out.write_text(json.dumps(found), encoding="utf-8")


def records(folder: Path, table: str, fields: Mapping[str, type]) -> Iterator[Any]:
    """Read the records of a table. A line of its file is a page."""
    cells = msgspec.defstruct("Cells", [(f, t | None, None) for f, t in fields.items()], gc=False)
    record = msgspec.defstruct("Record", [("id", str), ("fields", cells)], gc=False)
    page = msgspec.defstruct("Page", [("records", list[record])], gc=False)  # type: ignore[valid-type]
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(page)
    with (folder / f"{table}.ndjson").open("rb", buffering=1_000_000) as lines:
        for line in lines:
            yield from decoder.decode(line).records


def look_at_planes(planes: Iterable[Any], found: Found) -> set[str]:
    """Apply the rules of planes; return all tail numbers."""
    by_tail: dict[str, list[str]] = defaultdict(list)
    engines = set(ENGINES)
    for plane in planes:
        cells = plane.fields
        by_tail[cells.tailnum].append(plane.id)
        if cells.year is None:
            found["plane-year"].append(plane.id)
        if cells.engine is not None and cells.engine not in engines:
            found["plane-engine"].append(plane.id)
        if cells.seats is not None and not 2 <= cells.seats <= 400:
            found["plane-seats"].append(plane.id)
    found["plane-tailnum-unique"] = repeated(by_tail)
    return set(by_tail)


def look_at_airports(airports: Iterable[Any], found: Found) -> set[str]:
    """Apply the rules of airports; return all codes."""
    by_name: dict[str, list[str]] = defaultdict(list)
    places = set()
    for airport in airports:
        cells = airport.fields
        places.add(cells.faa)
        by_name[cells.name].append(airport.id)
        if cells.tz is not None and not -10 <= cells.tz <= -5:
            found["airport-tz"].append(airport.id)
    found["airport-name-unique"] = repeated(by_name)
    return places


def repeated(ids: Mapping[Any, list[str]]) -> list[str]:
    """Return the records of values that several have."""
    return [one for key, some in ids.items() if key is not None and len(some) > 1 for one in some]


def look_at_flights(
    flights: Iterable[Any], tails: set[str], places: set[str], carriers: set[str], found: Found
) -> None:
    """Apply the seven rules of flights, a flight at a time."""
    key_of = attrgetter(*ONCE)
    keys, ids = [], []
    for flight in flights:
        cells = flight.fields
        tail, delay, dest, carrier = cells.tailnum, cells.dep_delay, cells.dest, cells.carrier
        if tail is None or not tail.strip():
            found["flight-tailnum"].append(flight.id)
        if tail is not None and tail not in tails:
            found["flight-plane"].append(flight.id)
        if delay is None:
            found["flight-departure"].append(flight.id)
        elif not -60 <= delay <= 720:
            found["flight-delay"].append(flight.id)
        if dest is not None and dest not in places:
            found["flight-dest"].append(flight.id)
        if carrier is not None and carrier not in carriers:
            found["flight-carrier"].append(flight.id)
        key = key_of(cells)
        if None not in key:
            keys.append(key)
            ids.append(flight.id)
    several = {key for key, count in Counter(keys).items() if count > 1}
    found["flight-once"] = [one for key, one in zip(keys, ids, strict=True) if key in several]


main(Path(sys.argv[1]), Path(sys.argv[2]))
