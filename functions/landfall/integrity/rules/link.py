"""`link`: what a field points to is there, and is what it should be."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from landfall.airtable.fields import Schema, not_comparable, not_linked
from landfall.airtable.values import comparable, listed, one_or_all, others, shown, values_of
from landfall.integrity.rules.condition_fit import of_condition
from landfall.integrity.rules.conditions import Condition
from landfall.integrity.rules.rule import FieldRule, Hit, Scope
from landfall.scans.settings import Later, Name, Settings


class Target(Settings):
    """Where a link points to."""

    table: Name
    field: Name | None = Field(
        None,
        description="The field in which the value must occur. Without it, the link holds record "
        "ids, as Airtable's linked-record fields do.",
    )
    when: Annotated[Condition | None, Later()] = Field(
        None, description="What a linked record must be like: a condition on its fields."
    )


class Link(FieldRule):
    """What the field points to is there: records by id, or a value in another table's field.

    Besides that it can say how many links there are, what the linked records are like (`to.when`),
    that they link back, and that their fields have the same values as this record's. A key that
    several records have is fine when one of them is.

    A record has one finding for each kind of problem: links that point nowhere, their number,
    `to.when`, `back`, and each field of `same`. A link that points nowhere is only that.
    """

    kind: Literal["link"]
    to: Target
    min: int | None = Field(None, ge=1, description="Fewer links are too few.")
    max: int | None = Field(None, ge=0, description="More links are too many.")
    back: Name | None = Field(
        None,
        description="The field of the linked record that holds this record's id. Whatever record "
        "of the target holds it must be linked from here, too.",
    )
    same: dict[Name, Name] | None = Field(
        None,
        min_length=1,
        max_length=20,
        description="Fields of this record, and the linked record's fields that have the same "
        "values. Their order does not matter, and a value is the same as a list of it alone.",
    )

    example: ClassVar[str] = """
id: class-active
kind: link
table: Students
field: Class
to: {table: Classes, when: {field: Status, equals: Active}}
max: 1
back: Students
same: {Room: Class Room}
"""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min: must not be above `max`")
        if self.back and self.to.field:
            raise ValueError("back: needs links by record id; remove `back` or `to.field`")
        return self

    @property
    def _there(self) -> list[str]:
        """The fields of the linked records."""
        when = self.to.when.reads() if self.to.when else ()
        same = (self.same or {}).values()
        return [field for field in (self.to.field, *when, self.back, *same) if field]

    def looks_at(self) -> Iterator[tuple[str, str]]:
        """(table, field) of what this kind looks at."""
        for field in (self.field, *(self.same or ())):
            yield self.table, field
        for field in self._there:
            yield self.to.table, field

    def tables(self) -> list[str]:
        """The tables that the rule needs."""
        return list(dict.fromkeys([self.table, self.to.table]))

    def looks_up_in(self) -> list[str]:
        """The table that is linked to, which may be this one."""
        return [self.to.table]

    def misfits(self, schema: Schema) -> Iterator[str]:
        """Fields of no record ids, or of another table's; values that can never be equal."""
        field = schema.field(self.table, self.field)
        if self.to.field:
            yield from not_comparable(field, schema.field(self.to.table, self.to.field))
        else:
            why = "without `to.field` it takes links by record ids"
            yield from not_linked(field, self.to.table, schema, why)
        if self.to.when:
            for message in of_condition(self.to.when, schema.table(self.to.table)):
                yield f"to.when: {message}"
        if self.back:
            back = schema.field(self.to.table, self.back)
            yield from not_linked(back, self.table, schema, "`back` links by record ids")
        for here, there in (self.same or {}).items():
            fields = schema.field(self.table, here), schema.field(self.to.table, there)
            for message in not_comparable(*fields):
                yield f"same: {message}"

    def sentence(self) -> str:
        """What must be so, in plain language."""
        said = [f"{self.field} points to {self.where()}"]
        if self.to.when:
            said[0] += f" where {self.to.when.sentence()}"
        if self.min is not None:
            said.append(f"at least {self.min} times")
        if self.max is not None:
            said.append(f"at most {self.max} times")
        if self.back:
            said.append(f"and {self.back} points back")
        said += [
            f"with {here} the same as its {there}" for here, there in (self.same or {}).items()
        ]
        return ", ".join(said)

    def where(self) -> str:
        """Where links point to, for people."""
        return f"{self.to.table}.{self.to.field}" if self.to.field else self.to.table

    def evaluate(self, scope: Scope) -> list[Hit]:
        """The records whose links are not as they must be."""
        links = _Links(self, scope)
        problems: list[Callable[[], Iterable[_Problem]]] = []
        problems += [links.number] if self.min is not None or self.max is not None else []
        problems += [links.unfit] if self.to.when else []
        problems += [links.one_way] if self.back else []
        problems += [links.different] if self.same else []
        found = links.nowhere()
        for problem in problems:
            scope.check()
            found += problem()
        if problems:
            found.sort(key=itemgetter(0))
        return [hit for _, hit in found]


_Problem = tuple[int, Hit]
"""The row, and what is wrong with it."""


