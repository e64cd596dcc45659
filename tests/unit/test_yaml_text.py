"""Whatever is typed is read as it looks, or refused with the line, the meaning and the fix."""

import json
import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from landfall.kinds.definition import MAX_LINE, MAX_LINES, DefinitionError, load
from landfall.scans.json_text import TextError, decode, read_json
from landfall.scans.plain import MAX_DEPTH
from landfall.scans.yaml_text import read_text

AS_IT_LOOKS: list[tuple[str, Any]] = [
    ("7", 7),
    ("-7", -7),
    ("0", 0),
    ("2.50", 2.5),
    ("9223372036854775807", 2**63 - 1),
    ("2026-12-31", "2026-12-31"),
    ("2026-02-30", "2026-02-30"),
    ("2026-12-31 06:00:00 +1", "2026-12-31 06:00:00 +1"),
    ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
    ("12:30", "12:30"),
    ("190:20:30.15", "190:20:30.15"),
    ("1.5.2", "1.5.2"),
    ("1,000", "1,000"),
    ("yes", "yes"),
    ("No", "No"),
    ("on", "on"),
    ("y", "y"),
    ("true", True),
    ("FALSE", False),
    ("null", None),
    ("~", None),
    ("", None),
    ("=", "="),
    ('"010"', "010"),
    ("'2026'", "2026"),
    ("|\n  010\n", "010\n"),
    ("[1, a, 12:30]", [1, "a", "12:30"]),
    ("{2026: x, 007: y, on: z, null: w}", {"2026": "x", "007": "y", "on": "z", "null": "w"}),
]


@pytest.mark.parametrize(("text", "value"), AS_IT_LOOKS)
def test_a_value_is_what_it_looks_like(text: str, value: Any) -> None:
    """No date, no time of day and no name becomes something else."""
    found = read_text(f"setting: {text}").value["setting"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        "\u2019s-Hertogenbosch",
        "\u201cEmail\u201d is missing, or \u201cPhone\u201d is",
        "Anna \u201cAnn\u201d",
        "10\u00a0km",
        "\u2013",
        "\u00ab",
        "\U0001f469\u200d\U0001f3eb",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    ],
)
def test_signs_that_belong_to_a_text_stay(text: str) -> None:
    """An apostrophe, quotes around a part of it, what joins letters and pictures."""
    assert read_text(f"a: {text}").value == {"a": text}
    assert read_text(f"{text}: 1").value == {text: 1}


@pytest.mark.parametrize("text", ["\u201cx\u201d", "x\u00a0", "\u200bx", "# x", "x?"])
def test_signs_in_quotes_are_meant(text: str) -> None:
    """Quotes are the way out."""
    assert read_text(f"a: ['{text}']").value == {"a": [text]}


OTHER_NUMBERS = [
    ("010", 'YAML makes 8 of it; for the number write 10, for text write "010" in quotes'),
    ("-010", 'YAML makes -8 of it; for the number write -10, for text write "-010" in quotes'),
    ("05", 'for the number write 5, for text write "05" in quotes'),
    ("08", 'for the number write 8, for text write "08" in quotes'),
    ("09.5", 'for the number write 9.5, for text write "09.5" in quotes'),
    ("0x1F", 'for the number write 31, for text write "0x1F" in quotes'),
    ("0o17", 'for the number write 15, for text write "0o17" in quotes'),
    ("0b101", 'for the number write 5, for text write "0b101" in quotes'),
    ("1_000", 'for the number write 1000, for text write "1_000" in quotes'),
    ("+49", 'for the number write 49, for text write "+49" in quotes'),
    (".5", 'for the number write 0.5, for text write ".5" in quotes'),
    ("5.", 'for the number write 5, for text write "5." in quotes'),
    ("1e5", 'for the number write 100000, for text write "1e5" in quotes'),
    ("2.5e-7", 'for the number write 0.00000025, for text write "2.5e-7" in quotes'),
    ("1.5E+3", 'for the number write 1500, for text write "1.5E+3" in quotes'),
    ("1e400", 'for text write "1e400" in quotes'),
    ("0x_", 'for text write "0x_" in quotes'),
    ("0b_", 'for text write "0b_" in quotes'),
    ("-.5e1", 'for the number write -5, for text write "-.5e1" in quotes'),
    ("0_7", 'for the number write 7, for text write "0_7" in quotes'),
    (".inf", 'for text write ".inf" in quotes'),
    ("-.INF", 'for text write "-.INF" in quotes'),
    (".nan", 'for text write ".nan" in quotes'),
    ("9223372036854775808", "is too large for a number; put it in quotes"),
    ("9" * 5000, "is too large for a number; put it in quotes"),
    ("0x" + "f" * 5000, "for text write"),
    ("1_" * 30_000 + "1", "for text write"),
    ("0.1234567890123456789", "keeps 17 digits; shorten it, or put it in quotes"),
]


