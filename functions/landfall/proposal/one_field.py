"""Candidates about one field: from its type, its name, and the values of its records."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from landfall.integrity.rules import formats
from landfall.proposal import field_words as words
from landfall.proposal.candidate import MIN_RECORDS, RuleCandidate, TableColumns, share
from landfall.proposal.field_profile import Profile
from landfall.proposal.learned_pattern import learned_pattern
from landfall.proposal.robust_bounds import lower_bound, upper_bound

MAX_OPTIONS = 30
"""Values of a closed list."""

MAX_TRIED = 200
"""Different texts on which a form is tried, before all of them are."""

MAX_CALLED = 40
"""Phone numbers that are tried in every region."""

REGIONS = (
    *("US", "GB", "DE", "FR", "IT", "ES", "NL", "BE", "CH", "AT", "SE", "NO", "DK", "FI", "PL"),
    *("IE", "PT", "IL", "TR", "GR", "CZ", "HU", "RO", "AU", "NZ", "IN", "JP", "CN", "KR", "SG"),
    *("BR", "MX", "AR", "CL", "CO", "ZA", "NG", "KE", "EG", "AE", "SA"),
)
"""Regions that are tried for phone numbers without a country."""

DATE_FORMATS = ("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%Y/%m/%d", "%d %b %Y", "%b %d, %Y")
"""Dates as people write them."""

NO_BLANKS_AROUND = r"\S|\S[\s\S]*\S"


def of_one_field(table: TableColumns) -> Iterator[RuleCandidate]:
    """Yield what each field of a table should satisfy by itself."""
    for column in table:
        form = _format(column)
        yield from filter(None, (form, _error(column)))
        if len(column) >= MIN_RECORDS:
            yield from filter(None, (_required(column, table), _unique(column)))
            listed = _allowed(column)
            if listed:
                yield listed
            elif not form:
                form = _pattern(column)
                yield from filter(None, (form, _range(column)))
            if not form and not listed:
                yield from filter(None, (_blanks(column),))
            yield from filter(None, (_placeholder(column),))


def _about(column: Profile, kind: str, **settings: Any) -> Mapping[str, Any]:
    return {"kind": kind, "table": column.table, "field": column.name, **settings}


def _required(column: Profile, table: TableColumns) -> RuleCandidate | None:
    if column.computed or column.holds == "booleans":
        return None
    missing = len(column) - column.filled
    if share(missing, len(column)) > 0.05:
        return None
    primary = column.name == table.primary
    return RuleCandidate(
        _about(column, "required"),
        f"filled in {column.filled:,} of {len(column):,}",
        trust=0.98 if primary else 0.95,
        importance=0.7,
    )


def _error(column: Profile) -> RuleCandidate | None:
    if column.field.type not in ("formula", "rollup", "multipleLookupValues"):
        return None
    return RuleCandidate(
        _about(column, "type", type="any"),
        f"the field is a {column.field.type}, and {column.errors:,} cells hold an error",
        trust=1.0,
        importance=0.8,
        most=0.5,
    )


def _unique(column: Profile) -> RuleCandidate | None:
    if column.computed or column.is_list or column.has_options or not column.keyed:
        return None
    if column.holds not in ("text", "numbers", None) or column.has_dates:
        return None
    counts = column.folded
    repeated = sum(count for count in counts.values() if count > 1)
    named = bool(column.words & words.CODE)
    # a handful of mistakes is a larger share of a small table
    most = 0.06 + 5 / column.keyed if named else 0.03
    if share(repeated, column.keyed) > most:
        return None
    code = named or _like_codes(column)
    numeric = bool(column.numbers) and not column.texts
    if not code or (numeric and not named) or column.keyed < MIN_RECORDS:
        return None
    settings: dict[str, Any] = {"kind": "unique", "table": column.table, "fields": [column.name]}
    if column.texts:
        settings["ignore_case"] = True
    return RuleCandidate(
        settings,
        f"{len(counts):,} different values in {column.keyed:,} records"
        + (", and the name says that it is a code" if named else ""),
        trust=0.97 if named else 0.9,
        importance=0.95,
        most=most,
    )


def _like_codes(column: Profile) -> bool:
    """Return whether nearly all texts are one word with a digit, or an address."""
    codes = sum(
        count
        for text, count in column.texts.items()
        if len(text.split()) == 1 and ("@" in text or any(map(str.isdigit, text)))
    )
    return bool(codes) and codes >= 0.9 * column.texts.total()


def _format(column: Profile) -> RuleCandidate | None:
    """Return the form of e-mail addresses, phone numbers, web addresses and dates in text."""
    if column.holds not in ("text", None) or column.computed or column.has_options:
        return None
    of = column.field.type
    texts = column.texts
    tried = dict(texts.most_common(MAX_TRIED)) if len(texts) <= MAX_TRIED else _some(texts)
    if of == "email" or _fits(formats.email, tried) >= 0.8:
        return _formed(column, "email", _fits(formats.email, texts), typed=of == "email")
    if of == "url" or _fits(formats.url, tried) >= 0.8:
        return _formed(column, "url", _fits(formats.url, texts), typed=of == "url")
    if of == "phoneNumber" or column.words & words.PHONE:
        return _phone(column, tried)
    if column.holds == "text" and texts.total() >= MIN_RECORDS:
        return _date(column, tried)
    return None


def _some(texts: Counter[str]) -> Mapping[str, int]:
    """Return some of many texts, the same in any order of the records."""
    ordered = sorted(texts)
    step = len(ordered) // MAX_TRIED
    return {text: texts[text] for text in ordered[::step][:MAX_TRIED]}


def _fits(form: formats.Form, texts: Mapping[str, int]) -> float:
    return share(sum(n for text, n in texts.items() if form(text)), sum(texts.values()))


def _formed(column: Profile, form: str, fits: float, *, typed: bool, **more: Any) -> RuleCandidate:
    why = f"the type of the field is {column.field.type}" if typed else "its values look like it"
    return RuleCandidate(
        _about(column, "format", format=form, **more),
        f"{why}, and {fits:.1%} of {column.texts.total():,} values have the form",
        trust=1.0 if typed else 0.95,
        importance=0.75,
        most=0.2 if typed else 0.1,
    )


def _phone(column: Profile, tried: Mapping[str, int]) -> RuleCandidate | None:
    typed = column.field.type == "phoneNumber"
    if _fits(formats.phone(None, False), tried) >= 0.8 or not tried:
        return _formed(column, "phone", _fits(formats.phone(None, False), tried), typed=typed)
    some = {text: tried[text] for text in sorted(tried)[:: len(tried) // MAX_CALLED + 1]}
    for possible in (False, True):
        found = [(_fits(formats.phone(region, possible), some), region) for region in REGIONS]
        fits, region = max(found, key=lambda it: it[0])  # of several, the first of the list
        if fits >= 0.8:
            more = {"numbers": "possible"} if possible else {}
            return _formed(column, "phone", fits, typed=typed, region=region, **more)
    return None


def _date(column: Profile, tried: Mapping[str, int]) -> RuleCandidate | None:
    if column.has_dates:
        dates = sum(day is not None for day in column.days)
        return _formed(column, "date", share(dates, column.texts.total()), typed=False)
    if not all(any(map(str.isdigit, text)) for text in sorted(tried)[:1]):
        return None
    for pattern in DATE_FORMATS:
        form = formats.date(column.calendar, pattern)
        if _fits(form, tried) >= 0.9:
            fits = _fits(form, column.texts)
            return _formed(column, "date", fits, typed=False, date_format=pattern)
    return None


def _allowed(column: Profile) -> RuleCandidate | None:
    """Return a closed list: few values that are frequent, and none or very few others."""
    if column.computed or column.holds not in ("text", "numbers", None) or column.has_dates:
        return None
    counts, total = column.values, column.values.total()
    if not 2 <= len(counts) <= 10 * MAX_OPTIONS or total < 2 * MIN_RECORDS:
        return None
    often = {value: n for value, n in counts.items() if n >= max(5, 0.01 * total)}
    rare = {value: n for value, n in counts.items() if value not in often}
    if not 2 <= len(often) <= MAX_OPTIONS or total < 8 * len(often):
        return None
    variants = {value: n for value, n in rare.items() if _is_variant(value, often)}
    others = {value: n for value, n in rare.items() if value not in variants}
    if variants and sum(others.values()) > 0.01 * total:  # rare, and meant: only spellings are not
        often |= others
        rare = variants
    if len(often) > MAX_OPTIONS or sum(rare.values()) > (0.05 if variants else 0.01) * total:
        return None
    if len(variants) < len(rare) and max(others.values()) * 5 > min(often.values()):
        return None
    if column.has_options and not variants:
        return None
    if all(value.__class__ is not str for value in often) and not _whole(often):
        return None
    evidence = f"{total - sum(rare.values()):,} of {total:,} values are one of {len(often)}"
    if variants:
        shown = sorted(map(str, variants))[0]
        evidence += f"; {shown!r} is another spelling of one"
    return RuleCandidate(
        _about(column, "allowed_values", values=sorted(often, key=_order)),
        evidence,
        trust=0.95 if variants else 0.85,
        importance=0.6,
        guard=not column.has_options,
    )


def _order(value: Any) -> tuple[bool, Any]:
    return (value.__class__ is str, value)


def _whole(values: Mapping[Any, int]) -> bool:
    return all(float(value).is_integer() for value in values if value.__class__ is not str)


def _is_variant(value: Any, known: Mapping[Any, int]) -> bool:
    """Return whether a value is a known one, written otherwise or with a typing error."""
    if value.__class__ is not str:
        return False
    plain = _plain(value)
    for other in known:
        if other.__class__ is not str:
            if plain == str(other):
                return True
        elif plain == _plain(other) or (len(plain) >= 4 and _near(plain, _plain(other))):
            return True
    return False


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def _near(one: str, other: str) -> bool:
    """Return whether one letter was left out, added, changed, or swapped with the next."""
    if abs(len(one) - len(other)) > 1 or len(one) > 60:
        return False
    start = 0
    while start < min(len(one), len(other)) and one[start] == other[start]:
        start += 1
    one, other = one[start:], other[start:]
    return (
        one[1:] == other[1:]
        or one[1:] == other
        or one == other[1:]
        or (one[:2] == other[1::-1] and one[2:] == other[2:])
    )


def _pattern(column: Profile) -> RuleCandidate | None:
    if column.holds not in ("text", None) or column.computed or column.has_options:
        return None
    texts = column.texts
    if texts.total() < MIN_RECORDS or len(texts) < 5:
        return None
    pattern = learned_pattern(texts)
    if pattern is None:
        return None
    fits = _fits(lambda text: re.fullmatch(pattern, text) is not None, texts)
    return RuleCandidate(
        _about(column, "format", format="pattern", pattern=pattern),
        f"{fits:.1%} of {texts.total():,} values have the form {pattern}",
        trust=0.9,
        importance=0.55,
    )


def _range(column: Profile) -> RuleCandidate | None:
    if column.computed or column.is_list:
        return None
    if column.has_dates:
        return _range_of_dates(column)
    numbers = column.numbers
    if column.holds not in ("numbers", None) or len(numbers) < MIN_RECORDS:
        return None
    low, high = lower_bound(numbers), upper_bound(numbers)
    why = [f"{len(numbers):,} numbers, half of them between {_middle(numbers)}"]
    negative = sum(number < 0 for number in numbers)
    if negative <= 0.015 * len(numbers) and (column.words & words.AMOUNT or negative):
        low = max(low or 0, 0)
        why.append(f"{negative:,} are negative")
    if low is None and high is None:
        return None
    bounds = {"at_least": low, "at_most": high}
    settings = {name: _short(bound) for name, bound in bounds.items() if bound is not None}
    return RuleCandidate(_about(column, "range", **settings), "; ".join(why), 0.92, 0.65, 0.03)


def _middle(numbers: list[int | float]) -> str:
    return f"{numbers[len(numbers) // 4]:,} and {numbers[len(numbers) * 3 // 4]:,}"


def _short(number: float) -> int | float:
    return int(number) if float(number).is_integer() else number


def _range_of_dates(column: Profile) -> RuleCandidate | None:
    days = sorted(day for day in column.days if day is not None)
    if len(days) < MIN_RECORDS:
        return None
    today = column.calendar.day(column.calendar.now).toordinal()
    settings: dict[str, str] = {}
    why = [f"half of {len(days):,} dates lie between {_day(days, 1)} and {_day(days, 3)}"]
    birth = bool(column.words & words.BIRTH)
    low, high = lower_bound(days), upper_bound(days)
    if low is not None:
        settings["at_least"] = f"{_year(low)}-01-01"
    elif birth:
        settings["at_least"] = "1900-01-01"
    later = sum(day > today for day in days)
    if birth or (later <= 0.015 * len(days) and not column.words & words.FUTURE):
        settings["at_most"] = "today"
        why.append(f"{later:,} are in the future")
    elif high is not None:
        settings["at_most"] = f"{_year(high) + 1}-12-31"
    if not settings:
        return None
    return RuleCandidate(
        _about(column, "range", **settings), "; ".join(why), 0.97 if birth else 0.9, 0.65, 0.03
    )


def _day(days: list[int], quarter: int) -> str:
    return date.fromordinal(days[len(days) * quarter // 4]).isoformat()


def _year(day: float) -> int:
    return date.fromordinal(max(1, min(int(day), date.max.toordinal()))).year


def _blanks(column: Profile) -> RuleCandidate | None:
    if column.holds not in ("text", None) or column.computed or column.has_options:
        return None
    around = sum(count for text, count in column.texts.items() if text != text.strip())
    if not 0 < around <= 0.05 * column.texts.total():
        return None
    return RuleCandidate(
        _about(
            column, "format", format="pattern", pattern=NO_BLANKS_AROUND, name=_no_blanks(column)
        ),
        f"{around:,} of {column.texts.total():,} texts begin or end with a blank",
        trust=0.95,
        importance=0.4,
        guard=False,
    )


def _no_blanks(column: Profile) -> str:
    return f"{column.name} has no blanks around it"[:200]


def _placeholder(column: Profile) -> RuleCandidate | None:
    """Return a rule against texts such as `n/a` in a field that has nearly always a value."""
    if column.holds not in ("text", None) or column.computed or column.is_list:
        return None
    found = {t: n for t, n in column.texts.items() if t.strip().casefold() in words.PLACEHOLDERS}
    if not found or len(found) > MAX_OPTIONS or sum(found.values()) > 0.05 * column.filled:
        return None
    if column.texts.total() < MIN_RECORDS or len(column.texts) < 10:
        return None
    values = sorted(found)
    shown = ", ".join(map(repr, values[:3]))
    return RuleCandidate(
        _about(column, "forbidden", when={"field": column.name, "one_of": values}),
        f"{sum(found.values()):,} of {column.filled:,} values say that there is none: {shown}",
        trust=0.9,
        importance=0.5,
        most=1.0,
        guard=False,
    )
