"""`format`: e-mail, phone, web address, date, pattern."""

import random
import re
from datetime import date, timedelta

import pytest

from landfall.integrity.rules.evaluate import evaluate
from tests.fakes.rules import message_about, rows, rule
from tests.fakes.snapshots import snapshot


def form(of, **settings):
    return rule("format", field="F", format=of, **settings)


EMAILS = [
    "ada@example.org", "a.b+c@x.co", "o'brien@a-b.museum", "A@B.C", "1@2.3", ".a..@x.y",
    # none
    "ä@x.y", "a@localhost", "a@-x.y", "a@x-.y", "a@x..y", "a@x.y.", "@x.y", "a@", "a", "a@b@c.d",
    "a,b@x.y", "<a@x.y>", "a@x_y.z", "a@ü.de",
]  # fmt: skip

URLS = [
    "http://example.org", "HTTPS://Example.org/", "https://a.b:8080/x?y=z#w", "http://10.0.0.1/a",
    "http://[2001:db8::1]:80/", "https://müller.de/straße", "http://a_b.c.d/",
    "http://a.b?x", "https://a.b./", "http://a.b/%zz", "https://a.b/(x)[1]",
    # none
    "example.org", "ftp://a.b", "http:/a.b", "http://", "http://localhost", "http://a.b:65536/",
    "http://a..b", "http://-a.b", "http://a b.c/", "http://a.b/x y", "http://a.b/<x>", "http://a.b/\n",
    "http://10.0.0", "http://10.0.0.256", "http://[1.2.3.4]/", "http://[::g]/", "http://a.b:x/",
    " http://a.b", "http://a.b/ ", "mailto:a@b.c", "javascript:alert(1)", "http://@/",
    "https://u:p@a.b/", "https://u@a.b", "https://bank.example:443@a.b/", "https://@a.b",
    "http://a.b/\u200b", "http://a.b/\u00a0x",
]  # fmt: skip


def test_e_mail_addresses():
    """Addresses of the HTML living standard with a dot in the domain, without whitespace around."""
    assert rows(form("email"), EMAILS) == list(range(6, 20))
    assert rows(form("email"), ["a@x.y", " a@x.y", "a@x.y\n", "a b@x.y"]) == [1, 2, 3]


def test_a_label_of_an_e_mail_domain_has_up_to_63_letters():
    """DNS has the same limit."""
    assert rows(form("email"), [f"a@{'x' * 63}.y", f"a@{'x' * 64}.y"]) == [1]


def test_web_addresses():
    """Only http and https are accepted, with a valid host."""
    assert rows(form("url"), URLS) == list(range(11, len(URLS)))


PHONES = [
    "+1 202 555 0143", "+12025550143", "+44 (0)20 7946-0958", "+49/30/901820",
    "+1 202-555-0143 x12", "+1 202 555 0143 ext. 7",
    # only with a region
    "(202) 555-0143", "202.555.0143",
    # possible by its length, but no such area code
    "+1 123 555 0143",
    # none
    "555-0143", "+1 202 555 014", "+1 202 555 01433", "+999 1234567", "call +1 202 555 0143",
    "+1 202 555 0143 (home)", "1-800-FLOWERS", "+1 202 555 0143 ", "", "+",
    "+1 202 555 0143 / 0144",
]  # fmt: skip
BLANK = PHONES.index("")


def test_phone_numbers():
    """Valid numbers have an existing country and length, and first digits that are assigned."""
    nones = [n for n in range(9, len(PHONES)) if n != BLANK]
    assert rows(form("phone"), PHONES) == [6, 7, 8, *nones]
    assert rows(form("phone", region="US"), PHONES) == [8, *nones]
    assert rows(form("phone"), PHONES, region="US") == [8, *nones]
    assert rows(form("phone", region="US"), PHONES, region="DE") == [8, *nones]
    assert rows(form("phone", region="US", numbers="possible"), PHONES) == nones


def test_dates():
    """ISO dates, with or without a time; or a pattern, with its own number of digits."""
    cells = ["2026-03-01", "2026-03-01T10:00:00.000Z", "2026-3-1", "2026-02-29", "01.03.2026", " "]
    assert rows(form("date"), [*cells, " 2026-03-01"]) == [2, 3, 4, 6]
    german = form("date", date_format="%d.%m.%Y")
    assert rows(german, ["01.03.2026", "1.3.2026", "29.2.2026", "2026-03-01", "1.3.26"]) == [
        2,
        3,
        4,
    ]
    assert rows(german, [" 1.3.2026", "1.3.2026 "]) == [0, 1]


def test_patterns_fit_the_whole_text():
    """A match of a part is not enough."""
    assert rows(form("pattern", pattern="[A-Z]{2}\\d+|x"), ["AB1", "AB1 ", "xx", "x", "ab1"]) == [
        1,
        2,
        4,
    ]


FORMATS = [
    form("email"), form("phone"), form("url"), form("date"), form("pattern", pattern=".*"),
]  # fmt: skip


@pytest.mark.parametrize("of", FORMATS, ids=lambda of: of.format)
def test_what_is_no_text_has_no_form(of):
    """A missing value is no finding, and each item of a list is checked."""
    assert rows(of, [None, "", " ", [], {}, [""]]) == []
    assert rows(of, [5, True, {"error": "#ERROR!"}, [5]]) == [0, 1, 2, 3]


