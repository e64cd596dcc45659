"""The tables of the sample school as Airtable describes them: fields, types and choices."""

from collections.abc import Sequence
from typing import Any

from infra.local.airtable.bases import Field, TableData
from infra.local.samples.school.draft import Row

# fmt: off
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
# fmt: on

OPTIONS: dict[str, dict[str, Any]] = {
    "number": {"precision": 0},
    "date": {"dateFormat": {"name": "iso", "format": "YYYY-MM-DD"}},
    "checkbox": {"icon": "check", "color": "greenBright"},
}


def table_of(name: str, rows: Sequence[Row]) -> TableData:
    """Return the table with these rows."""
    fields = [
        Field(f"fld{_id_suffix(name, number)}", column, *_type(kind, column, rows))
        for number, (column, kind) in enumerate(FIELDS[name].items(), start=1)
    ]
    return TableData(f"tbl{_id_suffix(name)}", name, tuple(fields), tuple(rows))


def _type(kind: str, column: str, rows: Sequence[Row]) -> tuple[str, dict[str, Any] | None]:
    if kind.startswith("-> "):
        target = f"tbl{_id_suffix(kind.removeprefix('-> '))}"
        shape = {"isReversed": False, "prefersSingleRecordLink": False}
        return "multipleRecordLinks", {"linkedTableId": target} | shape
    if kind in {"singleSelect", "multipleSelects"}:
        return kind, {"choices": _choices(column, rows)}
    return kind, OPTIONS.get(kind)


def _choices(column: str, rows: Sequence[Row]) -> list[dict[str, str]]:
    """Return every text in use as a choice, as Airtable adds a wrong one (typecast)."""
    cells = [row["fields"].get(column, []) for row in rows]
    values = {v for cell in cells for v in (cell if isinstance(cell, list) else [cell])}
    names = sorted(value for value in values if isinstance(value, str))
    return [{"id": f"sel{_id_suffix(column, n)}", "name": name} for n, name in enumerate(names, 1)]


def _id_suffix(name: str, number: int = 0) -> str:
    """Return the 14 letters or digits after the prefix of an Airtable id."""
    letters = name.replace(" ", "")[:11]
    return f"{letters}{number:0{14 - len(letters)}}"
