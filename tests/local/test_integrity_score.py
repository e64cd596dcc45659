"""From a base to a verdict: fetch and score over a local Airtable, judged from outside."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import pytest

from infra.local.airtable.bases import BaseData, Field
from infra.local.samples.flights import flights
from infra.local.samples.school.base import school
from infra.local.samples.school.lessons import LESSONS
from landfall.airtable import pacer as airtable_pacer
from landfall.deadlines import Deadline
from landfall.integrity import evaluation
from landfall.integrity.findings import ledger_room
from landfall.integrity.rules import evaluate
from landfall.integrity.rules.evaluate import TOO_MANY_FOUND
from landfall.integrity.rules.required import Required
from landfall.integrity.rules.rule import Hit, Scope
from landfall.integrity.scan import IntegrityScan
from landfall.integrity.score import ScoreRules
from landfall.kinds.definition import load
from landfall.reasons import Reason
from landfall.runs.claim import Claim
from landfall.runs.kind import Again, Outcome
from landfall.store import commit_size
from landfall.store.documents import StoreError, Version, Write
from tests.fakes.bases import a_base, a_server
from tests.fakes.memory_store import MemoryStore
from tests.fakes.workers import Looks, deliver, documents, drive, findings, work_on
from tests.fakes.world import World, integrity
from tests.local.flights_in_sql import expected_findings

SAMPLES = Path(__file__).parents[2] / "infra/local/samples"
Found = dict[str, set[tuple[str, ...]]]


@pytest.fixture(autouse=True)
def _fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airtable_pacer, "INTERVAL", 0.0)


def sample(name: str) -> IntegrityScan:
    path = SAMPLES / f"{name}.yaml"
    return integrity(load(path.read_text(encoding="utf-8"), path.name))


async def scanned(
    world: World, base: BaseData, scan: IntegrityScan | None = None
) -> list[Outcome | Reason]:
    """Run a saved scan of the base from its first task to its end; return the outcome of each
    task."""
    scan = scan or a_scan()
    await world.registry.save(scan, "tester")
    await world.start(scan)
    async with a_server(base) as server:
        return await drive(world, server)


async def fetched(world: World, base: BaseData, scan: IntegrityScan | None = None) -> None:
    """The same, up to the score step's task."""
    scan = scan or a_scan()
    await world.registry.save(scan, "tester")
    await world.start(scan)
    async with a_server(base) as server:
        assert await deliver(world, server) == "finished"


async def score(world: World) -> str:
    """Deliver the newest task, which is of a score step: it needs no Airtable."""
    return await deliver(world, a_server())


async def found(world: World, run_id: str = "m-1") -> Found:
    """Return the findings of the run: the sorted record ids of each, by rule, without
    repetition."""
    stored = await findings(world, run_id)
    assert len({finding["finding_id"] for finding in stored}) == len(stored)
    answer: Found = {}
    for finding in stored:
        answer.setdefault(finding["rule_id"], set()).add(tuple(sorted(finding["records"])))
    return answer


TABLES = {"People": ["Name", "Email"], "Pets": ["Owner"]}
RULES: list[dict[str, Any]] = [
    {"id": "name", "kind": "required", "table": "People", "field": "Name"},
    {"id": "email", "kind": "required", "table": "People", "field": "Email", "severity": "info"},
    {"id": "once", "kind": "unique", "table": "People", "fields": ["Name"], "severity": "critical"},
    {"id": "pet", "kind": "link", "table": "Pets", "field": "Owner", "to": {"table": "People"}},
]
PEOPLE = [{"Name": "A", "Email": "a"}, {"Name": "A", "Email": "a"}, {"Email": " "}, {"Name": "B"}]
PETS = [{"Owner": ["rec00000000000001"]}]
FOUND: Found = {
    "name": {("rec00000000000003",)},
    "email": {("rec00000000000003",), ("rec00000000000004",)},
    "once": {("rec00000000000001", "rec00000000000002")},
    "pet": {("rec00000000000005",)},
}
"""Findings in `a_small_base`, worked out by hand."""


def a_scan(**changes: Any) -> IntegrityScan:
    content: dict[str, Any] = {
        "id": "people",
        "kind": "integrity",
        "base": "appPeople00000001",
        "tables": TABLES,
        "rules": RULES,
    }
    return IntegrityScan.model_validate(content | changes)


