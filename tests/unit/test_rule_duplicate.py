"""`duplicate`: results worked out by hand, and a naive search on random records."""

import inspect
import tracemalloc
from collections.abc import Callable
from datetime import date
from itertools import combinations, product
from random import Random
from typing import Any

import pytest
import yaml
from pydantic import TypeAdapter, ValidationError

from landfall.airtable.protocols import Record
from landfall.integrity.rules.duplicate import Duplicate
from landfall.integrity.rules.evaluate import Finding, RuleReport, evaluate
from landfall.integrity.rules.kinds import Rule
from landfall.integrity.rules.matching import normalisation, pairs
from landfall.integrity.rules.matching.similarity import NameSimilarity
from tests.fakes.duplicates import Labelled, organisations, pairs_of, people, quality
from tests.fakes.mistyped import COMPANIES, CONTACTS, FIGURES, companies, contacts, figures
from tests.fakes.snapshots import snapshot

SHORT = {"of": "person", "field": "Name"}
CONTACT = {**SHORT, "also": {"Email": "email", "Phone": "phone"}}


def rule(**settings: Any) -> Any:
    return TypeAdapter(Rule).validate_python(
        {"id": "d", "kind": "duplicate", "table": "T", **settings}
    )


def long(*alternatives: list[dict[str, Any]], level: str = "likely") -> Any:
    return rule(**{level: list(alternatives)})


def records(*rows: dict[str, Any]) -> list[Record]:
    return [
        {"id": f"rec{number:05}", "createdTime": "", "fields": row}
        for number, row in enumerate(rows, 1)
    ]


def named(*names: str) -> list[Record]:
    return records(*({"Name": name} for name in names))


def report(rule: Any, rows: list[Record], **more: Any) -> RuleReport:
    return evaluate(rule, snapshot({"T": rows}, reads=rule.reads()), **more)


def found(rule: Any, rows: list[Record]) -> list[tuple[str, list[int]]]:
    """Return the severity and the record numbers of each finding."""
    findings = report(rule, rows).findings
    return [(f.severity, [int(record[3:]) for record in f.records]) for f in findings]


SAME_NAMES = [
    ("José Peña", "JOSE PENA"),
    ("Müller, Anna", "Anna Muller"),
    ("Dr. Anne-Marie O'Neill", "anne marie oneill"),
    ("Юлия Щукина", "Yuliya Shchukina"),
    ("  Li   Wei ", "wei li"),
]


@pytest.mark.parametrize(("one", "other"), SAME_NAMES)
def test_case_accents_script_titles_and_order_do_not_count(one, other):
    """Such names are the same: likely, and not only possible."""
    assert found(rule(**SHORT), named(one, other)) == [("warning", [1, 2])]


SIMILAR_NAMES = [
    ("Robert Smith", "Bob Smith"),
    ("Jonh Smith", "John Smith"),
    ("Catherine Miller", "Katharine Miller"),
    ("Mary Ann Lopez", "Maryann Lopez"),
    ("John Michael Smith", "John Smith"),
    ("Maria de la Cruz", "Maria Cruz"),
    ("Юлия Щукина", "Iuliia Shchukina"),
    ("李伟", "Li Wei"),
    ("Scheherazade", "Sheherazade"),
    ("Mohammed Ali Khan", "Muhammad Ali Khan"),
    ("Ann Lee geb. Müller", "Ann Lee"),
]


@pytest.mark.parametrize(("one", "other"), SIMILAR_NAMES)
def test_nicknames_typing_errors_sounds_and_missing_parts_are_possible(one, other):
    """Such names are similar, which alone is not enough to be likely."""
    assert found(rule(**SHORT), named(one, other)) == [("info", [1, 2])]


@pytest.mark.parametrize(
    ("one", "other"),
    [("John Smith", "Mary Smith"), ("John Smith", "Smith"), ("J. Smith", "John Smith"), ("-", "-"),
     ("J. S.", "J. K."), ("Tim Ott", "Tom Ott"), ("", "")],
)  # fmt: skip
def test_other_names_are_not(one, other):
    """Half a name, an initial, or two short names that differ by one letter are not enough."""
    assert found(rule(**SHORT), named("Zoe Adams", one, other)) == []


def test_what_confirms_a_similar_name():
    """The same phone, written in any way, makes half a name or an initial likely."""
    rows = records(
        {"Name": "John Smith", "Phone": "+49 (30) 123-4567"},
        {"Name": "J. Smith", "Phone": "030 1234567 ext. 12"},
        {"Name": "John", "Phone": "0049301234567"},
        {"Name": "Mary Smith", "Phone": "030/1234567"},
    )
    assert found(rule(**CONTACT), rows) == [("warning", [1, 2, 3])]


