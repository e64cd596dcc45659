"""Rules are tried on a sample of a base: what is read, what is said of it, and what is not."""

import io
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from infra.local import sampling
from infra.local.airtable import EXPIRED_OFFSET
from infra.local.base_model import Base
from infra.local.checking_integrity import print_tried
from infra.local.endpoint import Airtable
from infra.local.faults import Fault, FaultKind, FaultRule
from infra.local.sampling import RETRIES, Progress, Sample, read_sample
from infra.local.trying import Tried, TriedScan, tried_on
from landfall.airtable import pacer as airtable_pacer
from landfall.integrity.rules.rule import BaseRule, Hit
from landfall.integrity.scan import IntegrityScan
from landfall.kinds.definition import parse
from landfall.reasons import StepError
from tests.fakes.bases import BASE, KEY, a_base, a_server
from tests.fakes.world import integrity

TABLES = {"People": ["Name", "Email"], "Pets": ["Name", "Owner"]}
REQUIRED = {"kind": "required", "table": "People", "field": "Email"}
UNIQUE = {"kind": "unique", "table": "People", "fields": ["Email"]}
OWNED = {
    "kind": "link",
    "table": "Pets",
    "field": "Owner",
    "to": {"table": "People", "field": "Name"},
}


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)
    monkeypatch.setattr(sampling, "RETRY_SECONDS", 0.0)


def scan(*rules: Mapping[str, Any]) -> IntegrityScan:
    numbered = [{"id": f"r{number}", **rule} for number, rule in enumerate(rules)]
    content = {"id": "s", "kind": "integrity", "base": BASE, "tables": TABLES, "rules": numbered}
    return integrity(parse(content, "scan.yaml"))


async def read(
    of: Base, one: IntegrityScan, most: int | None, *faults: FaultRule
) -> tuple[Sample, list[str]]:
    """The sample, and the tables whose pages were asked for."""
    async with a_server(of, faults=faults) as server:
        endpoint = Airtable(server.url, KEY)
        sample = await read_sample(one, endpoint, most, lambda _: None, one.looked_up)
        paths = [exchange.path.rsplit("/", 1)[1] for exchange in server.requests]
    assert sample.requests == len(paths)
    return sample, [path for path in paths if path != "tables"]


async def tried(of: Base, *rules: Mapping[str, Any], most: int | None = 100) -> list[Tried]:
    one = scan(*rules)
    sample, _ = await read(of, one, most)
    return list(tried_on(one, sample).rules)


def sizes(sample: Sample) -> dict[str, int]:
    return {name: len(table) for name, table in sample.snapshot.tables.items()}


def owners(count: int) -> list[dict[str, Any]]:
    """Pets, each of another person, the last people first."""
    return [{"Name": f"Pet {n}", "Owner": f"Person {n}"} for n in reversed(range(count))]


@pytest.mark.parametrize(
    ("most", "read_of_people", "pages", "incomplete"),
    [
        (1, 1, 1, {"People", "Pets"}),
        (100, 100, 1, {"People"}),
        (150, 150, 2, {"People"}),
        (249, 249, 3, {"People"}),
        (250, 250, 3, set()),
        (1000, 250, 3, set()),
        (None, 250, 3, set()),
    ],
)
async def test_a_sample_is_the_first_records(
    most: int | None, read_of_people: int, pages: int, incomplete: set[str]
) -> None:
    """As many as asked for, in as few requests as that takes; whether there are more is known."""
    base = a_base(People=250, Pets=owners(100))
    sample, asked = await read(base, scan(REQUIRED), most)
    assert sizes(sample) == {"People": read_of_people, "Pets": 1 if most == 1 else 100}
    assert (asked.count("People"), asked.count("Pets")) == (pages, 1)
    assert sample.incomplete == incomplete
    first = [record["id"] for record in base.tables[0].records[:read_of_people]]
    assert sample.snapshot.tables["People"].ids == first


async def test_a_link_is_judged_on_the_whole_table_it_points_to() -> None:
    """What is outside the sample is no orphan; what is nowhere is one."""
    pets = [*owners(250)[:99], {"Name": "Stray", "Owner": "Nobody"}]
    (owned,) = await tried(a_base(People=250, Pets=pets), OWNED)
    assert (owned.records, owned.findings, owned.unjudged) == (100, 1, "")
    assert "'Nobody'" in owned.examples[0].message