def a_small_base() -> BaseData:
    return a_base(People=PEOPLE, Pets=[{"Owner": ["recNobody"]}, *PETS])


async def test_the_school_is_found_out_exactly(world):
    """Every planted defect of the answer key, and nothing else, rule by rule."""
    base, key = school(today=world.clock().date())
    scan = sample("school")
    assert await scanned(world, base, scan) == ["finished", "finished"]
    assert await found(world) == key
    run = (await world.run()).data
    planted = Counter(chain.from_iterable(found.values() for _, found in LESSONS))
    for rule in scan.rules:
        if rule.kind != "metric":
            planted[str(rule.severity)] += len(key[rule.id])
    counts = {
        "records": 3044,
        "airtable_requests": 1 + 4 + 5 + 1 + 1 + 22,
        "rules_evaluated": len(scan.rules),
        "rules_inconclusive": 0,
        "findings": planted.total(),
        "findings_by_severity": planted,
        "findings_new": planted.total(),
        "findings_reopened": 0,
        "findings_resolved": 0,
        "findings_ignored": 0,
    }
    assert run["counts"].items() >= counts.items()
    assert (run["status"], run["verdict"], run["progress_pct"]) == ("done", "critical", 100)


async def test_the_flights_are_found_out_exactly(world):
    """Real data: the same findings as plain SQL over the published files."""
    base = flights()
    assert await scanned(world, base, sample("flights")) == ["finished", "finished"]
    expected = {rule: ids for rule, ids in expected_findings(base).items() if ids}
    assert await found(world) == expected
    assert (await world.run()).data["counts"]["findings"] == sum(map(len, expected.values()))


async def score_some(world: World, rules: int) -> Outcome | Reason:
    """Deliver the newest task in a budget in which that many rules can be evaluated."""

    async def work(claim: Claim, scan: IntegrityScan, _: Deadline) -> Outcome | Again:
        looks = chain(repeat(100.0, rules), repeat(-1.0))
        return await ScoreRules(claim, scan).run(Looks(0.0, looks))

    world.clock.now = max(world.clock.now, world.queue.tasks[-1].at)
    return await work_on(world, world.queue.tasks[-1], work)


async def test_scoring_in_several_invocations_finds_the_same(world):
    """A few rules at a time: nothing is counted twice. A metric checks the clock four times."""
    base, key = school(today=world.clock().date())
    await fetched(world, base, sample("school"))
    outcomes = [await score_some(world, rules=5)]
    while outcomes[-1] == "continued":
        outcomes.append(await score_some(world, rules=5))
    assert outcomes[-1] == "finished"
    assert len(outcomes) > len(sample("school").rules) / 5
    assert await found(world) == key
    assert (await world.run()).data["counts"]["findings"] == sum(map(len, key.values()))


async def test_scored_rules_are_stored_between_invocations(world):
    """After two of four rules the run has its progress, and their reports are stored."""
    await fetched(world, a_small_base())
    assert await score_some(world, rules=2) == "continued"
    run = (await world.run()).data
    assert (run["status"], run["verdict"], run["progress_pct"]) == ("scoring", None, 82)
    assert run["counts"]["rules_done"] == 2
    assert await found(world) == {}
    assert await score(world) == "finished"
    assert await found(world) == FOUND


async def test_a_budget_that_the_last_rule_used_up_is_not_for_keeping_what_was_found(world):
    """The next invocation stores the findings, with a whole budget; no rule is evaluated again."""
    await fetched(world, a_small_base(), a_scan(rules=RULES[:1]))
    assert await score_some(world, rules=1) == "continued"
    assert (await world.run()).data["counts"]["rules_done"] == 1
    assert await score_some(world, rules=0) == "finished"
    assert await found(world) == {"name": FOUND["name"]}


async def test_not_one_rule_in_a_budget_is_an_error(world):
    """It is retried, and does not continue for ever."""
    await fetched(world, a_small_base())
    assert await score_some(world, rules=0) == "step_timeout"
    assert (await world.step("score")).data["retries"] == 1
    assert await score(world) == "finished"
    assert await found(world) == FOUND