def test_namesakes():
    """One name is likely one person if nothing differs, and another if everything does."""
    rows = records(
        {"Name": "Ann Lee", "Email": "a@x.org", "Phone": "555 123 4567"},
        {"Name": "Ann Lee", "Email": "b@x.org", "Phone": "555 765 4321"},
    )
    assert found(rule(**CONTACT), rows) == []
    del rows[1]["fields"]["Phone"]
    assert found(rule(**CONTACT), rows) == [("info", [1, 2])]
    del rows[1]["fields"]["Email"]
    assert found(rule(**CONTACT), rows) == [("warning", [1, 2])]


def test_namesakes_do_not_become_one_by_a_record_that_says_nothing():
    """Who may be either of two is possibly the same as both; among many, it is nobody's."""
    rows = records(
        {"Name": "Ann Lee", "Email": "ann@x.org"},
        {"Name": "Ann Lee"},
        {"Name": "Ann Lee", "Email": "lee@y.org"},
    )
    assert found(rule(**CONTACT), rows) == [("info", [1, 2, 3])]
    others = [
        {"Name": "Ann Lee", "Email": f"{letter * 9}@z.org", "Phone": f"+4930{number}"}
        for number, letter in enumerate("abcdefghijkl", 1234567)
    ]
    assert found(rule(**CONTACT), records({"Name": "Ann Lee"}, *others)) == []


def test_a_common_name_of_which_nothing_differs_is_likely():
    """A thousand others live in the city, but what is known of these two is the same."""
    rows = crowd("F1 L1", "F1 L1")
    for row in rows:
        row["fields"]["City"] = "London"
    assert ("warning", [1, 2]) in found(rule(**SHORT, also={"City": "text"}), rows)


HOME = {"Born": "2010-05-17", "Phone": "+49 30 1234567", "Street": "Hauptstr. 5"}
FAMILY = {**SHORT, "also": {"Born": "date", "Phone": "phone", "Street": "address", "No": "value"}}


def test_relatives_are_two():
    """Twins share all but their name: possibly a mistake, never likely. A sister is no sign."""
    sisters = records(
        {"Name": "Ruth Sobrino", "Phone": "+34947751335"},
        {"Name": "Ana Sobrino", "Phone": "+34947751335"},
        *({"Name": f"N{number} M"} for number in range(50)),
    )
    assert found(rule(**SHORT, also={"Phone": "phone"}), sisters) == []
    twins = records({"Name": "Tim Ott", **HOME}, {"Name": "Tom Ott", **HOME})
    assert found(rule(**FAMILY), twins) == [("info", [1, 2])]
    twins[1]["fields"]["Born"] = "2012-01-30"
    assert found(rule(**FAMILY), twins) == []
    son = records(
        {"Name": "Jon Ott", "No": "A-1", **HOME}, {"Name": "Jon Ott Jr.", "No": "B-7", **HOME}
    )
    son[1]["fields"]["Born"] = "1977-09-02"
    son[0]["fields"]["Name"] = "Jon Ott Sr."
    assert found(rule(**FAMILY), son) == []


@pytest.mark.parametrize(
    "names",
    [("Maria Lopez", "Mario Lopez"), ("Daniel Weber", "Daniela Weber"), ("Paolo Re", "Paola Re")],
)
def test_brother_and_sister_are_two(names):
    """A letter that makes a name a woman's is no typing error, even at one telephone."""
    phone = rule(**SHORT, also={"Phone": "phone"})
    at_home = records(*({"Name": name, "Phone": "+34 912 345 678"} for name in names))
    assert found(phone, at_home) == found(phone, named(*names)) == []
    assert found(rule(**FAMILY), records(*({"Name": it, **HOME} for it in names))) == [
        ("info", [1, 2])
    ]


def test_who_is_paired_as_strongly_with_father_and_son_joins_neither():
    """Without `Jr.` or `Sr.`, the telephone that all three share does not say who it is."""
    rows = records(
        *({"Name": f"John Smith{it}", "Phone": "+12125550143"} for it in (" Jr.", " Sr.", ""))
    )
    assert found(rule(**CONTACT), rows) == [("info", [1, 2, 3])]
    for row, email in zip(rows, ("js@x.org", "old@y.org", "js@x.org"), strict=True):
        row["fields"]["Email"] = email
    assert ("warning", [1, 3]) in found(rule(**CONTACT), rows)


