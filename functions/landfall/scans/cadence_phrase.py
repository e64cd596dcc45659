"""A cadence as one plain phrase, such as "daily at 06:00 and 18:30 (Europe/Berlin)"."""

from zoneinfo import ZoneInfo

from cronsim import CronSim

from landfall.scans.cadence import DAYS, Cadence, time_zone
from landfall.scans.slots import ANCHOR, moments_of

DAY_NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def describe(cadence: Cadence, zone_name: str) -> str:
    """Return the phrase for a cadence, with its time zone where that matters."""
    if cadence.every_minutes is not None:
        return f"every {cadence.every_minutes} minutes".replace("every 1 minutes", "every minute")
    return f"{_described(cadence, time_zone(zone_name))} ({zone_name})"


def _described(cadence: Cadence, zone: ZoneInfo) -> str:
    if cadence.daily is not None:
        return f"daily at {_joined(cadence.daily)}"
    if cadence.weekly is not None:
        days = [DAY_NAMES[DAYS.index(day)] for day in cadence.weekly.days]
        return f"every {_joined(days)} at {_joined(cadence.weekly.times)}"
    if cadence.at is not None:
        shown = [f"{slot.astimezone(zone):%Y-%m-%d %H:%M}" for slot in moments_of(cadence.at, zone)]
        if len(shown) <= 3:
            return f"at {_joined(shown)}"
        return f"at {len(shown)} times from {shown[0]} to {shown[-1]}"
    assert cadence.cron is not None
    sentence = CronSim(cadence.cron, ANCHOR).explain()
    return sentence[0].lower() + sentence[1:]


def _joined(words: list[str] | tuple[str, ...]) -> str:
    *others, last = words
    return f"{', '.join(others)} and {last}" if others else last
