"""Rules are tried on a sample of a base: the records read, and the reports on each rule."""

import io
from collections.abc import Mapping
from random import Random
from typing import Any

import pytest
from rich.console import Console

from infra.local.airtable.bases import BaseData
from infra.local.airtable.server import EXPIRED_OFFSET
from infra.local.check import sample as sampling
from infra.local.check.classification import Estimate
from infra.local.check.integrity import print_trial
from infra.local.check.sample import MAX_RETRIES, Sample, SampleProgress, read_sample
from infra.local.check.trial import ScanTrial, try_scan
from infra.local.endpoints import AirtableEndpoint
from infra.local.wire.faults import Fault, FaultKind, FaultRule
from landfall.airtable import pacer as airtable_pacer
from landfall.integrity.rules.rule import BaseRule, Hit
from landfall.integrity.scan import IntegrityScan
from landfall.integrity.trial import RuleTrial
from landfall.kinds.definition import parse
from landfall.reasons import StepError
from tests.fakes.bases import BASE, KEY, a_base, a_server
from tests.fakes.elements import a_classification
from tests.fakes.listings import ENDLESS, listing
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
    of: BaseData, one: IntegrityScan, limit: int | None, *faults: FaultRule
) -> tuple[Sample, list[str]]:
    """Return the sample, and the tables of the pages requested."""
    async with a_server(of, faults=faults) as server:
        endpoint = AirtableEndpoint(server.url, KEY)
        sample = await read_sample(one, endpoint, limit, lambda _: None, one.looked_up)
        paths = [exchange.path.rsplit("/", 1)[1] for exchange in server.requests]
    assert sample.requests == len(paths)
    return sample, [path for path in paths if path != "tables"]


async def tried(
    of: BaseData, *rules: Mapping[str, Any], limit: int | None = 100
) -> list[RuleTrial]:
    one = scan(*rules)
    sample, _ = await read(of, one, limit)
    return list(try_scan(one, sample).rules)


def sizes(sample: Sample) -> dict[str, int]:
    return {name: len(table) for name, table in sample.snapshot.tables.items()}


def owners(count: int) -> list[dict[str, Any]]:
    """Return pets, each of another person, the last people first."""
    return [{"Name": f"Pet {n}", "Owner": f"Person {n}"} for n in reversed(range(count))]


@pytest.mark.parametrize(
    ("limit", "read_of_people", "pages", "incomplete"),
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
    limit: int | None, read_of_people: int, pages: int, incomplete: set[str]
) -> None:
    """A sample has the requested number, takes as few requests as possible, and knows of more."""
    base = a_base(People=250, Pets=owners(100))
    sample, asked = await read(base, scan(REQUIRED), limit)
    assert sizes(sample) == {"People": read_of_people, "Pets": 1 if limit == 1 else 100}
    assert (asked.count("People"), asked.count("Pets")) == (pages, 1)
    assert sample.incomplete == incomplete
    first = [record["id"] for record in base.tables[0].records[:read_of_people]]
    assert sample.snapshot.tables["People"].ids == first


async def test_a_link_is_judged_on_the_whole_table_it_points_to() -> None:
    """A link to a record outside the sample is no orphan; a link to no record is one."""
    pets = [*owners(250)[:99], {"Name": "Stray", "Owner": "Nobody"}]
    (owned,) = await tried(a_base(People=250, Pets=pets), OWNED)
    assert (owned.records, owned.findings, owned.unjudged) == (100, 1, "")
    assert "'Nobody'" in owned.examples[0].message


async def test_a_link_into_its_own_table_is_judged_on_all_of_it() -> None:
    """The table is read completely, and all of its records are evaluated."""
    friends = [{"Name": f"P{n}", "Email": f"P{149 - n}"} for n in range(150)]
    rule = {**OWNED, "table": "People", "field": "Email"}
    (friend,) = await tried(a_base(People=friends, Pets=1), rule)
    assert (friend.records, friend.findings) == (150, 0)