def test_a_number_of_a_person_identifies_whatever_the_name():
    """One number with one birth date is one person, who was married or misread."""
    rows = records(
        {"Name": "Ann Lee", "Born": "2001-02-03", "No": "A-1"},
        {"Name": "Ann Ng", "Born": "2001-02-03", "No": "A-1"},
        *({"Name": f"N{number} M", "No": f"C-{number}"} for number in range(50)),
    )
    assert found(rule(**FAMILY), rows) == [("warning", [1, 2])]
    (finding,) = report(rule(**FAMILY), rows).findings
    assert finding.message == (
        "2 records are likely the same: the same Born '2001-02-03' and the same No 'A-1'"
        " but another Name ('Ann Lee', 'Ann Ng')"
    )


SLIPS = [
    ("Amelia Wallace", "lmAiea Wallace", {"Born": "1990-01-01"}, {"Born": "1990-01-01"}, True),
    ("Ann Lee", "Lee", {"Born": "1990-01-01"}, {"Born": "1990-01-01"}, True),
    ("Ann Lee", "", {"Born": "1990-01-01", "Phone": "+49301234567"}, HOME, False),
    ("Ann Lee", "", HOME, HOME, True),
    ("Ann Lee", "Ann Lea", {**HOME, "Born": "1991-02-03"}, {**HOME, "Born": "1991-03-02"}, True),
    ("Ann Lee", "Ann Lea", {**HOME, "Born": "1991-02-03"}, {**HOME, "Born": "1991-02-08"}, True),
    ("Ann Lee", "Ann Lea", {"Born": "1991-02-03"}, {"Born": "1971-12-08"}, False),
]


@pytest.mark.parametrize(("one", "other", "first", "second", "pair"), SLIPS)
def test_slips(one, other, first, second, pair):
    """A letter lost, half a name, a date with its month first: the rest tells who it is."""
    rows = records({"Name": one, **first}, {"Name": other, **second})
    rows += records({"Name": "Zoe Fox", "Phone": "+4940999999", "No": "Z-9"})
    assert bool(found(rule(**FAMILY), rows)) == pair


def test_a_chain_is_no_group():
    """Each has much in common with the next, and the first nothing with the last."""
    steps = ["Anna Maria Berg", "Anna Berg", "Anna Bergmann", "Hanna Bergmann"]
    rows = records(
        {"Name": steps[0], "Email": "anna.maria@x.org", "Phone": "+49301111112"},
        {"Name": steps[1], "Email": "berg@y.org", "Phone": "+49301111112"},
        {"Name": steps[1], "Email": "berg@y.org", "Phone": "+49302222223"},
        {"Name": steps[2], "Email": "zoe@z.org", "Phone": "+49302222223"},
        {"Name": steps[3], "Email": "zoe@z.org", "Phone": "+49303333334"},
    )
    groups = [group for severity, group in found(rule(**CONTACT), rows) if severity == "warning"]
    assert max(map(len, groups)) < len(rows)


def test_the_long_form_says_how_a_group_hangs_together():
    """Groups are all that is connected; the message names the loosest record."""
    rows = records(
        {"Name": "A", "Email": "a@x.org"},
        {"Name": "B", "Email": "a@x.org", "Phone": "+49301234567"},
        {"Name": "C", "Phone": "+49301234567"},
    )
    either = long([{"field": "Email", "exact": "email"}], [{"field": "Phone", "exact": "phone"}])
    (finding,) = report(either, rows).findings
    assert finding.message == (
        "3 records are likely the same: the same Email 'a@x.org';"
        " most loosely rec00001, which is a pair with 1 of 2"
    )
    alike = long([{"field": "Email", "exact": "email"}], level="possible")
    (finding,) = report(alike, records(*[{"Email": "a@x.org"}] * 3)).findings
    assert finding.message == "3 records are possibly the same: the same Email 'a@x.org'"


def crowd(*names: str) -> list[Record]:
    """Return these and 1,200 others: 30 of each of 40 first names, 40 of each of 30 surnames."""
    others = [f"F{first} M{first}{last} L{last}" for first in range(40) for last in range(30)]
    return named(*names, *others)


@pytest.mark.parametrize("of", ["person", "organisation"])
def test_a_common_name_alone_is_no_sign(of):
    """Thirty others are an F1, forty an L1: one is both by chance. Nobody else is a Thierry."""
    similar = rule(of=of, field="Name")
    assert found(similar, crowd("F1 L1", "F1 X L1")) == []
    assert found(similar, crowd("Thierry Allain", "Thierry X Allain")) == [("info", [1, 2])]


