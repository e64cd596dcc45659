"""`link`: the targets of a field exist and are as required."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from landfall.airtable.cells import values_of
from landfall.airtable.fields import Schema, comparison_misfits, link_misfits
from landfall.airtable.values import (
    comparable,
    display,
    display_list,
    one_or_all,
    unknown_items,
)
from landfall.integrity.rules.closest import ClosestTargets, value_set
from landfall.integrity.rules.condition_fit import condition_misfits
from landfall.integrity.rules.conditions import Condition
from landfall.integrity.rules.rule import SAME, FieldRule, Hit, Scope
from landfall.scans.settings import Lazy, Name, Settings, Whole


class Target(Settings):
    """The target of a link."""

    table: Name
    field: Name | None = Field(
        None,
        description="The field in which the value must occur. Without it, the link holds record "
        "ids, as Airtable's linked-record fields do.",
    )
    when: Annotated[Condition | None, Lazy()] = Field(
        None, description="A condition that linked records must satisfy."
    )


class Link(FieldRule):
    """The field links to existing targets: records by id, or values in another table's field.

    The rule can also check the number of links, the linked records (`to.when`), that they link
    back, and that their fields have the same values as this record's. A key that several records
    share passes if one of them satisfies all of this: `to.when` and each field of `same`. If none
    does, the finding is about the closest one.

    A record has one finding for each kind of problem: broken links, their number, `to.when`,
    `back`, and each field of `same`. A link that is twice in a cell counts once. A broken link is
    reported only as broken: it counts for `min`, and not for `max`.
    """

    kind: Literal["link"]
    to: Target
    min: Whole | None = Field(None, ge=1, description="The minimum number of links.")
    max: Whole | None = Field(None, ge=0, description="The maximum number of links.")
    back: Name | None = Field(
        None,
        description="The field of the linked record that holds this record's id. Every record of "
        "the target that holds it must also be linked from here.",
    )
    same: dict[Name, Name] | None = Field(
        None,
        min_length=1,
        max_length=20,
        description="Fields of this record, and the linked record's fields that must have the same "
        "values. Their order does not matter, and a value equals a list of it alone.",
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
    def _target_fields(self) -> list[str]:
        """Return the fields of the linked records."""
        when = self.to.when.reads() if self.to.when else ()
        same = (self.same or {}).values()
        return [field for field in (self.to.field, *when, self.back, *same) if field]

    def looks_at(self) -> Iterator[tuple[str, str]]:
        """Return the (table, field) pairs that the rule checks."""
        for field in (self.field, *(self.same or ())):
            yield self.table, field
        for field in self._target_fields:
            yield self.to.table, field

    def tables(self) -> list[str]:
        """Return the tables that the rule needs."""
        return list(dict.fromkeys([self.table, self.to.table]))

    def judged_fields(self) -> Sequence[Sequence[str]]:
        """Return the field; none if the rule judges records without a link as well."""
        return () if self.min or self.back else super().judged_fields()

    def looks_up_in(self) -> list[str]:
        """Return the table of the targets, which may be the rule's own."""
        return [self.to.table]

    def misfits(self, schema: Schema) -> Iterator[str]:
        """Yield a sentence about fields without record ids, or with another table's; and about
        values that can never be equal."""
        field = schema.field(self.table, self.field)
        if self.to.field:
            yield from comparison_misfits(field, schema.field(self.to.table, self.to.field))
        else:
            why = "without `to.field`, links are record ids"
            yield from link_misfits(field, self.to.table, schema, why)
        if self.to.when:
            for message in condition_misfits(self.to.when, schema.table(self.to.table)):
                yield f"to.when: {message}"
        if self.back:
            back = schema.field(self.to.table, self.back)
            yield from link_misfits(back, self.table, schema, "`back` needs record ids")
        for here, there in (self.same or {}).items():
            fields = schema.field(self.table, here), schema.field(self.to.table, there)
            for message in comparison_misfits(*fields):
                yield f"same: {message}"

    def sentence(self) -> str:
        """Return the requirement in plain language."""
        phrases = [f"{self.field} links to {self.where()}"]
        if self.to.when:
            phrases[0] += f" where {self.to.when.sentence()}"
        if self.min is not None:
            phrases.append(f"with at least {_links(self.min)}")
        if self.max is not None:
            phrases.append(f"with at most {_links(self.max)}")
        if self.back:
            phrases.append(f"{self.back} links back")
        phrases += [f"{here} equals its {there}" for here, there in (self.same or {}).items()]
        return ", ".join(phrases)

    def where(self) -> str:
        """Return the target of the links, for a message."""
        return f"{self.to.table}.{self.to.field}" if self.to.field else self.to.table

    def evaluate(self, scope: Scope) -> list[Hit]:
        """Return the records whose links are not as required."""
        links = _Links(self, scope)
        problems: list[Callable[[], Iterable[_Problem]]] = []
        problems += [links.number] if self.min is not None or self.max is not None else []
        problems += [links.unsatisfied] if self.to.when else []
        problems += [links.one_way] if self.back else []
        problems += [links.mismatched] if self.same else []
        found = links.broken()
        for problem in problems:
            scope.check()
            found += problem()
        if problems:
            found.sort(key=itemgetter(0))
        return [hit for _, hit in found]


_Problem = tuple[int, Hit]
"""The row, and its hit."""