@pytest.mark.parametrize(
    ("text", "fix"), OTHER_NUMBERS, ids=[text[:20] for text, _ in OTHER_NUMBERS]
)
def test_a_number_that_would_change_is_pointed_out(text: str, fix: str) -> None:
    """Zip codes, part numbers and phone numbers are not another number without a word."""
    with pytest.raises(TextError) as refused:
        read_text(f"id: x\nsettings: [1, {text}]")
    assert re.match(r"line 2, column 15: .* " if len(text) < 40 else "line 2, ", str(refused.value))
    assert fix in str(refused.value)
    assert len(str(refused.value)) < 300


YAML = [
    # tabs, columns and what is left open
    ("id: x\n\tkind: y", "line 2, column 1: use spaces, not a tab"),
    ("rules:\n- id: x\n\t  kind: y", "line 3, column 1: use spaces, not a tab"),
    ("id:\tx", "line 1, column 4: use spaces, not a tab"),
    ("id: x\n  name: y", "line 2, column 7: this line belongs further left: no blank before it"),
    ("rules:\n  - id: 'a'\n      kind: x", "line 3, column 7: this line belongs further left: 4"),
    ("rules:\n  - id: a\n   kind: x", "further left or right: 4 blanks or no blank before it"),
    ("tables:\n  A:\n  - x\n   - y\nid: [", "is still open"),
    ("a:\n  b: 1\n c: 2", "line 3, column 2: this line belongs further left or right: 2 blanks"),
    ("a: 1\n- b", "line 2, column 1: this line is not of the kind of those above it"),
    ("kind:required\nid: x", "put a blank behind the ':'"),
    ("id: x\nkind", "line 2, column 1: this is neither `name: value` nor a list item"),
    ("a: [1, 2\nb: 3", "line 2, column 2: a comma is missing before this, or the [ of line 1"),
    ("a: {x: 1\nb: 3", "the { of line 1 is not closed"),
    ("a: [", "a bracket or brace is still open"),
    ("a: [,]", "a value is missing before this ','"),
    ("a: 'open\nb: 3", "line 1, column 4: the quote that begins here is not closed"),
    ('a: "open\n---\nb"', "a line `---` or `...` cannot stand within a text"),
    (": x", "a name is missing before this ':'"),
    # text that YAML takes for something else
    ("a: >= 5", "line 1, column 4: put '>= 5' in quotes"),
    ("a: {at_least: >=5}", "line 1, column 15: put '>=5' in quotes"),
    ("a: > 5", "put '> 5' in quotes"),
    ("a: |x", "put '|x' in quotes"),
    ("a: @b", "put '@b' in quotes"),
    ("a: `b`", "put '`b`' in quotes"),
    ("a: %b", "put '%b' in quotes"),
    ("a: *", "put '*' in quotes"),
    ("a: [*]", "put '*' in quotes"),
    ("a: &", "put '&' in quotes"),
    ("a: !x!y z", "put '!x!y z' in quotes"),
    ("a: ? b", "put '? b' in quotes"),
    ("a: - b", "a list item `- ` cannot begin here"),
    ("name: a: b", "line 1, column 8: put the text behind the first ': ' in quotes"),
    ("message: {Name} has no class", "put the whole text in quotes: {Name} has no class"),
    ("a: 'x' y", "put the whole text in quotes: 'x' y"),
    ('a: "\\d+"', "put this text in single quotes"),
    ('a: "\\u12"', "put this text in single quotes"),
    ("%YAML 2.0\n---\na: 1", "remove each line that begins with %"),
    ("%FOO\na: 1", "remove each line that begins with %"),
    # what refers to something else
    ("a: *x", "line 1, column 4: *x stands for another value"),
    ("a: &x 1", "line 1, column 4: &x names a value for other places"),
    ("&x a: 1", "line 1, column 1: &x names a value"),
    ("a: &x [*x]", "line 1, column 8: *x stands for another value"),
    ("b: 1\n<<: {a: 1}", "line 2, column 1: `<<` merges other settings"),
    *(
        (f"b: 1\na: {tagged}", "line 2, column 4: !")
        for tagged in (
            "!!int x", "!!int '7'", "!!float x", "!!bool maybe", "!!null x", "!!timestamp x",
            "!!binary ä", "!!binary 'not base64'", "!!set {x}", "!!set [x]", "!!omap [x: 1]",
            "!!omap x", "!!pairs [x: 1]", "!!str 5", "!!seq {}", "!!map []", "!!python/none x",
            "!!python/object/apply:os.getcwd []", "!own x", "! x", "!<tag:yaml.org,2002:int> x",
        )
    ),
    # what a text processor or a web page makes of it
    ("a: \u201cx\u201d", '\u201cx\u201d has curly quotes, which are part of a text here; write'),
    ("a: \u201ex\u201c", "has curly quotes"),
    ("a: \u2018x y\u2019", "has curly quotes"),
    ("a: [\u201cx, y\u201d]", "line 1, column 5: \u201cx has curly quotes"),
    ("{\u201cid\u201d: 5}", "line 1, column 2: \u201cid\u201d has curly quotes"),
    ("a: x\u00a0", "line 1, column 4: this ends with a no-break space (U+00A0), which nobody sees"),
    ("a: 5\u200b # five", "this ends with a zero width space (U+200B)"),
    ("a: 1\n\u200bb: 5", "line 2, column 1: this begins with a zero width space"),
    ("a: 1\nb:\u00a05", "line 2, column 3: write an ordinary blank in place of this no-break"),
    ("a:\n  b: 1\n\u00a0 c: 2", "line 3, column 1: this begins with a no-break space"),
    ("a:\n  -\u00a0b: 1\n    c: 2", "line 2, column 4: write an ordinary blank"),
    ("a:\n  \u2013 b: 1\n    c: 2", "line 2, column 3: begin a list item with '- ', not"),
    ("a:\n  \u2022 b: 1\n    c: 2", "begin a list item with '- ', not with \u2022"),
    ("a:\n  -b: 1\n   c: 2", "line 2, column 3: put a blank behind the '-' of a list item"),
    ("a: \u00a0# b\n  c: 1\nd", "line 1, column 4: write an ordinary blank"),
    ("```yaml\na: 1\n```", "line 1, column 1: remove each line that begins with ```"),
    ("a: 1\n```\n", "line 2, column 1: remove each line that begins with ```"),
    ("~~~\na: 1", "line 1, column 1: remove each line that begins with ~~~"),
    # what cannot stand between brackets, and what a comment took away
    ("a: [Name, Paid?]", "put the text that begins with 'Paid?' in quotes: between brackets"),
    ("a: {b: ^[A-Z]{2}$}", "put the text that begins with '^[' in quotes"),
    ("a: [b, # of c, d]\ne: 1", "a comment begins at the ' #' of line 1; put text with a # in"),
    ("a:\n  b: [c, # d, e]\nf:\n  - g", "a comment begins at the ' #' of line 2"),
    # names
    ("a: 1\na: 2", "line 2, column 1: 'a' is given twice; remove one"),
    ("1: x\n'1': y", "line 2, column 1: '1' is given twice; remove one"),
    ("? [a]\n: b", "line 1, column 3: a list cannot be a name"),
    ("{a: 1}: b", "line 1, column 1: a group cannot be a name"),
    ("a: {{x}}", "line 1, column 5: a group cannot be a name"),
    ("? *x\n: b", "*x stands for another value"),
    # characters
    ("a: b\nc: \x00", "line 2: this has the control character U+0000; remove it"),
    ("a: \x1b[31m", "line 1: this has the control character U+001B; remove it"),
    ("a: \ud800", "line 1: this has the control character U+D800; remove it"),
    ('a: 1\nb: "\\0"', "line 2: `b` has the control character U+0000; remove it"),
    ('a: 1\n"\\ud800": 1', "the name '\\ud800' has the control character U+D800"),
    # more than one, or too much
    ("a: 1\n---\nb: 2", "line 2, column 1: a second document begins here"),
    ("a: 1\n...\nb", "line 3, column 1: this does not belong to what stands above it"),
    ("[" * 5000, f"column {MAX_DEPTH + 1}: this is nested more than {MAX_DEPTH} levels deep"),
    ("{a: " * 5000, f"this is nested more than {MAX_DEPTH} levels deep"),
    ("- " * 5000 + "x", f"this is nested more than {MAX_DEPTH} levels deep"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "says"), YAML, ids=[text[:30] for text, _ in YAML])
