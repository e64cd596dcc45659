"""Candidates about records of several tables, or of a table as a whole: links, duplicates, age."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from landfall.airtable.cells import has_value, values_of
from landfall.airtable.fields import Schema
from landfall.airtable.schema import named
from landfall.proposal import field_words as words
from landfall.proposal.candidate import MIN_RECORDS, RuleCandidate, TableColumns, share
from landfall.proposal.field_profile import Profile, words_of

MAX_KNOWN, MAX_TRIED = 300_000, 200
"""Values of keys that are looked up, and values of a field that are tried before all of them."""

MAX_OUTSIDE = 0.1
"""Share of a field's values that may occur in no record of the table that it names."""

MAX_SAME = 12
"""Fields of each of two tables that are compared along a link."""

MAX_PEOPLE = 50_000
"""Records among which people that occur twice are looked for."""

AGES = (2, 3, 7, 14, 30, 60, 90)
"""Days that the newest record may be old."""


def across_tables(tables: Sequence[TableColumns], schema: Schema) -> Iterator[RuleCandidate]:
    """Yield what tables should satisfy as a whole, and together."""
    keys = _Keys(tables)
    for table in tables:
        for column in table:
            if column.holds == "record ids" and not column.computed:
                yield from _record_links(table, column, tables, schema)
            else:
                yield from keys.links(table, column)
        yield from filter(None, (_duplicate(table),))
        if table.complete:
            yield from _age(table)
            yield from _size(table)


