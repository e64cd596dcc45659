"""No definition that fits into a request takes more than a moment, whatever is wrong with it."""

import asyncio
import contextlib
import gc
import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from landfall.integrity.scan import IntegrityScan
from landfall.kinds import definition as door
from landfall.kinds.definition import MAX_LINES, DefinitionError, load, parse
from landfall.process import garbage
from landfall.process.aside import aside
from landfall.reasons import LandfallError
from landfall.scans.settings import ENOUGH_PROBLEMS, Checks
from tests.fakes.world import World
from tests.unit.test_api_requests import ask

MOST = 3.0
"""Seconds of processor for 500 KB; each of these took 4 to 200 once, and takes 0.5 now."""

RULES = range(500)
NAMES = [f"Field with a name {number}" for number in RULES]


def definition(settings: Callable[[int], dict[str, Any]], **more: Any) -> str:
    """The text of a scan with as many rules as it can have; each has these settings, too."""
    rule = {"kind": "required", "table": "T", "field": "F"}
    rules = [rule | {"id": f"r{number}"} | settings(number) for number in RULES]
    head = {"id": "x", "kind": "integrity", "base": "appPeople00000001", "tables": {"T": ["F"]}}
    return json.dumps(head | {"rules": rules} | more)


WRONG = {
    "misspelt fields": definition(
        lambda rule: {"field": f"Feld with the name {rule}"}, tables={"T": NAMES}
    ),
    "misspelt fields of a kind of 255 letters": definition(
        lambda rule: {"field": "ab" * 120 + f"{rule}"},
        tables={"T": ["ba" * 120 + name[-15:] for name in NAMES]},
    ),
    "misspelt fields of conditions": definition(
        lambda rule: {"when": {"all": [{"field": f"G{rule}-{n}", "equals": 1} for n in range(20)]}},
        tables={"T": NAMES},
    ),
    "unknown settings of rules": definition(lambda _: {f"se{n}": 1 for n in range(80)}),
    "unknown settings of the scan": definition(
        lambda _: {}, **{f"sett{n}": 1 for n in range(25_000)}
    ),
    "unknown settings of conditions": definition(
        lambda _: {"when": {"all": [{"field": "F", "equls": 1} for _ in range(30)]}}
    ),
    "values of no type": definition(lambda _: {"kind": "allowed_values", "values": [[]] * 200}),
    "more fields than a table has": definition(lambda _: {}, tables={"T": NAMES * 30}),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_definition_is_refused_at_once(name: str) -> None:
    """The problems that are shown are worked out, and no others."""
    assert len(WRONG[name]) <= 600_000
    began = time.process_time()
    with pytest.raises(DefinitionError) as refused:
        load(WRONG[name], "scan x")
    assert time.process_time() - began < MOST
    assert len(str(refused.value).splitlines()) <= MAX_LINES + 1


def test_a_misspelt_name_is_recognised_among_many() -> None:
    """A table has up to 500 fields, and the nearest name is the right one."""
    text = definition(lambda rule: {"field": f"Feld with a name {rule}"}, tables={"T": NAMES})
    with pytest.raises(DefinitionError, match="did you mean 'Field with a name 37'"):
        load(text, "scan x")


def doubled(times: int) -> str:
    """A query that uses a part twice, which uses another twice, and so on."""
    parts = ", ".join(
        f"a{n} AS (SELECT * FROM a{n - 1} UNION ALL SELECT * FROM a{n - 1})"  # noqa: S608
        for n in range(1, times + 1)
    )
    return f"WITH a0 AS (SELECT * FROM T), {parts} SELECT id FROM a{times}"  # noqa: S608


def queries(query: str, rules: int) -> str:
    """The text of a scan with so many rules of this query."""
    whole = json.loads(
        definition(lambda _: {"kind": "sql", "fields": {"T": ["F"]}, "query": query})
    )
    for rule in whole["rules"]:
        del rule["field"]
    return json.dumps(whole | {"rules": whole["rules"][:rules]})


@pytest.mark.parametrize("times", [12, 14, 18, 40])
def test_a_query_that_doubles_itself_is_compiled_in_bounds(times: int) -> None:
    """It ends by the number of its parts, or by SQLite's limit of memory."""
    began = time.process_time()
    with pytest.raises(DefinitionError, match=r"columns and parts|MiB of memory"):
        load(queries(doubled(times), 1), "scan x")
    assert time.process_time() - began < 2


def test_all_queries_are_compiled_within_one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """500 that are just within the bounds would take 25 s."""
    monkeypatch.setattr(door, "MAX_CHECK_SECONDS", 0.2)
    began = time.process_time()
    with pytest.raises(DefinitionError, match="no time left to compile it"):
        load(queries(doubled(9), 500), "scan x")
    assert time.process_time() - began < MOST


def test_a_stored_query_is_not_compiled_again() -> None:
    """Each GET and each step reads the definition; it was compiled when it was saved."""
    stored = json.loads(queries("no query", 1))
    assert parse(stored, "scan x", accepted=True).id == "x"
    with pytest.raises(DefinitionError, match="no such table"):
        parse(stored, "scan x")


def test_further_rules_are_not_read_after_many_problems() -> None:
    """100,000 problems took 0.2 s to collect, in which the interpreter did nothing else."""
    content = json.loads(WRONG["values of no type"])
    with pytest.raises(ValidationError) as refused:
        IntegrityScan.model_validate(content, context=Checks(needed=True))
    assert refused.value.error_count() < ENOUGH_PROBLEMS + 200 + len(RULES)


HELD = 0.2
"""Seconds for which a definition may hold the event loop."""

TRIES = 4
"""The machine may pause, too: only what does so every time counts."""


async def longest_pause(work: asyncio.Task[Any]) -> float:
    """The longest time for which the loop did nothing else while it worked, in seconds.

    Of processor: a machine that gives this process none for a while is no pause of ours.
    """
    longest, last = 0.0, time.process_time()
    while not work.done():
        await asyncio.sleep(0.001)
        now = time.process_time()
        longest, last = max(longest, now - last), now
    return longest


async def shortest_pause(text: str) -> float:
    """The longest pause of the loop while a definition is saved, of several tries the least."""
    least = await saved_beside(text)
    for _ in range(TRIES - 1):
        if least < HELD:
            break
        least = min(least, await saved_beside(text))
    return least


async def saved_beside(text: str) -> float:
    """Save a definition by the api; return the longest pause of the loop meanwhile."""
    await aside(lambda: None)

    async def save() -> None:
        with contextlib.suppress(LandfallError):
            await ask(World(), "PUT", "/scans/x", body=text.encode())

    searched = gc.get_threshold()
    gc.set_threshold(garbage.LOADED)  # as in a function that is ready
    try:
        return await longest_pause(asyncio.create_task(save()))
    finally:
        gc.set_threshold(*searched)


LONG = {
    **WRONG,
    "a long definition": definition(
        lambda _: {"kind": "allowed_values", "values": [f"{n:x}" for n in range(150)]}
    ),
    "a list of YAML": f"x: [{'[],' * 30_000}]",
    "queries": queries(doubled(8), 60),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
async def test_the_loop_goes_on_while_a_definition_is_read(name: str) -> None:
    """Other callers wait for 0.2 s at most, however long this one takes."""
    assert await shortest_pause(LONG[name]) < HELD


async def test_a_long_definition_is_read_again_but_not_written_in_yaml() -> None:
    """It takes seconds to write, and could not be saved again."""
    world = World()
    text = definition(lambda _: {"kind": "allowed_values", "values": [f"{n:x}" for n in range(20)]})
    assert (await ask(world, "PUT", "/scans/x", body=text.encode()))[0] == 200
    _, shown = await ask(world, "GET", "/scans/x")
    assert len(shown["definition"]["rules"]) == len(RULES)
    with pytest.raises(LandfallError, match="ask for `format=json`"):
        await ask(world, "GET", "/scans/x", "format=yaml")


async def test_a_body_of_settings_is_short() -> None:
    """Only a definition is long, and it is read beside the loop."""
    body = json.dumps({"scan_id": [{"a": 1}] * 50_000}).encode()
    with pytest.raises(LandfallError, match="at most 100,000"):
        await ask(World(), "POST", "/runs", body=body)


BAD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=20), st.just([]), st.just({})
)
"""What may stand in any place of a definition."""

