"""A made-up school as an Airtable base, clean by construction, with defects planted and recorded.

The answer key is written down while the defects are planted. It never comes from running a rule,
so it can judge whatever runs the rules of samples/school.yaml. A defect and the near misses beside
it (values that look wrong and are not) each take a record of their own; no two of them meet.

Cells are as Airtable's API gives them: what is empty ("", [], an unchecked box) is absent; blanks
and 0 are there. E-mail addresses are in the domains kept for examples (RFC 2606), telephone
numbers among those Germany keeps for films.

Attendance is dated back from the day the base is made, so that the windows of the rules (the last
30 days, the last 4 weeks) hold the same entries whenever that is, also when it is the day after.
Nothing else depends on that day, the answer key neither.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from infra.local.airtable.bases import Base, Field, Table, random_id
from infra.local.samples.school_book import BOOK, BOOK_DAYS, BOOK_WEEKS, LETTERS

AnswerKey: TypeAlias = Mapping[str, frozenset[tuple[str, ...]]]
Row: TypeAlias = dict[str, Any]  # a record, open for planting
Choices: TypeAlias = Sequence[str]
Twist: TypeAlias = Callable[[Any], Any]

BASE_ID = "appSchool00000001"
ABSENT = object()
NBSP = "\u00a0"  # what a paste from a web page leaves behind
ZONE = ZoneInfo("Europe/Berlin")
STUDENTS, PARENTS, CONTRACTORS, ATTENDANCE = 400, 420, 60, 1_068  # with 60 classes: 2,008; and BOOK
SCHOOL_YEAR = 2026

# fmt: off
FIRST = (  # noqa: SIM905  one name a line would be a page
    "Ada Amira Anton Aylin Ben Clara Chidi Daria David Elif Emil Emma Farid Finn Frieda Hanna Hugo "
    "Ines Jakob Jasmin Jonas Kemal Klara Lea Leo Lina Linh Luca Malik Marta Mateo Mila Minh Nadia "
    "Nils Noah Nora Oskar Paula Pavel Rania Samir Selma Sofia Tariq Theo Tilda Vera Yara Zoe"
).split()
LAST = (  # noqa: SIM905  as above
    "Abadi Adeyemi Arslan Bauer Becker Berger Costa Demir Engel Fischer Garcia Haas Hartmann Hoang "
    "Ivanova Jansen Kaya Keller Klein Kowalski Krause Lehmann Lorenz Marino Mensah Moretti Nguyen "
    "Nowak Okafor Pereira Petrov Richter Rossi Sahin Schulz Silva Sommer Stein Tran Vogel Weber"
).split()
SUBJECTS = ("Maths", "German", "English", "Biology", "History", "Art")
GRADES = range(5, 13)
CLASS_CODES = tuple(f"{grade}{number:02}" for grade in GRADES for number in range(1, 7))
CLUBS = (
    "CHOIR", "ROBOTICS", "CHESS", "DRAMA", "YOGA", "FOOTBALL", "CODING", "COOKING", "DEBATE",
    "GARDEN", "PHOTO", "CLIMBING",
)
USED_CLUBS = 2  # attendance and contractors name only these; the others may lose their codes
STATUS = ("Active", "Graduated", "Withdrawn")
CONTACT = ("Email", "Phone", "Letter")
PRESENCE = ("Present", "Tardy", "Partial", "Absent", "Excused")

FIELDS: dict[str, dict[str, str]] = {  # table -> field -> its type, or "-> " and the linked table
    "Students": {
        "Student ID": "singleLineText", "Name": "singleLineText", "Email": "email",
        "Status": "singleSelect", "Grade": "number", "Birth Date": "date",
        "Parents": "-> Parents", "Class": "-> Classes", "Photo Consent": "checkbox",
    },
    "Parents": {
        "Name": "singleLineText", "Phone": "phoneNumber", "Email": "email",
        "Preferred Contact": "singleSelect",
    },
    "Contractors": {
        "Name": "singleLineText", "Email": "email", "Subjects": "multipleSelects",
        "Teaches": "multipleSelects", "Hourly Rate": "number",
    },
    "Classes": {
        "Code": "singleLineText", "Name": "singleLineText", "Teacher": "-> Contractors",
        "Capacity": "number",
    },
    "Attendance": {
        "Entry": "singleLineText", "Student": "-> Students", "Class Code": "singleLineText",
        "Date": "date", "Presence": "singleSelect", "Minutes Missed": "number",
    },
}

OPTIONS: dict[str, dict[str, Any]] = {
    "number": {"precision": 0},
    "date": {"dateFormat": {"name": "iso", "format": "YYYY-MM-DD"}},
    "checkbox": {"icon": "check", "color": "greenBright"},
}
# fmt: on


def school(seed: int = 20261122, today: date | None = None) -> tuple[Base, AnswerKey]:
    """The base, and what a scan with samples/school.yaml must find in it: no more, no less.

    The key maps a rule id to its findings, each the sorted ids of the records it is about. `today`
    is the day up to which there is attendance, by default the present one. The same seed and day
    give the same bytes.
    """
    today = today or datetime.now(ZONE).date()
    draft = _Draft(random.Random(seed), today - timedelta(days=today.weekday()))
    _fill(draft)
    for plant in (_students, _parents, _contractors, _classes, _attendance, _absences):
        plant(draft)
    key = {rule: frozenset(found) for rule, found in draft.key.items()}
    return Base(BASE_ID, "School", tuple(_table(draft, name) for name in FIELDS)), key


@dataclass
class _Draft:
    """Rows by table while they are made, those nothing was planted in yet, and the key so far."""

    rng: random.Random
    monday: date  # of the week in which the base is made
    rows: dict[str, list[Row]] = field(default_factory=dict)
    untouched: dict[str, list[Row]] = field(default_factory=dict)
    booked: list[Row] = field(default_factory=list)  # the students of BOOK, nothing else planted
    key: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)

    def add(self, table: str, rows: Iterable[Row]) -> None:
        self.rows[table] = [
            {"id": self.new_id("rec"), "createdTime": _created(number), "fields": cells}
            for number, cells in enumerate(rows)
        ]
        self.untouched[table] = self.rng.sample(self.rows[table], len(self.rows[table]))

    def day(self, weeks: int, weekday: int) -> date:
        """A day so many weeks before this one; Monday is 0."""
        return self.monday + timedelta(days=weekday - 7 * weeks)

    def new_id(self, prefix: str) -> str:
        return random_id(prefix, self.rng)

    def ids(self, table: str) -> list[str]:
        return [row["id"] for row in self.rows[table]]

    def put(self, pool: str, column: str, *values: object) -> list[Row]:
        """Each value into a record nothing was planted in. On its own: near misses, no defects."""
        rows = [self.untouched[pool].pop() for _ in values]
        for row, value in zip(rows, values, strict=True):
            row["fields"][column] = value
            if value is ABSENT:
                del row["fields"][column]
        return rows

    def repeat(self, pool: str, columns: Choices, *twists: Twist) -> list[Row]:
        """A record, and a further one a twist with the same cells in `columns`, the first twisted.

        On its own: near misses, no defect.
        """
        original, *others = rows = [self.untouched[pool].pop() for _ in range(len(twists) + 1)]
        for row, twist in zip(others, twists, strict=True):
            row["fields"] |= {column: original["fields"][column] for column in columns}
            row["fields"][columns[0]] = twist(original["fields"][columns[0]])
        return rows

    def each(self, rule: str, rows: Iterable[Row]) -> None:
        """Into the key: every one of these records is a finding of that rule."""
        for row in rows:
            self.together(rule, [row])

    def together(self, rule: str, rows: Iterable[Row]) -> None:
        """Into the key: these records are one finding of that rule."""
        self.key.setdefault(rule, set()).add(tuple(sorted(row["id"] for row in rows)))


# Clean data. Every rule holds here, whatever the seed.


def _fill(draft: _Draft) -> None:
    rng = draft.rng
    draft.add("Contractors", (_contractor(rng, number) for number in range(CONTRACTORS)))
    draft.add("Classes", _class_rows(rng, draft.ids("Contractors")))
    unused = len(CLUBS) - USED_CLUBS
    draft.untouched["Clubs"] = draft.rows["Classes"][-unused:]
    draft.untouched["Classes"] = rng.sample(draft.rows["Classes"][:-unused], len(CLASS_CODES))
    phones = rng.sample(range(3_000), PARENTS)
    draft.add("Parents", (_parent(rng, phone) for phone in phones))
    parents, classes = draft.ids("Parents"), draft.ids("Classes")
    draft.add("Students", (_student(rng, n, parents, classes) for n in range(STUDENTS)))
    draft.booked = rng.sample(draft.rows["Students"][1:], len(BOOK))  # others link to the first
    ids = {row["id"] for row in draft.booked}
    others = [row for row in draft.rows["Students"] if row["id"] not in ids]
    draft.untouched["Students"] = [r for r in draft.untouched["Students"] if r["id"] not in ids]
    draft.add("Attendance", [*_attendance_rows(draft, others), *_book_rows(draft)])
    casual = draft.rows["Attendance"][:ATTENDANCE]
    draft.untouched["Attendance"] = rng.sample(casual, ATTENDANCE)


def _contractor(rng: random.Random, number: int) -> Row:
    first, last = rng.choice(FIRST), rng.choice(LAST)
    return {
        "Name": f"{first} {last}",
        "Email": f"{first}.{last}.{number + 1}@school.example".lower(),
        "Subjects": rng.sample(SUBJECTS, rng.randint(1, 2)),
        "Teaches": rng.sample((*CLASS_CODES, *CLUBS[:USED_CLUBS]), rng.randint(1, 4)),
        "Hourly Rate": rng.randrange(28, 61, 2),
    }


def _class_rows(rng: random.Random, contractors: Choices) -> Iterator[Row]:
    names = [f"{subject}, grade {grade}" for grade in GRADES for subject in SUBJECTS]
    names += [f"{club.capitalize()} club" for club in CLUBS]
    for code, name in zip((*CLASS_CODES, *CLUBS), names, strict=True):
        teacher, places = rng.choice(contractors), rng.randrange(18, 31)
        yield {"Code": code, "Name": name, "Teacher": [teacher], "Capacity": places}


def _parent(rng: random.Random, phone: int) -> Row:
    first, last = rng.choice(FIRST), rng.choice(LAST)
    area = ("30 23125", "69 90009", "40 66969")[phone // 1_000]
    return {
        "Name": f"{first} {last}",
        "Phone": f"+49 {area} {phone % 1_000:03}",
        "Email": f"{first}.{last}@example.{rng.choice(('com', 'net', 'org'))}".lower(),
        "Preferred Contact": rng.choice(CONTACT),
    }


def _student(rng: random.Random, number: int, parents: Choices, classes: Choices) -> Row:
    first, last, grade = rng.choice(FIRST), rng.choice(LAST), rng.choice(GRADES)
    born = date(SCHOOL_YEAR - grade - 6, 1, 1) + timedelta(days=rng.randrange(365))
    first_class = (grade - GRADES.start) * len(SUBJECTS)
    row = {
        "Student ID": f"S-{SCHOOL_YEAR}-{number + 1:04}",
        "Name": f"{first} {last}",
        "Email": f"{first}.{last}.{number + 1}@example.org".lower(),
        "Status": rng.choices(STATUS, weights=(90, 6, 4))[0],
        "Grade": grade,
        "Birth Date": born.isoformat(),
        "Parents": rng.sample(parents, rng.randint(1, 2)),
        "Class": [classes[first_class + rng.randrange(len(SUBJECTS))]],
    }
    return row | ({"Photo Consent": True} if rng.random() < 0.8 else {})


def _attendance_rows(draft: _Draft, students: Sequence[Row]) -> Iterator[Row]:
    """At most one entry a student and day; the first two weeks of the term."""
    rng = draft.rng
    days = [draft.day(weeks, weekday) for weeks in (13, 12) for weekday in range(5)]
    chosen = rng.sample(list(product(students, days)), ATTENDANCE)
    for number, (student, day) in enumerate(chosen, start=1):
        presence = rng.choices(PRESENCE, weights=(83, 6, 3, 5, 3))[0]
        code = rng.choice([*_codes(student), *CLUBS[:USED_CLUBS]])
        yield _entry(rng, number, student, code, day, presence)


def _book_rows(draft: _Draft) -> Iterator[Row]:
    """The lessons of BOOK."""
    number = ATTENDANCE
    for student, (words, _) in zip(draft.booked, BOOK, strict=True):
        one, other, *_ = _codes(student)
        for weeks, word in zip(BOOK_WEEKS, words.split(), strict=True):
            for weekday, code, letter in zip(BOOK_DAYS, (one, one, other), word, strict=True):
                if letter != "-":
                    number += 1
                    day = draft.day(weeks, weekday)
                    yield _entry(draft.rng, number, student, code, day, LETTERS[letter])


def _codes(student: Row) -> list[str]:
    return [f"{student['fields']['Grade']}{subject:02}" for subject in range(1, 7)]


def _entry(
    rng: random.Random, number: int, student: Row, code: str, day: date, presence: str
) -> Row:
    minutes = rng.randrange(5, 40, 5)
    return {
        "Entry": f"A-{number:05}",
        "Student": [student["id"]],
        "Class Code": code,
        "Date": day.isoformat(),
        "Presence": presence,
        "Minutes Missed": minutes if presence in ("Tardy", "Partial") else 0,
    }


# Defects, table by table: those for the key first, what only looks like one after them.


def _students(draft: _Draft) -> None:
    key, some_parent = ("Student ID",), draft.ids("Parents")[0]
    draft.each("student-email", draft.put("Students", "Email", ABSENT, ABSENT, " ", "\t \n", NBSP))
    draft.each("student-id", draft.put("Students", "Student ID", ABSENT, ABSENT, "   "))
    draft.together("student-id-unique", draft.repeat("Students", key, _same))
    draft.together("student-id-unique", draft.repeat("Students", key, _same, _same))
    draft.together("student-id-unique", draft.repeat("Students", key, str.lower, _padded))
    draft.each("student-status", draft.put("Students", "Status", "active", "Active ", "Left"))
    draft.each("student-grade", draft.put("Students", "Grade", 13, 0, 7.5, "7"))
    draft.each("student-class", draft.put("Students", "Class", ABSENT, ABSENT))
    draft.each("student-class-link", draft.put("Students", "Class", *_dangling(draft, "Classes")))
    draft.each("student-parents", draft.put("Students", "Parents", *_dangling(draft, "Parents")))

    draft.put("Students", "Status", ABSENT)
    draft.put("Students", "Grade", ABSENT)
    draft.put("Students", "Parents", ABSENT, [some_parent, some_parent])


def _parents(draft: _Draft) -> None:
    key = ("Name", "Phone")
    draft.each("parent-phone", draft.put("Parents", "Phone", ABSENT, ABSENT, "  "))
    draft.each("parent-contact", draft.put("Parents", "Preferred Contact", "phone", "Fax"))
    draft.together("parent-unique", draft.repeat("Parents", key, _same))
    draft.together("parent-unique", draft.repeat("Parents", key, _same, _same))

    draft.put("Parents", "Preferred Contact", ABSENT)
    draft.repeat("Parents", key, str.upper)  # this rule compares exactly
    draft.repeat("Parents", ("Name",), _same)  # another telephone, so somebody else
    without_phone = draft.repeat("Parents", key, _same)  # part of the key is missing: not equal
    for row in without_phone:
        del row["fields"]["Phone"]
    draft.each("parent-phone", without_phone)


def _contractors(draft: _Draft) -> None:
    key, code = ("Email",), CLASS_CODES[0]
    draft.together("contractor-email-unique", draft.repeat("Contractors", key, _same))
    draft.together("contractor-email-unique", draft.repeat("Contractors", key, str.upper, _padded))
    folded = draft.put("Contractors", "Email", "jo.gross@school.example", "Jo.Groß@School.example")
    draft.together("contractor-email-unique", folded)
    draft.each(
        "contractor-subjects",
        draft.put("Contractors", "Subjects", ["maths"], ["Art", "Alchemy"], ["maths", "Alchemy"]),
    )
    wrong = [f"0{code}"], [code, "5O1"], [f"{code} "], ["choir"], [int(code)], ["999", "998"]
    draft.each("contractor-teaches", draft.put("Contractors", "Teaches", *wrong))

    draft.put("Contractors", "Email", ABSENT, ABSENT, " ", " ")
    draft.put("Contractors", "Subjects", ABSENT, list(SUBJECTS))
    draft.put("Contractors", "Teaches", ABSENT, [code, code])


def _classes(draft: _Draft) -> None:
    key = ("Code",)
    draft.together("class-code-unique", draft.repeat("Clubs", key, _same))
    draft.together("class-code-unique", draft.repeat("Clubs", key, _same, _same))
    draft.each("class-capacity", draft.put("Classes", "Capacity", ABSENT, ABSENT))
    draft.each("class-teacher", draft.put("Classes", "Teacher", *_dangling(draft, "Contractors")))

    draft.repeat("Clubs", key, str.lower)  # this rule compares exactly
    draft.put("Clubs", "Code", ABSENT, ABSENT)
    draft.put("Classes", "Capacity", 0, 0)  # closed, and said so
    draft.put("Classes", "Teacher", ABSENT)


def _attendance(draft: _Draft) -> None:
    key, code = ("Student", "Class Code", "Date"), CLASS_CODES[-1]
    two = draft.repeat("Attendance", key, _same)
    draft.together("attendance-once", _was(two, "Present", "Absent"))
    three = draft.repeat("Attendance", key, _same, _same)
    draft.together("attendance-once", _was(three, "Present", "Present", "Absent"))
    dangling = _dangling(draft, "Students")
    draft.each("attendance-student", draft.put("Attendance", "Student", *dangling))
    wrong = "1307", "choir", f"{code} ", f"0{code}", int(code)  # a formula may answer a number
    draft.each("attendance-class", draft.put("Attendance", "Class Code", *wrong))

    draft.put("Attendance", "Class Code", ABSENT, "  ")
    draft.put("Attendance", "Student", ABSENT)
    again = draft.repeat("Attendance", key[:2], _same)[1]
    again["fields"]["Date"] = draft.day(11, 0).isoformat()  # another day, after all the others
    for row in _was(draft.repeat("Attendance", key, _same), "Present", "Absent"):
        del row["fields"]["Class Code"]


def _absences(draft: _Draft) -> None:
    rule = "absence-twice-a-day"
    draft.together(rule, _one_day(draft, "Absent", "Absent"))
    draft.together(rule, _one_day(draft, "Absent", "Absent", "Absent"))
    draft.together(rule, _one_day(draft, "Absent", "Present", "Absent", "Excused")[::2])
    for student, (_, severities) in zip(draft.booked, BOOK, strict=True):
        for name in severities:
            draft.each(name, [student])

    _one_day(draft, "Absent", "Excused")
    _one_day(draft, "Tardy", "Tardy")


def _one_day(draft: _Draft, *presences: str) -> list[Row]:
    """Entries of one student and day, each in a class of its own."""
    same = [_same] * (len(presences) - 1)
    rows = _was(draft.repeat("Attendance", ("Student", "Date"), *same), *presences)
    for row, code in zip(rows, CLASS_CODES, strict=False):
        row["fields"]["Class Code"] = code
    return rows


def _was(rows: list[Row], *presences: str) -> list[Row]:
    """These entries, with these presences."""
    for row, presence in zip(rows, presences, strict=True):
        row["fields"]["Presence"] = presence
    return rows


def _dangling(draft: _Draft, table: str) -> list[list[str]]:
    """Cells of a link to `table` that each hold an id which is no record of it."""
    valid = draft.ids(table)[0]
    elsewhere = draft.ids("Attendance")[0]  # nothing links to this table
    gone = [draft.new_id("rec") for _ in range(4)]
    return [[gone[0]], [valid, gone[1]], gone[2:], [elsewhere], [valid.swapcase()]]


def _same(cell: Any) -> Any:
    return cell


def _padded(text: str) -> str:
    return f" {text} "


# The base around the rows.


def _table(draft: _Draft, name: str) -> Table:
    rows = draft.rows[name]
    fields = [
        Field(f"fld{_fourteen(name, number)}", column, *_type(kind, column, rows))
        for number, (column, kind) in enumerate(FIELDS[name].items(), start=1)
    ]
    return Table(f"tbl{_fourteen(name)}", name, tuple(fields), tuple(rows))


def _type(kind: str, column: str, rows: Sequence[Row]) -> tuple[str, dict[str, Any] | None]:
    if kind.startswith("-> "):
        target = f"tbl{_fourteen(kind.removeprefix('-> '))}"
        shape = {"isReversed": False, "prefersSingleRecordLink": False}
        return "multipleRecordLinks", {"linkedTableId": target} | shape
    if kind in {"singleSelect", "multipleSelects"}:
        return kind, {"choices": _choices(column, rows)}
    return kind, OPTIONS.get(kind)


def _choices(column: str, rows: Sequence[Row]) -> list[dict[str, str]]:
    """Every text in use is a choice: that is how Airtable takes in a wrong one (typecast)."""
    cells = [row["fields"].get(column, []) for row in rows]
    values = {v for cell in cells for v in (cell if isinstance(cell, list) else [cell])}
    names = sorted(value for value in values if isinstance(value, str))
    return [{"id": f"sel{_fourteen(column, n)}", "name": name} for n, name in enumerate(names, 1)]


def _created(number: int) -> str:
    """One record a minute, from the morning the base was set up."""
    moment = datetime(2026, 5, 26, 9, tzinfo=UTC) + timedelta(minutes=number)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"


def _fourteen(name: str, number: int = 0) -> str:
    """What follows the prefix of an Airtable id: 14 letters or digits."""
    letters = name.replace(" ", "")[:11]
    return f"{letters}{number:0{14 - len(letters)}}"