async def test_a_link_into_its_own_table_is_judged_on_all_of_it() -> None:
    """It is read completely, and its records are all looked at."""
    friends = [{"Name": f"P{n}", "Email": f"P{149 - n}"} for n in range(150)]
    rule = {**OWNED, "table": "People", "field": "Email"}
    (friend,) = await tried(a_base(People=friends, Pets=1), rule)
    assert (friend.records, friend.findings) == (150, 0)


async def test_a_link_into_a_large_table_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which table it takes is said; nothing is found, and all of the records make it judged."""
    monkeypatch.setattr(sampling, "LOOKED_UP_MOST", 200)
    base = a_base(People=250, Pets=owners(250))
    (owned,) = await tried(base, OWNED)
    assert (owned.findings, "'People'" in owned.unjudged) == (0, True)
    (owned,) = await tried(base, OWNED, most=None)
    assert (owned.records, owned.findings, owned.unjudged) == (250, 0, "")


async def test_repeats_in_a_sample_are_at_least_so_many() -> None:
    """The other one may not have been read. Of a whole table it is the number."""
    same = [{"Name": f"P{n}", "Email": f"{n % 100}@x.example"} for n in range(150)]
    for most, findings, at_least in ((100, 0, True), (120, 20, True), (150, 50, False)):
        (unique,) = await tried(a_base(People=same, Pets=1), UNIQUE, most=most)
        assert (unique.findings, unique.at_least) == (findings, at_least)
        assert unique.affected == 2 * findings


async def test_a_rule_that_takes_a_whole_table_is_not_judged_on_a_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A kind that says nothing of samples is one."""
    required = type(scan(REQUIRED).rules[0])
    monkeypatch.setattr(required, "on_a_sample", BaseRule.on_a_sample)
    (rule,) = await tried(a_base(People=101, Pets=1), REQUIRED, most=100)
    assert (rule.records, "'People'" in rule.unjudged) == (0, True)
    (rule,) = await tried(a_base(People=101, Pets=1), REQUIRED, most=101)
    assert (rule.records, rule.unjudged) == (101, "")


@pytest.mark.parametrize(("without", "wrong"), [(0, False), (5, False), (6, True), (10, True)])
async def test_more_than_half_is_pointed_out(without: int, wrong: bool) -> None:
    """Half is not. The check is good all the same: the rule fits."""
    people = [{"Name": f"P{n}"} | ({"Email": "x"} if n >= without else {}) for n in range(10)]
    one = scan(REQUIRED)
    sample, _ = await read(a_base(People=people, Pets=owners(1)), one, 300)
    checked = tried_on(one, sample)
    (rule,) = checked.rules
    assert (rule.findings, rule.share, rule.probably_wrong) == (without, without / 10, wrong)
    assert checked.good
    assert ("it is probably the rule that is wrong" in printed(checked)) == wrong


async def test_what_is_said_of_each_rule() -> None:
    """Sentence, records, findings and share, severity, two examples with values."""
    people = [{"Name": f"P{n}", "Email": " " if n < 3 else f"{n % 9}@x"} for n in range(12)]
    one = scan(
        REQUIRED | {"severity": {"warning": 1, "critical": "90%"}, "message": "{Name} is silent"},
        UNIQUE,
        REQUIRED | {"when": {"field": "Name", "equals": "Nobody"}},
        {"kind": "allowed_values", "table": "Pets", "field": "Name", "values": ["Pet 0"]},
        {"kind": "required", "table": "Pets", "field": "Owner"},
    )
    sample, _ = await read(a_base(People=people, Pets=[{"Name": "Pet 0"}]), one, 11)
    text = printed(tried_on(one, sample))
    assert text.splitlines() == [
        "read: the first 11 records of People, all 1 of Pets",
        "does not fit: tables: table 'Pets' has no field 'Owner'; it has Name, Email",
        "r0 (People): Email has a value",
        "  11 records looked at, 3 findings (27.3%), warning by this sample",
        "    rec00000000000001: P0 is silent (Email: ' ')",
        "    rec00000000000002: P1 is silent (Email: ' ')",
        "r1 (People): no two records have the same Email",
        "  11 records looked at, nothing found; there may be some with records that were not read",
        "r2 (People): where Name is 'Nobody': Email has a value",
        "  no record looked at: `when` selects none of those that were read",
        "r3 (Pets): Name is one of 'Pet 0'",
        "  1 record looked at, nothing found",
        "r4 (Pets): Owner has a value",
        "  inconclusive: table 'Pets' has no field 'Owner'",
    ]