async def test_a_link_into_a_large_table_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report names the table and has no findings; with all records the rule is evaluated."""
    monkeypatch.setattr(sampling, "MAX_LOOKED_UP", 200)
    base = a_base(People=250, Pets=owners(250))
    (owned,) = await tried(base, OWNED)
    assert (owned.findings, "'People'" in owned.unjudged) == (0, True)
    (owned,) = await tried(base, OWNED, limit=None)
    assert (owned.records, owned.findings, owned.unjudged) == (250, 0, "")


async def test_repeats_in_a_sample_are_at_least_so_many() -> None:
    """The other record may be unread; for a whole table the number is exact."""
    same = [{"Name": f"P{n}", "Email": f"{n % 100}@x.example"} for n in range(150)]
    for limit, findings, at_least in ((100, 0, True), (120, 20, True), (150, 50, False)):
        (unique,) = await tried(a_base(People=same, Pets=1), UNIQUE, limit=limit)
        assert (unique.findings, unique.at_least) == (findings, at_least)
        assert unique.affected == 2 * findings


async def test_a_rule_that_takes_a_whole_table_is_not_judged_on_a_part(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A kind of rule that declares nothing about samples needs the whole table."""
    required = type(scan(REQUIRED).rules[0])
    monkeypatch.setattr(required, "sample_support", BaseRule.sample_support)
    (rule,) = await tried(a_base(People=101, Pets=1), REQUIRED, limit=100)
    assert (rule.records, "'People'" in rule.unjudged) == (0, True)
    (rule,) = await tried(a_base(People=101, Pets=1), REQUIRED, limit=101)
    assert (rule.records, rule.unjudged) == (101, "")


@pytest.mark.parametrize(("without", "wrong"), [(0, False), (5, False), (6, True), (10, True)])
async def test_more_than_half_is_pointed_out(without: int, wrong: bool) -> None:
    """Exactly half is not reported. The check is good nevertheless: the rule fits."""
    people = [{"Name": f"P{n}"} | ({"Email": "x"} if n >= without else {}) for n in range(10)]
    one = scan(REQUIRED)
    sample, _ = await read(a_base(People=people, Pets=owners(1)), one, 300)
    checked = try_scan(one, sample)
    (rule,) = checked.rules
    assert (rule.findings, rule.share, rule.probably_wrong) == (without, without / 10, wrong)
    assert checked.good
    assert ("the rule itself is probably wrong" in printed(checked)) == wrong


async def test_the_report_of_each_rule() -> None:
    """A report has sentence, records, findings, share, severity, and two examples with values."""
    people = [{"Name": f"P{n}", "Email": " " if n < 3 else f"{n % 9}@x"} for n in range(12)]
    one = scan(
        REQUIRED | {"severity": {"warning": 1, "critical": "90%"}, "message": "{Name} is silent"},
        UNIQUE,
        REQUIRED | {"when": {"field": "Name", "equals": "Nobody"}},
        {"kind": "allowed_values", "table": "Pets", "field": "Name", "values": ["Pet 0"]},
        {"kind": "required", "table": "Pets", "field": "Owner"},
    )
    sample, _ = await read(a_base(People=people, Pets=[{"Name": "Pet 0"}]), one, 11)
    text = printed(try_scan(one, sample))
    assert text.splitlines() == [
        "read: People (first 11 records), Pets (all 1 record)",
        "does not fit: table 'Pets' has no field 'Owner'; it has Name, Email",
        "r0 (People): Email has a value",
        "  11 records checked, 3 findings (27.3%), warning in this sample",
        "    rec00000000000001 P0: P0 is silent",
        "    rec00000000000002 P1: P1 is silent",
        "r1 (People): no two records have the same Email",
        "  11 records checked, no findings; records that were not read may add some",
        "r2 (People): where Name is 'Nobody': Email has a value",
        "  not evaluated on a sample: no record of 'People' satisfies `when`: Name is 'Nobody'; "
        "use --sample all",
        "r3 (Pets): Name is one of 'Pet 0'",
        "  1 record checked, no findings",
        "r4 (Pets): Owner has a value",
        "  inconclusive: table 'Pets' has no field 'Owner'",
    ]