class _Links:
    """The links of a rule, and their targets."""

    def __init__(self, rule: Link, scope: Scope) -> None:
        self._rule = rule
        self._field = rule.field
        self._table = scope.table
        self._ids = scope.table.ids
        self._column = scope.table.columns[rule.field]
        self._target = scope.snapshot.tables[rule.to.table]
        self._calendar = scope.snapshot.calendar
        self._check = scope.check

    @cached_property
    def _known(self) -> set[Any]:
        return self._keys(range(len(self._target)))

    def _keys(self, rows: Collection[int]) -> set[Any]:
        """Return the values with which a link can refer to one of these rows of the target."""
        if self._rule.to.field is None:
            ids = self._target.ids
            return set(ids) if len(rows) == len(ids) else {ids[row] for row in rows}
        column = self._target.columns[self._rule.to.field]
        return {comparable(item) for row in rows for item in values_of(column[row])}

    @cached_property
    def _fit(self) -> Collection[int]:
        """Return the rows of the target that satisfy the condition, if there is one."""
        rows, condition = range(len(self._target)), self._rule.to.when
        return {*condition.holds(self._target, rows, self._calendar)} if condition else rows

    @cached_property
    def _rows(self) -> dict[Any, list[int]]:
        """Return the rows of the target with each key."""
        if self._rule.to.field is None:
            return {id_: [row] for row, id_ in enumerate(self._target.ids)}
        rows = defaultdict(list)
        for row, value in enumerate(self._target.columns[self._rule.to.field]):
            for item in values_of(value):
                rows[comparable(item)].append(row)
        return rows

    def _problem(self, row: int, field: str, value: Any, message: str, key: str = "") -> _Problem:
        return row, Hit((self._ids[row],), field, value, message, key)

    def broken(self) -> list[_Problem]:
        """Return the links without a target."""
        where = self._rule.where()

        def describe(items: list[Any]) -> tuple[Any, str]:
            items = _different(items)
            message = f"{self._field} links to {display_list(items)}, which is not in {where}"
            return one_or_all(items), message

        return [
            self._problem(row, self._field, value, message)
            for row, (value, message) in unknown_items(
                self._table, self._field, self._known, describe
            )
        ]

    def number(self) -> Iterator[_Problem]:
        """Yield the records with too few links, or too many."""
        least, most = self._rule.min or 0, self._rule.max
        for row, value in enumerate(self._column):
            if not least and most and (value.__class__ is not list or len(value) <= most):
                continue
            links = set() if value is None else value_set(value)
            if len(links) < least:
                message = f"{self._field} has {_links(len(links))}, fewer than {least}"
            elif most is not None and len(links) > most and len(links & self._known) > most:
                count = len(links & self._known)
                message = f"{self._field} has {_links(count)}, more than {most}"
            else:
                continue
            yield self._problem(row, self._field, value, message, "number")

    def unsatisfied(self) -> Iterator[_Problem]:
        """Yield the links to records that do not satisfy the condition."""
        condition = self._rule.to.when
        assert condition
        fit = self._keys(self._fit)
        for row, outside in unknown_items(self._table, self._field, fit, list):
            items = _different(item for item in outside if comparable(item) in self._known)
            if items:
                message = f"{self._field} links to {display_list(items)}, which does not satisfy: "
                message += condition.sentence()
                yield self._problem(row, self._field, one_or_all(items), message, "when")

    def one_way(self) -> Iterator[_Problem]:
        """Yield the links that only one of the two records has."""
        field, there = self._field, self._rule.back
        assert there
        named: dict[str, list[str]] = defaultdict(list)
        for id_, value in zip(self._target.ids, self._target.columns[there], strict=True):
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
            phrases = []
            if lost:
                phrases.append(
                    f"{field} links to {display_list(lost)}, whose {there} does not link back"
                )
            if extra:
                phrases.append(
                    f"{field} does not link to {display_list(extra)}, whose {there} links here"
                )
            if phrases:
                items = one_or_all([*lost, *extra])
                yield self._problem(row, field, items, "; ".join(phrases), "back")

    def mismatched(self) -> Iterator[_Problem]:
        """Yield the links to records with other values."""
        columns = [
            (here, self._table.columns[here], there, self._target.columns[there])
            for here, there in (self._rule.same or {}).items()
        ]
        closest = ClosestTargets(self._rows, self._fit, columns, self._check)
        for row, value in enumerate(self._column):
            found: dict[str, _Problem] = {}
            for item in _items(value):
                place = closest.row(row, item if item.__class__ is str else comparable(item))
                if place is None:
                    continue
                for here, ours, there, theirs in columns:
                    if here not in found and not _same(ours[row], theirs[place]):
                        message = f"{here} is {display(ours[row]) or 'empty'}, but {there} of "
                        message += f"{display(item)} is {display(theirs[place]) or 'empty'}"
                        found[here] = self._problem(row, here, ours[row], message, f"{SAME}{here}")
            yield from (found[here] for here, *_ in columns if here in found)


def _links(count: int) -> str:
    return "1 link" if count == 1 else f"{count} links"


def _items(value: Any) -> Sequence[Any]:
    return value if value.__class__ is list else (value,)


def _same(one: Any, other: Any) -> bool:
    if one.__class__ is str and other.__class__ is str and one == other:
        return True
    return value_set(one) == value_set(other)


def _different(items: Iterable[Any]) -> list[Any]:
    return [*{comparable(item): item for item in items}.values()]