async def test_a_rule_that_takes_too_long_is_inconclusive(world, monkeypatch):
    """With a fresh budget, no other invocation could do better; the other rules are evaluated."""

    def evaluate(_: Required, scope: Scope) -> Iterator[Hit]:
        for _row in range(10):
            scope.check()
        yield from ()

    monkeypatch.setattr(Required, "evaluate", evaluate)
    await fetched(world, a_small_base())
    outcomes = [await score_some(world, rules=5) for _ in range(3)]
    assert outcomes == ["continued", "continued", "finished"]
    run = (await world.run()).data
    assert [item["rule_id"] for item in run["inconclusive"]] == ["name", "email"]
    assert (run["verdict"], run["complete"]) == ("critical", False)
    assert run["counts"]["rules_evaluated"] == 2
    assert await found(world) == {rule: FOUND[rule] for rule in ("once", "pet")}


@pytest.mark.parametrize("at_once", [5, 2])
async def test_a_rule_that_finds_more_than_there_is_room_for_is_inconclusive(
    world, monkeypatch, at_once
):
    """Whether in one invocation or in several; the others have their findings."""
    for module in (evaluation, ledger_room, evaluate):
        monkeypatch.setattr(module, "MAX_FINDINGS", 4)
    people = [*PEOPLE, *({"Name": f"P{n}"} for n in range(5))]
    await fetched(world, a_base(People=people, Pets=[{"Owner": ["recNobody"]}]))
    while await score_some(world, rules=at_once) == "continued":
        at_once = 5
    run = (await world.run()).data
    assert run["inconclusive"] == [{"rule_id": "email", "why": TOO_MANY_FOUND}]
    assert [*await found(world)] == ["once", "name", "pet"]
    assert run["counts"]["findings"] == 3


class _Failing(MemoryStore):
    """A store in which one commit fails, and may or may not have happened."""

    def __init__(self) -> None:
        super().__init__()
        self.until_failure = -1
        self.happens = False

    async def commit(self, writes: Sequence[Write]) -> list[Version]:
        self.until_failure -= 1
        if self.until_failure != 0:
            return await super().commit(writes)
        if self.happens:
            await super().commit(writes)
        raise StoreError("no answer")


@pytest.mark.parametrize("happens", [False, True])
@pytest.mark.parametrize("failing", range(2, 8))
async def test_a_score_that_failed_half_way_writes_the_same_again(monkeypatch, failing, happens):
    """Whichever commit got no answer, and whether it happened or not: no finding is doubled."""
    monkeypatch.setattr(commit_size, "MAX_COMMIT_BYTES", 1)
    monkeypatch.setattr(commit_size, "MAX_COMMIT_WRITES", 2)
    store = _Failing()
    world = World(store)
    await fetched(world, a_small_base())
    store.until_failure, store.happens = failing, happens
    await score_on(world)
    run = (await world.run()).data
    assert await found(world) == FOUND
    assert (run["status"], run["verdict"], run["counts"]["findings"]) == ("done", "critical", 5)


async def score_on(world: World) -> None:
    """Deliver score tasks until the run has ended."""
    for _ in range(5):
        await score(world)
        if (await world.run()).data["status"] != "scoring":
            return
    raise AssertionError("it does not end")


async def test_a_second_delivery_of_a_score_task_does_nothing(world):
    """The run has ended; its documents are unchanged."""
    await scanned(world, a_small_base())
    run, results = await world.run(), await documents(world, "runs/m-1/results")
    assert await score(world) == "declined"
    assert (await world.run(), await documents(world, "runs/m-1/results")) == (run, results)


async def test_a_long_list_of_findings_is_complete(world):
    """2,000 findings of a rule: all on the list, and all with a document of their own."""
    await scanned(world, a_base(People=[{"Email": f"{n}"} for n in range(2000)], Pets=PETS))
    assert len((await found(world))["name"]) == 2000
    assert len(await documents(world, "findings")) == (await world.run()).data["counts"]["findings"]


async def test_every_rule_is_in_the_report(world):
    """This includes a rule without findings: that it was evaluated is a result."""
    await scanned(world, a_base(People=1, Pets=PETS))
    run = (await world.run()).data
    assert [(r["rule_id"], r["findings"], r["records"]) for r in run["report"]["rules"]] == [
        ("name", 0, 1), ("email", 0, 1), ("once", 0, 1), ("pet", 0, 1),
    ]  # fmt: skip
    assert run["verdict"] == "healthy"


