"""The configuration: everything that is missing at once, and no secret in sight."""

import json

import pytest

from landfall.deadlines import LADDER
from landfall.entry.clients import Clients
from landfall.process.config import (
    ALL_FUNCTIONS,
    FUNCTIONS,
    VARIABLES,
    WINDOW,
    ConfigError,
    load_config,
    secrets_typed,
)
from landfall.reasons import StepError
from landfall.store.retention import RETENTION

KEY = "patSecret00000000.0123456789abcdef"
MODEL_KEY = "sk-secret-0123456789abcdef"
WHOLE = {
    "GOOGLE_CLOUD_PROJECT": "demo",
    "AIRTABLE_API_KEY": KEY,
    "LANDFALL_QUEUE": "projects/demo/locations/here/queues/landfall",
    "LANDFALL_FETCH_URL": "https://fetch.example",
    "LANDFALL_SCORE_URL": "https://score.example",
    "LANDFALL_TASKS_ACCOUNT": "tasks@example.com",
    "LANDFALL_AUDIENCE": "landfall",
    "LANDFALL_CALLERS": "tasks@example.com, person@example.com",
    "LANDFALL_IAP_AUDIENCE": "/projects/1/locations/here/services/window",
}


def without(*names: str) -> dict[str, str]:
    return {name: value for name, value in WHOLE.items() if name not in names}


@pytest.mark.parametrize("function", ALL_FUNCTIONS)
def test_each_function_starts_with_what_it_needs(function):
    """The variables of the list, and Google's and Airtable's own addresses where none are given."""
    config = load_config(function, WHOLE)
    assert config.callers == ("tasks@example.com", "person@example.com")
    addresses = (config.airtable_endpoint, config.token_issuer)
    assert addresses == ("https://api.airtable.com", "https://accounts.google.com")
    assert (config.ladder, config.cloud_tasks_emulator) == (LADDER, None)
    assert (config.audiences, config.checked_by_cloud_run) == (("landfall",), False)


def test_all_that_is_missing_is_named_at_once():
    """A line a variable: its name and what it is. Blanks are nothing."""
    missing = ["LANDFALL_QUEUE", "LANDFALL_TASKS_ACCOUNT", "LANDFALL_AUDIENCE"]
    with pytest.raises(ConfigError) as caught:
        load_config("fetch", without(*missing) | {"LANDFALL_QUEUE": "  "})
    first, *lines = str(caught.value).split("\n")
    assert first == "function 'fetch' cannot start:"
    assert lines == [f"{name} is not set: {VARIABLES[name].meaning}" for name in missing]


def test_nothing_at_all_names_everything():
    """An empty environment lists exactly what the function needs."""
    never = {"AIRTABLE_API_KEY"}
    for function, others in (("api", "LANDFALL_IAP_AUDIENCE"), (WINDOW, "LANDFALL_CALLERS")):
        with pytest.raises(ConfigError) as caught:
            load_config(function, {})
        named = {line.split(" ")[0] for line in str(caught.value).split("\n")[1:]}
        assert named == set(WHOLE) - never - {others}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_no_function_needs_a_key_to_start(function):
    """A team may scan sites alone; what a function may use and has not, it can say."""
    config = load_config(function, without("AIRTABLE_API_KEY"))
    lacking = [problem.split(" ")[0] for problem in config.lacking]
    assert config.secrets == ()
    assert lacking == {"fetch": ["AIRTABLE_API_KEY"], "score": ["OPENAI_API_KEY"]}.get(function, [])


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("pat A", "is no key: it has a blank in it; copy the key again, and nothing else"),
        ("pat\nA", "is no key: it has a line break in it; copy"),
        ('"patA"', "is no key: it has a quotation mark in it; copy"),
        ("\u201cpatA", "is no key: it has a quotation mark in it; copy"),
        ("patÄ", "is no key: it has a letter or sign that no key has in it; copy"),
        ("pat\x00", "is no key: it has a letter or sign that no key has in it; copy"),
        ("pat{A}", "is no key: it has a sign that no key has in it; copy"),
        ("x" * 4_001, "is no key: it has 4,001 characters, and a key has at most 4,000"),
    ],
)
def test_a_key_that_cannot_be_one_is_lacking(given, fault):
    """It would be an illegal header; the rest of the function works."""
    config = load_config("fetch", WHOLE | {"AIRTABLE_API_KEY": f" {given}\n"})
    assert config.secrets == (given,)
    assert [problem.startswith(f"AIRTABLE_API_KEY {fault}") for problem in config.lacking] == [True]
    assert given not in str(config.lacking)
    with pytest.raises(StepError, match="AIRTABLE_API_KEY is no key") as error:
        Clients(config).base("app")
    assert given not in str(error.value)


def test_a_key_is_stripped():
    """What an editor or `echo` adds to it is no part of it."""
    assert load_config("fetch", WHOLE | {"AIRTABLE_API_KEY": f"{KEY}\n"}).secrets == (KEY,)


def test_what_is_there_is_not_lacking():
    """A key that is given is no problem of any function."""
    assert load_config("fetch", WHOLE).lacking == ()


