"""`sql`: a query finds no record."""

import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from datetime import UTC
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Discriminator, Field, Tag, ValidationInfo, model_validator

from landfall.airtable.snapshot import Snapshot
from landfall.airtable.values import display, truncate
from landfall.integrity.rules.rule import BaseRule, CannotEvaluateError, Hit, Scope
from landfall.scans.settings import Checks, Name, got

OWN_COLUMNS = ("id", "created_time")
"""Columns that every table has in addition to its fields."""

RESULT_COLUMNS = ("id", "message", "value")
"""Columns that a query can return."""

QueryFields = Annotated[
    Annotated[list[Name], Tag("(fields)")] | Annotated[dict[Name, Name], Tag("(columns)")],
    Discriminator(lambda value: "(columns)" if isinstance(value, dict) else "(fields)"),
]


class Sql(BaseRule):
    """A query in SQLite's SQL finds no record.

    It is one SELECT that returns a column `id` with the ids of records of `table`, and optionally
    `message` and `value`. A record is one finding, however many rows it has: of several messages,
    it takes the first in alphabetical order. Records for which `when` does not hold are left out of
    the findings; the query still sees them.

    It sees the tables and fields that are listed in `fields`, and each record's `id` and
    `created_time`. A cell without a value, or with an error, is NULL (`type: any` finds errors).
    Cells that are lists or objects are JSON text, for `json_each` and similar functions; true and
    false (also an unchecked checkbox) are 1 and 0. SQLite computes in binary fractions, where 0.1 +
    0.2 is not 0.3: round what is compared, as in `round(Price * Number, 2) <> Total`. `:now` and
    `:today` are the run's moment (UTC, as `2026-03-02T06:30:00Z`) and day. A name with spaces or
    special characters needs double quotes.

    Where it finds nothing and one of its tables is empty, there was nothing to check; with
    `allow_empty`, it may join with a table that is normally empty, such as one of exceptions.

    It can read nothing else, and write nothing. It is inconclusive if it takes longer than 10 s or
    128 MiB, or has a value of over 2,000,000 bytes.

    A part that the query names (WITH) counts as often as it is used: with more than 4,000 columns
    and parts the query is refused.
    """

    kind: Literal["sql"]
    query: str = Field(min_length=1, max_length=10_000)
    fields: dict[Name, QueryFields] = Field(
        min_length=1,
        max_length=50,
        description="The fields that the query sees of each table, as a list, or as {column: "
        "field} to name a column.",
    )

    example: ClassVar[str] = """
id: full-classes
kind: sql
table: Classes
fields: {Classes: [Seats], Students: {class_ids: Class, status: Status}}
query: |
  SELECT Classes.id, count(*) || ' students' AS message
  FROM Students, json_each(class_ids) AS class JOIN Classes ON Classes.id = class.value
  WHERE status = 'Active'
  GROUP BY Classes.id HAVING count(*) > Seats
"""

    @model_validator(mode="after")
    def _compiles(self, info: ValidationInfo) -> Self:
        checks = info.context or Checks(needed=True)
        if not checks.needed:
            return self
        if time.monotonic() > checks.until:
            raise ValueError(
                "query: there was no time left to compile it, because those of other rules are "
                "too large; use parts of WITH less often, or make several scans"
            )
        from landfall.integrity.rules.sql_sandbox import QueryError, Sandbox

        for table in self.fields:
            self._columns_differ(table)
        try:
            with Sandbox() as sandbox:
                for table in self.fields:
                    sandbox.create(table, [*OWN_COLUMNS, *self._columns(table)])
                sandbox.seal()
                given = sandbox.columns_of(self.query, RESULT_COLUMNS, _parameters(None))
        except QueryError as why:
            raise ValueError(
                f"query: {why}; it must be one SELECT, over tables and columns from `fields`"
            ) from None
        if "id" not in given:
            raise ValueError(
                "query: it returns no column `id`; begin with SELECT id, for records of "
                f"{self.table}"
            )
        return self

    def _columns_differ(self, table: str) -> None:
        columns = self._columns(table)
        count = Counter(_lower(column) for column in [*OWN_COLUMNS, *columns])
        for column, field in columns.items():
            if count[_lower(column)] > 1:
                raise ValueError(
                    f"fields.{table}: two columns are named {column!r} (SQL ignores case, "
                    f"and {' and '.join(OWN_COLUMNS)} are always there); give one another name, "
                    f"such as {{my_column: {field}}} {got(self.fields[table])}"
                )

    def _columns(self, table: str) -> dict[str, str]:
        """Return the field of each column."""
        fields = self.fields[table]
        return fields if isinstance(fields, dict) else {field: field for field in fields}

    def looks_at(self) -> Iterator[tuple[str, str]]:
        """Return the (table, field) pairs that the rule checks."""
        for table in self.fields:
            for field in self._columns(table).values():
                yield table, field

    def tables(self) -> list[str]:
        """Return the tables that the rule needs."""
        return list(dict.fromkeys([self.table, *self.fields]))

    def created_of(self) -> Iterable[str]:
        """Return all tables that the query sees."""
        return self.fields

    def sentence(self) -> str:
        """Return the requirement in plain language."""
        return f"the query finds no record of {self.table}"

    def evaluate(self, scope: Scope) -> Iterator[Hit]:
        """Yield the records that the query returns."""
        known = set(scope.snapshot.tables[self.table].ids)
        found: dict[str, tuple[str, Any]] = {}
        with closing(self._rows(scope)) as rows:
            for row in rows:
                id_ = row["id"]
                if id_ is None:
                    raise CannotEvaluateError("the query returned a row without an id")
                if id_ not in known:
                    raise CannotEvaluateError(
                        f"the query returned the id {display(id_)}, which is not a record of "
                        f"{self.table}"
                    )
                result = _message(row.get("message")), _value(row.get("value"))
                found[id_] = min(found.get(id_, result), result, key=repr)
        empty = [name for name in self.fields if not len(scope.snapshot.tables[name])]
        if empty:
            scope.nothing = f"table {empty[0]!r}, which the query sees, has no records"
        for id_ in scope.table.ids:
            if id_ in found:
                message, value = found[id_]
                yield Hit((id_,), "", value, message)

    def _rows(self, scope: Scope) -> Generator[dict[str, Any], None, None]:
        from landfall.integrity.rules.sql_sandbox import QueryError, Sandbox

        try:
            with Sandbox() as sandbox:
                for name in self.fields:
                    table, fields = scope.snapshot.tables[name], self._columns(name)
                    sandbox.create(name, [*OWN_COLUMNS, *fields])
                    assert table.created is not None
                    cells = [table.columns[field] for field in fields.values()]
                    sandbox.fill(name, [table.ids, table.created, *cells], scope.check)
                    sandbox.index(name, "id")
                sandbox.seal()
                yield from sandbox.rows(self.query, _parameters(scope.snapshot), scope.check)
        except QueryError as why:
            raise CannotEvaluateError(f"the query: {why}") from None


def _parameters(snapshot: Snapshot | None) -> Mapping[str, Any]:
    if snapshot is None:
        return dict.fromkeys(("now", "today"))
    moment = snapshot.now.astimezone(UTC).isoformat(timespec="seconds")
    today = snapshot.calendar.day(snapshot.now).isoformat()
    return {"now": moment.replace("+00:00", "Z"), "today": today}


def _message(message: Any) -> str:
    return "the query found this record" if message is None else truncate(str(message))


def _value(value: Any) -> Any:
    """Return the part of a value that is retained until the findings are made."""
    return truncate(value) if isinstance(value, str) else value


def _lower(name: str) -> bytes:
    return name.encode(errors="replace").lower()