async def test_what_is_not_about_the_rules_records_has_no_share(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Findings may be about the table, or about another table's records."""
    one = scan(REQUIRED)
    hits = [Hit((), "Email", None, "old"), Hit(("rec1",), "Name", None, "bad", table="Pets")]
    monkeypatch.setattr(type(one.rules[0]), "evaluate", lambda *_: hits)
    sample, _ = await read(a_base(People=1, Pets=owners(1)), one, 300)
    lines = printed(try_scan(one, sample)).splitlines()
    said = "  1 record checked, 2 findings, warning"
    assert lines[-3:] == [said, "    People: old", "    rec1: bad"]


async def test_a_scan_is_good_when_all_fits_and_was_evaluated() -> None:
    """An unknown field, or a value that can never occur, makes a scan bad."""
    base = a_base(People=3, Pets=[{"Name": "Pet", "Owner": "Person 1"}])
    for rule, good in (
        (OWNED, True),
        ({"kind": "allowed_values", "table": "Pets", "field": "Name", "values": [1]}, False),
        ({"kind": "link", "table": "Pets", "field": "Owner", "to": {"table": "People"}}, False),
    ):
        sample, _ = await read(base, scan(rule), 300)
        assert try_scan(scan(rule), sample).good is good
    sample, _ = await read(a_base(People=3), scan(REQUIRED), 300)
    assert not try_scan(scan(REQUIRED), sample).good


async def test_wide_records_are_read_in_smaller_pages() -> None:
    """A page of them would have 20 MB; nothing is left out."""
    people = [{"Name": Random(number).randbytes(100_000).hex()} for number in range(30)]
    sample, asked = await read(a_base(People=people, Pets=[]), scan(REQUIRED), None)
    assert sizes(sample) == {"People": 30, "Pets": 0}
    assert 2 < asked.count("People") < 20


async def test_phone_numbers_are_of_the_scans_region() -> None:
    """As in a run."""
    phone = {"kind": "format", "table": "People", "field": "Email", "format": "phone"}
    people = a_base(People=[{"Email": "(202) 555-0143"}], Pets=[])
    one = scan(phone)
    for region, findings in ((None, 1), ("US", 0)):
        of_region = one.model_copy(update={"region": region})
        sample, _ = await read(people, of_region, None)
        (trial,) = try_scan(of_region, sample).rules
        assert trial.findings == findings


async def test_what_was_not_needed_is_not_read() -> None:
    """Only the fields of the scan leave Airtable."""
    sample, _ = await read(a_base(People=3, Pets=1), scan(REQUIRED), 300)
    assert set(sample.snapshot.tables["People"].columns) == {"Name", "Email"}


async def test_airtable_may_fail_now_and_then() -> None:
    """A few failures in a row are retried; after that, or after a refusal, the error states why."""
    base = a_base(People=150, Pets=1)
    refusal, down = Fault(FaultKind.STATUS, status=401), Fault(FaultKind.STATUS, status=503)
    sample, _ = await read(base, scan(REQUIRED), None, FaultRule(down, times=MAX_RETRIES))
    assert sizes(sample)["People"] == 150
    for fault, reason, times in (
        (down, "base_unavailable", MAX_RETRIES + 1),
        (refusal, "base_unauthorized", 1),
    ):
        rule = FaultRule(fault, path="/tables", times=None)
        async with a_server(base, faults=[rule]) as server:
            with pytest.raises(StepError) as caught:
                await read_sample(
                    scan(REQUIRED), AirtableEndpoint(server.url, KEY), 1, lambda _: None
                )
            assert (caught.value.reason, len(server.requests)) == (reason, times)


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({}, "base_unavailable, trying again in"),
        ({"Retry-After": "0.001"}, "base_unavailable, trying again in"),
        ({"Retry-After": "0.02"}, "Airtable asks to wait"),
    ],
)
async def test_airtable_is_named_only_for_what_it_asked(
    monkeypatch: pytest.MonkeyPatch, headers: Mapping[str, str], why: str
) -> None:
    """A pause of our own is ours."""
    monkeypatch.setattr(sampling, "RETRY_SECONDS", 0.01)
    waits = set()

    def show(progress: SampleProgress) -> None:
        waits.add(progress.wait_why if progress.wait_seconds else "")

    fault = Fault(FaultKind.STATUS, status=503, headers=headers)
    async with a_server(a_base(People=1, Pets=1), faults=[FaultRule(fault)]) as server:
        await read_sample(scan(REQUIRED), AirtableEndpoint(server.url, KEY), 1, show)
    assert waits == {"", why}