def test_each_item_of_a_list():
    """The finding shows the items that are wrong."""
    message = message_about(form("email"), ["a@x.y", "b", "", "c"])
    assert message == "F is 'b', 'c', which is not an e-mail address"


@pytest.mark.parametrize(
    ("of", "message", "sentence"),
    [
        (form("email"), "is not an e-mail address", "F is an e-mail address"),
        (form("phone"), "is not a valid phone number", "F is a valid phone number"),
        (form("url"), "is not a web address", "F is a web address"),
        (form("date"), "is not a date", "F is a date"),
        (form("date", date_format="%Y%m%d"), "is not a date as %Y%m%d", "F is a date as %Y%m%d"),
        (form("pattern", pattern="a+"), "does not match a+", "F matches a+"),
    ],
)
def test_it_says_what_is_wrong(of, message, sentence):
    """The message has the value and the form that it lacks."""
    assert message_about(of, "x") == f"F is 'x', which {message}"
    assert of.sentence() == sentence


@pytest.mark.parametrize(
    ("of", "settings", "why"),
    [
        ("fax", {}, "Input should be 'email'"),
        ("email", {"region": "US"}, "`region` is for `format: phone`; remove it"),
        ("date", {"numbers": "valid"}, "`numbers` is for `format: phone`; remove it"),
        ("url", {"date_format": "%Y-%m-%d"}, "`date_format` is for `format: date`; remove it"),
        ("email", {"pattern": "x"}, "`pattern` is for `format: pattern`; remove it"),
        ("pattern", {}, "give the `pattern`"),
        ("pattern", {"pattern": "("}, "not a regular expression of RE2"),
        ("phone", {"region": "us"}, "must be two capital letters"),
        ("phone", {"region": "XX"}, "must be two capital letters"),
        ("date", {"date_format": "%H:%M"}, "with year, month and day"),
        ("date", {"date_format": "%d.%m."}, "with year, month and day"),
        ("date", {"date_format": "%Q"}, "with year, month and day"),
        ("date", {"date_format": "%d.%d.%m.%Y"}, "each once"),
        ("date", {"date_format": "%Y-%m-%d %D%d"}, "each once"),
        ("date", {"date_format": "%c %Y-%m-%d"}, "each once"),
        ("date", {"date_format": "%Y-%m-%d" + "%%" * 50}, "at most 100 characters"),
    ],
)
def test_settings_that_do_not_fit_are_refused(of, settings, why):
    """Such settings are rejected when the definition is read, with the fix."""
    with pytest.raises(ValueError, match=why):
        form(of, **settings)


LONG = [
    "a@" + "a." * 50_000, "a" * 100_000, "+" + "1 " * 50_000, "1" + " " * 100_000 + "z",
    "http://" + "a." * 50_000 + "-", "http://" + "@" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("of", FORMATS[:4], ids=lambda of: of.format)
def test_a_novel_in_a_cell_is_read_once(of):
    """The time is proportional to the text; quadratic time would take minutes."""
    assert rows(of, LONG) == [*range(len(LONG))]


def _email(text: str) -> bool:
    """Return whether a text is an address by the grammar of the standard, letter by letter."""
    local, at, domain = text.partition("@")
    labels = domain.split(".")
    atext = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.!#$%&'*+/=?^_`{|}~-"
    return bool(
        at
        and local
        and len(labels) > 1
        and all(letter in atext for letter in local)
        and all(
            label.isascii()
            and label.replace("-", "").isalnum()
            and not label.startswith("-")
            and not label.endswith("-")
            for label in labels
        )
    )


@pytest.mark.parametrize("seed", range(20))
def test_e_mail_agrees_with_the_grammar(seed):
    """Random texts of the letters that matter."""
    rng = random.Random(seed)
    cells = ["".join(rng.choices("aZ1.-@_+ ä", k=rng.randint(1, 9))) for _ in range(500)]
    cells = [cell if rng.random() < 0.5 else f"a@{cell}.b" for cell in cells if cell.strip()]
    expected = [n for n, cell in enumerate(cells) if not _email(cell)]
    assert rows(form("email"), cells) == expected


@pytest.mark.parametrize("seed", range(20))
def test_patterns_and_dates_agree_with_other_ways(seed):
    """Python's own regular expressions, and all days of the calendar, give the same results."""
    rng = random.Random(seed)
    texts = ["".join(rng.choices("ab1", k=rng.randint(1, 6))) for _ in range(300)]
    odd = [n for n, text in enumerate(texts) if not re.fullmatch("(a|b1)+a?", text)]
    assert rows(form("pattern", pattern="(a|b1)+a?"), texts) == odd
    days = {(date(2026, 1, 1) + timedelta(n)).isoformat() for n in range(365)}
    cells = [f"2026-{rng.randint(0, 13):02}-{rng.randint(0, 32):02}" for _ in range(300)]
    assert rows(form("date"), cells) == [n for n, cell in enumerate(cells) if cell not in days]


def test_it_looks_at_the_budget():
    """It is checked once in 64 texts, and each text is tested once: phone numbers are slow."""
    looks: list[int] = []
    cells = [f"+1202555{number:04}" for number in range(130)] * 3
    records = [{"id": f"rec{n}", "fields": {"F": cell}} for n, cell in enumerate(cells)]
    evaluate(form("phone"), snapshot({"T": records}), check=lambda: looks.append(1))
    assert len(looks) == 3
