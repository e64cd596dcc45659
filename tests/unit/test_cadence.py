from typing import Any

import pytest
from pydantic import ValidationError

from landfall.scans.cadence import Cadence, time_zone


def cadence(**form: Any) -> Cadence:
    return Cadence.model_validate(form)


@pytest.mark.parametrize(
    ("form", "field", "says"),
    [
        ({}, (), "exactly one of cron, every_minutes, daily, weekly, at; got none"),
        ({"cron": "0 6 * * *", "daily": "06:00"}, (), "got cron, daily"),
        ({"hourly": 3}, (), "no cadence 'hourly'; did you mean 'every_minutes'"),
        ({"cron": "0 0 6 * * *"}, ("cron",), "6 of 5 fields: give minute, hour"),
        ({"cron": "@daily"}, ("cron",), "1 of 5 fields"),
        ({"cron": "61 * * * *"}, ("cron",), "bad minute"),
        ({"cron": "0 0 30 2 *"}, ("cron",), "day-of-month.*never"),
        ({"cron": "0 0 */15 2 MON#5"}, ("cron",), "never occurs"),
        ({"cron": f"{'1,' * 200}1 * * * *"}, ("cron",), "at most 400"),
        ({"every_minutes": 0}, ("every_minutes",), "greater than or equal to 1"),
        ({"every_minutes": 525_601}, ("every_minutes",), "less than or equal to 525600"),
        ({"every_minutes": True}, ("every_minutes",), "integer"),
        ({"daily": []}, ("daily",), "at least one"),
        ({"daily": ["06:00", "6:00"]}, ("daily", 1), "write HH:MM"),
        ({"daily": [1110]}, ("daily", 0), "write HH:MM"),
        ({"daily": "24:00"}, ("daily", 0), "write HH:MM"),
        ({"weekly": {"days": ["monday"], "times": "06:00"}}, ("weekly", "days", 0), "'mon', 'tue'"),
        ({"weekly": {"days": ["mon"]}}, ("weekly", "times"), "required"),
        ({"at": []}, ("at",), "at least one"),
        ({"at": ["2026-12-01"]}, ("at", 0), 'write "2026-12-01T06:00"'),
        ({"at": ["2026-02-30T06:00"]}, ("at", 0), "day is out of range"),
        ({"at": ["2026-12-01T06:00"] * 1001}, ("at",), "at most 1000"),
    ],
)
def test_bad_cadence_names_field_and_fix(form, field, says):
    """One error, at the field, which says what to write."""
    with pytest.raises(ValidationError, match=says) as caught:
        cadence(**form)
    assert [error["loc"] for error in caught.value.errors()] == [field]


ROUND_TRIPS = [
    ({"cron": " 0  6 * * 1-5 "}, {"cron": "0 6 * * 1-5"}),
    ({"every_minutes": 15}, {"every_minutes": 15}),
    ({"daily": "06:00"}, {"daily": ["06:00"]}),
    ({"daily": ["18:30", "06:00", "18:30"]}, {"daily": ["06:00", "18:30"]}),
    (
        {"weekly": {"days": ["thu", "mon"], "times": "06:00"}},
        {"weekly": {"days": ["mon", "thu"], "times": ["06:00"]}},
    ),
    (
        {"at": ["2026-12-02T06:00Z", "2026-12-01T06:00:05"]},
        {"at": ["2026-12-01T06:00:05", "2026-12-02T06:00:00+00:00"]},
    ),
]


@pytest.mark.parametrize(("written", "stored"), ROUND_TRIPS)
def test_cadence_is_stored_as_plain_values(written, stored):
    """The stored form is normalised, plain JSON, and reads back as the same cadence."""
    of = cadence(**written)
    assert of.model_dump(mode="json", exclude_none=True) == stored
    assert cadence(**stored) == of == Cadence.model_validate(of.model_dump())


def test_schema_for_editors_explains_every_form():
    """Each form has a description and examples, and none of them offers null."""
    schema = Cadence.model_json_schema()
    assert (schema["minProperties"], schema["maxProperties"]) == (1, 1)
    assert all({"description", "examples"} <= set(form) for form in schema["properties"].values())
    assert "null" not in str(schema)
    daily = schema["properties"]["daily"]["anyOf"]
    assert [(choice["type"], choice.get("maxItems")) for choice in daily] == [
        ("string", None),
        ("array", 100),
    ]


NOT_ZONES = [
    "Nope/X",
    "",
    "../UTC",
    "/etc/localtime",
    "Europe",
    "Europe/Berlin ",
    "a\0b",
    "x" * 5000,
]
NOT_EVERYWHERE = ["localtime", "posixrules", "right/UTC"]


@pytest.mark.parametrize("name", NOT_ZONES + NOT_EVERYWHERE)
def test_unknown_time_zone_is_a_clear_error(name):
    """Only names of the tz database: no paths, folders, or settings of the machine."""
    with pytest.raises(ValueError, match="unknown time zone"):
        time_zone(name)


@pytest.mark.parametrize("name", ["Europe/Berlin", "UTC", "EST5EDT", "Pacific/Apia"])
def test_known_time_zone(name):
    assert time_zone(name).key == name
