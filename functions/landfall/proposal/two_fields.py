"""Candidates about fields of one record, and of one table: order, conditions, keys, sums."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations, permutations
from typing import Any

from landfall.airtable.cells import has_value
from landfall.airtable.numbers import is_number
from landfall.proposal import field_words as words
from landfall.proposal.candidate import MIN_RECORDS, RuleCandidate, TableColumns, share
from landfall.proposal.field_profile import Profile

MAX_ORDERED, MAX_CONDITIONS, MAX_KEYS, MAX_NUMBERS, MAX_DECIDING = 16, 10, 8, 9, 24
"""Fields of a table of which pairs are tried: dates or numbers that are ordered, few values that
decide whether others are there, parts of a key, numbers that are computed from others, fields of
which one decides another. The first by their names, or by the number of their values."""

MAX_DECIDED_BY = 2
"""Fields that may decide the same one: a third adds nothing."""

MIN_LIFT = 10
"""Factor by which breaks must be rarer than if the fields had nothing to do with each other."""


def of_two_fields(table: TableColumns) -> Iterator[RuleCandidate]:
    """Yield what fields of a table should satisfy together."""
    if len(table) < MIN_RECORDS:
        return
    yield from _orders(table)
    yield from _conditions(table)
    yield from _keys(table)
    yield from _decided(table)
    yield from _computed(table)


def _orders(table: TableColumns) -> Iterator[RuleCandidate]:
    """Yield pairs of dates, or of numbers, of which one is never before the other."""
    columns = [it for it in table if not it.is_list]
    dates = [it for it in columns if it.has_dates][:MAX_ORDERED]
    numbers = [it for it in columns if it.holds == "numbers" and not it.has_dates][:MAX_ORDERED]
    for group, of in ((dates, "days"), (numbers, "keys")):
        for one, other in permutations(group, 2):
            candidate = _order(table, one, other, of)
            if candidate:
                yield candidate


def _order(table: TableColumns, one: Profile, other: Profile, of: str) -> RuleCandidate | None:
    lefts, rights = getattr(one, of), getattr(other, of)
    pairs = [
        (lefts[row], rights[row])
        for row in table.rows
        if is_number(lefts[row]) and is_number(rights[row])
    ]
    if len(pairs) < MIN_RECORDS:
        return None
    wrong = sum(left > right for left, right in pairs)
    before = sum(left < right for left, right in pairs)
    named = _in_order(one.words, other.words)
    if wrong > (0.05 if named else 0.02) * len(pairs) or before < 0.2 * len(pairs):
        return None
    sorted_rights = sorted(right for _, right in pairs)
    chance = sum(bisect_left(sorted_rights, left) for left, _ in pairs) / len(pairs) ** 2
    least = 0.1 if of == "days" else 0.25
    most = chance / (MIN_LIFT if of == "days" else 10 * MIN_LIFT)
    if not named and (chance < least or wrong > most * len(pairs)):
        return None
    settings = {
        "kind": "compare",
        "table": table.name,
        "left": other.name,
        "op": "at_least",
        "right": one.name,
    }
    evidence = f"{other.name} is not before {one.name} in {len(pairs) - wrong:,} of {len(pairs):,}"
    evidence += ", and the names say so" if named else f"; by chance {chance:.0%} would be"
    trust = 0.97 if named else 0.9 if of == "days" else 0.75
    return RuleCandidate(settings, evidence, trust, 0.8, 0.05 if named else 0.03)


def _in_order(one: frozenset[str], other: frozenset[str]) -> bool:
    """Return whether names say that the first is not after the second: start and end, birth."""
    if one & words.BIRTH:
        return not other & words.BIRTH
    starts, ends = one & words.START, other & words.END
    return bool(starts and ends) and not one & words.END and not other & words.START


def _conditions(table: TableColumns) -> Iterator[RuleCandidate]:
    """Yield fields that have a value just where another field has certain ones."""
    deciding = [(it, groups) for it in table if (groups := _groups(it))][:MAX_CONDITIONS]
    for column in table:
        if column.computed or not 0.03 <= share(column.filled, len(column)) <= 0.97:
            continue
        if column.holds == "booleans":
            continue
        filled = [has_value(cell) for cell in column.cells]
        for by, groups in deciding:
            if by.name != column.name:
                yield from _condition(column, filled, by, groups)


def _groups(column: Profile) -> list[Any] | None:
    """Return the value of each record where a field has few; None if it has not."""
    if column.holds == "booleans" and not column.is_list:
        return [cell is True for cell in column.cells]
    few = [value for value, n in column.key_counts.items() if n >= MIN_RECORDS]
    if column.is_list or column.has_dates or not 2 <= len(few) <= MAX_CONDITIONS:
        return None
    if column.holds not in ("text", None) or len(column.key_counts) > 3 * MAX_CONDITIONS:
        return None
    return column.keys


def _condition(
    column: Profile, filled: Sequence[bool], by: Profile, groups: Sequence[Any]
) -> Iterator[RuleCandidate]:
    sizes, there = Counter(groups), Counter(g for g, it in zip(groups, filled, strict=True) if it)
    of = {g: share(there[g], n) for g, n in sizes.items() if g is not None and n >= MIN_RECORDS}
    for kind, chosen in (
        ("required", [g for g, part in of.items() if part >= 0.96]),
        ("forbidden", [g for g, part in of.items() if part <= 0.04]),
    ):
        if not chosen or len(chosen) == len(sizes):
            continue
        inside = sum(sizes[g] for g in chosen)
        with_value = sum(there[g] for g in chosen)
        rest = share(column.filled - with_value, len(column) - inside)
        usual = rest <= 0.75 if kind == "required" else rest >= 0.25
        if not usual:
            continue
        values = sorted(chosen, key=lambda it: (it.__class__ is str, it))
        when: dict[str, Any] = {"field": by.name}
        when |= {"one_of": values} if len(values) > 1 else {"equals": values[0]}
        settings = {"kind": kind, "table": column.table, "field": column.name, "when": when}
        evidence = (
            f"filled in {with_value:,} of {inside:,} such records, and in {rest:.0%} of others"
        )
        yield RuleCandidate(settings, evidence, 0.9, 0.65, 0.05)


def _keys(table: TableColumns) -> Iterator[RuleCandidate]:
    """Yield fields whose values together are those of one record only."""
    columns = [it for it in table if _may_be_part(it)]
    columns = sorted(columns, key=lambda it: (-len(it.key_counts), it.name))[:MAX_KEYS]
    found: list[set[str]] = []
    for size in (2, 3):
        for some in combinations(columns, size):
            names = {it.name for it in some}
            if any(known <= names for known in found):
                continue
            chance = len(table) ** 2 / 2
            for column in some:
                chance *= sum((n / len(table)) ** 2 for n in column.key_counts.values())
            if chance < MIN_RECORDS:
                continue
            rows = Counter(zip(*(it.keys for it in some), strict=True))
            rows = Counter({key: n for key, n in rows.items() if None not in key})
            twice = sum(n for n in rows.values() if n > 1)
            pairs = sum(n * (n - 1) // 2 for n in rows.values())
            if twice > 0.02 * len(table) or pairs * MIN_LIFT > chance:
                continue
            found.append(names)
            yield RuleCandidate(
                {"kind": "unique", "table": table.name, "fields": sorted(names)},
                f"{twice:,} of {rows.total():,} records share theirs; by chance "
                f"{chance:,.0f} pairs would",
                trust=0.9,
                importance=0.85,
            )


def _may_be_part(column: Profile) -> bool:
    if column.computed or column.keyed < 0.85 * len(column) or column.holds == "booleans":
        return False
    if column.words & words.AMOUNT or (column.holds == "numbers" and not column.words & words.CODE):
        return False
    return 2 <= len(column.key_counts) <= 0.8 * column.keyed


def _decided(table: TableColumns) -> Iterator[RuleCandidate]:
    """Yield fields that are the same in all records with the same value of another."""
    columns = [it for it in table if it.holds != "booleans" and it.keyed >= MIN_RECORDS]
    columns = sorted(columns, key=lambda it: (len(it.key_counts), it.name))[:MAX_DECIDING]
    by_decided: dict[str, list[tuple[Any, RuleCandidate]]] = defaultdict(list)
    pairs: set[tuple[str, str]] = set()
    for one, other in permutations(columns, 2):
        candidate = _decides(table, one, other)
        if candidate and (other.name, one.name) not in pairs:
            pairs.add((one.name, other.name))
            by_decided[other.name].append(((-len(one.key_counts), one.name), candidate))
    for found in by_decided.values():
        yield from (it for _, it in sorted(found, key=lambda it: it[0])[:MAX_DECIDED_BY])


def _decides(table: TableColumns, one: Profile, other: Profile) -> RuleCandidate | None:
    if other.computed or not 2 <= len(one.key_counts) <= one.keyed / 2:
        return None
    if len(other.key_counts) < 2 or one.is_list or other.is_list:
        return None
    if other.has_dates or other.words & words.AMOUNT:
        return None
    usual = max(other.key_counts.values()) / other.keyed
    if usual > 0.9:
        return None
    tried = _disagreeing(one, other, table.rows)
    if tried is None or tried[0] > 0.04 * tried[1]:
        return None
    every = _disagreeing(one, other, range(len(table)))
    if every is None:
        return None
    wrong, of = every
    if wrong > 0.02 * of or wrong * MIN_LIFT > (1 - usual) * of:
        return None
    settings = {
        "kind": "sql",
        "name": f"{other.name} is the same in all records with the same {one.name}"[:200],
        "table": table.name,
        "fields": {table.name: {"decides": one.name, "decided": other.name}},
        "query": _DECIDED.format(table=_quoted(table.name)),
    }
    evidence = f"so in {of - wrong:,} of {of:,} records that share their {one.name} with others"
    return RuleCandidate(settings, evidence, 0.88, 0.7, 0.03)


_DECIDED = """\
WITH pairs AS (
  SELECT decides, decided, count(*) AS n FROM {table}
  WHERE decides IS NOT NULL AND decided IS NOT NULL GROUP BY decides, decided
), ranked AS (
  SELECT decides, decided, n, sum(n) OVER (PARTITION BY decides) AS total,
    row_number() OVER (PARTITION BY decides ORDER BY n DESC, decided) AS place FROM pairs
), usual AS (
  SELECT decides, decided FROM ranked WHERE place = 1 AND n * 2 > total
)
SELECT t.id, t.decided || ', but ' || usual.decided || ' in most others with ' || t.decides
  AS message, t.decided AS value
