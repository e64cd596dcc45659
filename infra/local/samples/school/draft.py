"""The records of the sample school while they are made, and the answer key so far."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeAlias

from infra.local.airtable.bases import random_id

Row: TypeAlias = dict[str, Any]  # a record that can be changed
Choices: TypeAlias = Sequence[str]
Twist: TypeAlias = Callable[[Any], Any]

ABSENT = object()


@dataclass
class Draft:
    """Rows by table, those without a defect or near miss yet, and the key so far."""

    rng: random.Random
    monday: date  # of the week in which the base is made
    rows: dict[str, list[Row]] = field(default_factory=dict)
    untouched: dict[str, list[Row]] = field(default_factory=dict)
    scripted: list[Row] = field(
        default_factory=list
    )  # the students of LESSONS; nothing is planted in them
    key: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)

    def add(self, table: str, rows: Iterable[Row]) -> None:
        """Add the rows of a table as records."""
        self.rows[table] = [
            {"id": self.new_id("rec"), "createdTime": _created(number), "fields": cells}
            for number, cells in enumerate(rows)
        ]
        self.untouched[table] = self.rng.sample(self.rows[table], len(self.rows[table]))

    def day(self, weeks: int, weekday: int) -> date:
        """Return the weekday (Monday is 0) so many weeks before the present week."""
        return self.monday + timedelta(days=weekday - 7 * weeks)

    def new_id(self, prefix: str) -> str:
        """Return a new id."""
        return random_id(prefix, self.rng)

    def ids(self, table: str) -> list[str]:
        """Return the ids of a table's records."""
        return [row["id"] for row in self.rows[table]]

    def put(self, pool: str, column: str, *values: object) -> list[Row]:
        """Put each value into an untouched record: near misses, unless they go into the key."""
        rows = [self.untouched[pool].pop() for _ in values]
        for row, value in zip(rows, values, strict=True):
            row["fields"][column] = value
            if value is ABSENT:
                del row["fields"][column]
        return rows

    def repeat(self, pool: str, columns: Choices, *twists: Twist) -> list[Row]:
        """Repeat the cells of a record in one more for each twist, which changes the first cell.

        The records are near misses, unless they go into the key.
        """
        original, *others = rows = [self.untouched[pool].pop() for _ in range(len(twists) + 1)]
        for row, twist in zip(others, twists, strict=True):
            row["fields"] |= {column: original["fields"][column] for column in columns}
            row["fields"][columns[0]] = twist(original["fields"][columns[0]])
        return rows

    def each(self, rule: str, rows: Iterable[Row]) -> None:
        """Record in the key that each of these records is a finding of that rule."""
        for row in rows:
            self.together(rule, [row])

    def together(self, rule: str, rows: Iterable[Row]) -> None:
        """Record in the key that these records are one finding of that rule."""
        self.key.setdefault(rule, set()).add(tuple(sorted(row["id"] for row in rows)))


def _created(number: int) -> str:
    """Return a time of creation: one record a minute, from the morning of the first day."""
    moment = datetime(2026, 5, 26, 9, tzinfo=UTC) + timedelta(minutes=number)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.000Z"
