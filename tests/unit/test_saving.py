"""A definition that is sent: in JSON, or in YAML as it lies in a file."""

import json
from pathlib import Path

import pytest
import yaml

from landfall.api.downloads import Download
from landfall.kinds.definition import DefinitionError, load, parse
from landfall.kinds.routes import save_scan, show_scan
from landfall.reasons import BadRequestError
from landfall.scans.yaml_text import MAX_YAML, read_text, write_yaml
from landfall.store.documents import Query
from tests.fakes.callers import ask, text_of
from tests.fakes.examples import EXAMPLES
from tests.fakes.world import World

SAMPLES = Path(__file__).parents[2] / "infra/local/samples"

SITE = "id: a\nkind: site\nurl: https://a.example/\n"


async def saved(world: World, scan_id: str, body: str) -> dict[str, object]:
    """The definition as it is kept."""
    await save_scan(ask(world, raw=body.encode(), by="ann@people.example"), scan_id)
    shown = await show_scan(ask(world), scan_id)
    assert not isinstance(shown, Download)
    kept = shown["definition"]
    assert isinstance(kept, dict)
    return kept


async def written(world: World, scan_id: str) -> str:
    """The file that `format=yaml` gives."""
    file = await show_scan(ask(world, query={"format": "yaml"}), scan_id)
    assert isinstance(file, Download)
    assert (file.name, file.media_type) == (f"{scan_id}.yaml", "application/yaml; charset=utf-8")
    return await text_of(file)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
async def test_a_sample_is_taken_as_it_lies_there(world, path):
    """And is what it is where it runs locally; its schedule has a document of its own, but for the
    time zone of its days."""
    text = path.read_text()
    kept = await saved(world, path.stem, text)
    wanted = load(text, path.name).document()
    schedule = wanted.pop("schedule")
    assert kept == wanted | {"time_zone": schedule["time_zone"]}
    assert await world.store.read(f"schedules/{path.stem}") != [None]


async def test_json_is_the_same(world):
    """Also where YAML reads it otherwise: with tabs, and characters in two halves."""
    content = yaml.safe_load(SITE) | {"name": "\U0001f600 a/b"}
    text = json.dumps(content, indent="\t").replace("/", "\\/")
    assert (await saved(world, "a", text))["name"] == "\U0001f600 a/b"


REFUSED = {
    "where": (SITE + "mode: deeper\n", "scan a: line 4: mode: "),
    "twice": (SITE + "url: x\n", "scan a: line 4, column 1: 'url' is given twice; remove one"),
    "no YAML": (SITE + "\tname: x\n", "scan a: line 4, column 1: use spaces, not a tab"),
    "not a scan": ("just words", "scan a: expected `name: value` lines"),
    "nothing": ("", "scan a: this is empty"),
    "an unpaired surrogate": (
        SITE + 'name: "\\ud800"\n',
        "line 4: `name` has the control character U+D800",
    ),
    "an unpaired surrogate in JSON": (
        r'{"id": "a", "name": "\ud800"}',
        "`name` has the control character U+D800",
    ),
    "deep": ("[" * 50_000, "nested more than 16 levels deep"),
    "an alias": (
        SITE + "rubric: &all [1]\nname: *all\n",
        "line 5, column 7: *all stands for another value",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("body", "says"), REFUSED.values(), ids=REFUSED)
async def test_what_cannot_be_used_is_refused_with_where_it_is(world, body, says):
    """And nothing is stored."""
    with pytest.raises(DefinitionError) as refused:
        await saved(world, "a", body)
    assert says in str(refused.value)
    assert await world.store.read("scans/a") == [None]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"[]", "scan a: expected `name: value` lines"),
        (b"id: \xff", "line 1: this is not text in UTF-8"),
        (SITE.encode() + b"#" * MAX_YAML, "longer than 100,000 bytes"),
    ],
)
async def test_what_is_no_definition_at_all_is_a_bad_request(world, body, says):
    """YAML that is long would be read for seconds."""
    with pytest.raises(BadRequestError, match=says):
        await save_scan(ask(world, raw=body), "a")


ODD = {
    "tables": {"__all__": ["__id__", ".", "a/b"], "é" * 255: ["n" * 255]},
    "rules": [
        {"id": "twice", "kind": "duplicate", "table": "__all__",
         "likely": [[{"field": "__id__", "exact": "text"}]]},
        {"id": "one", "kind": "allowed_values", "table": "é" * 255, "field": "n" * 255,
         "values": [9, 2**53, "__x__", "a\n\tb"]},
    ],
}  # fmt: skip
"""Lists in lists, and names that Firestore reserves, or refuses in a document's own fields."""