FROM {table} AS t JOIN usual ON usual.decides = t.decides WHERE t.decided <> usual.decided
"""


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _disagreeing(one: Profile, other: Profile, rows: Sequence[int]) -> tuple[int, int] | None:
    """Return how many records have another value than most with the same, and of how many."""
    lefts, rights = one.keys, other.keys
    pairs = Counter((lefts[row], rights[row]) for row in rows)
    most: Counter[Any] = Counter()
    total: Counter[Any] = Counter()
    for (left, right), n in pairs.items():
        if left is not None and right is not None:
            most[left] = max(most[left], n)
            total[left] += n
    of = sum(n for n in total.values() if n > 1)
    wrong = sum(n - most[left] for left, n in total.items() if n > 1)
    return (wrong, of) if of >= MIN_RECORDS else None


def _computed(table: TableColumns) -> Iterator[RuleCandidate]:
    """Yield numbers that are the product or the sum of two others."""
    columns = [it for it in table if it.holds == "numbers" and not it.is_list]
    columns = [it for it in columns if it.filled >= MIN_RECORDS][:MAX_NUMBERS]
    for result in columns:
        if result.computed:
            continue
        for one, other in combinations([it for it in columns if it is not result], 2):
            for sign in "*+":
                candidate = _result(table, result, one, other, sign)
                if candidate:
                    yield candidate


def _result(
    table: TableColumns, result: Profile, one: Profile, other: Profile, sign: str
) -> RuleCandidate | None:
    results, lefts, rights = result.keys, one.keys, other.keys
    right = of = trivial = 0
    for row in table.rows:
        z, x, y = results[row], lefts[row], rights[row]
        if not (is_number(z) and is_number(x) and is_number(y)):
            continue
        of += 1
        right += abs(z - (x * y if sign == "*" else x + y)) <= 0.011 + 1e-6 * abs(z)
        trivial += z in (x, y)
        if of >= 30 and right < 0.9 * of:
            return None
    if of < MIN_RECORDS or right < 0.95 * of or trivial > 0.5 * of:
        return None
    how = "product" if sign == "*" else "sum"
    settings = {
        "kind": "sql",
        "name": f"{result.name} is the {how} of {one.name} and {other.name}"[:200],
        "table": table.name,
        "fields": {table.name: {"result": result.name, "one": one.name, "other": other.name}},
        "query": _RESULT.format(table=_quoted(table.name), sign=sign),
    }
    return RuleCandidate(settings, f"so in {right:,} of {of:,} records", 0.97, 0.85, 0.05)


_RESULT = """\
SELECT id, result || ' is not ' || one || ' {sign} ' || other AS message, result AS value
FROM {table} WHERE abs(result - (one {sign} other)) > 0.011 + 0.000001 * abs(result)
"""