async def test_an_expired_listing_starts_its_table_again() -> None:
    """No record is counted twice; a listing that expires again and again is an error."""
    base = a_base(People=250, Pets=1)
    once = FaultRule(EXPIRED_OFFSET, path="/People$", after=1)
    sample, asked = await read(base, scan(REQUIRED), None, once)
    assert (sizes(sample)["People"], asked.count("People")) == (250, 2 + 1 + 3)
    assert len(set(sample.snapshot.tables["People"].ids)) == 250
    always = FaultRule(EXPIRED_OFFSET, path="/People$", times=None)
    with pytest.raises(StepError, match="expired"):
        await read(base, scan(REQUIRED), None, always)


@pytest.mark.parametrize("pages", [pages for _, pages in ENDLESS.values()], ids=ENDLESS)
async def test_a_listing_that_does_not_end_is_an_error(pages: list[Fault]) -> None:
    """As in a run: within a few pages, and the message says which table it is."""
    asked = []
    async with a_server(a_base(People=1, Pets=1), faults=listing(*pages)) as server:
        endpoint = AirtableEndpoint(server.url, KEY)
        with pytest.raises(StepError, match="the listing of table 'People' does not end"):
            await read_sample(scan(REQUIRED), endpoint, None, lambda _: None)
        asked = [exchange.path for exchange in server.requests]
    assert len(asked) < 15


async def test_progress_only_grows() -> None:
    """Tables, records and requests rise to the final numbers."""
    looks: list[tuple[int, int, int]] = []

    def show(progress: SampleProgress) -> None:
        looks.append((progress.done, progress.records, progress.requests))

    async with a_server(a_base(People=250, Pets=owners(40))) as server:
        await read_sample(scan(REQUIRED), AirtableEndpoint(server.url, KEY), 200, show)
    assert looks == sorted(looks)
    assert (len(looks), looks[-1]) == (3, (2, 240, 4))


def printed(checked: ScanTrial) -> str:
    out = io.StringIO()
    print_trial(checked, Console(file=out, width=120, highlight=False))
    return out.getvalue()


async def test_a_check_says_which_texts_the_model_will_not_see_whole():
    """Before a run that would be paid."""
    rows = [{"Name": "Notes", "Email": "x" * 2_345}, {"Name": "Phone", "Email": "y"}]
    one = a_classification(table="People", mapping={"name": "Name", "description": "Email"})
    async with a_server(a_base(People=rows)) as server:
        sample = await read_sample(one, AirtableEndpoint(server.url, KEY), 10, lambda _: None)
    out = io.StringIO()
    Estimate.of(one, sample).show(Console(file=out, width=120, highlight=False))
    says = "1 element cut for the model, such as rec00000000000001: description: 2,000 of 2,345"
    assert says in out.getvalue()