FAR = st.sampled_from([1, 50, 700, 20_000])
"""How often something is repeated."""


@st.composite
def repeated(draw: st.DrawFn) -> Any:
    """A list or a group of many similar things, which may be such lists, too."""
    inner = draw(st.one_of(BAD, st.builds(lambda one: {"field": "F", "equals": one}, BAD)))
    times, stem = draw(FAR), draw(st.text("abF{}%*()[]0", max_size=60))
    several = [inner] * times
    return draw(
        st.sampled_from(
            [several, {f"{stem}{n}": inner for n in range(times)}, [several[:50]] * (times // 50)]
        )
    )


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    place=st.sampled_from(
        ["tables", "rules", "when", "values", "fields", "schedule", "limits", "write_back", "id"]
    ),
    many=repeated(),
    kind=st.sampled_from(["required", "allowed_values", "unique", "sql", "metric", "duplicate"]),
    text=st.booleans(),
)
def test_no_definition_holds_the_loop(place: str, many: Any, kind: str, text: bool) -> None:
    """Whatever is repeated, in each place, as JSON and as a YAML text of one line."""
    rule = {"id": "r", "kind": kind, "table": "T", "field": "F"}
    rules = [rule | {"id": f"r{n}"} for n in range(100)]
    whole = {"id": "x", "kind": "integrity", "base": "appPeople00000001", "tables": {"T": ["F"]}}
    if place in ("when", "values", "fields"):
        rules[:3] = [one | {place: many} for one in rules[:3]]
    written = json.dumps(whole | {"rules": rules} | {place: many}) + ("#" if text else "")
    began = time.process_time()
    assert asyncio.run(shortest_pause(written[:500_000])) < HELD
    assert time.process_time() - began < TRIES * MOST