class _Links:
    """A rule's links, and what they point to."""

    def __init__(self, rule: Link, scope: Scope) -> None:
        self._rule = rule
        self._field = rule.field
        self._table = scope.table
        self._ids = scope.table.ids
        self._column = scope.table.columns[rule.field]
        self._target = scope.snapshot.tables[rule.to.table]
        self._calendar = scope.snapshot.calendar

    @cached_property
    def _known(self) -> set[Any]:
        return self._keys(range(len(self._target)))

    def _keys(self, rows: Collection[int]) -> set[Any]:
        """What a link to one of these rows of the target may hold."""
        if self._rule.to.field is None:
            ids = self._target.ids
            return set(ids) if len(rows) == len(ids) else {ids[row] for row in rows}
        column = self._target.columns[self._rule.to.field]
        return {comparable(item) for row in rows for item in values_of(column[row])}

    @cached_property
    def _rows(self) -> dict[Any, list[int]]:
        """Where in the target each key is."""
        if self._rule.to.field is None:
            return {id_: [row] for row, id_ in enumerate(self._target.ids)}
        rows = defaultdict(list)
        for row, value in enumerate(self._target.columns[self._rule.to.field]):
            for item in values_of(value):
                rows[comparable(item)].append(row)
        return rows

    def _problem(self, row: int, field: str, value: Any, message: str, key: str = "") -> _Problem:
        return row, Hit((self._ids[row],), field, value, message, key)

    def nowhere(self) -> list[_Problem]:
        """Links to what is not there."""
        where = self._rule.where()

        def say(items: list[Any]) -> tuple[Any, str]:
            message = f"{self._field} points to {listed(items)}, which is not in {where}"
            return one_or_all(items), message

        return [
            self._problem(row, self._field, value, message)
            for row, (value, message) in others(self._table, self._field, self._known, say)
        ]

    def number(self) -> Iterator[_Problem]:
        """Too few links, or too many."""
        least, most = self._rule.min or 0, self._rule.max
        for row, value in enumerate(self._column):
            if not least and most and (value.__class__ is not list or len(value) <= most):
                continue
            count = 0 if value is None else len(values_of(value))
            if count < least:
                message = f"{self._field} has {count} links, fewer than {least}"
            elif most is not None and count > most:
                message = f"{self._field} has {count} links, more than {most}"
            else:
                continue
            yield self._problem(row, self._field, value, message, "number")

    def unfit(self) -> Iterator[_Problem]:
        """Links to records that are not as they must be."""
        condition = self._rule.to.when
        assert condition
        target = self._target
        fit = self._keys(condition.holds(target, range(len(target)), self._calendar))
        for row, outside in others(self._table, self._field, fit, list):
            items = [item for item in outside if comparable(item) in self._known]
            if items:
                message = f"{self._field} points to {listed(items)}, of which it is not so that "
                message += condition.sentence()
                yield self._problem(row, self._field, one_or_all(items), message, "when")

    def one_way(self) -> Iterator[_Problem]:
        """Links that only one of the two records has."""
        assert self._rule.back
        named: dict[str, list[str]] = defaultdict(list)
        for id_, value in zip(self._target.ids, self._target.columns[self._rule.back], strict=True):
            for item in _items(value):
                if item.__class__ is str:
                    named[item].append(id_)
        nobody: list[str] = []
        for row, (id_, value) in enumerate(zip(self._ids, self._column, strict=True)):
            back = named.get(id_, nobody)
            if value == back or (value is None and not back):
                continue
            links = {comparable(item): item for item in values_of(value)}
            backs = set(back)
            lost = [links[key] for key in links if key not in backs and key in self._known]
            extra = sorted(item for item in backs if item not in links)
            said = []
            if lost:
                said.append(f"{self._field} has {listed(lost)}, whose {self._rule.back} lacks it")
            if extra:
                said.append(f"{self._field} lacks {listed(extra)}, whose {self._rule.back} has it")
            if said:
                items = one_or_all([*lost, *extra])
                yield self._problem(row, self._field, items, "; ".join(said), "back")

    def different(self) -> Iterator[_Problem]:
        """Links to records with other values."""
        find = self._rows.get
        for here, there in (self._rule.same or {}).items():
            column, theirs = self._table.columns[here], self._target.columns[there]
            for row, value in enumerate(self._column):
                for item in _items(value):
                    rows = find(item if item.__class__ is str else comparable(item))
                    if rows and not any(_same(column[row], theirs[place]) for place in rows):
                        other = min((theirs[place] for place in rows), key=repr)
                        message = f"{here} is {shown(column[row]) or 'nothing'}, and {there} of "
                        message += f"{shown(item)} is {shown(other) or 'nothing'}"
                        yield self._problem(row, here, column[row], message, f"same {here}")
                        break


def _items(value: Any) -> Sequence[Any]:
    return value if value.__class__ is list else (value,)


def _same(one: Any, other: Any) -> bool:
    if one.__class__ is str and other.__class__ is str and one == other:
        return True
    return _values(one) == _values(other)


def _values(value: Any) -> set[Any]:
    return {comparable(item) for item in values_of(value)}