async def test_what_is_not_about_the_rules_records_has_no_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Findings about the table, or about another table's records."""
    one = scan(REQUIRED)
    hits = [Hit((), "Email", None, "old"), Hit(("rec1",), "Name", None, "bad", table="Pets")]
    monkeypatch.setattr(type(one.rules[0]), "evaluate", lambda *_: hits)
    sample, _ = await read(a_base(People=1, Pets=owners(1)), one, 300)
    lines = printed(tried_on(one, sample)).splitlines()
    said = "  1 record looked at, 2 findings, warning"
    assert lines[-3:] == [said, "    People: old", "    rec1: bad"]


async def test_a_scan_is_good_when_all_fits_and_was_evaluated() -> None:
    """Not with an unknown field, nor with a value that can never be."""
    base = a_base(People=3, Pets=[{"Name": "Pet", "Owner": "Person 1"}])
    for rule, good in (
        (OWNED, True),
        ({"kind": "allowed_values", "table": "Pets", "field": "Name", "values": [1]}, False),
        ({"kind": "link", "table": "Pets", "field": "Owner", "to": {"table": "People"}}, False),
    ):
        sample, _ = await read(base, scan(rule), 300)
        assert tried_on(scan(rule), sample).good is good
    sample, _ = await read(a_base(People=3), scan(REQUIRED), 300)
    assert not tried_on(scan(REQUIRED), sample).good


async def test_what_was_not_needed_is_not_read() -> None:
    """Only the fields of the scan leave Airtable."""
    sample, _ = await read(a_base(People=3, Pets=1), scan(REQUIRED), 300)
    assert set(sample.snapshot.tables["People"].columns) == {"Name", "Email"}


async def test_airtable_may_fail_now_and_then() -> None:
    """A few times in a row; after that, or when it refuses for good, the error says why."""
    base = a_base(People=150, Pets=1)
    refusal, down = Fault(FaultKind.STATUS, status=401), Fault(FaultKind.STATUS, status=503)
    sample, _ = await read(base, scan(REQUIRED), None, FaultRule(down, times=RETRIES))
    assert sizes(sample)["People"] == 150
    for fault, reason, times in (
        (down, "base_unavailable", RETRIES + 1),
        (refusal, "base_unauthorized", 1),
    ):
        rule = FaultRule(fault, path="/tables", times=None)
        async with a_server(base, faults=[rule]) as server:
            with pytest.raises(StepError) as caught:
                await read_sample(scan(REQUIRED), Airtable(server.url, KEY), 1, lambda _: None)
            assert (caught.value.reason, len(server.requests)) == (reason, times)


async def test_an_expired_listing_starts_its_table_again() -> None:
    """Nothing is counted twice; one that keeps expiring is given up."""
    base = a_base(People=250, Pets=1)
    once = FaultRule(EXPIRED_OFFSET, path="/People$", after=1)
    sample, asked = await read(base, scan(REQUIRED), None, once)
    assert (sizes(sample)["People"], asked.count("People")) == (250, 2 + 1 + 3)
    assert len(set(sample.snapshot.tables["People"].ids)) == 250
    always = FaultRule(EXPIRED_OFFSET, path="/People$", times=None)
    with pytest.raises(StepError, match="expired"):
        await read(base, scan(REQUIRED), None, always)


async def test_progress_only_grows() -> None:
    """Who looks sees tables, records and requests rise to what was read."""
    looks: list[tuple[int, int, int]] = []

    def show(progress: Progress) -> None:
        looks.append((progress.done, progress.records, progress.requests))

    async with a_server(a_base(People=250, Pets=owners(40))) as server:
        await read_sample(scan(REQUIRED), Airtable(server.url, KEY), 200, show)
    assert looks == sorted(looks)
    assert (len(looks), looks[-1]) == (3, (2, 240, 4))


def printed(checked: TriedScan) -> str:
    out = io.StringIO()
    print_tried(checked, Console(file=out, width=120, highlight=False))
    return out.getvalue()