class _Keys:
    """The fields whose values tell the records of their table apart."""

    def __init__(self, tables: Sequence[TableColumns]) -> None:
        self._known: dict[Any, list[tuple[TableColumns, Profile]]] = defaultdict(list)
        size = 0
        for table in tables:
            for column in table:
                if not table.complete or not _is_key(column):
                    continue
                size += len(column.key_counts)
                if size > MAX_KNOWN:
                    return
                for value in column.key_counts:
                    self._known[value].append((table, column))

    def links(self, table: TableColumns, column: Profile) -> Iterator[RuleCandidate]:
        """Yield the keys of other tables in which nearly all values of a field occur."""
        values = column.values
        if column.computed or column.has_dates or len(values) < 3 or column.holds == "booleans":
            return
        tried = sorted(values, key=lambda it: (it.__class__ is str, it))
        tried = tried[:: max(1, len(tried) // MAX_TRIED)]
        hits: Counter[tuple[str, str]] = Counter()
        where = {}
        for value in tried:
            for there, key in self._known.get(value, ()):
                if there.name != table.name:
                    hits[there.name, key.name] += 1
                    where[there.name, key.name] = there, key
        for place in sorted(hits):
            there, key = where[place]
            if hits[place] >= 0.6 * len(tried) and _may_link(column, key):
                yield from _value_link(table, column, there, key)


def _is_key(column: Profile) -> bool:
    if column.is_list or column.has_dates or column.has_options or column.keyed < 3:
        return False
    if column.holds not in ("text", "numbers", None):
        return False
    return len(column.key_counts) >= 0.9 * column.keyed and column.keyed >= 0.8 * len(column)


def _may_link(column: Profile, key: Profile) -> bool:
    """Return whether equal values mean the same: numbers alone do not, as all count from 1."""
    if key.texts and column.texts:
        return True
    of_key = key.words | words_of(key.table)
    return bool(key.words & words.CODE and column.words & of_key)


def _value_link(
    table: TableColumns, column: Profile, there: TableColumns, key: Profile
) -> Iterator[RuleCandidate]:
    total = column.values.total()
    outside = sum(n for value, n in column.values.items() if value not in key.key_counts)
    if outside > MAX_OUTSIDE * total:
        return
    settings = {
        "kind": "link",
        "table": table.name,
        "field": column.name,
        "to": {"table": there.name, "field": key.name},
    }
    where = f"{there.name}.{key.name}"
    evidence = f"{total - outside:,} of {total:,} values occur in {where}"
    yield RuleCandidate(settings, evidence, 0.94, 0.9, 0.1)
    rows = {value: row for row, value in enumerate(key.keys) if key.key_counts[value] == 1}
    found = [rows.get(value) for value in column.keys]
    yield from _same(settings, table, there, found, {column.name, key.name})


def _record_links(
    table: TableColumns, column: Profile, tables: Sequence[TableColumns], schema: Schema
) -> Iterator[RuleCandidate]:
    """Yield what links of records should satisfy that Airtable does not enforce."""
    linked = named(schema.tables, str(column.field.options.get("linkedTableId") or ""))
    there = next((it for it in tables if linked and it.name == linked.name), None)
    about = {"table": table.name, "field": column.name}
    several = sum(len(cell) > 1 for cell in column.cells if cell.__class__ is list)
    if there is None or not there.complete:
        return
    rows = {id_: row for row, id_ in enumerate(there.ids)}
    links = [item for cell in column.cells for item in values_of(cell)]
    broken = sum(item not in rows for item in links)
    to = {"table": there.name}
    yield RuleCandidate(
        {"kind": "link", **about, "to": to},
        f"{len(links) - broken:,} of {len(links):,} links lead to a record of {there.name}",
        trust=0.96,
        importance=0.9,
        most=0.1,
        guard=False,  # Airtable sees to it, unless the field is filled otherwise
    )
    if column.filled >= MIN_RECORDS and 0 < several <= 0.03 * column.filled:
        yield RuleCandidate(
            {"kind": "link", **about, "to": to, "max": 1},
            f"{column.filled - several:,} of {column.filled:,} records have one link",
            trust=0.88,
            importance=0.6,
            guard=False,
        )
    found = [rows.get(it) if it.__class__ is str else None for it in column.keys]
    yield from _same({"kind": "link", **about, "to": to}, table, there, found, {column.name})


def _same(
    link: Mapping[str, Any],
    table: TableColumns,
    there: TableColumns,
    found: Sequence[int | None],
    without: set[str],
) -> Iterator[RuleCandidate]:
    """Yield fields that are the same in a record and in the one that it links to."""
    linked = [(row, target) for row in table.rows if (target := found[row]) is not None]
    if len(linked) < MIN_RECORDS:
        return
    theirs = [it for it in there if it.name not in without and _is_compared(it)][:MAX_SAME]
    ours = [it for it in table if it.name not in without and _is_compared(it)][:MAX_SAME]
    for one in ours:
        for other in theirs:
            mine, its = one.keys, other.keys
            pairs = [(mine[a], its[b]) for a, b in linked]
            pairs = [(a, b) for a, b in pairs if a is not None and b is not None]
            equal = sum(a == b for a, b in pairs)
            if len(pairs) < MIN_RECORDS or equal < 0.95 * len(pairs):
                continue
            often = Counter(b for _, b in pairs).most_common(1)[0][1]
            if often > 0.8 * len(pairs):
                continue
            yield RuleCandidate(
                {**link, "same": {one.name: other.name}},
                f"{one.name} equals {other.name} of the linked record in {equal:,} of "
                f"{len(pairs):,}",
                trust=0.95,
                importance=0.8,
            )


def _is_compared(column: Profile) -> bool:
    return not column.computed and not column.is_list and column.holds != "booleans"


def _duplicate(table: TableColumns) -> RuleCandidate | None:
    """Return a rule against people or organisations that occur twice."""
    if not MIN_RECORDS <= len(table) <= MAX_PEOPLE:
        return None
    name = _name_fields(table)
    of_table = words_of(table.name)
    also = _telling_apart(table, name)
    if not name or share(len({*_combined(table, name)}), len(table)) < 0.6:
        return None
    name_words = frozenset().union(*(table.columns[it].words for it in name))
    if (of_table | name_words) & words.ORGANISATION:
        of = "organisation"
    elif (of_table | name_words) & words.PERSON or len(name) > 1 or "date" in also.values():
        of = "person"
    else:
        return None
    settings: dict[str, Any] = {
        "kind": "duplicate",
        "table": table.name,
        "of": of,
        "field": name[0] if len(name) == 1 else name,
    }
    if also:
        settings["also"] = also
    kinds = ", ".join(sorted(also)) or "nothing else"
    return RuleCandidate(
        settings,
        f"{table.name} has one record for each {of}, with {' + '.join(name)} and {kinds}",
        trust=0.9 if also else 0.75,
        importance=0.85,
        most=0.15,
    )


def _name_fields(table: TableColumns) -> list[str]:
    """Return the field with the names of people or organisations, or the two of them."""
    texts = [it for it in table if it.holds == "text" and not it.computed and not it.has_options]
    first = [
        it.name for it in texts if it.words & {"first", "given", "fore"} and "name" in it.words
    ]
    last = [it.name for it in texts if it.words & {"last", "sur", "family"} and "name" in it.words]
    if first and last:
        return [first[0], last[0]]
    whole = [
        it.name for it in texts if it.words in ({"name"}, {"full", "name"}, {"display", "name"})
    ]
    of_table = [
        it.name
        for it in texts
        if "name" in it.words and it.words & (words.PERSON | words.ORGANISATION)
        and it.words & words_of(table.name)
    ]  # fmt: skip
    return (whole or of_table)[:1]


def _combined(table: TableColumns, name: Sequence[str]) -> Iterator[Any]:
    return zip(*(table.columns[it].keys for it in name), strict=True)


def _telling_apart(table: TableColumns, name: Sequence[str]) -> dict[str, str]:
    """Return the fields that tell namesakes apart, and what they hold."""
    found: dict[str, str] = {}
    for column in table:
        of, there = column.field.type, column.words
        if column.name in name or column.is_list or not any(map(has_value, column.cells[:1000])):
            continue
        if column.has_dates:
            if there & words.BIRTH:
                found[column.name] = "date"
        elif column.holds == "text" and not column.has_options:
            if of == "email" or there & words.EMAIL:
                found[column.name] = "email"
            elif of == "phoneNumber" or there & words.PHONE:
                found[column.name] = "phone"
            elif there & {"zip", "postcode", "postal", "plz"}:
                found[column.name] = "postcode"
            elif there & {"address", "street"}:
                found[column.name] = "address"
    return dict(sorted(found.items())[:10])


def _age(table: TableColumns) -> Iterator[RuleCandidate]:
    """Yield how old the newest record may be, where records have come in regularly."""
    for column in table:
        if not column.has_dates or column.is_list or column.words & (words.BIRTH | words.FUTURE):
            continue
        today = column.calendar.day(column.calendar.now).toordinal()
        days = sorted({day for day in column.days if day is not None and day <= today})
        if len(days) < MIN_RECORDS:
            continue
        gaps = sorted(b - a for a, b in pairwise(days))
        usual, longest = gaps[len(gaps) * 9 // 10], gaps[-1]
        within = next((age for age in AGES if age > max(2 * usual, longest)), None)
        if within is None or usual > 10:
            continue
        yield RuleCandidate(
            {
                "kind": "freshness",
                "table": table.name,
                "field": column.name,
                "within": f"{within}d",
            },
            f"{len(days):,} different days, never more than {longest} days apart",
            trust=0.85,
            importance=0.5,
        )


def _size(table: TableColumns) -> Iterator[RuleCandidate]:
    """Yield the change of a table's size that is worth a look, once there are runs."""
    if len(table) >= 2 * MIN_RECORDS:
        yield RuleCandidate(
            {"kind": "volume", "table": table.name, "change": "50%"},
            f"{len(table):,} records now; compared with earlier runs, once there are some",
            trust=0.7,
            importance=0.4,
        )