def test_a_common_name_of_few_is_one_still():
    """A small table does not show how common a name is."""
    assert found(rule(**SHORT), named("F1 L1", "F1 X L1", "F1 L2", "F2 L1")) == [("info", [1, 2])]


def test_a_common_name_is_confirmed_by_an_address():
    """The name is no sign by itself; with the same e-mail it is likely the same person."""
    rows = crowd("F1 L1", "F1 X L1")
    for row in rows[:2]:
        row["fields"]["Email"] = "f1@example.org"
    assert found(rule(**CONTACT), rows) == [("warning", [1, 2])]


def test_a_hundred_and_one_identical_students_are_one_group():
    """Ten thousand identical students are one group too: no block is too large."""
    for number in (101, 10_000):
        rows = named(*["Ann Lee"] * number)
        assert found(rule(**SHORT), rows) == [("warning", [*range(1, number + 1)])]


def test_likely_pairs_make_groups_and_possible_ones_do_not():
    """1-2-3 are likely by way of 2. Of the days, each finding has one day and its neighbours."""
    same, near = {"field": "A", "exact": "value"}, {"field": "B", "exact": "value"}
    day = {"field": "D", "date_within": 1}
    chain = rule(likely=[[same], [near]], possible=[[day]])
    rows = records(
        {"A": 1}, {"A": 1, "B": 1}, {"B": 1, "D": "2026-01-01"}, {"D": "2026-01-02"},
        {"D": "2026-01-03"}, {"D": "2026-01-05"},
    )  # fmt: skip
    assert found(chain, rows) == [
        ("warning", [1, 2, 3]), ("info", [1, 2, 3, 4, 5]),
    ]  # fmt: skip
    rows.append({"id": "rec00007", "createdTime": "", "fields": {"D": "2026-01-04"}})
    stars = [numbers for severity, numbers in found(chain, rows) if severity == "info"]
    assert stars == [[1, 2, 3, 4, 5], [4, 5, 7], [5, 6, 7]]


CONDITIONS: list[tuple[dict[str, Any], Any, Any, bool]] = [
    ({"exact": "email"}, "A.B+tag@GMail.com", "ab@googlemail.com", True),
    ({"exact": "email"}, "a.b@x.org", "ab@x.org", False),
    ({"exact": "email"}, "n/a", "n/a", False),
    ({"exact": "phone"}, 4930123456, "030 123456", False),
    ({"exact": "phone"}, 49301234567, "030 1234567", True),
    ({"exact": "email"}, ["n/a", "a@x.org", "b@x.org"], "a@x.org", True),
    ({"exact": "phone"}, ["+49 30 1234567", "+49 40 7654321"], "030 1234567", True),
    ({"exact": "postcode"}, "NG7 2fb", "ng72FB", True),
    ({"exact": "postcode"}, "01234-5678", 1234, True),
    ({"exact": "postcode"}, "NG7 2FB", "NG7 2FC", False),
    ({"exact": "phone"}, "+1 212 555 0143", "+1 312 555 0143", False),
    ({"exact": "phone"}, "000 000 0000", "000 000 0000", False),
    ({"exact": "address"}, "12 Main St., Apt 3", "Main Street 12 apartment 3", True),
    ({"exact": "address"}, "Hauptstr. 5", "Hauptstraße 5", True),
    ({"exact": "address"}, "12 Main St", "14 Main St", False),
    ({"exact": "organisation"}, "The Acme Centre, G.m.b.H.", "ACME Center Inc", True),
    ({"exact": "text"}, ["b", "A"], "a b", True),
    ({"exact": "value"}, 1, 1.0, True),
    ({"exact": "value"}, 1, "1", False),
    ({"similar": "organisation"}, "Riverside Clinic", "Riverside", True),
    ({"similar": "organisation"}, "Riverside Clinic", "Riverside School", False),
    ({"similar": "organisation"}, "Riverside Clinic", "Riverside Klinik", True),
    ({"similar": "address"}, "12 Main St", "12 Mian St", True),
    ({"similar": "address"}, "12 Main St", "14 Main St", False),
    ({"similar": "text", "at_least": 100}, "a b", "b a", True),
    ({"date_within": 2}, "2026-01-01", "2026-01-03T10:00:00Z", True),
    ({"date_within": 2}, "2026-01-01", "2026-01-04", False),
    ({"overlap": 2}, ["a", "b", "c"], ["c", "b"], True),
    ({"overlap": 2}, ["a"], ["a"], False),
    ({"overlap": "50%"}, ["a", "b"], ["a", "x", "y"], True),
    ({"overlap": "51%"}, ["a", "b"], ["a", "x", "y"], False),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "one", "other", "pair"), CONDITIONS)
