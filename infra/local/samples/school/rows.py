"""The clean records of the sample school: every rule holds for them, whatever the seed."""

import random
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from itertools import product

from infra.local.samples.school.draft import Choices, Draft, Row
from infra.local.samples.school.lessons import LESSON_DAYS, LESSON_WEEKS, LESSONS, PRESENCE_LETTERS

STUDENTS, PARENTS, CONTRACTORS, ATTENDANCE = (
    400,
    420,
    60,
    1_068,
)  # with 60 classes: 2,008; and LESSONS
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
# fmt: on


def fill(draft: Draft) -> None:
    """Add the rows of every table."""
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
    draft.scripted = rng.sample(
        draft.rows["Students"][1:], len(LESSONS)
    )  # others link to the first
    ids = {row["id"] for row in draft.scripted}
    others = [row for row in draft.rows["Students"] if row["id"] not in ids]
    draft.untouched["Students"] = [r for r in draft.untouched["Students"] if r["id"] not in ids]
    draft.add("Attendance", [*_attendance_rows(draft, others), *_lesson_rows(draft)])
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


def _attendance_rows(draft: Draft, students: Sequence[Row]) -> Iterator[Row]:
    """Yield at most one entry a student and day, in the first two weeks of the term."""
    rng = draft.rng
    days = [draft.day(weeks, weekday) for weeks in (13, 12) for weekday in range(5)]
    chosen = rng.sample(list(product(students, days)), ATTENDANCE)
    for number, (student, day) in enumerate(chosen, start=1):
        presence = rng.choices(PRESENCE, weights=(83, 6, 3, 5, 3))[0]
        code = rng.choice([*_codes(student), *CLUBS[:USED_CLUBS]])
        yield _entry(rng, number, student, code, day, presence)


def _lesson_rows(draft: Draft) -> Iterator[Row]:
    """Yield the entries of LESSONS."""
    number = ATTENDANCE
    for student, (words, _) in zip(draft.scripted, LESSONS, strict=True):
        one, other, *_ = _codes(student)
        for weeks, word in zip(LESSON_WEEKS, words.split(), strict=True):
            for weekday, code, letter in zip(LESSON_DAYS, (one, one, other), word, strict=True):
                if letter != "-":
                    number += 1
                    day = draft.day(weeks, weekday)
                    yield _entry(draft.rng, number, student, code, day, PRESENCE_LETTERS[letter])


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