async def test_a_missing_page_is_an_error_and_no_verdict():
    """Deleted or expired: a scan of the rest would find wrong things."""
    store = MemoryStore()
    world = World(store)
    await fetched(world, a_small_base())
    store.delete("runs/m-1/pages/000000")
    assert await score(world) == "pages_missing"
    run = (await world.run()).data
    assert (run["status"], run["verdict"]) == ("error", None)
    assert "start a new run" in run["error"]["message"]


async def test_a_missing_field_leaves_its_rules_out(world):
    """They are named with what the base lacks; what the others found stands."""
    await scanned(world, a_base(People=PEOPLE, Pets=[{"Keeper": "x"}]))
    run = (await world.run()).data
    assert await found(world) == {rule: FOUND[rule] for rule in ("name", "email", "once")}
    assert run["inconclusive"] == [{"rule_id": "pet", "why": "table 'Pets' has no field 'Owner'"}]
    assert (run["status"], run["verdict"], run["complete"]) == ("done", "critical", False)
    assert (run["counts"]["rules_evaluated"], run["counts"]["rules_inconclusive"]) == (3, 1)


async def test_without_a_critical_finding_a_missing_field_is_inconclusive(world):
    """A warning may not be the worst: never healthy, and never a guess."""
    rules = [rule for rule in RULES if rule["id"] != "once"]
    await scanned(world, a_base(People=PEOPLE, Pets=[{"Keeper": "x"}]), a_scan(rules=rules))
    run = (await world.run()).data
    assert (run["status"], run["verdict"], run["complete"]) == ("done", "inconclusive", False)
    assert set(await found(world)) == {"name", "email"}


async def test_a_missing_table_leaves_its_rules_out(world):
    """A link to it cannot be judged: its ids are not broken links."""
    await scanned(world, a_base(Pets=PETS))
    run = (await world.run()).data
    assert {item["why"] for item in run["inconclusive"]} == {"the base has no table 'People'"}
    assert run["counts"]["rules_evaluated"] == 0
    assert (run["verdict"], await found(world)) == ("inconclusive", {})


async def test_a_base_without_records_is_inconclusive(world):
    """Nothing was checked, so that nothing wrong was found proves nothing."""
    await scanned(world, a_base(People=[], Pets=[]), a_scan(tables=TABLES, rules=RULES[:3]))
    run = (await world.run()).data
    assert (run["status"], run["counts"]["records"]) == ("done", 0)
    assert (run["verdict"], run["complete"]) == ("inconclusive", False)
    why = "table 'People' has no records; if that is normal, set `allow_empty: true`"
    assert run["inconclusive"] == [
        {"rule_id": rule, "why": why} for rule in ("name", "email", "once")
    ]


def without_pets() -> BaseData:
    """Return a base whose people break no rule, and whose other table somebody has emptied."""
    base = a_base(People=PEOPLE[:1], Pets=PETS)
    people, pets = base.tables
    return replace(base, tables=(people, replace(pets, records=())))


async def test_an_emptied_table_is_not_healthy_beside_a_full_one(world):
    """The rules of the other table say nothing about it."""
    await scanned(world, without_pets())
    run = (await world.run()).data
    assert run["verdict"] == "inconclusive"
    (why,) = run["inconclusive"]
    assert (why["rule_id"], why["why"].partition(";")[0]) == (
        "pet", "table 'Pets' has no records",
    )  # fmt: skip


async def test_a_finding_whose_only_value_was_cleared_is_resolved(world):
    """Its rule is inconclusive all the same; a table that comes back empty resolves nothing."""
    tables = {"People": ["Name", "Email"]}
    of = {"kind": "format", "table": "People", "field": "Email", "format": "email"}
    scan = a_scan(tables=tables, rules=[{"id": "email", **of}])
    await scanned(world, a_base(People=[{"Name": "A", "Email": "a"}, {"Name": "B"}]), scan)
    for run_id, people, still_open in ("m-2", [], {"warning": 1}), ("m-3", [{"Name": "A"}], None):
        await world.start(scan, run_id)
        async with a_server(a_base(People=people)) as server:
            await drive(world, server, run_id)
        run = (await world.run(run_id)).data
        (rule,), (why,) = run["report"]["rules"], run["inconclusive"]
        assert (run["verdict"], why.get("still_open")) == ("inconclusive", still_open)
        resolved = int(not still_open)
        assert (rule["resolved"], run["counts"]["findings_resolved"]) == (resolved, resolved)