def test_a_condition(condition, one, other, pair):
    """It holds for two records; a third and a fourth can be compared, and share nothing."""
    others = [{"F": "q@q.org 5550001111"}, {"F": "2001-01-01"}]
    rows = records({"F": one}, {"F": other}, *others)
    assert found(long([{"field": "F", **condition}]), rows) == [("warning", [1, 2])] * pair


OR_MISSING = [
    ({"exact": "text"}, "a", "b"),
    ({"similar": "name"}, "Ann Lee", "Bob Ray"),
    ({"date_within": 1}, "2026-03-01", "2026-03-09"),
    ({"overlap": 1}, ["a"], ["b"]),
]


@pytest.mark.parametrize(("condition", "value", "another"), OR_MISSING)
@pytest.mark.parametrize("many", [1, 20], ids=["few", "many"])
def test_or_missing_where_one_lacks_the_value_or_both(condition, value, another, many):
    """It holds for these, and not for two values that differ; among many records as among few."""
    also = {"field": "F", **condition, "or_missing": True}
    same = long([{"field": "Name", "exact": "value"}, also])
    others = [{"Name": f"other {n}", "F": value} for n in range(many)]

    def paired(one: dict[str, Any], other: dict[str, Any]) -> bool:
        return bool(found(same, records({"Name": "n"} | one, {"Name": "n"} | other, *others)))

    lacking: list[dict[str, Any]] = [{}, {"F": " "}, {"F": [None]}, {"F": {"error": "#ERROR!"}}]
    assert all(paired(one, {"F": value}) for one in lacking)
    assert all(paired(one, other) for one in lacking for other in lacking)
    assert paired({"F": value}, {"F": value})
    assert not paired({"F": value}, {"F": another})


def test_the_region_of_phone_numbers():
    """A number without country is of the rule's region, or else of the scan's, in both forms."""
    rows = records(
        {"Name": "Ann Lee", "Phone": "030 1234567"},
        {"Name": "A. Lee", "Phone": "+49 30 1234567"},
        {"Name": "Anna Lee", "Phone": "+43 30 1234567"},
    )
    exact = {"likely": [[{"field": "Phone", "exact": "phone"}]]}
    for settings in ({**SHORT, "also": {"Phone": "phone"}}, exact):
        assert found(rule(**settings, region="DE"), rows) == [("warning", [1, 2])]
        assert found(rule(**settings, region="AT"), rows) == [("warning", [1, 3])]
        for own, pair in ((None, [1, 2]), ("AT", [1, 3])):
            of_scan = snapshot({"T": rows}, region="DE")
            (finding,) = evaluate(rule(**settings, region=own), of_scan).findings
            assert [int(record[3:]) for record in finding.records] == pair
    with pytest.raises(ValidationError, match="two capital letters"):
        rule(**exact, region="Germany")


def test_all_conditions_of_an_alternative_hold():
    """`equals` must hold for both; a missing value is enough only if the rule allows it."""
    alternative: list[dict[str, Any]] = [
        {"field": ["First", "Last"], "exact": "name"},
        {"field": "Status", "equals": "Active"},
        {"field": "Born", "date_within": 0, "or_missing": True},
    ]
    ann = {"First": "Ann", "Last": "Lee", "Status": "Active"}
    rows = records(
        ann,
        {**ann, "First": "Lee", "Last": "Ann", "Born": "2001-01-01"},
        {**ann, "Status": "Left"},
        {"First": "Ann", "Last": "Lee"},
        {**ann, "Last": "Lea"},
    )
    assert found(long(alternative), rows) == [("warning", [1, 2])]
    strict = [*alternative[:2], {"field": "Born", "date_within": 0}]
    assert found(long(strict), rows) == []


