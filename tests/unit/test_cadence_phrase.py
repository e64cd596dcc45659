import pytest

from landfall.scans.cadence import Cadence
from landfall.scans.cadence_phrase import describe


@pytest.mark.parametrize(
    ("form", "phrase"),
    [
        ({"every_minutes": 1}, "every minute"),
        ({"every_minutes": 15}, "every 15 minutes"),
        ({"daily": ["18:30", "06:00"]}, "daily at 06:00 and 18:30 (Europe/Berlin)"),
        ({"weekly": {"days": ["mon", "thu", "fri"], "times": "06:00"}},
         "every Monday, Thursday and Friday at 06:00 (Europe/Berlin)"),
        ({"cron": "0 6 * * 1-5"}, "at 06:00 on Monday through Friday (Europe/Berlin)"),
        ({"at": "2026-12-01T05:00Z"}, "at 2026-12-01 06:00 (Europe/Berlin)"),
        ({"at": [f"2026-12-0{day}T06:00" for day in range(1, 6)]},
         "at 5 times from 2026-12-01 06:00 to 2026-12-05 06:00 (Europe/Berlin)"),
    ],
)  # fmt: skip
def test_description_is_a_plain_phrase(form, phrase):
    assert describe(Cadence.model_validate(form), "Europe/Berlin") == phrase