def test_what_yaml_takes_for_something_else_is_refused_in_plain_words(text: str, says: str) -> None:
    """With the line, the meaning and the fix; none of them is a bug."""
    with pytest.raises(TextError) as refused:
        read_text(text)
    shown = str(refused.value)
    assert says in shown
    assert all(re.match(r"line \d+[,:]", line) for line in shown.splitlines())
    assert not re.search("token|mapping|scalar|sequence|block|anchor|constructor|node", shown)


def test_a_bomb_of_aliases_is_refused_at_once() -> None:
    """Nine levels of nine would be 400 million values."""
    levels = ["a0: &a0 [lol, lol]"]
    levels += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    with pytest.raises(TextError, match="&a0 names a value for other places"):
        read_text("\n".join(levels))


def test_as_many_problems_are_shown_as_can_be_read() -> None:
    """And each is cut: a definition may have anything in it."""
    for text in ("a: [" + "05, " * 500 + "]", f"id: x\nkind: {'k' * 50_000}"):
        with pytest.raises(DefinitionError) as refused:
            load(text, "s")
        lines = str(refused.value).split("\n")
        assert len(lines) <= MAX_LINES + 1
        assert max(map(len, lines)) < MAX_LINE + 10
    rule = {"kind": "required", "table": "T", "sev": "x" * 9999}
    rules = [rule | {"id": f"r{n}"} for n in range(300)]
    head = {"id": "x", "kind": "integrity", "base": "appPeople00000001", "tables": {"T": ["F"]}}
    with pytest.raises(DefinitionError, match=r"\ns: and more problems$"):
        load(json.dumps(head | {"rules": rules}), "s")