def test_a_message_says_why():
    """The message names the fields and their values, and the similarity of a possible pair."""
    rows = records({"Name": "Bob Lee", "Phone": "5551234567"}, {"Name": "Robert Lee"})
    (finding,) = report(rule(**CONTACT, possible_severity="critical"), rows).findings
    assert finding.message == (
        "2 records are possibly the same: a similar Name ('Bob Lee', 'Robert Lee'),"
        " similarity 98 of 100"
    )
    assert (finding.severity, finding.field) == ("critical", "Name")
    rows[1]["fields"]["Phone"] = "555 123 4567"
    (finding,) = report(rule(**CONTACT), rows).findings
    assert finding.message == (
        "2 records are likely the same: a similar Name ('Bob Lee', 'Robert Lee'),"
        " similarity 98 of 100"
        " and the same Phone ('5551234567', '555 123 4567')"
    )


def test_a_message_says_what_is_only_almost_the_same():
    """A typing error, or a date nearby, is not called the same; equal names have no similarity."""
    same = {"Name": "Ann Leefield", "Phone": "5551234567"}
    rows = records(
        {**same, "Email": "ann.lee@x.org", "Born": "1990-02-03"},
        {**same, "Email": "ann.lea@x.org", "Born": "1990-03-02"},
    )
    of = rule(**SHORT, also={"Email": "email", "Phone": "phone", "Born": "date"})
    assert report(of, rows).findings[0].message == (
        "2 records are likely the same: the same Name 'Ann Leefield'"
        " and almost the same Email ('ann.lee@x.org', 'ann.lea@x.org')"
        " and the same Phone '5551234567'"
        " and almost the same Born ('1990-02-03', '1990-03-02')"
    )


NO_VALUES = (
    *("N/A", "n/a ", " unknown", "-", "TBD", "not provided", "xxxx", "Nil", "inconnu"),
    *("desconocido", "Keine", "sconosciuta", "onbekend", "unbekannt"),
)


@pytest.mark.parametrize("none", NO_VALUES)
@pytest.mark.parametrize("meaning", ["address", "text", "postcode", "value", "email", "phone"])
def test_what_says_that_there_is_no_value_is_none(none, meaning):
    """Two namesakes without an address have none in common, nor do two without a name."""
    rows = records(
        {"Name": "Ann Lee", "X": none, "Born": "1990-01-01"},
        {"Name": "Ann Lee", "X": none, "Born": "1970-07-09"},
        {"Name": none, "X": none, "Born": "1980-03-05"},
        {"Name": none, "X": none},
        {"Name": "Zoe Fox", "X": "zoe@x.org 5551234567"},
    )
    of = rule(**SHORT, also={"X": meaning, "Born": "date"})
    assert found(of, rows) == [("info", [1, 2])]


def test_long_words_and_words_of_one_sound_have_a_bound():
    """Hostile names need no memory by the square of their length, and no time by their number."""
    long_words = ["".join(Random(seed).choices("abcdefgh", k=5_000)) for seed in range(10)]
    tracemalloc.start()
    try:
        assert found(rule(**SHORT), named(*long_words, long_words[0])) == [("warning", [1, 11])]
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    one_sound = [(f"le{''.join(letters)}",) for letters in product("sz", repeat=8)]
    similarity = NameSimilarity("text", one_sound)
    assert similarity.score(("lessssssss",), ("lezzzzzzzz",)) == 0
    assert similarity.score(("lesszzssss",), ("lesszzsssz",)) > 0.9


def test_long_texts_are_compared_as_a_whole_first(monkeypatch):
    """Texts of many words that share some are passed over before their words are paired."""
    random = Random(5)
    vocabulary = [f"w{number:04}x" for number in range(600)]
    texts = [tuple(sorted(random.sample(vocabulary, 100))) for _ in range(120)]
    texts += [text[1:] for text in texts[:5]]
    similarity = NameSimilarity("text", texts)
    tested = []
    reaches = similarity.reaches

    def counted(*of: Any) -> bool:
        tested.append(of)
        return reaches(*of)

    monkeypatch.setattr(similarity, "reaches", counted)
    assert {(min(it), max(it)) for it in similarity.pairs(texts, 0.9)} == {
        (number, 120 + number) for number in range(5)
    }
    assert len(tested) < 10


def test_nothing_to_compare_is_inconclusive():
    """A field without a single value of the expected kind proves nothing."""
    rows = records({"Name": "Ann", "Email": {"error": "#ERROR"}}, {"Name": "Ann"})
    assert report(rule(**CONTACT), rows).inconclusive == "no value of Email can be read as email"
    assert found(rule(**CONTACT), named("Ann", "Ann")) == [("warning", [1, 2])]