async def test_whatever_is_valid_can_be_stored(world):
    """And is read as it was sent: by people, and by a run."""
    head = {"id": "odd", "kind": "integrity", "base": "appPeople00000001"}
    kept = await saved(world, "odd", json.dumps(head | ODD))
    assert kept == parse(head | ODD, "odd").document()


async def test_what_cannot_be_stored_is_not_valid(world):
    """A definition has a size, whichever way it is checked."""
    rule = {"kind": "allowed_values", "table": "T", "field": "F"}
    many = [rule | {"id": f"r{n}", "values": [*map(str, range(1_000))]} for n in range(150)]
    scan = {
        **{"id": "big", "kind": "integrity", "base": "appPeople00000001"},
        **{"tables": {"T": ["F"]}, "rules": many},
    }
    with pytest.raises(DefinitionError, match="at most 900,000 can be stored; make several scans"):
        await saved(world, "big", json.dumps(scan))


async def test_another_scan_than_the_path_says_is_refused(world):
    """In whatever form."""
    with pytest.raises(BadRequestError, match="`id` is 'a' in the body and 'b' in the path"):
        await saved(world, "b", SITE)


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
async def test_a_definition_is_given_back_as_it_was_written(world, path):
    """With its comments, its schedule and the order of its lines, to the last character."""
    text = f"# Zoë's scan\r\n{path.read_text()}\n# the end"
    await saved(world, path.stem, text)
    assert await written(world, path.stem) == text


async def test_yaml_that_looks_like_json_is_given_back_too(world):
    """Its comments would be lost."""
    text = "{id: a, kind: site, url: https://a.example/} # {}"
    await saved(world, "a", text)
    assert await written(world, "a") == text


async def test_the_text_is_that_of_the_last_save(world):
    """Also where only a comment or the schedule is new; an earlier version has its own."""
    texts = [SITE, f"{SITE}# new\n", f"{SITE}schedule: {{cadence: {{every_minutes: 9}}}}\n"]
    for text in [*texts, f"{SITE}name: A\n", *texts]:
        await saved(world, "a", text)
        assert await written(world, "a") == text
    versions = await world.store.find(Query("scans/a/versions"))
    assert len(versions) == 2


async def test_a_definition_without_a_stored_text_is_given_in_yaml(world):
    """One of an earlier Landfall, or in JSON; saved again, it is the same."""
    schedule = {"cadence": {"daily": ["06:00"]}, "time_zone": "Europe/Berlin", "max_runs": 7}
    content = yaml.safe_load(SITE) | {"name": "yes", "schedule": schedule}
    scan = parse(content, "a")
    await world.registry.save(scan, "tester")
    first = await written(world, "a")
    again = load(first, "a")
    assert (again.version(), again.schedule) == (scan.version(), scan.schedule)
    assert first.startswith("id: a\n")
    await saved(world, "a", json.dumps(content, indent="\t"))
    assert await written(world, "a") == first
    await saved(world, "a", first)
    assert len(await world.store.find(Query("scans/a/versions"))) == 1


@pytest.mark.parametrize("form", ["csv", "YAML", ""])
async def test_another_format_is_refused(world, form):
    """The message says which there are."""
    await saved(world, "a", SITE)
    with pytest.raises(BadRequestError, match="`format` must be json or yaml"):
        await show_scan(ask(world, query={"format": form}), "a")


@pytest.mark.parametrize("name", EXAMPLES)
def test_yaml_that_is_written_is_read_as_the_same(name):
    """Every example of the documents; text that looks like something else stays text."""
    content = json.loads(parse(EXAMPLES[name], name).text())
    assert read_text(write_yaml(content)).value == content


@pytest.mark.parametrize("value", [1e-7, -0.00001, 1e15, 1e16, 2.0**62, 5e-324, 0.1, 100.0])
def test_a_number_has_no_exponent_in_yaml(value):
    """JSON may have one; YAML with one is refused."""
    text = write_yaml({"a": value})
    assert "e" not in text
    assert read_text(text).value == {"a": value}


@pytest.mark.parametrize(
    "text",
    [
        "yes",
        "null",
        "010",
        "1e3",
        "2026-12-31",
        "06:00",
        "~",
        "- a",
        "a: b",
        "#",
        "x\n\ny ",
        "=",
        "&a",
        "\ud7ff\u2028\U0001f600",
        "",
    ],
)
def test_any_text_survives(text):
    """As a value and as a name; two that are the same need no alias."""
    content = {"a": text, text or "b": [text, {"c": text}], "d": [[], {}], "e": [1, 0.5, True]}
    assert read_text(write_yaml(content)).value == content