JSON = [
    ('{"a": 1, "a": 2}', "line 1, column 10: 'a' is given twice; remove one"),
    ('{"a": NaN}', "NaN is not a number that can be stored"),
    ('{"a": -Infinity}', "-Infinity is not a number that can be stored"),
    ('{"a": 1e400}', "1e400"),
    ('{"a": 9223372036854775808}', "too large for a number; put it in quotes"),
    (f'{{"a": {"9" * 5000}}}', "too large for a number; put it in quotes"),
    ('{"a": 0.1234567890123456789}', "keeps 17 digits"),
    (r'{"a": "\ud800"}', "`a` has the control character U+D800"),
    (r'{"a": ["\u0000"]}', "`a item 1` has the control character U+0000"),
    ('{"a": ' + "[" * 100 + "]" * 100 + "}", f"nested more than {MAX_DEPTH} levels deep"),
    ('{"a": ' * 50_000, "nested more than"),
    ('{"a": 1,}x', "line 1, column 10"),
]


@pytest.mark.parametrize(("text", "says"), JSON, ids=[text[:30] for text, _ in JSON])
def test_json_that_would_lose_something_is_refused(text: str, says: str) -> None:
    """Names given twice, numbers out of range, halves of characters."""
    with pytest.raises(TextError) as refused:
        read_text(text)
    assert says in str(refused.value)


