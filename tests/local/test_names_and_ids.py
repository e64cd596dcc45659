"""Findings stay the same, whether a scan names tables and fields by their names or by their ids."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from infra.local.airtable.bases import BaseData
from landfall.airtable import pacer as airtable_pacer
from landfall.api.downloads import Download
from landfall.integrity import routes
from landfall.store.documents import Fields, Put
from tests.fakes import callers
from tests.fakes.bases import a_base, a_server
from tests.fakes.workers import documents, drive
from tests.fakes.world import World

PEOPLE: list[Fields] = [
    {"Name": "Ada", "Email": "ada@example.org", "Age": "young", "Kind": "a"},
    {"Name": "Bob", "Kind": "b"},
    {"Name": "Bob", "Email": "bob@example.org", "Kind": "b"},
    {"Name": "Cyd", "Email": "cyd@example.org", "Kind": "a", "Age": 3},
]
PETS: list[Fields] = [{"Owner": ["rec00000000000002"], "Of": "z"}]

NAMES = ("People", "Pets", "Name", "Email", "Age", "Kind", "Owner", "Of")
"""Names of tables and fields that a scan may name by their ids."""

Naming = Mapping[str, str]
"""A name or id that a scan uses for each of these."""

AS_NAMED: Naming = dict(zip(NAMES, NAMES, strict=True))


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)


def the_base(people: list[Fields], names: Naming = AS_NAMED) -> BaseData:
    """Return the base, after somebody has given its tables and fields these names."""
    base = a_base(Pets=PETS, People=people)
    return replace(
        base,
        tables=tuple(
            replace(
                table,
                name=names[table.name],
                fields=tuple(replace(it, name=names.get(it.name, it.name)) for it in table.fields),
                records=tuple(
                    {**it, "fields": {names[name]: cell for name, cell in it["fields"].items()}}
                    for it in table.records
                ),
            )
            for table in base.tables
        ),
    )


def ids_of(base: BaseData) -> Naming:
    """Return the ids of the tables and fields of the base; of two fields, that of a person."""
    pets, people = base.tables
    named: list[Any] = [pets, people, *pets.fields, *people.fields]
    return {one.name: one.id for one in named if one.name in NAMES}


def definition(by: Naming) -> dict[str, Any]:
    """Return the scan, with a rule for each way in which a name is a part of what is stored."""
    people, pets = {"table": by["People"]}, {"table": by["Pets"]}
    some = {"field": by["Kind"], "one_of": ["a", "b"]}
    rules = [
        {"id": "email", "kind": "required", "field": by["Email"], **people},
        {"id": "once", "kind": "unique", "fields": [by["Name"]], **people},
        {"id": "ages", "kind": "metric", "measure": "sum", "field": by["Age"], **people}
        | {"at_least": {"critical": 99}},
        {"id": "owner", "kind": "link", "field": by["Owner"], "to": people, **pets}
        | {"same": {by["Of"]: by["Kind"]}},
        {"id": "fewer", "kind": "volume", "change": "10%", "over": 1, "when": some, **people},
        {"id": "silent", "kind": "drift", "measure": "no_value", "field": by["Email"], **people}
        | {"change": "1%", "over": 1, "when": {"not": {"all": [some, {"not": some}]}}},
    ]
    return {
        "tables": {
            by["People"]: [by[name] for name in ("Name", "Email", "Age", "Kind")],
            by["Pets"]: [by["Owner"], by["Of"]],
        },
        "rules": rules,
    }


FOUND = {"email": 1, "once": 1, "ages": 1, "owner": 1}
"""Findings of the first run, by rule."""

BY_ID = ids_of(the_base(PEOPLE))
RENAMED: Naming = {name: f"{name} (new)" for name in NAMES}
MIXED: Naming = {**AS_NAMED, "People": BY_ID["People"], "Kind": BY_ID["Kind"]}


class Scanning:
    """A scan whose definition and base a test changes between runs."""

    def __init__(self) -> None:
        self.world = World()
        self.runs = 0

    async def run(self, by: Naming, base: BaseData) -> Fields:
        """Make a run of the scan, which names all by these names; return its document."""
        self.runs += 1
        self.world.clock.advance(3600)
        scan = await self.world.save(**definition(by))
        await self.world.start(scan, f"m-{self.runs}")
        async with a_server(base) as server:
            await drive(self.world, server, f"m-{self.runs}")
        run = (await self.world.run(f"m-{self.runs}")).data
        assert (run["status"], run["inconclusive"]) == ("done", [])
        return run

    async def findings(self) -> dict[str, Fields]:
        """Return the current findings by id, in whatever state."""
        found: dict[str, Fields] = {}
        for state in ("open", "reopened", "ignored", "resolved"):
            request = callers.ask(self.world, None, {"state": state}, by="ada@example.org")
            answer: Any = await routes.scan_findings(request, "people")
            assert not isinstance(answer, Download)
            found |= {finding["finding_id"]: finding for finding in answer["findings"]}
        return found

    async def ignore(self, finding_id: str) -> None:
        request = callers.ask(self.world, {"why": "so be it"}, {}, by="ada@example.org")
        await routes.ignore(request, "people", finding_id)


def news(run: Fields) -> dict[str, int]:
    names = ("new", "reopened", "resolved")
    return {name: n for name in names if (n := run["counts"][f"findings_{name}"])}


@pytest.mark.parametrize(
    ("first", "then", "named"),
    [
        (AS_NAMED, BY_ID, AS_NAMED),
        (BY_ID, AS_NAMED, AS_NAMED),
        (MIXED, BY_ID, AS_NAMED),
        (BY_ID, MIXED, AS_NAMED),
        (BY_ID, BY_ID, RENAMED),  # somebody renames all in Airtable
        (BY_ID, RENAMED, RENAMED),
    ],
    ids=["to-ids", "to-names", "mixed-to-ids", "ids-to-mixed", "renamed", "renamed-to-names"],
)
async def test_another_name_keeps_findings_decisions_and_measurements(first, then, named):
    """Nothing is lost and nothing is there twice; a person's decision holds; and what a rule has
    measured is there to be compared with."""
    scanning = Scanning()
    run = await scanning.run(first, the_base(PEOPLE))
    assert {rule["rule_id"]: n for rule in run["report"]["rules"] if (n := rule["findings"])} == (
        FOUND
    )
    before = await scanning.findings()
    ignored = next(it["finding_id"] for it in before.values() if it["rule_id"] == "owner")
    await scanning.ignore(ignored)
    run = await scanning.run(then, the_base(PEOPLE, named))
    assert (news(run), run["counts"]["findings_ignored"]) == ({}, 1)
    after = await scanning.findings()
    assert {key: it["first_seen"] for key, it in after.items()} == {
        key: it["first_seen"] for key, it in before.items()
    }
    assert {it["occurrences"] for it in after.values()} == {2}
    run = await scanning.run(then, the_base([PEOPLE[0], PEOPLE[3]], named))
    assert news(run) == {"new": 2, "resolved": 2}
    found = {rule["rule_id"]: rule["findings"] for rule in run["report"]["rules"]}
    assert (found["fewer"], found["silent"]) == (1, 1)


async def test_a_name_that_changes_with_the_definition_is_known_by_the_table_of_the_last_run():
    """Renamed in Airtable, and named by its id in the same hour: fields keep their names here."""
    scanning = Scanning()
    named = {**AS_NAMED, "People": "Persons", "Pets": "Animals"}
    await scanning.run(AS_NAMED, the_base(PEOPLE))
    run = await scanning.run(BY_ID, the_base(PEOPLE, named))
    assert news(run) == {}


@pytest.mark.parametrize(("first", "then"), [(AS_NAMED, BY_ID), (BY_ID, AS_NAMED)])
async def test_a_ledger_of_an_earlier_landfall_is_known_by_both(first, then):
    """It has no ids of tables by rule, and measurements under the names of its scan."""
    scanning = Scanning()
    await scanning.run(first, the_base(PEOPLE))
    store = scanning.world.stored
    (head,) = await documents(scanning.world, "scans/people/ledgers")
    await store.commit([Put(head.path, {k: v for k, v in head.data.items() if k != "texts"})])
    assert news(await scanning.run(then, the_base(PEOPLE))) == {}


async def test_another_table_of_the_same_name_is_the_same_rule():
    """Somebody deletes a table and imports it again: its records are other ones, and so are its
    findings, but those of the old one are resolved."""
    scanning = Scanning()
    await scanning.run(AS_NAMED, the_base(PEOPLE))
    base = the_base(PEOPLE)
    pets, people = base.tables
    other = replace(people, id="tbl99999999999999")
    run = await scanning.run(AS_NAMED, replace(base, tables=(pets, other)))
    assert (news(run), run["counts"]["findings"]) == ({}, sum(FOUND.values()))
