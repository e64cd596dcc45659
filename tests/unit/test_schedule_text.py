"""Another schedule in the text of a definition."""

import pytest

from landfall.scans.schedule_text import with_schedule
from landfall.scans.yaml_text import read_text

SCHEDULE = {"cadence": {"daily": ["06:00"]}, "time_zone": "Europe/Berlin"}
BLOCK = 'schedule:\n  cadence:\n    daily:\n    - "06:00"\n  time_zone: Europe/Berlin\n'

AFTER = "\n# who gets it\nname: People   # not ours\n"
BEFORE = "# the rules\nid: a\nrules:\n  # of the office\n  - {id: x}\n"


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        (BEFORE + "schedule: {cadence: {every_minutes: 5}}\n" + AFTER, BEFORE + BLOCK + AFTER),
        (BEFORE + "schedule:\n  cadence:\n    every_minutes: 5\n" + AFTER, BEFORE + BLOCK + AFTER),
        (BEFORE + 'schedule: {cadence: {daily: [\n"01:00"]}}\n' + AFTER, BEFORE + BLOCK + AFTER),
        (BEFORE + "schedule: {cadence: {every_minutes: 5}}", BEFORE + BLOCK),
        ("schedule: {cadence: {every_minutes: 5}}\n" + BEFORE, BLOCK + BEFORE),
        (BEFORE, BEFORE + BLOCK),
        (BEFORE.rstrip(), BEFORE + BLOCK),
    ],
)
def test_only_the_lines_of_the_schedule_change(text: str, changed: str) -> None:
    """Comments and blank lines around them stay."""
    assert with_schedule(text, SCHEDULE) == changed
    assert with_schedule(changed, SCHEDULE) == changed
    without = with_schedule(changed, None)
    assert without == changed.replace(BLOCK, "")


@pytest.mark.parametrize(
    "text",
    [
        '{"id": "a", "schedule": {"cadence": {"every_minutes": 5}}, "name": "x"}',
        "{id: a, schedule: {cadence: {every_minutes: 5}}, name: x}",
        "{id: a,\nschedule: {cadence: {every_minutes: 5}},\nname: x}",
        'id: a\n"schedule": {cadence: {every_minutes: 5}}\nname: |\n  x\n  # no comment\n',
        "id: a\nname: >\n  y\n\n  x\nschedule:\n  cadence: {cron: 0 6 * * *}\n  # last\n",
        "? id\n: a\n? schedule\n: cadence: {every_minutes: 5}\n",
        "--- \nid: a\n...\n",
        "id: a\nname: x\n---\n"[:14],
    ],
)
def test_whatever_its_form_it_means_the_same(text: str) -> None:
    """All but the schedule is as before."""
    before = {name: it for name, it in read_text(text).value.items() if name != "schedule"}
    for schedule in (SCHEDULE, None):
        after = dict(read_text(with_schedule(text, schedule)).value)
        assert after.pop("schedule", None) == schedule
        assert after == before