def test_json_is_read_as_json() -> None:
    """Also where YAML reads it otherwise: tabs, numbers with exponents, characters in halves."""
    value = {"a": [1e5, 1.5e-3, "\U0001f600 a/b"], "b": {"c": None, "d": True}}
    text = json.dumps(value, indent="\t").replace("/", "\\/")
    assert read_text(text).value == read_json(text) == value


def test_an_error_in_json_of_several_lines_has_its_line() -> None:
    """A file of JSON is read by people too."""
    text = json.dumps(
        {"id": "x", "kind": "site", "url": "https://a.example", "mode": 3}, indent="\t"
    )
    with pytest.raises(DefinitionError, match=r"^x\.json: line 5: mode: "):
        load(text, "x.json")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("id: ä".encode("utf-16"), "this is text in UTF-16; save it in UTF-8"),
        ("id: x\nname: ä".encode("latin-1"), "line 2: this is not text in UTF-8"),
        (b"\x80", "line 1: this is not text in UTF-8"),
    ],
)
def test_a_file_in_another_encoding_is_refused(data: bytes, says: str) -> None:
    """Windows saves UTF-16; a word processor saves what it likes."""
    with pytest.raises(TextError, match=says):
        decode(data)


def test_a_byte_order_mark_is_no_part_of_the_text() -> None:
    """Notepad puts one before each file."""
    assert read_text(decode(b"\xef\xbb\xbfid: x")).value == {"id": "x"}
    assert read_text("\ufeffid: x").value == {"id": "x"}


PIECES = st.sampled_from([
    *"abx: -[]{}\n\t,#&*!|>'\"%@`?=<~.0123456789_+",
    "  ", ": ", "- ", "\n  ", "\n- ", "---\n", "id", "null", "true", "!!int ", "<<", "0x", "2026-",
    "\\u12", "\ufeff", "\x00", "\ud800", "\u2028", "\x85", "é", "1e5", ".nan", "*a", "&a ",
])  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join))
def test_nothing_that_is_typed_is_a_bug(text: str) -> None:
    """Any text is plain values, or an error with a line."""
    problem = ""
    try:
        json.dumps(read_text(text).value, ensure_ascii=False).encode()
    except TextError as error:
        problem = str(error)
    assert not problem or re.match(r"line \d+[,:]", problem), text


@example(",a\n\na", "value")
@settings(max_examples=150, deadline=None)
@given(st.lists(PIECES, max_size=8).map("".join), st.sampled_from(["value", "rule", "setting"]))
def test_nothing_typed_into_a_definition_is_a_bug(text: str, where: str) -> None:
    """Whether as a value, as a rule, or as a setting."""
    definition = {
        "value": f"at_least: {text}",
        "rule": f"at_least: 1}}\n  - {text}",
        "setting": f"at_least: 1}}\n{text}: 1\nlimits: {{x: 1",
    }[where]
    head = "id: x\nkind: integrity\nbase: appPeople00000001\ntables: {A: [B]}\nrules:\n"
    problems = ""
    try:
        load(f"{head}  - {{id: r, kind: range, table: A, field: B, {definition}}}", "scan.yaml")
    except DefinitionError as error:
        problems = str(error)
    assert all(line.startswith("scan.yaml: ") for line in problems.split("\n") if problems)


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False, width=32)
        | st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8),
        lambda inner: st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abc 1:-", max_size=4), inner, max_size=3),
        max_leaves=8,
    )
)  # fmt: skip
def test_what_others_write_is_read_the_same(value: Any) -> None:
    """JSON, and YAML as PyYAML writes it, apart from numbers with exponents and curly quotes."""
    assert read_text(json.dumps({"a": value})).value == {"a": value}
    text = yaml.safe_dump({"a": value}, allow_unicode=True)
    curly_or_unseen = r"[\xa0\xad\xab\xbb\u1680\u180e\u2000-\u206f\u3000\ufeff]"
    if not re.search(rf"\de[-+]?\d|{curly_or_unseen}", text):
        assert read_text(text).value == {"a": value}