def test_a_language_model_is_only_needed_by_who_asks_one():
    """Without a key everything starts; with one, OpenAI's small model is asked, or another."""
    config = load_config("score", WHOLE)
    assert (config.openai_api_key, config.openai_model) == ("", "gpt-6-luna")
    assert config.openai_base_url == "https://api.openai.com/v1"
    other = {"OPENAI_BASE_URL": "http://here/v1", "LANDFALL_MODEL": "llama-9"}
    config = load_config("score", WHOLE | other)
    assert (config.openai_base_url, config.openai_model) == ("http://here/v1", "llama-9")


def test_a_key_is_a_secret_and_never_shown():
    """It is in `secrets`, for redaction, and in no repr."""
    config = load_config("fetch", WHOLE | {"OPENAI_API_KEY": MODEL_KEY})
    assert config.secrets == (KEY, MODEL_KEY)
    assert [key for key in config.secrets if key in repr(config)] == []


def test_every_secret_is_marked_and_has_readers():
    """The deployment keeps what is marked in Secret Manager, and gives it to the readers alone."""
    marked = {name for name, variable in VARIABLES.items() if variable.secret}
    named = {name for name in VARIABLES if name.endswith(("_KEY", "_SECRET", "_PASSWORD"))}
    assert marked == named | {"LANDFALL_CHANNELS"}  # addresses that are keys
    assert all(VARIABLES[name].readers for name in marked)


def test_who_checks_tokens_is_cloud_run_or_nobody_else():
    """A slip there would let in nobody, or anybody."""
    checked = load_config("api", WHOLE | {"LANDFALL_TOKENS_CHECKED_BY": "cloud_run"})
    assert checked.checked_by_cloud_run
    with pytest.raises(
        ConfigError, match="LANDFALL_TOKENS_CHECKED_BY: must be `cloud_run`, or not"
    ):
        load_config("api", WHOLE | {"LANDFALL_TOKENS_CHECKED_BY": "cloudrun"})


def test_an_error_does_not_show_the_key():
    """The environment that is at fault holds the key too."""
    with pytest.raises(ConfigError) as caught:
        load_config("fetch", without("LANDFALL_QUEUE") | {"LANDFALL_DEADLINES": KEY})
    assert KEY not in str(caught.value)


def test_deadlines_come_from_the_environment():
    """Some rungs may differ; the others stay."""
    config = load_config("fetch", WHOLE | {"LANDFALL_DEADLINES": '{"stale": 54, "step": 27.5}'})
    assert (config.ladder.stale, config.ladder.step) == (54, 27.5)
    assert config.ladder.lease == LADDER.lease


def test_retention_comes_from_the_environment():
    """In days; what is not named stays, and what is wrong is a problem among the others."""
    config = load_config("fetch", WHOLE | {"LANDFALL_KEEPING": '{"runs": 90}'})
    assert (config.retention.runs, config.retention.fetched) == (90, RETENTION.fetched)
    with pytest.raises(ConfigError, match="LANDFALL_KEEPING: `fetched` must be from 2"):
        load_config("fetch", WHOLE | {"LANDFALL_KEEPING": '{"fetched": 1}'})


BAD_DEADLINES = ["{", "[1]", '{"lunch": 3}', '{"step": "long"}', json.dumps({"step": 1000})]


@pytest.mark.parametrize("text", BAD_DEADLINES)
def test_bad_deadlines_are_a_problem_among_the_others(text):
    """Reported with what is missing, in one go."""
    with pytest.raises(ConfigError) as caught:
        load_config("api", without("LANDFALL_QUEUE") | {"LANDFALL_DEADLINES": text})
    lines = str(caught.value).split("\n")
    assert [line.split(":")[0] for line in lines[1:]] == [
        "LANDFALL_QUEUE is not set",
        "LANDFALL_DEADLINES",
    ]


def test_every_variable_says_what_it_is():
    """The documented meaning of each; the optional ones have a default or may be empty."""
    assert all(variable.meaning for variable in VARIABLES.values())
    assert all(set(variable.needed_by) <= set(ALL_FUNCTIONS) for variable in VARIABLES.values())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LANDFALL_QUEUE", "landfall"),
        ("LANDFALL_QUEUE", "projects/demo/locations/here/queues/land fall"),
        ("LANDFALL_FETCH_URL", "fetch.example"),
        ("LANDFALL_SCORE_URL", "score.example"),
        ("AIRTABLE_ENDPOINT_URL", KEY),
        ("OPENAI_BASE_URL", KEY),
        ("LANDFALL_CERTIFICATES_URL", "file:///etc/passwd"),
    ],
)
def test_a_value_of_another_form_is_named_and_not_shown(name, value):
    """It may be a secret that went into the wrong variable."""
    with pytest.raises(ConfigError) as caught:
        load_config("fetch", WHOLE | {name: value})
    (problem,) = caught.value.problems
    assert problem == f"{name} has the wrong form; it must be: {VARIABLES[name].meaning}"
    assert value not in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (["--airtable-key=a"], ["a"]),
        (["--key", "a", "b"], ["a"]),
        (["AIRTABLE_API_KEY=a", "--Token"], ["a"]),
        (["--openai-api-key-file", "path", "scan.yaml"], []),
        (["--set", "LANDFALL_MODEL=gpt", "keys.yaml"], []),
    ],
)
def test_a_key_among_arguments_is_found(typed, found):
    """By the name before it; the path of a file is none."""
    assert secrets_typed(typed) == found