async def test_an_empty_table_that_is_normal_is_noted(world):
    """The run is healthy and complete, and its report says what there was to check."""
    rules = [rule | {"allow_empty": True} for rule in RULES]
    await scanned(world, without_pets(), a_scan(rules=rules))
    run = (await world.run()).data
    assert (run["verdict"], run["complete"], run["inconclusive"]) == ("healthy", True, [])
    notes = {rule["rule_id"]: rule["note"] for rule in run["report"]["rules"]}
    assert notes == dict.fromkeys(notes) | {"pet": "table 'Pets' has no records"}


@pytest.mark.parametrize(
    ("rules", "verdict"), [(["email"], "healthy"), (["name", "email"], "warning")]
)
async def test_the_verdict_is_that_of_the_worst_finding(world, rules, verdict):
    """Findings of severity info leave a base healthy."""
    chosen = [rule for rule in RULES if rule["id"] in rules]
    await scanned(world, a_small_base(), a_scan(rules=chosen))
    run = (await world.run()).data
    assert (run["verdict"], run["counts"]["findings"]) == (
        verdict,
        sum(len(FOUND[r]) for r in rules),
    )


async def test_a_run_tells_the_next_how_large_the_base_is(world):
    """The next run computes its progress from this size."""
    await scanned(world, a_small_base())
    assert (await world.registry.head("people")).data["last_records"] == 6
    await world.start(a_scan(), "m-2")
    assert (await world.run("m-2")).data["expected_records"] == 6


async def test_a_rule_may_take_when_records_were_made(world):
    """Creation times are read for the tables for which a rule needs them: its own, or in a
    query."""
    fresh = {"id": "fresh", "kind": "freshness", "created": True, "of": "each", "within": "1h"}
    query = "SELECT id FROM Pets WHERE created_time < :now"
    rules = [
        fresh | {"table": "People"},
        {"id": "old", "kind": "sql", "table": "Pets", "fields": {"Pets": ["Owner"]}}
        | {"query": query},
    ]
    world.clock.advance(10 * 365 * 24 * 3600)
    await scanned(world, a_small_base(), a_scan(rules=rules))
    assert {rule: len(records) for rule, records in (await found(world)).items()} == {
        "fresh": len(PEOPLE),
        "old": 1 + len(PETS),
    }


LOOKUP_OF_CHECKBOX = {"isValid": True, "result": {"type": "checkbox", "options": None}}


async def test_unchecked_checkboxes_are_known_by_the_schema(world):
    """Airtable leaves them out of the record. They stay false from page to page, by whichever name
    the scan has for the field, and in a column without a single check."""
    there: list[dict[str, Any]] = [
        {"Consent": True, "Sure": [True, None]},
        {"Sure": [None], "Name": "B"},
        *[{"Name": f"P{n}"} for n in range(150)],
    ]
    base = a_base(People=there)
    (people,) = base.tables
    types = {"Consent": "checkbox", "Never": "checkbox", "Sure": "multipleLookupValues"}
    fields = [Field(it.id, it.name, types.get(it.name, it.type)) for it in people.fields]
    fields += [Field("fld00000000000999", "Never", "checkbox")]
    fields = [replace(it, options=LOOKUP_OF_CHECKBOX) if it.name == "Sure" else it for it in fields]
    consent = next(it.id for it in fields if it.name == "Consent")
    rules: list[dict[str, Any]] = [
        {"id": "no", "kind": "forbidden", "field": "Name", "when": {"field": consent}},
        {"id": "never", "kind": "forbidden", "field": "Name", "when": {"field": "Never"}},
        {"id": "sure", "kind": "forbidden", "field": "Name", "when": {"field": "Sure"}},
    ]
    for one in rules:
        one["table"] = "People"
        one["when"]["equals"] = False
    tables = {"People": ["Name", consent, "Never", "Sure"]}
    typed = replace(base, tables=(replace(people, fields=tuple(fields)),))
    await scanned(world, typed, a_scan(tables=tables, rules=rules))
    named = {(f"rec{number:014}",) for number in range(2, 153)}
    assert await found(world) == {"no": named, "never": named, "sure": named}
