"""The answers of Airtable that are read: their form is checked before anything is made of them."""

import math
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

from landfall.airtable.protocols import RecordPage
from landfall.airtable.schema import FieldSchema, TableSchema
from landfall.reasons import Reason, StepError

MAX_DEPTH = 20
"""Lists and objects within each other in a cell. Airtable's deepest, the previews of attachments,
are of 4."""

Id = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$")]
"""An id: Airtable's are three letters, such as `rec`, and 14 letters or digits."""


class _Record(Struct):
    id: Id
    createdTime: str  # noqa: N815
    fields: dict[str, Any]


class _Page(Struct):
    records: list[_Record]
    offset: Annotated[str, Meta(min_length=1, max_length=1_000)] | None = None


class _Field(Struct):
    id: Id
    name: str
    type: str
    options: dict[str, Any] | None = None


class _Table(Struct):
    id: Id
    name: str
    fields: list[_Field]
    primaryFieldId: Id | None = None  # noqa: N815

    def schema(self) -> TableSchema:
        """Return the table."""
        fields = [FieldSchema(it.id, it.name, it.type, it.options or {}) for it in self.fields]
        primary = next((it for it in fields if it.id == self.primaryFieldId), None)
        return TableSchema(self.id, self.name, fields, primary)


class _Schema(Struct):
    tables: list[_Table]


T = TypeVar("T")


def record_page(answer: Any, table: str) -> RecordPage:
    """Return a page of a listing. Raises `StepError` where it is not in Airtable's form."""
    what = f"a page of table {table!r}"
    page = _convert(answer, _Page, what)
    for number, record in enumerate(page.records):
        for field, cell in record.fields.items():
            if not (cell.__class__ is str or _is_plain(cell)):
                raise _malformed(
                    what,
                    f"the cell of {field[:100]!r} in `$.records[{number}]` is nested more than "
                    f"{MAX_DEPTH} deep, or has a number that JSON does not have",
                )
    return RecordPage(answer["records"], page.offset)


def schema_of(answer: Any) -> list[TableSchema]:
    """Return the tables of a base. Raises `StepError` where it is not in Airtable's form."""
    return [table.schema() for table in _convert(answer, _Schema, "the schema").tables]


def _convert(answer: Any, form: type[T], what: str) -> T:
    try:
        return msgspec.convert(answer, form)
    except msgspec.ValidationError as error:
        raise _malformed(what, str(error)) from None


def _malformed(what: str, why: str) -> StepError:
    return StepError(Reason.BASE_MALFORMED, f"{what} is not as Airtable documents it: {why}")


def _is_plain(cell: Any, depth: int = MAX_DEPTH) -> bool:
    """Return whether a cell is no deeper than that, and its numbers are finite."""
    if isinstance(cell, float):
        return math.isfinite(cell)
    if not isinstance(cell, list | dict):
        return True
    items = cell if isinstance(cell, list) else cell.values()
    return depth > 0 and all(_is_plain(item, depth - 1) for item in items)
