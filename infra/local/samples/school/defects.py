"""The defects of the sample school, table by table; near misses come after those for the key."""

from typing import Any

from infra.local.samples.school.draft import ABSENT, Draft, Row
from infra.local.samples.school.lessons import LESSONS
from infra.local.samples.school.rows import CLASS_CODES, SUBJECTS

NBSP = "\u00a0"  # what a paste from a web page leaves behind


def plant(draft: Draft) -> None:
    """Plant the defects of every table, and record them in the key."""
    for plant_in in (_students, _parents, _contractors, _classes, _attendance, _absences):
        plant_in(draft)


def _students(draft: Draft) -> None:
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


def _parents(draft: Draft) -> None:
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


def _contractors(draft: Draft) -> None:
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


def _classes(draft: Draft) -> None:
    key = ("Code",)
    draft.together("class-code-unique", draft.repeat("Clubs", key, _same))
    draft.together("class-code-unique", draft.repeat("Clubs", key, _same, _same))
    draft.each("class-capacity", draft.put("Classes", "Capacity", ABSENT, ABSENT))
    draft.each("class-teacher", draft.put("Classes", "Teacher", *_dangling(draft, "Contractors")))

    draft.repeat("Clubs", key, str.lower)  # this rule compares exactly
    draft.put("Clubs", "Code", ABSENT, ABSENT)
    draft.put("Classes", "Capacity", 0, 0)  # closed, and marked as closed
    draft.put("Classes", "Teacher", ABSENT)


def _attendance(draft: Draft) -> None:
    key, code = ("Student", "Class Code", "Date"), CLASS_CODES[-1]
    two = draft.repeat("Attendance", key, _same)
    draft.together("attendance-once", _set_presences(two, "Present", "Absent"))
    three = draft.repeat("Attendance", key, _same, _same)
    draft.together("attendance-once", _set_presences(three, "Present", "Present", "Absent"))
    dangling = _dangling(draft, "Students")
    draft.each("attendance-student", draft.put("Attendance", "Student", *dangling))
    wrong = "1307", "choir", f"{code} ", f"0{code}", int(code)  # a formula may answer a number
    draft.each("attendance-class", draft.put("Attendance", "Class Code", *wrong))

    draft.put("Attendance", "Class Code", ABSENT, "  ")
    draft.put("Attendance", "Student", ABSENT)
    again = draft.repeat("Attendance", key[:2], _same)[1]
    again["fields"]["Date"] = draft.day(11, 0).isoformat()  # another day, after all the others
    for row in _set_presences(draft.repeat("Attendance", key, _same), "Present", "Absent"):
        del row["fields"]["Class Code"]


def _absences(draft: Draft) -> None:
    rule = "absence-twice-a-day"
    draft.together(rule, _one_day(draft, "Absent", "Absent"))
    draft.together(rule, _one_day(draft, "Absent", "Absent", "Absent"))
    draft.together(rule, _one_day(draft, "Absent", "Present", "Absent", "Excused")[::2])
    for student, (_, severities) in zip(draft.scripted, LESSONS, strict=True):
        for name in severities:
            draft.each(name, [student])

    _one_day(draft, "Absent", "Excused")
    _one_day(draft, "Tardy", "Tardy")


def _one_day(draft: Draft, *presences: str) -> list[Row]:
    """Return entries of one student and day, each in another class."""
    same = [_same] * (len(presences) - 1)
    rows = _set_presences(draft.repeat("Attendance", ("Student", "Date"), *same), *presences)
    for row, code in zip(rows, CLASS_CODES, strict=False):
        row["fields"]["Class Code"] = code
    return rows


def _set_presences(rows: list[Row], *presences: str) -> list[Row]:
    """Set these presences; return the entries."""
    for row, presence in zip(rows, presences, strict=True):
        row["fields"]["Presence"] = presence
    return rows


def _dangling(draft: Draft, table: str) -> list[list[str]]:
    """Return cells of a link to `table` that each contain an id of no record of it."""
    valid = draft.ids(table)[0]
    elsewhere = draft.ids("Attendance")[0]  # nothing links to this table
    gone = [draft.new_id("rec") for _ in range(4)]
    return [[gone[0]], [valid, gone[1]], gone[2:], [elsewhere], [valid.swapcase()]]


def _same(cell: Any) -> Any:
    return cell


def _padded(text: str) -> str:
    return f" {text} "
