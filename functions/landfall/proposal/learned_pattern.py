"""A pattern learned from texts: the form that nearly all codes of a field have."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping

MAX_TEXT, MAX_PARTS, MAX_TEXTS = 64, 12, 50_000
"""Characters of a text, parts of a pattern, and different texts that are looked at."""

MIN_SHARE = 0.95
"""The least share of texts that have the form."""

MIN_FORM = 0.1
"""The least share of texts of each of several forms."""

_PART = re.compile(r"[A-Z]+|[a-z]+|[0-9]+| +|[!-/:-@\[-`{-~]")
_CLASSES = {"A": "[A-Z]", "a": "[a-z]", "0": r"\d"}

_Form = tuple[str, ...]


def learned_pattern(texts: Mapping[str, int]) -> str | None:
    """Return a regular expression that nearly all texts match, given how often each occurs.

    None if the texts have no common form, or none with a digit: words are no codes.
    """
    total = sum(texts.values())
    if not total or len(texts) > MAX_TEXTS:
        return None
    parts: dict[_Form, list[tuple[list[str], int]]] = defaultdict(list)
    sizes: Counter[_Form] = Counter()
    for text, count in texts.items():
        split = _split(text)
        if split is not None:
            form = tuple(map(_class_of, split))
            parts[form].append((split, count))
            sizes[form] += count
    forms = [form for form, size in sizes.items() if size >= MIN_FORM * total and "0" in form]
    forms = sorted(forms, key=lambda form: (-sizes[form], form))[:3]
    if sum(sizes[form] for form in forms) < MIN_SHARE * total:
        return None
    patterns = [_pattern(form, parts[form], sizes[form]) for form in forms]
    return patterns[0] if len(patterns) == 1 else "|".join(sorted(patterns))


def _split(text: str) -> list[str] | None:
    """Return the parts of a text; None if it is too long, or has other letters than a code."""
    if len(text) > MAX_TEXT:
        return None
    parts = _PART.findall(text)
    return parts if 0 < len(parts) <= MAX_PARTS and sum(map(len, parts)) == len(text) else None


def _class_of(part: str) -> str:
    first = part[0]
    return "0" if first.isdigit() else "A" if first.isupper() else "a" if first.islower() else part


def _pattern(form: _Form, texts: list[tuple[list[str], int]], total: int) -> str:
    return "".join(_piece(form, place, texts, total) for place in range(len(form)))


def _piece(form: _Form, place: int, texts: list[tuple[list[str], int]], total: int) -> str:
    """Return the expression for a part: a constant, or its characters and how many of them."""
    cls = _CLASSES.get(form[place])
    if cls is None:
        return _escaped(form[place])
    words: Counter[str] = Counter()
    lengths: Counter[int] = Counter()
    for parts, count in texts:
        words[parts[place]] += count
        lengths[len(parts[place])] += count
    word, often = max(words.items(), key=lambda it: (it[1], it[0]))
    if form[place] != "0" and often >= MIN_SHARE * total:
        return word
    usual = [length for length, count in lengths.items() if count >= max(3, 0.003 * total)]
    least, most = min(usual), max(usual)
    if least == most:
        return cls if least == 1 else f"{cls}{{{least}}}"
    return f"{cls}{{{least},{most}}}" if most - least <= 2 else f"{cls}+"


def _escaped(text: str) -> str:
    return re.sub(r"([][.^$*+?(){}|\\])", r"\\\1", text)