def test_it_gives_way_when_the_budget_is_over():
    """`check` is called while names are compared, and its exception ends the evaluation."""

    def check() -> None:
        raise TimeoutError

    rows = named(*(f"Ann Lee{number}" for number in range(50)))
    with pytest.raises(TimeoutError):
        report(rule(**SHORT), rows, check=check)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({}, "give `of: person`"),
        ({"of": "person"}, "give `of: person`"),
        ({**SHORT, "likely": [[{"field": "A", "exact": "text"}]]}, "use either `of`"),
        ({"likely": [[{"field": "A", "equals": 1}]]}, "at least one condition must compare"),
        ({"likely": [[{"field": "A", "exact": "text", "or_missing": True}]]}, "one condition"),
        ({"likely": [[{"field": "A"}]]}, "give a comparison"),
        ({"likely": [[{"field": "A", "overlap": "0%"}]]}, "a share such as"),
    ],
)
def test_what_is_refused(settings, says):
    """Such settings are rejected when the definition is read, with the fix."""
    with pytest.raises(ValidationError, match=says):
        rule(**settings)


def test_the_long_example_of_the_reference_is_one():
    """The example is a valid rule, and finds the records with the same e-mail."""
    text = str(inspect.getdoc(Duplicate)).split("```yaml")[1].split("```")[0]
    example = TypeAdapter(Rule).validate_python(yaml.safe_load(text))
    rows = records({"Email": "a+1@x.org"}, {"Email": "A@x.org"})
    made = evaluate(example, snapshot({"Contacts": rows}, reads=example.reads()))
    assert [finding.records for finding in made.findings] == [("rec00001", "rec00002")]
    assert "Classes in common" in example.sentence()


def test_the_order_of_records_changes_nothing():
    """Findings and messages are the same; only the order within a group follows the table."""
    rows = people(21, 150).records

    def findings(rows: list[Record]) -> set[tuple[Any, ...]]:
        found: list[Finding] = list(report(rule(**CONTACT), rows).findings)
        return {(f.records, f.message, f.severity, f.value) for f in found}

    assert len(findings(rows)) > 30
    assert findings(rows) == findings(Random(1).sample(rows, len(rows)))


@pytest.mark.slow
@pytest.mark.parametrize("wording", ["name", "organisation"])
@pytest.mark.parametrize("at_least", [0.5, 0.7, 0.8, 0.92])
def test_no_pair_is_passed_over(wording, at_least):
    """Every pair with the score is a candidate, as if every two names were compared."""
    made = people(22, 150) if wording == "name" else organisations(22, 150)
    words = normalisation.NORMALISERS[wording]
    names: list[Any] = sorted({words(record["fields"]["Name"]) for record in made.records})
    likeness = NameSimilarity(wording, names)
    pairs = {(min(pair), max(pair)) for pair in likeness.pairs(names, at_least)}
    every = combinations(range(len(names)), 2)
    assert pairs == {(a, b) for a, b in every if likeness.reaches(names[a], names[b], at_least)}
    assert pairs


CITY = {"field": "City", "exact": "text", "or_missing": True}
TEAM = {"field": "Team", "exact": "text", "or_missing": True}
BORN = {"field": "Born", "date_within": 1}
NAME = {"field": "Name", "similar": "name", "at_least": 95}
TAGS = {"field": "Tags", "overlap": 1}
ALTERNATIVES: dict[str, list[dict[str, Any]]] = {
    "dates": [BORN],
    "dates unless in other cities": [BORN, CITY],
    "items unless in other cities": [TAGS, CITY],
    "similar unless elsewhere": [NAME, CITY, TEAM],
    "the same unless elsewhere": [{"field": "Name", "exact": "name"}, CITY, TEAM],
    "similar or none": [BORN, {**NAME, "or_missing": True}],
}


@pytest.mark.parametrize("alternative", ALTERNATIVES.values(), ids=list(ALTERNATIVES))
@pytest.mark.parametrize("seed", range(4))
def test_candidates_pass_over_no_pair(alternative, seed, monkeypatch):
    """The pairs of large blocks are those of comparing every two records."""
    random = Random(seed)
    rows = records(
        *(
            {
                "Name": random.choice([*NAMES, None, "Zoe Fox", "Zoe Foxx", "Max Orr"]),
                "City": random.choice(["x", "X ", "y", "z", None]),
                "Team": random.choice(["s", "t", "u", None]),
                "Born": f"2026-{random.randrange(1, 9):02}-{random.randrange(1, 28):02}",
                "Tags": random.sample("abcdefghijkl", random.randrange(2)),
            }
            for _ in range(60)
        )
    )
    rule = long(alternative, level="possible")
    monkeypatch.setattr(pairs, "SMALL_BLOCK", len(rows))
    naive = found(rule, rows)
    monkeypatch.setattr(pairs, "SMALL_BLOCK", 1)
    assert naive
    assert found(rule, rows) == naive


NAMES = ["Ann Lee", "Anne Lee", "Ann Leigh", "Bob Lee", "Robert Lee", "ann LEE", "Ann M. Lee"]


@pytest.mark.parametrize("seed", range(30))
def test_groups_are_those_of_a_naive_search(seed):
    """Groups are records connected by pairs, each judged by a formula written out here."""
    random = Random(seed)
    rows = records(
        *(
            {
                "Name": random.choice(NAMES),
                "City": random.choice(["x", "X ", "y", None]),
                "Born": random.choice(["2026-01-01", "2026-01-02", "2026-01-09", "", None]),
                "Tags": random.sample("abcd", random.randrange(4)),
            }
            for _ in range(random.choice([8, 40]))
        )
    )
    both, dated = [NAME, CITY], [BORN, {**TAGS, "overlap": 2}]
    likeness = NameSimilarity("name", [_words(name) for name in NAMES])

    def are_pair(one: dict[str, Any], other: dict[str, Any]) -> bool:
        cities = {city.strip().lower() for it in (one, other) if (city := it["City"])}
        score = likeness.score(_words(one["Name"]), _words(other["Name"]))
        days = [date.fromisoformat(it["Born"]) for it in (one, other) if it["Born"]]
        close = len(days) == 2 and abs((days[0] - days[1]).days) <= 1
        shared = len({*one["Tags"]} & {*other["Tags"]})
        return (score >= 0.95 and len(cities) < 2) or (close and shared >= 2)

    groups = [{number} for number in range(len(rows))]
    for one, other in combinations(range(len(rows)), 2):
        if are_pair(rows[one]["fields"], rows[other]["fields"]):
            joined = [group for group in groups if group & {one, other}]
            groups = [group for group in groups if group not in joined] + [set().union(*joined)]
    expected = sorted([n + 1 for n in sorted(group)] for group in groups if len(group) > 1)
    assert [numbers for _, numbers in found(long(both, dated), rows)] == expected


def _words(name: str) -> tuple[str, ...]:
    return tuple(sorted(name.lower().replace(".", "").split()))


SETTINGS = {
    "people": CONTACT,
    "organisations": {
        "of": "organisation", "field": "Name", "also": {"Phone": "phone", "City": "text"}
    },
}  # fmt: skip
MADE = {"people": people, "organisations": organisations}
HELD_OUT = 2026
"""A seed that was not used to choose any figure of the rule."""


@pytest.mark.slow
@pytest.mark.parametrize("who", MADE)
def test_quality_on_a_held_out_seed(who, monkeypatch):
    """F1 of the pairs is 0.9 or more, and lower if values are compared as written."""
    made = MADE[who](HELD_OUT, 800)

    def f1() -> float:
        findings = report(rule(**SETTINGS[who]), made.records).findings
        return quality(pairs_of(finding.records for finding in findings), made.pairs()).f1

    with_normalisation = f1()
    assert with_normalisation >= 0.9
    for meaning in normalisation.NORMALISERS:
        plain = (lambda cell: cell or None) if meaning in ("email", "phone") else _as_written
        monkeypatch.setitem(normalisation.NORMALISERS, meaning, plain)
    assert f1() < with_normalisation - 0.1


def _as_written(cell: str) -> tuple[str, ...] | None:
    return tuple(sorted(set(cell.split()))) or None


MISTYPED: dict[str, tuple[Callable[[int, int], Labelled], int, dict[str, Any], float]] = {
    "contacts": (contacts, 100, CONTACTS, 0.83),
    "figures": (figures, 100, FIGURES, 0.7),
    "companies": (companies, 300, COMPANIES, 0.85),
}
"""What is made, how many, the rule for it, and the least F1."""


@pytest.mark.parametrize("who", MISTYPED)
def test_quality_of_records_with_several_fields(who):
    """The short form reaches what record linkage does, by date, address, postcode and e-mail."""
    make, number, settings, least = MISTYPED[who]
    made = make(HELD_OUT, number)
    findings = list(report(rule(**settings), made.records).findings)
    found = quality(pairs_of(finding.records for finding in findings), made.pairs())
    assert found.f1 >= least
    likely = [finding.records for finding in findings if finding.severity == "warning"]
    assert quality(pairs_of(likely), made.pairs()).precision >= 0.95
